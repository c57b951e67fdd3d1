// SPDX-License-Identifier: GPL-2.0-only
// Litmus tests: a few tasks of a few operations each, written down in a line.
//
//     x=1; mb; a=y | y=1; mb; b=x
//
// Tasks are separated by '|', operations by ';'. Words are x y z w (zero at first), registers a to h, locks k l.
//     x=1  WRITE_ONCE             a=x   READ_ONCE            mb rmb wmb   barriers
//     x:=1 smp_store_release      a=:x  smp_load_acquire     lock l, unlock l
//     a=xchg x 1        xchg (full)                          a=held l     spin_is_locked
//     a=xchg.rlx x 1    xchg_relaxed (.acq, .rel likewise)   a=try l      spin_trylock, 1 if it was taken
//     a=cmpxchg x 0 1   cmpxchg (full if it stores)
//     a=add x 1         atomic_fetch_add (full; .rlx .acq .rel)
//     if a              goes on only if a is not zero        x=a          stores a register (x:=a with release)
// The final state is every register and every word, 4 bits each.
#pragma once

#include <array>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "kernel_model/arch/lock.h"
#include "sim/explore/programs/bare.h"

namespace uringsim::sim::programs {

class Litmus final : public BareProgram {
 public:
  static constexpr unsigned kWords = 4, kRegisters = 8, kLocks = 2;

  /// Throws std::invalid_argument if `text` is not a litmus test.
  Litmus(std::string name, std::string_view text) : BareProgram(std::move(name)) {
    for (std::string_view task : split(text, '|')) {
      tasks_.emplace_back();
      for (std::string_view op : split(task, ';')) tasks_.back().push_back(parse(op));
    }
  }

  /// Registers a to h from bit 0 on, words x y z w from bit 32 on.
  [[nodiscard]] u64 digest() const noexcept override {
    u64 result = 0;
    for (unsigned i = 0; i < kRegisters; i++) result |= (state_->registers[i] & 15) << (4 * i);
    for (unsigned i = 0; i < kWords; i++) result |= u64{state_->words[i] & 15} << (32 + 4 * i);
    return result;
  }
  /// True if the final state `digest` is one of those that `condition` describes: "a=1 b=0 x=2".
  static bool matches(u64 digest, std::string_view condition) {
    for (std::string_view part : split(condition, ' ')) {
      if (part.size() < 3 || part[1] != '=') throw std::invalid_argument(std::string(condition));
      const std::size_t word = std::string_view("xyzw").find(part[0]);
      const unsigned bit =
          word != std::string_view::npos ? 32 + 4 * static_cast<unsigned>(word) : 4u * static_cast<unsigned>(part[0] - 'a');
      if ((digest >> bit & 15) != static_cast<u64>(part[2] - '0')) return false;
    }
    return true;
  }
  void check(Ending& ending) override {
    if (!ending.all_ended() && !may_block_) BareProgram::check(ending);
  }
  /// Tasks may wait for ever.
  void may_block() noexcept { may_block_ = true; }

 private:
  enum class Kind : u8 { load, store, store_register, xchg, cmpxchg, add, mb, rmb, wmb, lock, unlock, held, try_lock, unless };
  struct Op {
    Kind kind = Kind::mb;
    arch::Order order = arch::Order::relaxed;
    u8 word = 0;
    u8 to = 0;
    u32 value = 0;
    u32 expected = 0;
  };
  struct State {
    u32 words[kWords];
    u64 registers[kRegisters];
    arch::LockWord locks[kLocks];
  };

  static std::vector<std::string_view> split(std::string_view text, char by) {
    std::vector<std::string_view> parts;
    for (std::size_t from = 0; from <= text.size();) {
      const std::size_t to = std::min(text.find(by, from), text.size());
      std::string_view part = text.substr(from, to - from);
      while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
      while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
      if (!part.empty()) parts.push_back(part);
      from = to + 1;
    }
    return parts;
  }
  static u8 index(std::string_view names, std::string_view name) {
    if (name.size() != 1 || names.find(name[0]) == std::string_view::npos) throw std::invalid_argument(std::string(name));
    return static_cast<u8>(names.find(name[0]));
  }
  static constexpr std::string_view kWordNames = "xyzw", kRegisterNames = "abcdefgh", kLockNames = "kl";

  static Op parse(std::string_view text) {
    Op op;
    const std::vector<std::string_view> parts = split(text, ' ');
    if (parts[0] == "mb" || parts[0] == "rmb" || parts[0] == "wmb") {
      op.kind = parts[0] == "mb" ? Kind::mb : parts[0] == "rmb" ? Kind::rmb : Kind::wmb;
    } else if (parts.size() == 2 && (parts[0] == "lock" || parts[0] == "unlock")) {
      op.kind = parts[0] == "lock" ? Kind::lock : Kind::unlock;
      op.word = index(kLockNames, parts[1]);
    } else if (parts.size() == 2 && parts[0] == "if") {
      op.kind = Kind::unless;
      op.to = index(kRegisterNames, parts[1]);
    } else if (kWordNames.find(text[0]) != std::string_view::npos) {
      op.word = index(kWordNames, text.substr(0, 1));
      const bool release = text[1] == ':';
      const std::string_view value = text.substr(release ? 3 : 2);
      op.order = release ? arch::Order::release : arch::Order::relaxed;
      op.kind = value[0] >= 'a' ? Kind::store_register : Kind::store;
      if (op.kind == Kind::store)
        op.value = static_cast<u32>(value[0] - '0');
      else
        op.to = index(kRegisterNames, value);
    } else {
      op.to = index(kRegisterNames, text.substr(0, 1));
      if (text[1] != '=') throw std::invalid_argument(std::string(text));
      parse_read(op, split(text.substr(2), ' '), text);
    }
    return op;
  }
  static void parse_read(Op& op, const std::vector<std::string_view>& parts, std::string_view text) {
    if (parts.size() == 1) {
      op.kind = Kind::load;
      op.order = parts[0][0] == ':' ? arch::Order::acquire : arch::Order::relaxed;
      op.word = index(kWordNames, parts[0].substr(parts[0][0] == ':' ? 1 : 0));
      return;
    }
    const std::vector<std::string_view> name = split(parts[0], '.');
    if (name[0] == "held" || name[0] == "try") {
      op.kind = name[0] == "held" ? Kind::held : Kind::try_lock;
      op.word = index(kLockNames, parts[1]);
      return;
    }
    op.order = arch::Order::full;
    if (name.size() == 2)
      op.order = name[1] == "rlx" ? arch::Order::relaxed : name[1] == "acq" ? arch::Order::acquire : arch::Order::release;
    op.word = index(kWordNames, parts[1]);
    op.value = static_cast<u32>(parts.back()[0] - '0');
    if (name[0] == "xchg" && parts.size() == 3) {
      op.kind = Kind::xchg;
    } else if (name[0] == "add" && parts.size() == 3) {
      op.kind = Kind::add;
    } else if (name[0] == "cmpxchg" && parts.size() == 4) {
      op.kind = Kind::cmpxchg;
      op.expected = static_cast<u32>(parts[2][0] - '0');
    } else {
      throw std::invalid_argument(std::string(text));
    }
  }

  void build() override {
    state_ = words<State>();
    for (const std::vector<Op>& ops : tasks_)
      task("P", [ops = &ops, state = state_] {
        for (const Op& op : *ops)
          if (!run(op, *state)) return;
      });
  }
  static bool run(const Op& op, State& state) {
    u32& word = state.words[op.word];
    u64& to = state.registers[op.to];
    const bool release = op.order == arch::Order::release;
    switch (op.kind) {
      case Kind::load:
        to = op.order == arch::Order::acquire ? arch::smp_load_acquire(word) : arch::READ_ONCE(word);
        break;
      case Kind::store:
        release ? arch::smp_store_release(word, op.value) : arch::WRITE_ONCE(word, op.value);
        break;
      case Kind::store_register:
        release ? arch::smp_store_release(word, static_cast<u32>(to)) : arch::WRITE_ONCE(word, static_cast<u32>(to));
        break;
      case Kind::xchg:
        to = arch::detail::rmw<u32>(word, arch::Rmw::exchange, op.value, 0, op.order, arch::Site::here());
        break;
      case Kind::cmpxchg:
        to = arch::detail::rmw<u32>(word, arch::Rmw::compare_exchange, op.value, op.expected, op.order, arch::Site::here());
        break;
      case Kind::add:
        to = arch::fetch_add(word, op.value, op.order);
        break;
      case Kind::mb:
        arch::smp_mb();
        break;
      case Kind::rmb:
        arch::smp_rmb();
        break;
      case Kind::wmb:
        arch::smp_wmb();
        break;
      case Kind::lock:
        arch::lock_acquire(state.locks[op.word], arch::LockKind::spin);
        break;
      case Kind::unlock:
        arch::lock_release(state.locks[op.word], arch::LockKind::spin);
        break;
      case Kind::held:
        to = arch::READ_ONCE(state.locks[op.word].word) != 0;
        break;
      case Kind::try_lock:
        to = arch::lock_try_acquire(state.locks[op.word], arch::LockKind::spin);
        break;
      case Kind::unless:
        return to != 0;
    }
    return true;
  }

  std::vector<std::vector<Op>> tasks_;
  State* state_ = nullptr;
  bool may_block_ = false;
};

}  // namespace uringsim::sim::programs
