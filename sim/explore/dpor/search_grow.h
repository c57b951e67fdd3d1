// SPDX-License-Identifier: GPL-2.0-only
// Growing the graph: adding an event in the plainest way, and putting everything else it could have been on the stack.
#pragma once

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

/// The barriers that stand in front of an event, whatever the event itself turns out to be.
inline constexpr u16 kInFront = kReadFence | kWriteFence;

/// Lets `load` read `store`, and be what it is then.
template <unsigned W>
void Search<W>::set_read(EventId load, EventId store) {
  Graph<W>& g = *graph_;
  g.link_read(load, store);
  const u16 flags = g.event[load].flags;
  if ((flags & (kRmw | kCas | kLock)) != 0)
    g.set_flags(load, static_cast<u16>((flags & kInFront) | g.operation[load].flags(g.event[load].value)));
  g.complete(load);
}

/// Puts what a load at the end of `thread` could read, other than the co-newest store, on the stack of options.
template <unsigned W>
void Search<W>::offer_loads(u16 thread, u16 flags, u16 word, const RmwOperation* op) {
  const Graph<W>& g = *graph_;
  EventId store = g.words[word].last;
  if (store == 0 || g.surely_before(thread, flags).test(store) || g.own_bound(store, thread)) return;
  const Set bound = g.before(thread, op != nullptr ? static_cast<u16>(flags & ~kFull) : flags);
  // A compare-exchange is a full barrier only if it stores, so what it may read depends on what it reads. So with a timer.
  const bool timer = op != nullptr && op->timer != TimerStep::none;
  const bool barrier = op != nullptr && ((op->order == arch::Order::full && op->op == arch::Rmw::compare_exchange) ||
                                         op->timer == TimerStep::cancel || op->timer == TimerStep::fire);
  u16 storing = 0;
  if (op != nullptr && op->order == arch::Order::full) storing = kFull | kRmw;
  if (op != nullptr && op->order == arch::Order::release) storing = kRelease;
  if (timer) storing = kRelease | kRmw;
  const Set bound_storing = storing != 0 ? g.before(thread, static_cast<u16>(flags | storing)) : bound;
  const Set& always = barrier ? bound : bound_storing;
  const EventId last = g.threads[thread].last;
  const bool waited = op != nullptr && op->waits && (g.event[last].flags & kWaiting) != 0;
  // Stores that were there when the task began to wait were offered then.
  const EventId newer_than = waited ? std::max(last, g.event[last].rf) : EventId{0};
  bool too_old_to_store = false;
  for (;;) {
    if (store != g.words[word].last) {
      const u64 value = store == 0 ? g.words[word].initial : g.event[store].value;
      const bool offered = op != nullptr && op->waits ? op->stores(value) && (!waited || store > newer_than)
                                                      : !(too_old_to_store && op != nullptr && op->drains(value));
      if (offered) options_.push_back(store);
    }
    if (store == 0 || always.test(store) || g.own_bound(store, thread)) return;
    too_old_to_store |= bound_storing.test(store);
    store = g.event[store].co_prev;
  }
}

template <unsigned W>
EventId Search<W>::add_load(u16 thread, u16 flags, u16 word, const RmwOperation* op) {
  Graph<W>& g = *graph_;
  touch(word, op != nullptr);
  const u32 first = static_cast<u32>(options_.size());
  if ((flags & kPlain) == 0) offer_loads(thread, flags, word, op);
  const EventId id = g.append(thread, flags, word, 0);
  if (op != nullptr) g.set_operation(id, *op);
  set_read(id, g.words[word].last);
  if (options_.size() != first) push_item(ItemKind::read, id, 0, first);
  check_races(id);
  return id;
}

template <unsigned W>
EventId Search<W>::add_store(u16 thread, u16 flags, u16 word, u64 value) {
  Graph<W>& g = *graph_;
  const bool of_range = (flags & kRange) != 0;
  flags &= static_cast<u16>(~kRange);
  touch(word, !of_range);
  places_.clear();
  const EventId newest = g.words[word].last;
  if ((flags & kPlain) == 0 && newest != 0 && !g.surely_before(thread, flags).test(newest)) {
    const Set bound = g.before(thread, flags);
    // In front of `store`, unless that is the second half of a read-modify-write: nothing comes between its halves.
    for (EventId store = newest; store != 0 && !bound.test(store); store = g.event[store].co_prev)
      if ((g.event[store].flags & kRmw) == 0) places_.push_back(g.event[store].co_prev);
  }
  const EventId id = g.append(thread, flags, word, value);
  if (of_range) g.event[id].sources = 3;
  g.link_store(id, newest);
  g.complete(id);
  if ((flags & kPlain) == 0) push_revisits(id);
  if (!places_.empty()) {
    const u32 first = static_cast<u32>(options_.size());
    options_.insert(options_.end(), places_.begin(), places_.end());
    push_item(ItemKind::place, id, 0, first);
  }
  check_races(id);
  return id;
}

/// Adds the second half of a read-modify-write. False if somebody else had taken the store that the first half read: then this
/// graph is good for its revisits only.
template <unsigned W>
bool Search<W>::add_rmw_store(EventId load) {
  Graph<W>& g = *graph_;
  const Event& read = g.event[load];
  const RmwOperation& op = g.operation[load];
  u16 flags = kWrite | kRmw;
  if (op.order == arch::Order::release || op.order == arch::Order::full || op.timer != TimerStep::none) flags |= kRelease;
  const bool free = g.taken_by(read.rf, read.word) == 0;
  const EventId from = read.rf;
  const EventId id = g.append(read.thread, flags, read.word, op.apply(read.value));
  g.link_store(id, from);
  if (op.timer == TimerStep::fire) g.set_fires(id);
  g.complete(id);
  push_revisits(id);
  check_races(id);
  return free;
}

template <unsigned W>
EventId Search<W>::add_event(u16 thread, u16 flags, EventId source) {
  Graph<W>& g = *graph_;
  const EventId id = g.append(thread, flags, 0, 0);
  g.event[id].rf = source;
  g.complete(id);
  return id;
}

template <unsigned W>
void Search<W>::push_revisits(EventId store) {
  const Graph<W>& g = *graph_;
  const Set loads = g.words[g.event[store].word].loads - g.porf[store];
  if (!loads.any()) return;
  const u32 first = static_cast<u32>(options_.size());
  loads.each([&](unsigned load) {
    if ((g.event[load].flags & (kPlain | kWaiting)) == 0 && may_revisit(static_cast<EventId>(load), store))
      options_.push_back(static_cast<u16>(load));
  });
  if (options_.size() != first) push_item(ItemKind::revisit, store, 0, first);
}

/// True if this graph is the one from which `store` revisits `load`: all that the revisit takes away was added the plainest way.
template <unsigned W>
bool Search<W>::may_revisit(EventId load, EventId store) const {
  const Graph<W>& g = *graph_;
  Set causes = g.porf[store];
  causes.clear(store);
  if (!plainest(load, causes)) return false;
  const Set taken_away = Set::below(store) - Set::below(load + 1u) - causes;
  return taken_away.all_descending([&](unsigned event) { return plainest(static_cast<EventId>(event), causes); });
}

/// True if `event` was added the plainest way, as seen by the events before it and those in `causes`.
template <unsigned W>
bool Search<W>::plainest(EventId id, const Set& causes) const {
  const Graph<W>& g = *graph_;
  const Event& e = g.event[id];
  if ((e.flags & (kRead | kWrite)) == 0) return (e.flags & kChoice) == 0 || e.value == 0;
  const auto there = [&](EventId other) { return other <= id || causes.test(other); };
  EventId store = id;
  if ((e.flags & kRead) != 0) {
    store = e.rf;
    if (!there(store)) return false;
    if ((e.flags & kWaiting) != 0) return true;  // whoever had the lock then, it is the load that takes it that counts
  } else if (!(g.readers(id, e.word) & (Set::below(id) | causes)).any()) {
    // Nobody older reads it.
  } else {
    return false;
  }
  for (EventId later = g.co_next(store, e.word); later != 0; later = g.event[later].co_next)
    if (there(later)) return false;
  return true;
}

/// Looks for an access that nothing orders with this one although they conflict, and for one to memory that was given back.
template <unsigned W>
void Search<W>::check_races(EventId id) {
  Graph<W>& g = *graph_;
  if (violated_ || ((g.event[id].flags & kPlain) == 0 && !g.any_plain()) || is_by_service(id)) return;
  if (g.any_free()) {
    if (const EventId before = freed_before(id); before != 0) {
      race_ = {id, before};
      return fail("use-after-free", "");
    }
  }
  const bool free = (g.event[id].flags & kFree) != 0;
  if ((!options_in_.races && !free) || is_own(id)) return;
  Set races;
  const bool range = (g.event[id].flags & kRange) != 0;
  if (!range) races = g.races_with(id);
  if (range || ranges_) {
    const PlainRange mine = range_of(id);
    const Set reads_before = g.reads_before(id);
    (range ? g.unordered(id) : g.unordered_ranges(id)).each([&](unsigned other) {
      const Event& e = g.event[other];
      if ((e.flags & (kRead | kWrite | kRange)) == 0 || e.thread == g.event[id].thread) return;
      if (free ? is_by_service(static_cast<EventId>(other)) : is_own(static_cast<EventId>(other))) return;
      if (!range && (e.flags & kRange) == 0) return;
      const PlainRange theirs = range_of(static_cast<EventId>(other));
      if (mine.conflicts(theirs) && (theirs.write || !reads_before.test(other))) races.set(other);
    });
  }
  if (!races.any()) return;
  races.all_descending([&](unsigned other) {
    race_ = {static_cast<EventId>(other), id};
    return false;
  });
  fail(free ? "use-after-free" : "data-race", "");
}

/// The event that gave back what `id` touches, unless `id` surely comes before that; 0 if there is none.
template <unsigned W>
EventId Search<W>::freed_before(EventId id) const {
  const Graph<W>& g = *graph_;
  if ((g.event[id].flags & (kRead | kWrite | kRange)) == 0) return 0;
  const PlainRange mine = range_of(id);
  EventId found = 0;
  g.frees().each([&](unsigned bit) {
    if (bit == id || g.porf[bit].test(id)) return;
    const PlainRange freed = range_of(static_cast<EventId>(bit));
    if (mine.offset < freed.offset + freed.bytes && freed.offset < mine.offset + mine.bytes) found = static_cast<EventId>(bit);
  });
  return found;
}

/// The bytes that a load, a store or a range stands for.
template <unsigned W>
PlainRange Search<W>::range_of(EventId id) const {
  const Event& e = graph_->event[id];
  if ((e.flags & kRange) != 0) return PlainRange::unpack(e.value);
  const WordInfo& info = word_info_[e.word];
  return {arena_.offset(info.at), info.size, (e.flags & kWrite) != 0};
}

}  // namespace uringsim::sim::dpor
