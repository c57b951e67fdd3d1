// SPDX-License-Identifier: GPL-2.0-only
// Weak memory: views over the history of every word (Kang, Hur, Lahav, Vafeiadis, Dreyer: A promising semantics, POPL 2017,
// without promises), with the barriers of the Linux-kernel memory model (Alglave, Maranget, McKenney, Parri, Stern, ASPLOS 2018).
//
// Each word has a list of stores in coherence order; a store carries a timestamp. A task's view says, for each word, the oldest
// store that it may still read. A load picks any store not older than that, and moves the view up to it. A store takes any place
// in the coherence order that is newer than the view, mostly the end. So loads return old values, and stores of different
// words become visible in any order. What restores order:
//
//   release store        carries all that its task knows, what it read relaxed included (a release is cumulative), and takes no
//                        place in front of that
//   acquire load         takes over what the store that it read carries
//   relaxed load         keeps that apart ("extra") until the next read or full barrier
//   smp_rmb              extra is in force from here on
//   smp_wmb              the task's stores so far, and what those carried, are carried by its relaxed stores from here on, which
//                        take no place in front of that
//   smp_mb               both, with all that the task knows, and all smp_mb are in one order: each knows what the ones before it
//                        knew. Every store also tells the latest smp_mb that it is behind (by its own task's barriers, or as its
//                        task acquired a store that was): an acquire of it knows what that barrier knew, whether the store
//                        carries it or not (LKMM: pb)
//   relaxed rmw          acts on one store and stands right behind it; carries on what that store carried
//   fully ordered rmw    smp_mb, acquire and release rmw, smp_mb, one step each (a cmpxchg: its first barrier with the rmw); a
//                        failed cmpxchg orders nothing
//   lock, unlock         acquire and release; stores after a lock also carry what the release carried that it reads, and a lock
//                        taken by a task that has released one is a barrier for all but store-load (LKMM: po-unlock-lock-po)
//   schedule(), wake()   smp_mb each; a sleeper knows what its waker knew. wake() orders even if it does not wake, which code
//                        must not rely on
//   spawn, join, timers, interrupts   carry what was known from the one to the other
//
// That is RC11 without seq_cst accesses and with cumulative release.
//
// Stronger than LKMM (outcomes that it allows and this model does not show): load buffering, a store seen before an earlier load
// of its task was made, and with it out-of-thin-air values; smp_rmb also orders loads against later stores; an access narrower
// than 4 bytes is ordered with the 4 bytes around it and its stores go to the end of the coherence order; lock words are never
// read old; a timer's callback knows what the callbacks before it knew, likewise raised work; the barrier of an unlock
// and a later lock stands at the lock; a marked store that overwrites what others read plainly counts as dependent on all loads
// of its task (whether it is cannot be seen here), and so does not race with reads that were over before what it has read was
// released. Weaker than LKMM (outcomes shown that it forbids): a store does not tell the barrier that
// a relaxed load of the same word by its task was behind, a read-modify-write does; dependencies order nothing. Code that relies
// on an address dependency uses rcu_dereference(), which is an acquire; control and data dependencies to a store are kept only in
// that no store is seen before the load that it depends on has been made (no load buffering).
//
// Memory is given back as by a plain write to all of it that depends on all that its task has read: an access by another task
// that nothing orders before that is a use after free, whether or not it came later in time.
//
// Plain accesses read and write the newest value: in a program without data races there is no other, and the race detector knows
// the others. Memory that was written behind the machine's back (initialised by a constructor) counts as newly made.
#include <algorithm>

#include "sim/explore/models.h"
#include "sim/explore/ops.h"

namespace uringsim::sim {

struct Message {
  u32 ts;
  u32 task;
  u32 fence;  ///< the latest full barrier that it is behind; 0: none
  u64 value;  ///< of the whole cell
  SyncView* carries;
  Message* older;
  Message* newer;
  bool attached;  ///< stands right behind `older`: nothing may come between
  arch::Site site;
};

namespace {

class WeakMachine final : public Ops<WeakMachine> {
 public:
  explicit WeakMachine(const MachineOptions& options) : Ops(options), order_(kMaxLanes), stored_(kMaxTasks) {}

  /// Others may come between a fully ordered rmw and its barriers: its store can be seen by who is not ordered after it yet.
  static constexpr bool kBarriersOfRmwApart = true;
  static constexpr bool fence_is_seen(arch::Fence kind) noexcept { return kind == arch::Fence::full; }

  u64 do_load(Cell& cell, const void* at, unsigned size, arch::Order order) noexcept override {
    know(cell);
    TaskRecord& task = me();
    const u32 floor = task.view[cell.lane];
    Message* read = cell.newest;
    if (read->ts > floor && read->older != nullptr) {
      u32 options = 1;
      for (Message* old = read; old->ts > floor && old->older != nullptr && old->older->ts >= floor; old = old->older) options++;
      u32 choice = choose_value(options, ValueKind::read);
      if (recording_ != nullptr) tell_choice(choice, options, cell, size);
      for (; choice > 0; choice--) read = read->older;
    }
    note_read(cell, read->ts);
    see(task, cell, *read, order == arch::Order::acquire);
    return extract(cell, at, size, read->value);
  }

  void do_store(Cell& cell, void* at, unsigned size, u64 value, arch::Order order) noexcept override {
    know(cell);
    TaskRecord& task = me();
    task.pass_effect = true;
    const bool release = order == arch::Order::release;
    const u32 floor = floor_of_store(task, cell, release);
    Message* behind = cell.newest;  // the store that it follows
    if (behind->ts > floor && behind->older != nullptr && size == cell.size) {
      u32 options = 1;
      for (Message* place = behind; place->ts > floor && place->older != nullptr; place = place->older)
        options += room_before(*place) ? 1 : 0;
      u32 choice = choose_value(options, ValueKind::place);
      if (recording_ != nullptr) {
        told_choice_ = choice;
        told_options_ = options;
      }
      for (; choice > 0; behind = behind->older) choice -= room_before(*behind) ? 1 : 0;
    }
    const u32 ts = behind->newer == nullptr ? behind->ts + kGap : behind->ts + (behind->newer->ts - behind->ts) / 2;
    task.view[cell.lane] = ts;
    link(cell, *behind, ts, merge(cell, at, size, value), release ? publish() : task.released, false);
  }

  u64 do_rmw(Cell& cell, void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected, arch::Order order) noexcept override {
    know(cell);
    TaskRecord& task = me();
    const bool full = order == arch::Order::full;
    Message* read = cell.newest;
    const u32 floor = task.view[cell.lane];
    if (read->ts > floor && read->older != nullptr && size == cell.size) {
      u32 barrier_floor = floor_of_store(task, cell, order == arch::Order::release);
      if (full) barrier_floor = std::max({barrier_floor, task.extra[cell.lane], order_[cell.lane]});
      const auto possible = [&](const Message& message) {
        if (op == arch::Rmw::compare_exchange && message.value != expected) return true;
        return message.ts >= barrier_floor && room_behind(message);
      };
      u32 options = 0;
      for (Message* old = read; old != nullptr && (old->ts >= floor || old == read); old = old->older)
        options += possible(*old) ? 1 : 0;
      u32 choice = choose_value(options, ValueKind::read);
      if (recording_ != nullptr) tell_choice(choice, options, cell, size);
      for (;; read = read->older)
        if (possible(*read) && choice-- == 0) break;
    }
    const u64 old = extract(cell, at, size, read->value);
    if (op == arch::Rmw::compare_exchange && old != expected) {
      note_read(cell, read->ts);
      see(task, cell, *read, false);
      return old;
    }
    task.pass_effect = true;
    if (full && op == arch::Rmw::compare_exchange) do_fence(arch::Fence::full);
    see(task, cell, *read, full || order == arch::Order::acquire);
    const u32 ts = read->ts + 1;
    task.view[cell.lane] = ts;
    SyncView* carries = full || order == arch::Order::release ? publish() : task.released;
    const u32 behind = read->fence;
    if (read->carries != nullptr) {
      if (carries == nullptr) {
        carries = read->carries;
      } else {
        if (carries == task.released) carries = copy(*carries);
        join_lanes(carries->at(), read->carries->at(), std::min(read->carries->lanes, carries->lanes));
      }
    }
    link(cell, *read, ts, merge(cell, at, size, trim(apply(op, old, operand), size)), carries, true, behind);
    return old;
  }

  void do_fence(arch::Fence kind) noexcept override {
    TaskRecord& task = me();
    if (kind != arch::Fence::write) fold_extra(task);
    if (kind == arch::Fence::full) {
      const u32 words = view_lanes() - clocks_;
      join_lanes(task.view + clocks_, order_.data() + clocks_, words);
      copy_lanes(order_.data() + clocks_, task.view + clocks_, words);
    }
    if (kind == arch::Fence::read) return;
    if (kind == arch::Fence::write) return publish_stores(task);
    task.released = publish();
    stored_[current_].clear();
    fences_.push_back(task.released);
    task.fence = static_cast<u32>(fences_.size());
  }

  u64 do_locked_load(Cell& cell, const void* at, unsigned size) noexcept override {
    know(cell);
    see(me(), cell, *cell.newest, true);
    return peek(at, size);
  }
  void do_locked_store(Cell& cell, void* at, unsigned size, u64 value) noexcept override {
    TaskRecord& task = me();
    task.pass_effect = true;
    Message& read = *cell.newest;
    task.view[cell.lane] = read.ts + 1;
    SyncView* const carries = publish();
    if (read.carries != nullptr) join_lanes(carries->at(), read.carries->at(), read.carries->lanes);
    link(cell, read, read.ts + 1, merge(cell, at, size, value), carries, true, read.fence);
  }
  void do_lock_order(Cell& cell) noexcept override {
    TaskRecord& task = me();
    if (task.unlocked) {
      fold_extra(task);
      task.released = publish();
    } else if (const SyncView* const carried = cell.newest->carries; carried != nullptr) {
      SyncView* const both = copy(*carried);
      if (task.released != nullptr) {
        join_lanes(both->at(), task.released->at(), task.released->lanes);
        both->fence = std::max(both->fence, task.released->fence);
      }
      task.released = both;
    }
  }

  void do_plain_store(Cell& cell, void* at, unsigned size, u64 value) noexcept override {
    if (cell.newest == nullptr) return poke(at, size, value);
    know(cell);
    TaskRecord& task = me();
    Message& behind = *cell.newest;
    task.view[cell.lane] = behind.ts + kGap;
    link(cell, behind, behind.ts + kGap, merge(cell, at, size, value), task.released, false);
  }
  u64 do_plain_load(Cell& cell, const void* at, unsigned size) noexcept override {
    if (cell.newest != nullptr) me().view[cell.lane] = std::max(me().view[cell.lane], cell.version);
    return peek(at, size);
  }

  [[nodiscard]] bool has_seen(const Cell& cell) const noexcept override {
    return cell.newest != nullptr && records_[current_].view[cell.lane] >= cell.newest->ts;
  }

  void do_advance(TaskRecord& task) noexcept override {
    u32 options = 0;
    for (u32 i = 0; i < task.watches; i++) {
      const Cell& cell = shadow_.by_number(task.watch[i].cell);
      if (cell.newest == nullptr || task.view[cell.lane] > task.watch[i].version) return;  // the next pass differs anyway
      options += has_news(task, i) ? 1 : 0;
    }
    if (options == 0) return;
    u32 choice = choose_value(options, ValueKind::poll);
    if (recording_ != nullptr) {
      told_choice_ = choice;
      told_options_ = options;
    }
    for (u32 i = 0;; i++) {
      if (!has_news(task, i) || choice-- != 0) continue;
      const Cell& cell = shadow_.by_number(task.watch[i].cell);
      const Message* news = cell.newest;
      while (news->older != nullptr && news->older->ts > task.watch[i].version) news = news->older;
      task.view[cell.lane] = news->ts;
      return;
    }
  }

  void do_begin() noexcept override {
    zero_lanes(order_.data(), round_lanes(last_));
    last_ = kMaxLanes;
    fences_.clear();
    for (std::vector<Stored>& stored : stored_) stored.clear();
  }

 private:
  static constexpr u32 kGap = 1u << 12;

  struct Stored {
    u32 lane;
    const Message* message;
  };

  /// The cell has a history, and its newest store is what memory holds.
  void know(Cell& cell) noexcept {
    if (cell.newest != nullptr && cell.newest->value == peek(cell.at, cell.size)) [[likely]]
      return;
    if (cell.lane == 0) cell.lane = lanes_++;
    last_ = lanes_;
    auto* const message = static_cast<Message*>(pool_.take(sizeof(Message)));
    cell.version += kGap;
    *message = {cell.version, kNobody, 0, peek(cell.at, cell.size), nullptr, nullptr, nullptr, false, {}};
    cell.newest = message;
  }

  [[nodiscard]] bool room_before(const Message& place) noexcept {
    if (place.attached) return false;
    if (place.ts - place.older->ts >= 2) return true;
    exact_ = false;  // no timestamp left between the two
    return false;
  }
  [[nodiscard]] bool room_behind(const Message& message) noexcept {
    if (message.newer == nullptr) return true;
    if (message.newer->attached) return false;
    if (message.newer->ts > message.ts + 1) return true;
    exact_ = false;
    return false;
  }

  void see(TaskRecord& task, const Cell& cell, const Message& message, bool acquire) noexcept {
    u32& lane = task.view[cell.lane];
    lane = std::max(lane, message.ts);
    if (message.task == current_) return;
    if (acquire) {
      take(message.carries);
      if (message.fence > task.fence) join_fence(task.view, task.fence = message.fence);
      return;
    }
    if (message.carries != nullptr) {
      join_lanes(task.extra, message.carries->at(), message.carries->lanes);
      task.has_extra = true;
    }
    if (message.fence > std::max(task.fence, task.fence_read)) {
      join_fence(task.extra, message.fence);
      task.has_extra = true;
    }
    task.fence_read = std::max(task.fence_read, message.fence);
  }

  /// What is behind a full barrier knows all that it knew.
  void join_fence(u32* into, u32 fence) noexcept {
    const SyncView& known = *fences_[fence - 1];
    join_lanes(into + clocks_, known.at() + clocks_, known.lanes - clocks_);
  }

  void fold_extra(TaskRecord& task) noexcept {
    if (!task.has_extra) return;
    join_lanes(task.view, task.extra, view_lanes());
    zero_lanes(task.extra, view_lanes());
    task.has_extra = false;
    task.fence = std::max(task.fence, task.fence_read);
  }

  /// smp_wmb: stores to come carry the task's stores so far and what those carried; nothing that it has only read.
  void publish_stores(TaskRecord& task) noexcept {
    SyncView* const sync = task.released != nullptr ? copy(*task.released) : copy({});
    sync->of(current_) = task.view[current_]++;
    for (const Stored& store : stored_[current_]) {
      sync->of(store.lane) = std::max(sync->of(store.lane), store.message->ts);
      if (const SyncView* const carried = store.message->carries) join_lanes(sync->at(), carried->at(), carried->lanes);
      sync->fence = std::max(sync->fence, store.message->fence);
    }
    if (sync->fence != 0) join_fence(sync->at(), sync->fence);
    stored_[current_].clear();
    task.released = sync;
  }

  /// Stores are ordered behind what the ones before the last smp_wmb carry; a release store also behind what its task has read
  /// relaxed.
  static u32 floor_of_store(const TaskRecord& task, const Cell& cell, bool release) noexcept {
    u32 floor = task.view[cell.lane];
    if (release && task.has_extra) floor = std::max(floor, task.extra[cell.lane]);
    if (task.released != nullptr && cell.lane < task.released->lanes) floor = std::max(floor, task.released->of(cell.lane));
    return floor;
  }

  SyncView* copy(const SyncView& from) noexcept {
    const u32 lanes = view_lanes();
    auto* const sync = static_cast<SyncView*>(pool_.take(SyncView::bytes(lanes)));
    sync->lanes = lanes;
    sync->fence = from.fence;
    zero_lanes(sync->at(), lanes);
    copy_lanes(sync->at(), from.at(), from.lanes);
    return sync;
  }

  /// `fence`: what a read-modify-write read was behind.
  void link(Cell& cell, Message& behind, u32 ts, u64 value, SyncView* carries, bool attached, u32 fence = 0) noexcept {
    auto* const message = static_cast<Message*>(pool_.take(sizeof(Message)));
    fence = std::max({fence, me().fence, carries != nullptr ? carries->fence : 0});
    stored_[current_].push_back({cell.lane, message});
    *message = {ts, current_, fence, value, carries, &behind, behind.newer, attached, {}};
    if (recording_ != nullptr) [[unlikely]]
      message->site = told_site_;
    if (behind.newer != nullptr) {
      behind.newer->older = message;
    } else {
      cell.newest = message;
      cell.version = ts;
      poke(cell.at, cell.size, value);
      if (cell.watchers != 0) wake_watchers(cell);
    }
    behind.newer = message;
  }

  [[nodiscard]] static u64 extract(const Cell& cell, const void* at, unsigned size, u64 value) noexcept {
    return trim(value >> (8 * (static_cast<const unsigned char*>(at) - cell.at)), size);
  }
  [[nodiscard]] static u64 merge(const Cell& cell, const void* at, unsigned size, u64 value) noexcept {
    if (size == cell.size) return value;
    const auto shift = static_cast<unsigned>(8 * (static_cast<const unsigned char*>(at) - cell.at));
    const u64 mask = trim(~u64{0}, size) << shift;
    return (cell.newest->value & ~mask) | (trim(value, size) << shift);
  }

  [[nodiscard]] bool has_news(const TaskRecord& task, u32 watch) noexcept {
    const Cell& cell = shadow_.by_number(task.watch[watch].cell);
    if (cell.version == task.watch[watch].version) return false;
    for (u32 i = watch + 1; i < task.watches; i++)  // the last look at a word counts
      if (task.watch[i].cell == task.watch[watch].cell) return false;
    return true;
  }

  void tell_choice(u32 choice, u32 options, const Cell& cell, unsigned) noexcept {
    told_choice_ = choice;
    told_options_ = options;
    if (choice == 0) return;
    told_missed_task_ = cell.newest->task;
    told_missed_site_ = cell.newest->site;
    told_missed_value_ = cell.newest->value;
  }

  Reserve<u32> order_;                       // what the latest smp_mb knew
  std::vector<const SyncView*> fences_;      // every smp_mb so far: what it knew
  std::vector<std::vector<Stored>> stored_;  // by task: what it has stored since its last smp_wmb or smp_mb
  u32 last_ = kMaxLanes;
};

}  // namespace

std::unique_ptr<OperationalMachine> make_weak_machine(const MachineOptions& options) {
  return std::make_unique<WeakMachine>(options);
}

}  // namespace uringsim::sim
