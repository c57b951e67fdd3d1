// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "sim/scenario/nearest.h"

namespace uringsim::sim {

namespace {

using Operator = Expression::Operator;
using Instruction = Expression::Instruction;

constexpr std::size_t longest_text = 1024;
constexpr unsigned deepest = 64;

struct Constant {
  std::string_view name;
  s64 value;
};

// Errno values are written out: they are Linux's on x86-64, whatever the host's headers say.
constexpr std::array constants{
    Constant{"BAD", static_cast<s64>(bad_address)},
    Constant{"CQ_OVERFLOW", 2},
    Constant{"E2BIG", 7},
    Constant{"EACCES", 13},
    Constant{"EAGAIN", 11},
    Constant{"EALREADY", 114},
    Constant{"EBADF", 9},
    Constant{"EBADFD", 77},
    Constant{"EBUSY", 16},
    Constant{"ECANCELED", 125},
    Constant{"ECONNREFUSED", 111},
    Constant{"ECONNRESET", 104},
    Constant{"EDQUOT", 122},
    Constant{"EEXIST", 17},
    Constant{"EFAULT", 14},
    Constant{"EFBIG", 27},
    Constant{"EINTR", 4},
    Constant{"EINVAL", 22},
    Constant{"EIO", 5},
    Constant{"EISDIR", 21},
    Constant{"EMFILE", 24},
    Constant{"EMSGSIZE", 90},
    Constant{"ENFILE", 23},
    Constant{"ENODATA", 61},
    Constant{"ENODEV", 19},
    Constant{"ENOENT", 2},
    Constant{"ENOMEM", 12},
    Constant{"ENOSPC", 28},
    Constant{"ENOSYS", 38},
    Constant{"ENOTCONN", 107},
    Constant{"ENOTDIR", 20},
    Constant{"ENOTSOCK", 88},
    Constant{"ENXIO", 6},
    Constant{"EOPNOTSUPP", 95},
    Constant{"EOVERFLOW", 75},
    Constant{"EOWNERDEAD", 130},
    Constant{"EPERM", 1},
    Constant{"EPIPE", 32},
    Constant{"EREMOTEIO", 121},
    Constant{"ERANGE", 34},
    Constant{"EROFS", 30},
    Constant{"ESPIPE", 29},
    Constant{"ESRCH", 3},
    Constant{"ETIME", 62},
    Constant{"ETIMEDOUT", 110},
    Constant{"EXDEV", 18},
    Constant{"NEED_WAKEUP", 1},
    Constant{"NULL", 0},
    Constant{"POLLERR", 8},
    Constant{"POLLHUP", 16},
    Constant{"POLLIN", 1},
    Constant{"POLLNVAL", 32},
    Constant{"POLLOUT", 4},
    Constant{"POLLPRI", 2},
    Constant{"TASKRUN", 4},
};

struct Binary {
  std::string_view text;
  int precedence;  ///< higher binds tighter; C's order
  Operator op;
};

// Longer spellings before those they begin with.
constexpr std::array binaries{
    Binary{"||", 1, Operator::logical_or}, Binary{"&&", 2, Operator::logical_and},
    Binary{"==", 6, Operator::equal},      Binary{"!=", 6, Operator::not_equal},
    Binary{"<<", 8, Operator::shift_left}, Binary{">>", 8, Operator::shift_right},
    Binary{"<=", 7, Operator::less_equal}, Binary{">=", 7, Operator::greater_equal},
    Binary{"|", 3, Operator::bit_or},      Binary{"^", 4, Operator::bit_xor},
    Binary{"&", 5, Operator::bit_and},     Binary{"<", 7, Operator::less},
    Binary{">", 7, Operator::greater},     Binary{"+", 9, Operator::add},
    Binary{"-", 9, Operator::subtract},    Binary{"*", 10, Operator::multiply},
    Binary{"/", 10, Operator::divide},     Binary{"%", 10, Operator::remainder},
};

/// Precedence climbing; emits postfix code.
class Parser {
 public:
  Parser(std::string_view text, const Expression::Resolve& resolve, std::string& error)
      : text_(text), resolve_(resolve), error_(error) {}

  bool run(std::vector<Instruction>& code) {
    code_ = &code;
    if (!binary(1, 0)) return false;
    blanks();
    return at_ == text_.size() || fail("an operator or the end is expected");
  }

 private:
  bool fail(std::string what) {
    if (error_.empty()) error_ = fmt::format("{} at character {} of {}", what, at_ + 1, in_quotes(text_));
    return false;
  }
  void blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  bool binary(int least, unsigned depth) {
    if (depth > deepest) return fail("nested too deeply");
    if (!operand(depth + 1)) return false;
    for (;;) {
      blanks();
      const Binary* const found = std::find_if(binaries.begin(), binaries.end(), [&](const Binary& candidate) {
        return text_.substr(at_, candidate.text.size()) == candidate.text;
      });
      if (found == binaries.end() || found->precedence < least) return true;
      at_ += found->text.size();
      if (!binary(found->precedence + 1, depth + 1)) return false;
      code_->push_back({found->op});
    }
  }

  bool operand(unsigned depth) {
    if (depth > deepest) return fail("nested too deeply");
    blanks();
    if (at_ == text_.size()) return fail("a value is missing");
    const char c = text_[at_];
    if (c == '-' || c == '~' || c == '!') {
      ++at_;
      if (!operand(depth + 1)) return false;
      code_->push_back({c == '-' ? Operator::negate : c == '~' ? Operator::complement : Operator::logical_not});
      return true;
    }
    if (c == '(') {
      ++at_;
      if (!binary(1, depth + 1)) return false;
      blanks();
      if (at_ == text_.size() || text_[at_] != ')') return fail("\")\" is missing");
      ++at_;
      return true;
    }
    if (c >= '0' && c <= '9') return number();
    return name();
  }

  bool number() {
    const bool hex = text_.substr(at_, 2) == "0x" || text_.substr(at_, 2) == "0X";
    const u64 base = hex ? 16 : 10;
    if (hex) at_ += 2;
    u64 value = 0;
    const std::size_t start = at_;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      u64 digit = 16;
      if (c >= '0' && c <= '9') digit = static_cast<u64>(c - '0');
      if (c >= 'a' && c <= 'f') digit = static_cast<u64>(c - 'a' + 10);
      if (c >= 'A' && c <= 'F') digit = static_cast<u64>(c - 'A' + 10);
      if (digit >= base) break;
      if (value > (~u64{0} - digit) / base) return fail("number beyond 64 bits");
      value = value * base + digit;
    }
    if (at_ == start) return fail("digits are missing");
    if (at_ < text_.size() && is_name(text_[at_])) return fail("no unit is possible here: numbers are plain");
    code_->push_back({Operator::constant, static_cast<s64>(value)});
    return true;
  }

  static bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

  bool name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    if (at_ == start) return fail("a number, a name or \"(\" is expected");
    const std::string_view word = text_.substr(start, at_ - start);
    const auto meaning = resolve_(word);
    if (!meaning) {
      at_ = start;
      return fail(fmt::format("unknown name {}", in_quotes(word)));
    }
    code_->push_back(*meaning);
    return true;
  }

  std::string_view text_;
  const Expression::Resolve& resolve_;
  std::string& error_;
  std::vector<Instruction>* code_ = nullptr;
  std::size_t at_ = 0;
};

s64 apply(Operator op, s64 left, s64 right) noexcept {
  const u64 a = static_cast<u64>(left), b = static_cast<u64>(right);
  switch (op) {
    case Operator::multiply:
      return static_cast<s64>(a * b);
    case Operator::divide:
      return right == 0 ? 0 : right == -1 ? static_cast<s64>(-a) : left / right;
    case Operator::remainder:
      return right == 0 || right == -1 ? 0 : left % right;
    case Operator::add:
      return static_cast<s64>(a + b);
    case Operator::subtract:
      return static_cast<s64>(a - b);
    case Operator::shift_left:
      return static_cast<s64>(a << (b & 63));
    case Operator::shift_right:
      return static_cast<s64>(a >> (b & 63));
    case Operator::less:
      return left < right;
    case Operator::less_equal:
      return left <= right;
    case Operator::greater:
      return left > right;
    case Operator::greater_equal:
      return left >= right;
    case Operator::equal:
      return left == right;
    case Operator::not_equal:
      return left != right;
    case Operator::bit_and:
      return static_cast<s64>(a & b);
    case Operator::bit_xor:
      return static_cast<s64>(a ^ b);
    case Operator::bit_or:
      return static_cast<s64>(a | b);
    case Operator::logical_and:
      return left != 0 && right != 0;
    case Operator::logical_or:
      return left != 0 || right != 0;
    default:
      return 0;
  }
}

}  // namespace

std::optional<Expression> Expression::parse(std::string_view text, const Resolve& resolve, std::string& error) {
  error.clear();
  if (text.size() > longest_text) {
    error = fmt::format("longer than {} characters", longest_text);
    return std::nullopt;
  }
  Expression result;
  result.code_.clear();
  if (!Parser(text, resolve, error).run(result.code_)) return std::nullopt;
  return result;
}

s64 Expression::value(std::span<const s64> variables, std::span<const u64> buffers) const noexcept {
  // The parser's bound on nesting bounds the stack: each level leaves at most one value waiting.
  s64 stack[deepest + 2];
  std::size_t top = 0;
  for (const Instruction& step : code_) {
    const auto slot = static_cast<std::size_t>(step.operand);
    switch (step.op) {
      case Operator::constant:
        stack[top++] = step.operand;
        break;
      case Operator::variable:
        stack[top++] = slot < variables.size() ? variables[slot] : 0;
        break;
      case Operator::buffer:
        stack[top++] = slot < buffers.size() ? static_cast<s64>(buffers[slot]) : 0;
        break;
      case Operator::negate:
        stack[top - 1] = static_cast<s64>(-static_cast<u64>(stack[top - 1]));
        break;
      case Operator::complement:
        stack[top - 1] = ~stack[top - 1];
        break;
      case Operator::logical_not:
        stack[top - 1] = stack[top - 1] == 0;
        break;
      default:
        --top;
        stack[top - 1] = apply(step.op, stack[top - 1], stack[top]);
    }
  }
  return stack[0];
}

bool Expression::is_constant() const noexcept {
  return std::none_of(code_.begin(), code_.end(),
                      [](const Instruction& step) { return step.op == Operator::variable || step.op == Operator::buffer; });
}

std::optional<s64> constant_named(std::string_view name) noexcept {
  const auto* const found = std::find_if(constants.begin(), constants.end(), [&](const Constant& c) { return c.name == name; });
  if (found == constants.end()) return std::nullopt;
  return found->value;
}

std::vector<std::string_view> constant_names() {
  std::vector<std::string_view> names;
  for (const Constant& constant : constants) names.push_back(constant.name);
  return names;
}

std::string errno_name(int error) {
  for (const Constant& constant : constants)
    if (constant.name[0] == 'E' && constant.value == error) return std::string(constant.name);
  return fmt::format("E<{}>", error);
}

}  // namespace uringsim::sim
