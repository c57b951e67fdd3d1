// SPDX-License-Identifier: GPL-2.0-only
// JSON with positions: every value and every key knows the line and column where it was written.
//
// A scenario's errors have to point into the file, which nlohmann::json's own document does not allow. So its parser is used
// through the SAX interface and this small tree is built from the events. Duplicate keys, excessive depth and excessive size
// are errors here, because nothing later would notice them.
//
//   Document document = read_json_file("lesson.json");          // throws InputError
//   const Json* name = document.root.find("name");
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// Where a value was written: a source of the Document, line and column from 1 (columns count characters, not bytes).
struct Origin {
  u32 source = 0;
  u32 line = 0;
  u32 column = 0;
};

/// One JSON value. Objects keep their members in the order of the file: keys[i] belongs to items[i].
struct Json {
  enum class Kind : u8 { null, boolean, integer, real, string, array, object };
  struct Key {
    std::string text;
    Origin at;
  };

  Kind kind = Kind::null;
  bool boolean = false;
  bool negative = false;  ///< of an integer; its absolute value is `magnitude`
  u64 magnitude = 0;
  double real = 0;          ///< of a number with a fraction or exponent, or an integer beyond 64 bits
  std::string text;         ///< of a string, unescaped; of a number, as written where that is known
  std::vector<Key> keys;    ///< objects only
  std::vector<Json> items;  ///< array elements, or the values of an object
  Origin at;

  /// The member named `key`, or null. Objects only; others have no members.
  [[nodiscard]] const Json* find(std::string_view key) const noexcept;
  [[nodiscard]] Json* find(std::string_view key) noexcept;
};

/// "an integer", "a string", ...: for error texts.
[[nodiscard]] std::string_view kind_name(Json::Kind kind) noexcept;
/// The value as compact JSON text (for error texts and repros; escapes as JSON demands).
[[nodiscard]] std::string to_text(const Json& value);

/// What one file may hold. A scenario is a page or two; these bounds only keep a wrong file from taking the machine along.
struct JsonLimits {
  u64 bytes = 4u << 20;
  u32 depth = 64;
  u32 values = 500'000;
};

/// A tree and the names of the texts that its parts came from: the file first, then each --set.
struct Document {
  std::vector<std::string> sources;
  Json root;

  /// `file:line:column` of `at`; of what a --set put in, the place in the file where it stands, and which --set that was.
  [[nodiscard]] std::string where(const Origin& at) const;
};

/// Parses `text`, which is named `source` in errors. Throws InputError.
[[nodiscard]] Document read_json(std::string_view text, std::string source, const JsonLimits& limits = {});
/// Reads and parses a file; "-" is not special. Throws InputError, naming the file and the system's reason.
[[nodiscard]] Document read_json_file(const std::string& path, const JsonLimits& limits = {});
/// Parses the value of a --set: JSON if it is JSON, else the text as a string. All of it is said to stand at `place` in errors,
/// and its own belong to `path`.
[[nodiscard]] Json read_set_value(const Document& document, std::string_view text, const Origin& place, const std::string& path);

}  // namespace uringsim::sim
