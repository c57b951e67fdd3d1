// SPDX-License-Identifier: GPL-2.0-only
// Which kinds of step there are, which fields each has, and what a field may hold: one table, see schema.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sim/tape/names.h"
#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

/// What a field may hold. Numbers are checked for range, names against their list.
enum class FieldType : u8 {
  boolean,
  number,      ///< minimum to maximum of the field
  text,        ///< any string without a NUL
  word,        ///< one of the strings of the field
  value,       ///< a 64-bit value: number, "null", "bad", "NAME", ["NAME", offset] or {"fd": "NAME"}
  descriptor,  ///< a number, or the name of a fixture or ring
  flags,       ///< a number, or a list of names and numbers
  code,        ///< a number, or a name
  fill,        ///< "zero", "pattern" or a byte
  numbers,     ///< a list of at most `maximum` 32-bit numbers
  words,       ///< a list of strings of the field
  bindings,    ///< {user_data: name}
  structure,   ///< the fields of a `mem`
  step,        ///< a step
};

struct FieldRule {
  std::string_view name;
  FieldType type = FieldType::number;
  bool required = false;
  s64 minimum = 0;
  u64 maximum = 0;
  std::span<const std::string_view> words{};  ///< of a word
  Names names{};                              ///< of flags and codes
};

struct StepRule {
  std::string_view kind;
  std::span<const FieldRule> fields;
};

/// All kinds of step.
[[nodiscard]] std::span<const StepRule> step_rules() noexcept;

/// True if a step of this kind always has a result in a recording; the others only have one when they fail.
[[nodiscard]] bool always_answers(std::string_view kind) noexcept;

/// What is wrong with a tape's content: where (a JSON path within the tape) and what.
struct SchemaError {
  std::string path;
  std::string what;
};

/// Throws SchemaError at the first thing in `tape` that no player could execute.
void check_tape(const Tape& tape);

}  // namespace uringsim::sim::tape
