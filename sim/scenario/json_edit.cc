// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/json_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "sim/scenario/input_error.h"
#include "sim/scenario/nearest.h"

namespace uringsim::sim {

namespace {

constexpr std::size_t most_points = 10'000;
constexpr std::size_t most_swept = 10'000'000;     ///< values in all of a sweep's points together
constexpr std::size_t longest_string = 64u << 10;  ///< of a string after substitution
constexpr std::size_t most_substituted = 500'000;  ///< values that substitution may add

std::vector<std::string_view> key_names(const Json& object) {
  std::vector<std::string_view> names;
  for (const Json::Key& key : object.keys) names.push_back(key.text);
  return names;
}

std::size_t count_values(const Json& value) {
  std::size_t total = 1;
  for (const Json& item : value.items) total += count_values(item);
  return total;
}

/// "a.b.0" or "/a/b/0" in parts. JSON pointer escapes (~0, ~1) are undone.
std::vector<std::string> path_parts(std::string_view path) {
  const bool pointer = path.substr(0, 1) == "/";
  const char separator = pointer ? '/' : '.';
  if (pointer) path.remove_prefix(1);
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find(separator, start), path.size());
    std::string part(path.substr(start, end - start));
    if (pointer) {
      for (std::size_t at = 0; (at = part.find('~', at)) != std::string::npos && at + 1 < part.size(); ++at)
        part.replace(at, 2, part[at + 1] == '1' ? "/" : "~");
    }
    parts.push_back(std::move(part));
    start = end + 1;
  }
  return parts;
}

/// The element of `list` that `part` names, or null.
Json* element(Json& list, std::string_view part) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  if (error != std::errc() || end != part.data() + part.size() || index >= list.items.size()) return nullptr;
  return &list.items[index];
}

/// Somebody who wants `path` of a document changed, and how mistakes of theirs are told.
struct SetRequest {
  std::vector<std::string_view> fields;  ///< what a file may have at its top; none: anything, for the decoder to judge
  u32 source;                            ///< of the document: what new keys come from
  std::function<void(const Origin& at, const std::string& path, const std::string& what)> fail;
};

/// The value that `path` leads to: a param, or a place in the tree, made if it is a field that the file leaves out.
Json& find_place(Document& document, std::string_view path, const SetRequest& request) {
  if (Json* const params = document.root.find("params"); params != nullptr && params->find(path) != nullptr)
    return *params->find(path);
  const std::vector<std::string> parts = path_parts(path);
  Json* at = &document.root;
  std::string walked;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    const auto fail = [&](const std::string& what) { request.fail(at->at, walked.empty() ? "/" : walked, what); };
    Json* next = nullptr;
    if (at->kind == Json::Kind::array) {
      next = element(*at, parts[i]);
      if (next == nullptr)
        fail(fmt::format("the list there has {} elements, {} is none of them", at->items.size(), in_quotes(parts[i])));
    } else if (at->kind == Json::Kind::object) {
      next = at->find(parts[i]);
      const bool field = i == 0 && (request.fields.empty() ||
                                    std::find(request.fields.begin(), request.fields.end(), parts[0]) != request.fields.end());
      if (next == nullptr && (last || field) && (parts.size() > 1 || parts[i].find_first_of(" =") == std::string::npos)) {
        // A field that the file leaves at its default. Whether it exists at all is the decoder's to say.
        const Origin here{request.source, at->at.line, at->at.column};
        at->keys.push_back({parts[i], here});
        next = &at->items.emplace_back();
        next->at = here;
        if (!last) next->kind = Json::Kind::object;
      }
      if (next == nullptr) {
        const bool top = i == 0 && !request.fields.empty();
        fail(fmt::format("no {} there; {}", in_quotes(parts[i]), name_hint(parts[i], top ? request.fields : key_names(*at))));
      }
    } else {
      fail(fmt::format("{} has no parts", kind_name(at->kind)));
    }
    at = next;
    walked += "/" + parts[i];
  }
  return *at;
}

/// Inserts params into strings. Values added are counted, so that params of params cannot explode.
class Substitution {
 public:
  explicit Substitution(Document& document) : document_(document) {}

  void run() {
    if (Json* const params = document_.root.find("params"); params != nullptr && params->kind == Json::Kind::object)
      for (std::size_t i = 0; i < params->items.size(); ++i) {
        walk(params->items[i], "/params/" + params->keys[i].text);
        known_.push_back({params->keys[i].text, &params->items[i]});
      }
    for (std::size_t i = 0; i < document_.root.items.size(); ++i) {
      const std::string& key = document_.root.keys[i].text;
      if (key != "params" && key != "sweep" && key != "$schema") walk(document_.root.items[i], "/" + key);
    }
  }

 private:
  struct Known {
    std::string_view name;
    const Json* value;
  };

  [[noreturn]] void fail(const Json& at, const std::string& path, const std::string& what) const {
    throw InputError(fmt::format("{}: {}: {}", document_.where(at.at), path, what));
  }

  const Json& lookup(const Json& at, const std::string& path, std::string_view name) const {
    for (const Known& known : known_)
      if (known.name == name) return *known.value;
    std::vector<std::string_view> names;
    for (const Known& known : known_) names.push_back(known.name);
    fail(at, path, fmt::format("no param {}; {}", in_quotes(name), name_hint(name, names)));
  }

  void string(Json& at, const std::string& path) {
    const std::string text = at.text;
    std::string out;
    for (std::size_t start = 0;;) {
      const std::size_t open = text.find("${", start);
      out += text.substr(start, open - start);
      if (open == std::string::npos) break;
      const std::size_t close = text.find('}', open);
      if (close == std::string::npos) fail(at, path, "\"${\" without \"}\"");
      const Json& value = lookup(at, path, std::string_view(text).substr(open + 2, close - open - 2));
      if (open == 0 && close + 1 == text.size()) {
        added_ += count_values(value);
        if (added_ > most_substituted) fail(at, path, "params grow the scenario beyond all measure");
        const Origin here = at.at;
        Json copy = value;
        move_to(copy, here);
        at = std::move(copy);
        return;
      }
      out += value.kind == Json::Kind::string ? value.text : to_text(value);
      if (out.size() > longest_string)
        fail(at, path, fmt::format("longer than {} bytes once its params are put in", longest_string));
      start = close + 1;
    }
    at.text = std::move(out);
  }

  static void move_to(Json& value, const Origin& here) {
    value.at = here;
    for (Json::Key& key : value.keys) key.at = here;
    for (Json& item : value.items) move_to(item, here);
  }

  void walk(Json& at, const std::string& path) {
    if (at.kind == Json::Kind::string) {
      if (at.text.find("${") != std::string::npos) string(at, path);
      return;
    }
    for (std::size_t i = 0; i < at.items.size(); ++i)
      walk(at.items[i], path + "/" + (at.kind == Json::Kind::object ? at.keys[i].text : std::to_string(i)));
  }

  Document& document_;
  std::vector<Known> known_;
  std::size_t added_ = 0;
};

}  // namespace

void apply_set(Document& document, std::string_view assignment, const std::vector<std::string_view>& fields) {
  const u32 source = static_cast<u32>(document.sources.size());
  document.sources.push_back(fmt::format("--set {}", in_quotes(assignment)));
  const SetRequest request{
      fields, source, [&](const Origin& at, const std::string& path, const std::string& what) {
        throw InputError(fmt::format("{}: {}: {}", document.where({source, at.line, at.column}), path, what));
      }};
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0)
    request.fail(document.root.at, "/", "is not NAME=VALUE; NAME is a param or a path like rings.r0.entries");
  const std::string_view name = assignment.substr(0, equals);
  if (name.find_first_of("./") == std::string_view::npos && std::find(fields.begin(), fields.end(), name) == fields.end()) {
    std::vector<std::string_view> names;
    if (const Json* const params = document.root.find("params")) names = key_names(*params);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.insert(names.end(), fields.begin(), fields.end());
      request.fail(document.root.at, "/", fmt::format("neither a param nor a field of the file; {}", name_hint(name, names)));
    }
  }
  Json& place = find_place(document, name, request);
  std::string path;
  for (const std::string& part : path_parts(name)) path += "/" + part;
  place = read_set_value(document, assignment.substr(equals + 1), {source, place.at.line, place.at.column}, path);
}

std::string SweepPoint::name() const {
  std::string out;
  for (const auto& [key, value] : values)
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", key, value.kind == Json::Kind::string ? value.text : to_text(value));
  return out;
}

std::vector<SweepPoint> sweep_points(const Document& document) {
  std::vector<SweepPoint> points;
  const Json* const sweep = document.root.find("sweep");
  if (sweep == nullptr) return points;
  const auto fail = [&](const Json& at, const std::string& path, const std::string& what) {
    throw InputError(fmt::format("{}: {}: {}", document.where(at.at), path, what));
  };
  if (sweep->kind != Json::Kind::object)
    fail(*sweep, "/sweep", fmt::format("is {}; an object of lists is needed", kind_name(sweep->kind)));
  if (sweep->items.empty()) fail(*sweep, "/sweep", "is empty; name a param and list its values");
  const std::size_t size = count_values(document.root);
  points.emplace_back();
  for (std::size_t i = 0; i < sweep->items.size(); ++i) {
    const Json& values = sweep->items[i];
    const std::string path = "/sweep/" + sweep->keys[i].text;
    if (values.kind != Json::Kind::array || values.items.empty()) fail(values, path, "needs a list of at least one value");
    if (points.size() * values.items.size() > most_points)
      fail(values, path, fmt::format("more than {} combinations", most_points));
    if (points.size() * values.items.size() > most_swept / size)
      fail(values, path, fmt::format("more than {} combinations of a file with {} values", most_swept / size, size));
    std::vector<SweepPoint> longer;
    for (const SweepPoint& point : points)
      for (const Json& value : values.items) {
        longer.push_back(point);
        longer.back().values.emplace_back(sweep->keys[i].text, value);
      }
    points = std::move(longer);
  }
  // Every name has to lead somewhere; one try per key shows it.
  Document trial = document;
  apply_point(trial, points.front());
  return points;
}

void apply_point(Document& document, const SweepPoint& point) {
  for (const auto& [path, value] : point.values) {
    const Json* const params = document.root.find("params");
    if (path.find_first_of("./") == std::string::npos && (params == nullptr || params->find(path) == nullptr))
      throw InputError(fmt::format("{}: /sweep/{}: no param {}; {}", document.where(value.at), path, in_quotes(path),
                                   name_hint(path, params == nullptr ? std::vector<std::string_view>{} : key_names(*params))));
    const SetRequest request{
        {}, value.at.source, [&, &key = path, &at = value.at](const Origin&, const std::string& where, const std::string& what) {
          throw InputError(fmt::format("{}: /sweep/{}: {}: {}", document.where(at), key, where, what));
        }};
    find_place(document, path, request) = value;
  }
}

void substitute_params(Document& document) { Substitution(document).run(); }

}  // namespace uringsim::sim
