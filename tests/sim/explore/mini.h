// SPDX-License-Identifier: GPL-2.0-only
// Tiny programs written as text, one string a task, for litmus tables and for generated programs:
//
//     MiniProgram sb("SB", {"x=1; mb; r0=y", "y=1; mb; r1=x"});
//
//   x=1      WRITE_ONCE          x:=1     smp_store_release
//   r0=x     READ_ONCE           r0:=x    smp_load_acquire       r0=deref(x)   rcu_dereference
//   mb rmb wmb                   the barriers
//   r0=xchg(x,1)  r0=cas(x,0,1)  r0=add(x,1)   fully ordered; add(x,1) alone is relaxed
//   lock(s) unlock(s)            spinlock s or t
//   if r0                        the task ends here if r0 is 0
// Words are u, v, w, x, y, z; registers r0 to r9; everything starts at 0.
//
// Outcomes are written "r0=1 x=2": a conjunction over the final state.
#pragma once

#include <array>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernel_model/arch/lock.h"
#include "kernel_model/arch/memory.h"
#include "sim/explore/random.h"
#include "sim/explore/tasks.h"

namespace uringsim::sim {

struct MiniState {
  std::array<u32, 6> words;
  std::array<arch::LockWord, 2> locks;
  std::array<u32, 10> registers;
};

struct MiniOp {
  enum class Kind : u8 {
    store,
    store_release,
    load,
    load_acquire,
    dereference,
    mb,
    rmb,
    wmb,
    xchg,
    cas,
    add,
    add_relaxed,
    lock,
    unlock,
    only_if
  };
  Kind kind{};
  u32 word = 0;  ///< or lock
  u32 reg = 0;
  u32 value = 0;
  u32 expected = 0;
};

class MiniProgram {
 public:
  MiniProgram(const std::string& name, const std::vector<std::string>& tasks) : program_(name) {
    for (const std::string& text : tasks) add(parse_task(text), text);
  }
  MiniProgram(const std::string& name, const std::vector<std::vector<MiniOp>>& tasks) : program_(name) {
    for (const auto& ops : tasks) add(ops, "");
  }

  [[nodiscard]] Program& program() noexcept { return program_; }
  Tasks<MiniState>& tasks() noexcept { return program_; }
  /// The program as text, for failing tests.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] const MiniState& state() const noexcept { return program_.shared(); }

  /// Whether a final state is one that `outcome` describes.
  static bool matches(const MiniState& state, const std::string& outcome) {
    std::istringstream in(outcome);
    for (std::string term; in >> term;) {
      const size_t equal = term.find('=');
      const u32 value = static_cast<u32>(std::stoul(term.substr(equal + 1)));
      const std::string left = term.substr(0, equal);
      const u32 actual = left[0] == 'r' && left.size() > 1 ? state.registers.at(static_cast<size_t>(left[1] - '0'))
                                                           : state.words.at(word_index(left));
      if (actual != value) return false;
    }
    return true;
  }

 private:
  using Kind = MiniOp::Kind;

  void add(std::vector<MiniOp> ops, const std::string& text) {
    text_ += "  P" + std::to_string(count_) + ": " + (text.empty() ? spell(ops) : text) + "\n";
    program_.task("P" + std::to_string(count_), [ops = std::move(ops)](MiniState& state) { run(ops, state); });
    count_++;
  }

  static std::string spell(const std::vector<MiniOp>& ops) {
    std::string text;
    for (const MiniOp& op : ops) {
      const std::string word(1, "uvwxyz"[op.word]);
      const std::string reg = "r" + std::to_string(op.reg);
      const std::string value = std::to_string(op.value);
      if (!text.empty()) text += "; ";
      switch (op.kind) {
        case Kind::store:
          text += word + "=" + value;
          break;
        case Kind::store_release:
          text += word + ":=" + value;
          break;
        case Kind::load:
          text += reg + "=" + word;
          break;
        case Kind::load_acquire:
          text += reg + ":=" + word;
          break;
        case Kind::dereference:
          text += reg + "=deref(" + word + ")";
          break;
        case Kind::mb:
          text += "mb";
          break;
        case Kind::rmb:
          text += "rmb";
          break;
        case Kind::wmb:
          text += "wmb";
          break;
        case Kind::xchg:
          text += reg + "=xchg(" + word + "," + value + ")";
          break;
        case Kind::cas:
          text += reg + "=cas(" + word + "," + std::to_string(op.expected) + "," + value + ")";
          break;
        case Kind::add:
          text += reg + "=add(" + word + "," + value + ")";
          break;
        case Kind::add_relaxed:
          text += "add(" + word + "," + value + ")";
          break;
        case Kind::lock:
          text += std::string("lock(") + (op.word == 0 ? "s)" : "t)");
          break;
        case Kind::unlock:
          text += std::string("unlock(") + (op.word == 0 ? "s)" : "t)");
          break;
        case Kind::only_if:
          text += "if " + reg;
          break;
      }
    }
    return text;
  }

  static void run(const std::vector<MiniOp>& ops, MiniState& state) {
    using namespace arch;
    for (const MiniOp& op : ops) {
      u32& word = state.words[op.word];
      u32& reg = state.registers[op.reg];
      switch (op.kind) {
        case Kind::store:
          WRITE_ONCE(word, op.value);
          break;
        case Kind::store_release:
          smp_store_release(word, op.value);
          break;
        case Kind::load:
          reg = READ_ONCE(word);
          break;
        case Kind::load_acquire:
          reg = smp_load_acquire(word);
          break;
        case Kind::dereference:
          reg = smp_load_acquire(word);
          break;
        case Kind::mb:
          smp_mb();
          break;
        case Kind::rmb:
          smp_rmb();
          break;
        case Kind::wmb:
          smp_wmb();
          break;
        case Kind::xchg:
          reg = xchg(word, op.value);
          break;
        case Kind::cas:
          reg = cmpxchg(word, op.expected, op.value);
          break;
        case Kind::add:
          reg = fetch_add(word, op.value);
          break;
        case Kind::add_relaxed:
          fetch_add(word, op.value, Order::relaxed);
          break;
        case Kind::lock:
          lock_acquire(state.locks[op.word], LockKind::spin);
          break;
        case Kind::unlock:
          lock_release(state.locks[op.word], LockKind::spin);
          break;
        case Kind::only_if:
          if (reg == 0) return;
          break;
      }
    }
  }

  static size_t word_index(const std::string& name) {
    const size_t index = std::string("uvwxyz").find(name);
    if (name.size() != 1 || index == std::string::npos) throw std::invalid_argument("no word is called " + name);
    return index;
  }

  static std::vector<MiniOp> parse_task(const std::string& text) {
    std::vector<MiniOp> ops;
    std::istringstream in(text);
    for (std::string statement; std::getline(in, statement, ';');) {
      std::string bare;
      for (const char c : statement)
        if (c != ' ') bare += c;
      if (!bare.empty()) ops.push_back(parse(bare));
    }
    return ops;
  }

  static MiniOp parse(const std::string& s) {
    const auto number = [](const std::string& text) { return static_cast<u32>(std::stoul(text)); };
    if (s == "mb") return {Kind::mb};
    if (s == "rmb") return {Kind::rmb};
    if (s == "wmb") return {Kind::wmb};
    if (s.rfind("ifr", 0) == 0) return {Kind::only_if, 0, number(s.substr(3))};
    if (s.rfind("lock(", 0) == 0) return {Kind::lock, s[5] == 's' ? 0u : 1u};
    if (s.rfind("unlock(", 0) == 0) return {Kind::unlock, s[7] == 's' ? 0u : 1u};
    if (s.rfind("add(", 0) == 0) return {Kind::add_relaxed, static_cast<u32>(word_index(s.substr(4, 1))), 0, number(s.substr(6))};
    const size_t equal = s.find('=');
    const bool ordered = equal > 0 && s[equal - 1] == ':';
    const std::string left = s.substr(0, equal - (ordered ? 1 : 0));
    const std::string right = s.substr(equal + 1);
    if (left.size() == 1)
      return {ordered ? Kind::store_release : Kind::store, static_cast<u32>(word_index(left)), 0, number(right)};
    const u32 reg = number(left.substr(1));
    const size_t open = right.find('(');
    if (open == std::string::npos) return {ordered ? Kind::load_acquire : Kind::load, static_cast<u32>(word_index(right)), reg};
    const std::string function = right.substr(0, open);
    const auto word = static_cast<u32>(word_index(right.substr(open + 1, 1)));
    if (function == "deref") return {Kind::dereference, word, reg};
    const std::string arguments = right.substr(open + 3);
    if (function == "xchg") return {Kind::xchg, word, reg, number(arguments)};
    if (function == "add") return {Kind::add, word, reg, number(arguments)};
    if (function == "cas") return {Kind::cas, word, reg, number(arguments.substr(arguments.find(',') + 1)), number(arguments)};
    throw std::invalid_argument("cannot read " + s);
  }

  Tasks<MiniState> program_;
  std::string text_;
  u32 count_ = 0;
};

/// A program of 2 or 3 tasks with 1 to `most_ops` operations each on 2 words, drawn from `seed`: every kind of operation but
/// locks.
inline std::vector<std::vector<MiniOp>> generate_mini(u64 seed, u32 most_ops = 3) {
  using Kind = MiniOp::Kind;
  static constexpr std::array kKinds = {Kind::store,        Kind::store, Kind::store_release, Kind::load, Kind::load, Kind::load,
                                        Kind::load_acquire, Kind::mb,    Kind::rmb,           Kind::wmb,  Kind::xchg, Kind::cas,
                                        Kind::add_relaxed,  Kind::add};
  RandomNumbers numbers(seed);
  std::vector<std::vector<MiniOp>> tasks(2 + numbers.below(2));
  u32 reg = 0;
  for (auto& ops : tasks) {
    const u32 count = 1 + numbers.below(most_ops);
    for (u32 i = 0; i < count; i++) {
      MiniOp op{kKinds[numbers.below(kKinds.size())], 3 + numbers.below(2)};
      op.value = 1 + numbers.below(2);
      op.expected = numbers.below(2);
      op.reg = reg++ % 10;
      ops.push_back(op);
    }
  }
  return tasks;
}

}  // namespace uringsim::sim
