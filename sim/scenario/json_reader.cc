// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/json_reader.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "sim/scenario/input_error.h"
#include "sim/scenario/nearest.h"

namespace uringsim::sim {

const Json* Json::find(std::string_view key) const noexcept {
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (keys[i].text == key) return &items[i];
  return nullptr;
}

Json* Json::find(std::string_view key) noexcept { return const_cast<Json*>(static_cast<const Json*>(this)->find(key)); }

std::string_view kind_name(Json::Kind kind) noexcept {
  switch (kind) {
    case Json::Kind::null:
      return "null";
    case Json::Kind::boolean:
      return "a boolean";
    case Json::Kind::integer:
      return "an integer";
    case Json::Kind::real:
      return "a number";
    case Json::Kind::string:
      return "a string";
    case Json::Kind::array:
      return "a list";
    case Json::Kind::object:
      return "an object";
  }
  return "?";
}

std::string to_text(const Json& value) {
  const auto string = [](const std::string& text) { return nlohmann::json(text).dump(); };
  std::string out;
  switch (value.kind) {
    case Json::Kind::null:
      return "null";
    case Json::Kind::boolean:
      return value.boolean ? "true" : "false";
    case Json::Kind::integer:
      return fmt::format("{}{}", value.negative ? "-" : "", value.magnitude);
    case Json::Kind::real:
      return value.text.empty() ? nlohmann::json(value.real).dump() : value.text;
    case Json::Kind::string:
      return string(value.text);
    case Json::Kind::array:
      for (const Json& item : value.items) out += (out.empty() ? "" : ",") + to_text(item);
      return "[" + out + "]";
    case Json::Kind::object:
      for (std::size_t i = 0; i < value.items.size(); ++i)
        out += (out.empty() ? "" : ",") + string(value.keys[i].text) + ":" + to_text(value.items[i]);
      return "{" + out + "}";
  }
  return out;
}

std::string Document::where(const Origin& at) const {
  if (sources.empty()) return {};
  const std::string place = at.line == 0 ? sources[0] : fmt::format("{}:{}:{}", sources[0], at.line, at.column);
  return at.source == 0 || at.source >= sources.size() ? place : fmt::format("{} ({})", place, sources[at.source]);
}

namespace {

/// Walks the text beside the parser. The parser tells of every token in order, but not where; since it accepted the text so
/// far, the next token starts behind white space, commas and colons, and its end follows from its first character.
class TokenWalker {
 public:
  TokenWalker(std::string_view text, u32 source) : text_(text), source_(source) {
    if (text_.substr(0, 3) == "\xef\xbb\xbf") at_ = 3;  // a byte order mark is skipped, as by the parser
  }

  /// Position of the next token, which is consumed.
  Origin next() {
    skip_separators();
    const Origin here{source_, line_, column_};
    consume_token();
    return here;
  }

  /// Position of byte `offset` (at or behind what was consumed).
  Origin at_byte(std::size_t offset) {
    while (at_ < text_.size() && at_ < offset) step();
    return {source_, line_, column_};
  }

 private:
  void step() {
    const auto byte = static_cast<unsigned char>(text_[at_++]);
    if (byte == '\n') {
      ++line_;
      column_ = 1;
    } else if ((byte & 0xc0) != 0x80) {
      ++column_;
    }
  }
  void skip_separators() {
    while (at_ < text_.size() && std::strchr(" \t\r\n,:", text_[at_]) != nullptr && text_[at_] != '\0') step();
  }
  void consume_token() {
    if (at_ >= text_.size()) return;
    const char first = text_[at_];
    step();
    if (first == '"') {
      while (at_ < text_.size() && text_[at_] != '"') {
        if (text_[at_] == '\\') step();
        if (at_ < text_.size()) step();
      }
      if (at_ < text_.size()) step();
    } else if (std::strchr("[]{}", first) == nullptr) {
      while (at_ < text_.size() && std::strchr(" \t\r\n,:[]{}\"", text_[at_]) == nullptr) step();
    }
  }

  std::string_view text_;
  u32 source_;
  std::size_t at_ = 0;
  u32 line_ = 1;
  u32 column_ = 1;
};

/// Builds the tree from the parser's events.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(std::string_view text, u32 source, const JsonLimits& limits) : walker_(text, source), limits_(limits) {}

  Json root;
  std::string error;  ///< what is wrong, where `error_at` says; empty if nothing
  Origin error_at;
  std::string error_path = "/";  ///< JSON path of what is wrong

  bool null() override { return add(Json::Kind::null) != nullptr; }
  bool boolean(bool value) override {
    Json* const at = add(Json::Kind::boolean);
    if (at != nullptr) at->boolean = value;
    return at != nullptr;
  }
  bool number_integer(number_integer_t value) override {
    Json* const at = add(Json::Kind::integer);
    if (at == nullptr) return false;
    at->negative = value < 0;
    at->magnitude = value < 0 ? ~static_cast<u64>(value) + 1 : static_cast<u64>(value);
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    Json* const at = add(Json::Kind::integer);
    if (at != nullptr) at->magnitude = value;
    return at != nullptr;
  }
  bool number_float(number_float_t value, const string_t& text) override {
    Json* const at = add(Json::Kind::real);
    if (at == nullptr) return false;
    at->real = value;
    at->text = text;
    return true;
  }
  bool string(string_t& value) override {
    Json* const at = add(Json::Kind::string);
    if (at != nullptr) at->text = std::move(value);
    return at != nullptr;
  }
  bool binary(binary_t&) override { return false; }  // JSON text has none

  bool start_object(std::size_t) override { return open(Json::Kind::object); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::Kind::array); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const Origin at = walker_.next();
    Frame& frame = frames_.back();
    const bool first = frame.seen.insert(name).second;
    frame.value->keys.push_back({std::move(name), at});
    if (first) return true;
    return fail(at, fmt::format("the key {} is there twice; keep one of them", in_quotes(frame.value->keys.back().text)));
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& problem) override {
    // The parser's text is "[json.exception...] parse error at line L, column C: what". Line and column are told our way.
    std::string what = problem.what();
    if (const auto start = what.find("] "); start != std::string::npos) what.erase(0, start + 2);
    if (what.rfind("parse error", 0) == 0)
      if (const auto colon = what.find(": "); colon != std::string::npos) what.erase(0, colon + 2);
    for (char& c : what)
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    constexpr std::size_t longest = 240;
    if (what.size() > longest) what = what.substr(0, longest) + "...";
    return fail(walker_.at_byte(position > 0 ? position - 1 : 0), "not JSON: " + what);
  }

 private:
  struct Frame {
    Json* value;
    std::set<std::string> seen;  ///< keys of an object so far
  };

  bool fail(const Origin& at, std::string what) {
    error = std::move(what);
    error_at = at;
    error_path = path();
    return false;
  }

  /// Where the parser is: at the key or element that it reads, or between those of an object.
  [[nodiscard]] std::string path() const {
    std::string text;
    for (const Frame& frame : frames_) {
      const Json& value = *frame.value;
      const bool innermost = &frame == &frames_.back();
      if (value.kind == Json::Kind::array) {
        text += fmt::format("/{}", innermost ? value.items.size() : value.items.size() - 1);
      } else if (!innermost || value.keys.size() > value.items.size()) {
        const std::string safe = in_quotes(value.keys.back().text);
        text += "/" + safe.substr(1, safe.size() - 2);
      }
    }
    return text.empty() ? "/" : text;
  }

  Json* add(Json::Kind kind) {
    const Origin at = walker_.next();
    if (++values_ > limits_.values) {
      fail(at, fmt::format("more than {} values; a scenario is far smaller", limits_.values));
      return nullptr;
    }
    Json* slot = &root;
    if (!frames_.empty()) slot = &frames_.back().value->items.emplace_back();
    slot->kind = kind;
    slot->at = at;
    return slot;
  }

  bool open(Json::Kind kind) {
    if (frames_.size() >= limits_.depth) return fail(walker_.next(), fmt::format("nested deeper than {} levels", limits_.depth));
    Json* const value = add(kind);
    if (value == nullptr) return false;
    frames_.push_back({value, {}});
    return true;
  }

  bool close() {
    (void)walker_.next();
    frames_.pop_back();
    return true;
  }

  TokenWalker walker_;
  JsonLimits limits_;
  // Pointers stay valid: a frame's value is the last element of its parent's items, which grow only after it is closed.
  std::vector<Frame> frames_;
  u32 values_ = 0;
};

}  // namespace

Document read_json(std::string_view text, std::string source, const JsonLimits& limits) {
  Document document;
  document.sources.push_back(std::move(source));
  if (text.size() > limits.bytes)
    throw InputError(fmt::format("{}: {} bytes; at most {} are read", document.sources[0], text.size(), limits.bytes));
  TreeBuilder builder(text, 0, limits);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
    throw InputError(fmt::format("{}: {}: {}", document.where(builder.error_at), builder.error_path, builder.error));
  document.root = std::move(builder.root);
  return document;
}

Document read_json_file(const std::string& path, const JsonLimits& limits) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) throw InputError(fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  std::string text;
  char chunk[16384];
  while (const std::size_t got = std::fread(chunk, 1, sizeof chunk, file.get())) {
    text.append(chunk, got);
    if (text.size() > limits.bytes) throw InputError(fmt::format("{}: larger than {} bytes; not a scenario", path, limits.bytes));
  }
  if (std::ferror(file.get())) throw InputError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  return read_json(text, path, limits);
}

Json read_set_value(const Document& document, std::string_view text, const Origin& place, const std::string& path) {
  TreeBuilder builder(text, place.source, JsonLimits{});
  Json value;
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    value = std::move(builder.root);
  } else {
    // Something that starts like a structure was meant as one: its mistake is an error, not a string.
    if (!text.empty() && (text.front() == '{' || text.front() == '[' || text.front() == '"'))
      throw InputError(
          fmt::format("{}: {}: column {} of the value: {}", document.where(place), path, builder.error_at.column, builder.error));
    value.kind = Json::Kind::string;
    value.text = std::string(text);
  }
  const auto put = [&place](auto& self, Json& at) -> void {
    at.at = place;
    for (Json::Key& key : at.keys) key.at = place;
    for (Json& item : at.items) self(self, item);
  };
  put(put, value);
  return value;
}

}  // namespace uringsim::sim
