// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/tape.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>

#include "sim/tape/schema.h"

namespace uringsim::sim::tape {

namespace {

constexpr int kMaxDepth = 16;          // tapes need nine
constexpr size_t kMaxFile = 1u << 30;  // bytes, uncompressed
constexpr size_t kMaxSteps = 100'000;

[[noreturn]] void fail(const std::string& file, u32 line, const std::string& what) {
  throw TapeError(fmt::format("{}:{}: {}", file, line, what));
}

/// Parses one JSON text and refuses what the parser itself would let pass: duplicate keys and deep nesting.
Json parse_json(std::string_view text, const std::string& file, u32 line) {
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) fail(file, line, fmt::format("nested deeper than {} levels", kMaxDepth));
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      fail(file, line, fmt::format("key {} given twice", parsed.dump()));
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch);
  } catch (const Json::parse_error& e) {
    // The parser counts bytes from 1; for a text of one line that is the column.
    const std::string_view before = text.substr(0, std::min<size_t>(e.byte ? e.byte - 1 : 0, text.size()));
    const auto newlines = static_cast<u32>(std::count(before.begin(), before.end(), '\n'));
    const size_t column = before.size() - (newlines ? before.rfind('\n') + 1 : 0) + 1;
    std::string what = e.what();
    if (const size_t colon = what.find(": ", what.find("parse error")); colon != std::string::npos) what = what.substr(colon + 2);
    fail(fmt::format("{}:{}", file, line + newlines), static_cast<u32>(column), what);
  } catch (const Json::exception& e) {
    fail(file, line, e.what());
  }
}

/// Takes `key` out of `object` and returns its value, null if it is absent.
Json take(Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return nullptr;
  Json value = std::move(*found);
  object.erase(found);
  return value;
}

bool valid_end(const Json& end) {
  if (end.is_null() || end == "exit") return true;
  if (!end.is_object()) return false;
  const auto is_number = [&](const char* key) { return end.contains(key) && end[key].is_number_unsigned(); };
  if (end.size() == 1)
    return is_number("hang") || is_number("stuck") || is_number("lost") || (end.contains("kernel") && end["kernel"].is_string());
  return end.size() == 2 && is_number("signal") && is_number("step");
}

/// A tape from its JSON object. Throws SchemaError.
Tape decode(Json object) {
  if (!object.is_object()) throw SchemaError{"", "a tape is a JSON object"};
  Tape tape;
  const Json name = take(object, "name"), group = take(object, "group"), needs = take(object, "needs");
  const Json limit = take(object, "limit_ms"), agree = take(object, "agree");
  Json steps = take(object, "steps");
  tape.end = take(object, "end");
  if (!object.empty()) throw SchemaError{"/" + object.begin().key(), "a tape has no field of that name"};
  if (!name.is_string() || name.get_ref<const std::string&>().empty()) throw SchemaError{"/name", "a tape needs a name"};
  tape.name = name;
  tape.group = tape.name.substr(0, tape.name.find('/'));
  if (!group.is_null() && group != tape.group)
    throw SchemaError{"/group", "the first part of the name is expected, \"" + tape.group + "\""};
  if (!needs.is_null()) {
    if (!needs.is_array()) throw SchemaError{"/needs", "a list is expected"};
    for (const Json& need : needs) {
      if (need != "root" && need != "ext4" && need != "disk") throw SchemaError{"/needs", "one of root, ext4, disk is expected"};
      tape.needs.push_back(need);
    }
  }
  if (!limit.is_null()) {
    if (!limit.is_number_integer() || limit < 1 || limit > 600'000)
      throw SchemaError{"/limit_ms", "milliseconds from 1 to 600000 are expected"};
    tape.limit_ms = limit;
    tape.limited = true;
  }
  if (!agree.is_null()) {
    if (!agree.is_string()) throw SchemaError{"/agree", "a string is expected"};
    tape.agree = agree;
  }
  if (!valid_end(tape.end)) throw SchemaError{"/end", "not a way for a tape to end"};
  if (!steps.is_array()) throw SchemaError{"/steps", "a tape needs a list of steps"};
  for (const char* const key : {"hang", "stuck", "lost", "step"})
    if (tape.end.is_object() && tape.end.contains(key) && tape.end[key] > steps.size())
      throw SchemaError{fmt::format("/end/{}", key), fmt::format("a step is expected, or {} for the exit", steps.size())};
  if (steps.size() > kMaxSteps) throw SchemaError{"/steps", fmt::format("at most {} steps are possible", kMaxSteps)};
  for (size_t i = 0; i < steps.size(); i++) {
    Step step;
    if (steps[i].is_object()) {
      step.out = take(steps[i], "out");
      if (!step.out.is_null() && !step.out.is_object())
        throw SchemaError{fmt::format("/steps/{}/out", i), "an object is expected"};
    }
    step.body = std::move(steps[i]);
    tape.steps.push_back(std::move(step));
  }
  check_tape(tape);
  return tape;
}

Json decode_header(Json object) {
  if (object["header"] != 1) throw SchemaError{"/header", "only format 1 is known"};
  for (const char* key : {"profile", "release", "version", "machine", "fs"})
    if (object.contains(key) && !object[key].is_string()) throw SchemaError{std::string("/") + key, "a string is expected"};
  return object;
}

void add(Recording& recording, std::set<std::string>& names, Json object, u32 line) {
  try {
    if (object.is_object() && object.contains("header")) {
      if (!recording.header.is_null() || !recording.tapes.empty())
        throw SchemaError{"/header", "a header is the first line of a file"};
      recording.header = decode_header(std::move(object));
      return;
    }
    Tape tape = decode(std::move(object));
    tape.line = line;
    if (!names.insert(tape.name).second) throw SchemaError{"/name", fmt::format("a second tape named {}", tape.name)};
    recording.tapes.push_back(std::move(tape));
  } catch (const SchemaError& e) {
    fail(recording.file, line, e.path.empty() ? e.what : e.path + ": " + e.what);
  }
}

[[noreturn]] void unreadable(const std::string& file, const char* what) { throw TapeError(fmt::format("{}: {}", file, what)); }

std::string raw_content(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "rb"), std::fclose);
  if (!in) unreadable(file, std::strerror(errno));
  std::error_code unknown;
  const auto size = std::filesystem::file_size(file, unknown);  // a pipe has none
  if (!unknown && size > kMaxFile) unreadable(file, fmt::format("larger than {} bytes", kMaxFile).c_str());
  std::string raw;
  std::array<char, 65536> chunk;
  for (size_t got; (got = std::fread(chunk.data(), 1, chunk.size(), in.get())) > 0;) {
    raw.append(chunk.data(), got);
    if (raw.size() > kMaxFile) unreadable(file, fmt::format("larger than {} bytes", kMaxFile).c_str());
  }
  if (std::ferror(in.get())) unreadable(file, std::strerror(errno));
  return raw;
}

/// The content of a file, uncompressed if it is compressed with gzip: whole, with nothing else behind.
std::string read_file(const std::string& file) {
  constexpr std::string_view kMagic = "\x1f\x8b";
  std::string raw = raw_content(file);
  if (raw.compare(0, kMagic.size(), kMagic) != 0) return raw;
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) unreadable(file, "out of memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> ended(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(raw.data());
  stream.avail_in = static_cast<uInt>(raw.size());
  std::string text;
  std::array<char, 65536> chunk;
  for (int code = Z_OK; code != Z_STREAM_END || stream.avail_in > 0;) {
    if (code == Z_STREAM_END) {  // another member follows, or what has no business there
      const std::string_view rest(reinterpret_cast<const char*>(stream.next_in), stream.avail_in);
      if (rest.substr(0, kMagic.size()) != kMagic) unreadable(file, "something else stands behind the compressed data");
      inflateReset(&stream);
    }
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    code = inflate(&stream, Z_NO_FLUSH);
    if (code == Z_BUF_ERROR) unreadable(file, "unexpected end of file");
    if (code != Z_OK && code != Z_STREAM_END) unreadable(file, stream.msg ? stream.msg : "not compressed as it says");
    text.append(chunk.data(), chunk.size() - stream.avail_out);
    if (text.size() > kMaxFile) unreadable(file, fmt::format("larger than {} bytes", kMaxFile).c_str());
  }
  return text;
}

}  // namespace

bool Tape::needs_the(std::string_view what) const { return std::find(needs.begin(), needs.end(), what) != needs.end(); }

Recording parse_recording(std::string_view text, const std::string& file) {
  Recording recording;
  recording.file = file;
  std::set<std::string> names;
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) throw TapeError(fmt::format("{}:1: no tapes in this file", file));
  if (text[first] == '[') {
    Json all = parse_json(text, file, 1);
    for (Json& object : all) add(recording, names, std::move(object), 1);
    return recording;
  }
  u32 line = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view one = text.substr(at, end - at);
    at = end + 1;
    line++;
    if (one.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    add(recording, names, parse_json(one, file, line), line);
  }
  return recording;
}

Recording read_recording(const std::string& file) { return parse_recording(read_file(file), file); }

std::string unanswered(const Tape& tape) {
  if (tape.end.is_null()) return "/end";
  if (tape.without_result()) return "";
  size_t executed = tape.steps.size();
  for (const char* const key : {"hang", "stuck", "lost", "step"})
    if (tape.end.is_object() && tape.end.contains(key)) executed = tape.end[key];
  for (size_t i = 0; i < executed; i++)
    if (tape.steps[i].out.is_null() && always_answers(tape.steps[i].body.at("do").get_ref<const std::string&>()))
      return fmt::format("/steps/{}", i);
  return "";
}

Json to_json(const Tape& tape) {
  Json object = {{"name", tape.name}, {"group", tape.group}};
  Json steps = Json::array();
  for (const Step& step : tape.steps) {
    steps.push_back(step.body);
    if (!step.out.is_null()) steps.back()["out"] = step.out;
  }
  object["steps"] = std::move(steps);
  if (!tape.needs.empty()) object["needs"] = tape.needs;
  if (tape.limited) object["limit_ms"] = tape.limit_ms;
  if (!tape.agree.empty()) object["agree"] = tape.agree;
  if (!tape.end.is_null()) object["end"] = tape.end;
  return object;
}

}  // namespace uringsim::sim::tape
