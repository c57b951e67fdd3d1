// SPDX-License-Identifier: GPL-2.0-only
// The memory models against axioms, on generated litmus tests. Another way to the same question: all ways to read and to order
// stores are written down, and those that break an axiom are struck out, as herd does it. The axioms are those of x86-TSO (Owens,
// Sarkar, Sewell 2009) and of the kernel's tools/memory-model/linux-kernel.cat, without RCU and dependencies.
//
// It is dpor that is held against them here; that the operational machines reach the same states is another test.
//
//   sc, tso   the final states are exactly those that the axioms leave.
//   weak      no final state that LKMM forbids; and every one that it leaves once loads are ordered before later stores of their
//             task (there is no load buffering) and smp_rmb before later stores too. weak.cc says so.
//
// The programs are cycles of loads and stores, in the manner of diy: where surprising outcomes are.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "sim/explore/dpor/dpor.h"
#include "sim/explore/programs/litmus.h"
#include "sim/explore/random.h"

namespace uringsim::sim::dpor {
namespace {

struct AxiomOp {
  enum class Kind : u8 { load, store, xchg, add, mb, rmb, wmb } kind = Kind::load;
  arch::Order order = arch::Order::relaxed;
  u32 word = 0;
  u32 value = 0;
  u32 reg = 0;
};
using AxiomProgram = std::vector<std::vector<AxiomOp>>;
using Kind = AxiomOp::Kind;

std::string spell(const AxiomProgram& program) {
  std::string text;
  for (const auto& task : program) {
    text += text.empty() ? "" : " | ";
    for (const AxiomOp& op : task) {
      const std::string word(1, "xyzw"[op.word]), reg(1, static_cast<char>('a' + op.reg)), value = std::to_string(op.value);
      const bool acquire = op.order == arch::Order::acquire, release = op.order == arch::Order::release;
      const std::string order = acquire ? ".acq" : release ? ".rel" : op.order == arch::Order::relaxed ? ".rlx" : "";
      if (&op != task.data()) text += "; ";
      if (op.kind == Kind::load) text += reg + (acquire ? "=:" : "=") + word;
      if (op.kind == Kind::store) text += word + (release ? ":=" : "=") + value;
      if (op.kind == Kind::xchg || op.kind == Kind::add)
        text += reg + (op.kind == Kind::add ? "=add" : "=xchg") + order + " " + word + " " + value;
      if (op.kind == Kind::mb) text += "mb";
      if (op.kind == Kind::rmb) text += "rmb";
      if (op.kind == Kind::wmb) text += "wmb";
    }
  }
  return text;
}

/// A cycle through two to four tasks: each begins with one of the two accesses of an edge and ends with one of the next.
AxiomProgram generate_cycle(RandomNumbers& dice) {
  enum Edge { reads, overtaken, overwritten };  // rf, fr, co from one task to the next
  const u32 tasks = 2 + std::min(dice.below(3), dice.below(3));
  std::array<Edge, 4> edges{};
  for (Edge& edge : edges) edge = std::array{reads, reads, overtaken, overwritten}[dice.below(4)];
  std::array<u32, 4> values{};
  u32 regs = 0;
  const auto access = [&](bool store, u32 word) {
    AxiomOp op;
    op.word = word;
    if (dice.below(8) == 0) {
      op.kind = dice.below(2) == 0 ? Kind::xchg : Kind::add;
      op.order = std::array{arch::Order::relaxed, arch::Order::acquire, arch::Order::release, arch::Order::full}[dice.below(4)];
      op.value = 1;
    } else if (store) {
      op.kind = Kind::store;
      op.order = dice.below(3) == 0 ? arch::Order::release : arch::Order::relaxed;
      op.value = ++values[word];
    } else {
      op.order = dice.below(3) == 0 ? arch::Order::acquire : arch::Order::relaxed;
    }
    if (op.kind != Kind::store) op.reg = regs++;
    return op;
  };
  AxiomProgram program(tasks);
  for (u32 task = 0; task < tasks; task++) {
    auto& ops = program[task];
    const u32 before = (task + tasks - 1) % tasks;
    ops.push_back(access(edges[before] != reads, before));
    if (const u32 fence = dice.below(5); fence < 3) {
      AxiomOp op;
      op.kind = std::array{Kind::mb, Kind::rmb, Kind::wmb}[fence];
      ops.push_back(op);
    }
    if (tasks < 4 && dice.below(6) == 0) ops.push_back(access(dice.below(2) == 0, dice.below(tasks)));
    ops.push_back(access(edges[task] != overtaken, task));
    if (tasks == 4 && task < 2 && edges[before] != reads) ops.erase(ops.begin(), ops.end() - 1);
  }
  return program;
}

constexpr u32 kMost = 32;
/// Row i: the events that i is in relation with.
using Relation = std::array<u32, kMost>;

struct AxiomEvent {
  enum class Sort : u8 { load, store, fence } sort = Sort::fence;
  Kind fence = Kind::mb;
  int task = -1;  ///< -1: the initial store of a word
  u32 word = 0;
  u32 value = 0;
  u32 reg = 0;
  int of_load = -1;  ///< a store: the load of the same read-modify-write
  bool add = false;
  bool acquire = false;
  bool release = false;
};
using Sort = AxiomEvent::Sort;

enum class Axioms : u8 { sc, tso, lkmm, lkmm_in_order };

class Candidates {
 public:
  Candidates(const AxiomProgram& program, Axioms axioms) : axioms_(axioms) {
    for (u32 word = 0; word < 4; word++) {
      AxiomEvent event;
      event.sort = Sort::store;
      event.word = word;
      add(event);
    }
    for (u32 task = 0; task < program.size(); task++)
      for (const AxiomOp& op : program[task]) add_operation(op, static_cast<int>(task));
    for (u32 i = 0; i < events_.size(); i++)
      for (u32 k = i + 1; k < events_.size(); k++)
        if (events_[i].task >= 0 && events_[i].task == events_[k].task)
          po_[i] |= 1u << k, same_task_[i] |= 1u << k, same_task_[k] |= 1u << i;
    reads_from_.assign(events_.size(), 0);
  }

  std::set<u64> outcomes() {
    choose_reads(0);
    return std::move(outcomes_);
  }

 private:
  void add(const AxiomEvent& event) {
    const u32 bit = 1u << events_.size();
    if (event.sort == Sort::load) loads_ |= bit;
    if (event.sort == Sort::store) stores_ |= bit, by_word_[event.word].push_back(static_cast<u32>(events_.size()));
    events_.push_back(event);
  }
  void add_operation(const AxiomOp& op, int task) {
    AxiomEvent event;
    event.task = task;
    event.word = op.word;
    event.value = op.value;
    event.reg = op.reg;
    if (op.kind == Kind::mb || op.kind == Kind::rmb || op.kind == Kind::wmb) {
      event.fence = op.kind;
      return add(event);
    }
    const bool rmw = op.kind == Kind::xchg || op.kind == Kind::add;
    AxiomEvent barrier;
    barrier.task = task;
    if (rmw && op.order == arch::Order::full) add(barrier);
    if (op.kind != Kind::store) {
      AxiomEvent load = event;
      load.sort = Sort::load;
      load.acquire = op.order == arch::Order::acquire;
      add(load);
      event.of_load = static_cast<int>(events_.size()) - 1;
    }
    if (op.kind != Kind::load) {
      event.sort = Sort::store;
      event.add = op.kind == Kind::add;
      event.release = op.order == arch::Order::release;
      add(event);
      if (rmw) rmw_[static_cast<u32>(event.of_load)] |= 1u << (events_.size() - 1);
    }
    if (rmw && op.order == arch::Order::full) add(barrier);
  }

  void choose_reads(u32 from) {
    while (from < events_.size() && events_[from].sort != Sort::load) from++;
    if (from == events_.size()) {
      orders_ = by_word_;
      Relation cause = po_;
      for (u32 i = 0; i < events_.size(); i++) {
        cause[i] |= rmw_[i];
        if (events_[i].sort == Sort::load) cause[reads_from_[i]] |= 1u << i;
      }
      return acyclic(cause) ? order_stores(0) : void();  // else load buffering, or a value out of thin air
    }
    for (const u32 store : by_word_[events_[from].word]) {
      reads_from_[from] = store;
      choose_reads(from + 1);
    }
  }
  void order_stores(u32 word) {
    if (word == 4) return judge();
    auto& order = orders_[word];
    std::sort(order.begin() + 1, order.end());
    do order_stores(word + 1);
    while (std::next_permutation(order.begin() + 1, order.end()));
  }

  [[nodiscard]] u32 value_of(u32 store) const {
    const AxiomEvent& event = events_[store];
    return event.add ? event.value + value_of(reads_from_[static_cast<u32>(event.of_load)]) : event.value;
  }

  void judge() {
    Relation rf{}, co{}, fr{};
    for (u32 i = 0; i < events_.size(); i++)
      if (events_[i].sort == Sort::load) rf[reads_from_[i]] |= 1u << i;
    for (const auto& order : orders_)
      for (u32 i = 0; i < order.size(); i++)
        for (u32 k = i + 1; k < order.size(); k++) co[order[i]] |= 1u << order[k];
    for (u32 i = 0; i < events_.size(); i++)
      if (events_[i].sort == Sort::load) fr[i] = co[reads_from_[i]];
    // An atomic read-modify-write: nothing of others in between.
    const Relation between = then(other_tasks(fr), other_tasks(co));
    for (u32 i = 0; i < events_.size(); i++)
      if ((between[i] & rmw_[i]) != 0) return;
    Relation same_word = po_;
    for (u32 i = 0; i < events_.size(); i++)
      for (u32 k = 0; k < events_.size(); k++)
        if (events_[i].sort == Sort::fence || events_[k].sort == Sort::fence || events_[i].word != events_[k].word)
          same_word[i] &= ~(1u << k);
    if (!acyclic(join(join(same_word, rf), join(co, fr)))) return;
    if (axioms_ == Axioms::sc || axioms_ == Axioms::tso ? !total_order(rf, co, fr) : !linux_kernel(rf, co, fr)) return;
    u64 digest = 0;
    for (u32 i = 0; i < events_.size(); i++)
      if (events_[i].sort == Sort::load) digest |= u64{value_of(reads_from_[i]) & 15} << (4 * events_[i].reg);
    for (u32 word = 0; word < 4; word++) digest |= u64{value_of(orders_[word].back()) & 15} << (32 + 4 * word);
    outcomes_.insert(digest);
  }

  [[nodiscard]] bool total_order(const Relation& rf, const Relation& co, const Relation& fr) const {
    Relation order{};
    for (u32 i = 0; i < events_.size(); i++)
      for (u32 k = i + 1; k < events_.size(); k++) {
        if ((po_[i] >> k & 1) == 0 || events_[i].sort == Sort::fence || events_[k].sort == Sort::fence) continue;
        bool kept = axioms_ == Axioms::sc || events_[i].sort != Sort::store || events_[k].sort != Sort::load;
        for (u32 at = i; at <= k && !kept; at++)  // a locked operation, or a full barrier
          kept = events_[at].task == events_[i].task &&
                 (events_[at].sort == Sort::fence ? events_[at].fence == Kind::mb : is_half_of_rmw(at));
        if (kept) order[i] |= 1u << k;
      }
    return acyclic(join(join(order, rmw_), join(axioms_ == Axioms::sc ? rf : other_tasks(rf), join(co, fr))));
  }

  /// linux-kernel.cat, by its names.
  [[nodiscard]] bool linux_kernel(const Relation& rf, const Relation& co, const Relation& fr) const {
    const bool in_order = axioms_ == Axioms::lkmm_in_order;
    const u32 accesses = loads_ | stores_;
    const Relation strong_fence = around(Kind::mb, accesses, accesses);
    const Relation rmb = around(Kind::rmb, loads_, in_order ? accesses : loads_);
    const Relation wmb = around(Kind::wmb, stores_, stores_);
    Relation acq_po{}, po_rel{}, in_program_order{};
    for (u32 i = 0; i < events_.size(); i++) {
      if (events_[i].acquire) acq_po[i] = po_[i] & accesses;
      if ((accesses >> i & 1) == 0) continue;
      for (u32 k = 0; k < events_.size(); k++)
        if (events_[k].release && (po_[i] >> k & 1) != 0) po_rel[i] |= 1u << k;
      if (in_order && (loads_ >> i & 1) != 0) in_program_order[i] = po_[i] & stores_;
    }
    const Relation overwrite = join(co, fr), rfe = other_tasks(rf), ordered = join(strong_fence, po_rel);
    const Relation ppo = join(join(same_task(overwrite), in_program_order), join(join(ordered, acq_po), join(wmb, rmb)));
    const Relation cumul_fence = then(join(then(maybe(rfe), ordered), wmb), maybe(closure(then(rf, rmw_))));
    const Relation prop = then(then(maybe(other_tasks(overwrite)), maybe(closure(cumul_fence))), maybe(rfe));
    Relation inside = same_task(prop);
    for (u32 i = 0; i < kMost; i++) inside[i] &= ~(1u << i);
    const Relation hb = join(join(ppo, rfe), inside);
    return acyclic(hb) && acyclic(then(then(prop, strong_fence), maybe(closure(hb))));
  }

  [[nodiscard]] bool is_half_of_rmw(u32 event) const { return events_[event].of_load >= 0 || rmw_[event] != 0; }
  [[nodiscard]] Relation around(Kind fence, u32 from, u32 to) const {
    Relation result{};
    for (u32 at = 0; at < events_.size(); at++) {
      if (events_[at].sort != Sort::fence || events_[at].fence != fence) continue;
      for (u32 i = 0; i < at; i++)
        if ((from >> i & 1) != 0 && (po_[i] >> at & 1) != 0) result[i] |= po_[at] & to;
    }
    return result;
  }
  [[nodiscard]] Relation same_task(Relation relation) const {
    for (u32 i = 0; i < kMost; i++) relation[i] &= same_task_[i];
    return relation;
  }
  [[nodiscard]] Relation other_tasks(Relation relation) const {
    for (u32 i = 0; i < kMost; i++) relation[i] &= ~same_task_[i];
    return relation;
  }
  static Relation join(Relation a, const Relation& b) {
    for (u32 i = 0; i < kMost; i++) a[i] |= b[i];
    return a;
  }
  static Relation then(const Relation& a, const Relation& b) {
    Relation result{};
    for (u32 i = 0; i < kMost; i++)
      for (u32 left = a[i]; left != 0; left &= left - 1) result[i] |= b[static_cast<u32>(__builtin_ctz(left))];
    return result;
  }
  static Relation maybe(Relation a) {
    for (u32 i = 0; i < kMost; i++) a[i] |= 1u << i;
    return a;
  }
  static Relation closure(Relation a) {
    for (u32 k = 0; k < kMost; k++)
      for (u32 i = 0; i < kMost; i++)
        if ((a[i] >> k & 1) != 0) a[i] |= a[k];
    return a;
  }
  static bool acyclic(const Relation& a) {
    const Relation all = closure(a);
    for (u32 i = 0; i < kMost; i++)
      if ((all[i] >> i & 1) != 0) return false;
    return true;
  }

  Axioms axioms_;
  std::vector<AxiomEvent> events_;
  u32 loads_ = 0, stores_ = 0;
  Relation po_{}, same_task_{}, rmw_{};
  std::array<std::vector<u32>, 4> by_word_, orders_;
  std::vector<u32> reads_from_;
  std::set<u64> outcomes_;
};

std::set<u64> reached(const std::string& text, MemoryModel memory) {
  programs::Litmus program("generated", text);
  Options options;
  options.memory = memory;
  options.digests = true;
  const Result result = explore(program, options);
  EXPECT_TRUE(result.exhausted && !result.found) << text << result.error;
  return {result.digests.begin(), result.digests.end()};
}

bool includes(const std::set<u64>& all, const std::set<u64>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

TEST(Axioms, LeaveTheStatesThatGeneratedProgramsReach) {
  RandomNumbers dice(1);
  for (int i = 0; i < 1'000; i++) {
    const AxiomProgram program = generate_cycle(dice);
    const std::string text = spell(program);
    u32 accesses = 0, regs = 0;
    for (const auto& task : program)
      for (const AxiomOp& op : task) {
        accesses += op.kind == Kind::xchg || op.kind == Kind::add ? 2 : op.kind <= Kind::store ? 1 : 0;
        regs = std::max(regs, op.reg);
      }
    if (accesses > 8 || regs > 7) continue;  // too many candidates for a test
    EXPECT_EQ(reached(text, MemoryModel::sc), Candidates(program, Axioms::sc).outcomes()) << text;
    EXPECT_EQ(reached(text, MemoryModel::tso), Candidates(program, Axioms::tso).outcomes()) << text;
    const std::set<u64> weak = reached(text, MemoryModel::weak);
    EXPECT_TRUE(includes(Candidates(program, Axioms::lkmm).outcomes(), weak)) << "LKMM forbids a state of " << text;
    EXPECT_TRUE(includes(weak, Candidates(program, Axioms::lkmm_in_order).outcomes())) << "a state is missing of " << text;
  }
}

}  // namespace
}  // namespace uringsim::sim::dpor
