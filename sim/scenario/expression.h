// SPDX-License-Identifier: GPL-2.0-only
// Integer expressions over a task's variables: what low-level steps compute with, and what `if`, `while` and `assert` test.
//
//   "tail + 1"     "flags & NEED_WAKEUP"     "res == -EAGAIN || done >= 8"
//
// Operators and their precedence are C's, without assignment; arithmetic is 64 bits, two's complement, wrapping. Names are
// variables of the task (set by `into` or `set`), its buffers (their address in the task's memory), or constants (errno names,
// ring flags, poll events; `NULL` is 0 and `BAD` an address that is never mapped). A quotient by 0 is 0.
//
// The parser turns the text into code for a small stack machine, so that a running task needs no memory of its own to evaluate
// it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// An address that no simulated task has mapped: the user half's last page.
inline constexpr u64 bad_address = 0x7fff'ffff'f000ull;

class Expression {
 public:
  enum class Operator : u8 {
    constant,
    variable,
    buffer,  // operands: the value, or a slot
    negate,
    complement,
    logical_not,
    multiply,
    divide,
    remainder,
    add,
    subtract,
    shift_left,
    shift_right,
    less,
    less_equal,
    greater,
    greater_equal,
    equal,
    not_equal,
    bit_and,
    bit_xor,
    bit_or,
    logical_and,
    logical_or,
  };
  struct Instruction {
    Operator op;
    s64 operand = 0;
  };

  /// The constant 0.
  Expression() : Expression(0) {}
  explicit Expression(s64 constant) : code_{{Operator::constant, constant}} {}

  /// What a name stands for: variable or buffer with a slot, or a constant. None: unknown.
  using Resolve = std::function<std::optional<Instruction>(std::string_view name)>;

  /// Parses `text`. On failure sets `error` to what is wrong ("... at character N") and returns none. Nesting and length are
  /// bounded (64 levels, 1024 characters), so that no text can exhaust the stack, here or in value().
  [[nodiscard]] static std::optional<Expression> parse(std::string_view text, const Resolve& resolve, std::string& error);

  /// The value, given the task's variables and the addresses of its buffers (slots as resolve() gave them). Allocates nothing.
  [[nodiscard]] s64 value(std::span<const s64> variables = {}, std::span<const u64> buffers = {}) const noexcept;

  /// True if value() needs neither variables nor buffers.
  [[nodiscard]] bool is_constant() const noexcept;
  [[nodiscard]] std::span<const Instruction> code() const noexcept { return code_; }

 private:
  std::vector<Instruction> code_;  ///< postfix
};

/// The value of a constant name ("EAGAIN", "NEED_WAKEUP", "POLLIN"), if there is one.
[[nodiscard]] std::optional<s64> constant_named(std::string_view name) noexcept;
/// All constant names, sorted.
[[nodiscard]] std::vector<std::string_view> constant_names();
/// "EIO" for 5; "E<number>" for one without a name here.
[[nodiscard]] std::string errno_name(int error);

}  // namespace uringsim::sim
