// SPDX-License-Identifier: GPL-2.0-only
// The memory models: which stores a load may read, and where in coherence order a store may go.
//
// Because events are only ever added at the end of a task's program order, each model comes down to one question: which events
// are surely before the new one? It may not read, or go in front of, a store that is overwritten by one of those.
//
//   sc    Sequential consistency: (po | rf | co | fr) is acyclic.
//   tso   Total store order, as on x86: the same without program order from a store to a later load (the store buffer) and
//         without reads from the task's own stores (forwarding). Full barriers and every read-modify-write, failed ones
//         included, drain the buffer; smp_rmb and smp_wmb, acquire and release order nothing that is not ordered anyway.
//   weak  What the Linux-kernel memory model (LKMM, tools/memory-model) allows for the operations of arch/, but for load
//         buffering, as views in the manner of RC11:
//         READ_ONCE, WRITE_ONCE   coherence only
//         smp_store_release       a reader that acquires it knows all that the storing task had seen, loads of other tasks'
//                                 relaxed stores included (A-cumulativity); it goes in front of none of that
//         smp_load_acquire        knows what the store carried; rcu_dereference counts as one
//         smp_rmb                 what earlier loads could have acquired is now known
//         smp_wmb                 later stores carry what earlier stores of this task carried; nothing about loads
//         smp_mb, full RMW        both, for loads too; and all full barriers of an execution are ordered one behind the other, as
//                                 far as causality, coherence and reading say something about it: whoever comes behind
//                                 knows what whoever came before knew (this is psc of RC11, with causality added). Every
//                                 later store carries the barrier itself, which whoever acquires that is behind (pb)
//         RMW                     atomic; passes on what the store it read had carried (release sequence)
//         lock, unlock            acquire and release; what was done under the lock before is carried by stores after taking it
//                                 (po-unlock-rf-lock-po), and so is what was done before an unlock of any lock by the same task
//                                 (po-unlock-lock-po)
//         schedule, wake          a full barrier each, in front of their look at the task's state; the sleeper then knows what
//                                 its waker knew
//         Stronger than LKMM: loads are never ordered behind later stores by reading them (no load buffering); smp_rmb orders
//         later stores too; a lock passes on what its last holder had merely read; release sequences (LKMM has them since 6.3);
//         a marked store does not race with plain reads that its task's loads tell of, dependent or not.
//         Weaker than LKMM: address, data and control dependencies order nothing, they cannot be seen in compiled code
//         (address dependencies through rcu_dereference excepted).
//
// In each of them a timer fires and the clock comes to when it is due at one moment: who is behind the one is behind the other.
//
// Every model allows the newest store always: no execution is ever stuck, which the search relies on.
#pragma once

#include "sim/explore/dpor/graph.h"

namespace uringsim::sim::dpor {

template <unsigned W>
void Graph<W>::complete(EventId id) noexcept {
  Event& e = event[id];
  const EventId previous = e.po_prev;
  Set causes = porf[previous];
  if (e.rf != 0) causes |= porf[e.rf];
  causes.set(id);
  porf[id] = causes;
  if (model_ == MemoryModel::tso) {
    const Event& p = event[previous];
    e.last_read = p.last_read;
    e.last_write = p.last_write;
    const bool drains = empties_buffer(e.flags);
    Set seen = ordered[e.last_read];
    if ((e.flags & kWrite) != 0 || drains) seen |= ordered[e.last_write];
    if ((e.flags & kSync) != 0) {
      seen |= ordered[event[e.rf].last_read];
      seen |= ordered[event[e.rf].last_write];
    } else if ((e.flags & kRead) != 0 && e.rf != 0 && event[e.rf].thread != e.thread) {
      seen |= ordered[e.rf];
    }
    seen.set(id);
    ordered[id] = seen;
    if ((e.flags & kRead) != 0 || drains) e.last_read = id;
    if ((e.flags & kWrite) != 0) e.last_write = id;
  }
  if (model_ == MemoryModel::weak) complete_view(id);
}

template <unsigned W>
void Graph<W>::complete_view(EventId id) noexcept {
  const Event& e = event[id];
  View<W>& v = view[id];
  v = view[e.po_prev];
  v.message.reset();
  const bool read = (e.flags & kRead) != 0;
  const bool write = (e.flags & kWrite) != 0;
  if ((e.flags & kReadFence) != 0) v.current = v.acquired;
  if ((e.flags & kWriteFence) != 0) v.released |= v.written;
  if ((e.flags & kFull) != 0 && !write) {
    v.current = v.acquired;
    v.current.set(id);
    v.released = v.current;
    v.at_fence = v.current;
  }
  if ((e.flags & kSync) != 0) {
    v.acquired |= view[e.rf].acquired;
    v.current |= view[e.rf].acquired;
    v.released |= view[e.rf].acquired;
  }
  v.current.set(id);
  v.acquired.set(id);
  if (read) {
    v.current.set(e.rf);
    v.acquired.set(e.rf);
    const Set& message = view[e.rf].message;
    v.acquired |= message;
    if ((e.flags & kAcquire) != 0) v.current |= message;
    if ((e.flags & kLock) != 0) v.released |= message;
    if ((e.flags & (kLock | kRmw)) == (kLock | kRmw) && has_unlocked(e.po_prev)) v.released = v.current = v.acquired;
  }
  if (write) {
    v.message = v.released;
    v.message |= v.current & fences_;
    if ((e.flags & kRelease) != 0) v.message |= v.acquired;
    if ((e.flags & kRmw) != 0) v.message |= view[event[e.po_prev].rf].message;
    v.message.set(id);
    v.written |= v.message;
  } else if ((e.flags & kRange) != 0 && PlainRange::unpack(e.value).write) {
    v.written.set(id);
  }
}

/// True if the task released a lock at or before `id`.
template <unsigned W>
bool Graph<W>::has_unlocked(EventId id) const noexcept {
  for (; id != 0; id = event[id].po_prev)
    if ((event[id].flags & (kLock | kWrite | kRmw)) == (kLock | kWrite)) return true;
  return false;
}

/// Adds what co and fr say: whoever was overwritten by something in the set is before it too.
template <unsigned W>
Mask<W> Graph<W>::close(Set set) const noexcept {
  Set done;
  for (;;) {
    Set left = (set & stores_) - done;
    if (!left.any()) return set;
    done |= left;
    left.each([&](unsigned bit) {
      const Event& e = event[bit];
      Set earlier = who_read(e.co_prev, e.word);
      earlier.set(e.co_prev);
      earlier -= set;
      if (earlier.any()) earlier.each([&](unsigned other) { set |= order_of(static_cast<EventId>(other)); });
      // A timer fires and the clock is set at one moment.
      if (fires_.test(bit)) set |= order_of(clock_at(static_cast<EventId>(bit)));
    });
  }
}

/// weak: what an event with `flags` that follows `last` is ordered behind. A release is so behind earlier loads, relaxed ones
/// too, a store behind what an earlier smp_wmb has made it carry; of a read-modify-write the store counts, right behind what it
/// reads.
template <unsigned W>
Mask<W> Graph<W>::bounds(EventId last, u16 flags) const noexcept {
  Set result = (flags & (kReadFence | kRelease)) != 0 ? view[last].acquired : view[last].current;
  if ((flags & (kWrite | kRmw)) == 0) return result;
  result |= view[last].released;
  if ((flags & kWriteFence) != 0) result |= view[last].written;
  return result;
}

template <unsigned W>
Mask<W> Graph<W>::before(u16 thread, u16 flags) const noexcept {
  const EventId last = threads[thread].last;
  if (model_ == MemoryModel::sc) return close(porf[last]);
  if (model_ == MemoryModel::tso) {
    Set seen = ordered[event[last].last_read];
    if ((flags & kRead) == 0 || empties_buffer(flags)) seen |= ordered[event[last].last_write];
    return close(seen);
  }
  const bool fence = (flags & (kFull | kRead)) == (kFull | kRead);
  // A release is ordered behind earlier loads, relaxed ones too; of a read-modify-write it is the store, right behind what it
  // reads.
  return weak_bound(bounds(last, flags), fence ? &view[last].acquired : nullptr, porf[last]);
}

template <unsigned W>
Mask<W> Graph<W>::before_load(EventId load) const noexcept {
  const Event& e = event[load];
  const EventId last = e.po_prev;
  if (model_ == MemoryModel::sc) return close(porf[last]);
  if (model_ == MemoryModel::tso) {
    Set seen = ordered[event[last].last_read];
    if (empties_buffer(e.flags)) seen |= ordered[event[last].last_write];
    return close(seen);
  }
  return weak_bound(bounds(last, e.flags), (e.flags & kFull) != 0 ? &view[last].acquired : nullptr, porf[last]);
}

/// The newest event of each task among some.
class NewestOfTasks {
 public:
  /// False if one at least as new is there.
  bool add(u16 task, EventId id) noexcept {
    const u64 bit = u64{1} << task;
    if ((tasks_ & bit) != 0 && newest_[task] >= id) return false;
    tasks_ |= bit;
    newest_[task] = id;
    return true;
  }
  template <class F>
  void each(F&& f) const noexcept {
    for (u64 left = tasks_; left != 0; left &= left - 1) f(newest_[std::countr_zero(left)]);
  }

 private:
  u64 tasks_ = 0;
  EventId newest_[64];  // of those in tasks_
};

/// Full barriers that come before a barrier at which `seen` was known: theirs is a task that, behind them, did something which
/// `seen` shows to be older.
/// What a task knows only grows: the last such thing that it did says it all.
template <unsigned W>
Mask<W> Graph<W>::fences_before(const Set& seen) const noexcept {
  NewestOfTasks newest;
  Set result;
  const auto older = [&](unsigned id) {
    newest.add(event[id].thread, static_cast<EventId>(id));
    result |= view[id].message;  // a release is behind more than what comes after it
  };
  (seen & stores_).each([&](unsigned bit) {
    older(bit);
    const u16 word = event[bit].word;
    for (EventId store = event[bit].co_prev;; store = event[store].co_prev) {
      who_read(store, word).each(older);
      if (store == 0 || seen.test(store)) break;
      older(store);
    }
  });
  newest.each([&](EventId id) { result |= view[id].current; });
  return result & fences_;
}

template <unsigned W>
Mask<W> Graph<W>::weak_bound(const Set& current, const Set* at_new_fence, const Set& causes) const noexcept {
  Set bound = at_new_fence != nullptr ? *at_new_fence : current;
  Set left = bound & fences_;
  if (at_new_fence != nullptr) {
    left |= causes & fences_;
    left |= fences_before(*at_new_fence);
  }
  Set done;
  NewestOfTasks settled;  // a task's last barrier comes behind whatever its earlier ones come behind
  while (left.any()) {
    done |= left;
    NewestOfTasks newest;
    left.each([&](unsigned bit) { newest.add(event[bit].thread, static_cast<EventId>(bit)); });
    Set more;
    newest.each([&](EventId fence) {
      if (!settled.add(event[fence].thread, fence)) return;
      bound |= view[fence].at_fence;
      more |= porf[fence] & fences_;
      more |= fences_before(view[fence].at_fence);
    });
    left = more - done;
  }
  (bound & fires_).each([&](unsigned bit) {
    const EventId clock = clock_at(static_cast<EventId>(bit));
    bound.set((event[clock].flags & kWrite) != 0 ? clock : event[clock].rf);
  });
  return bound;
}

}  // namespace uringsim::sim::dpor
