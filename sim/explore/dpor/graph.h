// SPDX-License-Identifier: GPL-2.0-only
// An execution graph: what happened, without saying in which order it happened.
//
// Its nodes are events: loads, stores, barriers, choices. Its edges are
//   po  program order: the events of one task, a list
//   rf  reads-from: each load names the one store whose value it returned (0: the word's initial value)
//   co  coherence: the stores to one word, a list
// and derived from them
//   fr  from-reads: a load comes before every store that is co-after the one it read
//   porf  (po | rf)+: causality. Never cyclic here: a load never reads a store that depends on it (no load buffering).
//
// Two interleavings with the same graph differ in nothing that a task could notice, so a search over graphs needs one
// execution where a search over interleavings needs thousands.
//
// An event's number is the time at which it was added: numbers only ever grow, truncate() takes the newest away, and a whole
// prefix of the search is undone by one loop. A read-modify-write is two events with consecutive numbers, a load and a store.
//
// Beside its edges an event keeps sets of events, fixed when it is added, since later events never come before it:
//   porf        itself and everything before it in porf
//   ordered     sc: the same; tso: itself and everything that global memory saw before it, as far as program order, barriers
//               and reads from other tasks say so (co and fr come on top, see before())
//   view        weak: what the task knows (see View)
#pragma once

#include <cstring>
#include <vector>

#include "sim/explore/dpor/mask.h"
#include "sim/explore/dpor/options.h"

namespace uringsim::sim::dpor {

/// An event's number in its graph. 0 stands for the initial value of every word.
using EventId = u16;

enum EventFlag : u16 {
  kRead = 1,
  kWrite = 2,
  kRmw = 4,  ///< half of a read-modify-write; the load has it only if the store follows
  kAcquire = 8,
  kRelease = 16,
  kPlain = 32,
  kFull = 64,         ///< acts as a full barrier: before its read, or after its write, or (neither) as such
  kReadFence = 128,   ///< smp_rmb in front of it
  kWriteFence = 256,  ///< smp_wmb in front of it
  kLock = 512,        ///< part of taking a lock
  kChoice = 1024,     ///< Machine::choose
  kRange = 32768,     ///< a plain access to a range; `value` says which, see PlainRange
  kSync = 2048,       ///< ordered behind event `source` of another task: join, first step of a spawned task, waking up
  kWaiting = 16384,   ///< found the lock held (or the task still asleep); the event that takes it comes later
  kFree = 8192,       ///< a range (kRange) that is given back: nobody may touch it beside or behind this
  kCas = 4096,        ///< load of a compare-exchange: stores only if it read what was expected
};

/// A look at a timer that found it idle: a load that acquires, of an operation that could have stored. (What else does not store
/// does not acquire, or is part of taking a lock.)
inline constexpr u16 kIdleLook = kCas | kAcquire;

/// tso: true if an event with these flags comes behind all stores of its task.
constexpr bool empties_buffer(u16 flags) noexcept {
  if ((flags & (kFull | kRmw | kSync)) != 0 || (flags & (kLock | kRead)) == (kLock | kRead)) return true;
  return (flags & kCas) != 0 && (flags & kIdleLook) != kIdleLook;
}

/// A range of bytes of the arena, as the value of an event.
struct PlainRange {
  u64 offset;
  u64 bytes;
  bool write;

  [[nodiscard]] u64 pack() const noexcept { return offset | bytes << 32 | u64{write} << 63; }
  static PlainRange unpack(u64 value) noexcept { return {value & 0xffffffff, value >> 32 & 0x7fffffff, value >> 63 != 0}; }
  [[nodiscard]] bool conflicts(const PlainRange& other) const noexcept {
    return (write || other.write) && offset < other.offset + other.bytes && other.offset < offset + bytes;
  }
};

struct Event {
  u64 value = 0;  ///< read or written; the option chosen
  u16 thread = 0;
  u16 index = 0;  ///< position in program order
  u16 word = 0;
  EventId rf = 0;  ///< kRead: the store it reads; kSync: the event it waited for
  EventId co_prev = 0;
  EventId co_next = 0;
  EventId po_prev = 0;
  EventId po_next = 0;
  EventId last_read = 0;   ///< tso: newest load or barrier of the task, this event included
  EventId last_write = 0;  ///< tso: newest store of the task, this event included
  u16 flags = 0;
  u16 sources = 1;  ///< kChoice: how many options; a store: 2 if a timer fires with it, 3 if it is part of a range's
};

/// A timer's word holds what the timer was started as, 0 if it is not armed, and this bit while its function runs.
inline constexpr u64 kTimerRuns = u64{1} << 63;

/// What is done to a timer's word, each time in one step, as under the lock of a timer base.
enum class TimerStep : u8 {
  none,
  start,   ///< arms it, whether its function runs or not
  cancel,  ///< acts only on a timer that is armed and does not run; looks only, if it does neither
  fire,    ///< acts only if nobody has taken the timer off or started it anew
  end,     ///< its function is over
};

/// What a read-modify-write will store: enough to compute it without running the task.
struct RmwOperation {
  u64 operand = 0;
  u64 expected = 0;
  arch::Rmw op = arch::Rmw::exchange;
  u8 size = 8;
  arch::Order order = arch::Order::full;
  bool lock = false;     ///< takes a lock
  bool waits = false;    ///< acts only on a zero; until then the task waits
  bool looks = false;    ///< stores nothing: the end of a sleep
  bool differs = false;  ///< acts on what is not `expected`, instead of on a zero
  bool wakes = false;    ///< acts only if the word has a bit in common with `expected`
  bool raises = false;   ///< acts only on what is less than `operand`
  TimerStep timer = TimerStep::none;

  [[nodiscard]] u64 apply(u64 old) const noexcept {
    u64 value = timer == TimerStep::start ? operand | (old & kTimerRuns) : operand;
    if (op == arch::Rmw::add) value = old + operand;
    if (op == arch::Rmw::bit_and) value = old & operand;
    if (op == arch::Rmw::bit_or) value = old | operand;
    return size == 8 ? value : value & ((u64{1} << (8 * size)) - 1);
  }
  [[nodiscard]] bool stores(u64 old) const noexcept {
    if (waits) return differs ? old != expected && (old & kTimerRuns) == 0 : old == 0;
    if (timer == TimerStep::cancel) return old != 0 && (old & kTimerRuns) == 0;
    if (wakes) return (old & expected) != 0;
    if (raises) return old < operand;
    return op != arch::Rmw::compare_exchange || old == expected;
  }
  /// True if it is behind its task's earlier stores if it reads `old`: it stores, or had to take a timer base's lock for a look.
  [[nodiscard]] bool drains(u64 old) const noexcept { return stores(old) || (timer == TimerStep::cancel && old != 0); }
  /// What kind of event the load is if it reads `old`.
  [[nodiscard]] u16 flags(u64 old) const noexcept {
    u16 result = kRead;
    if (op == arch::Rmw::compare_exchange || wakes || raises) result |= kCas;
    if (waits) result |= kLock;
    if (timer == TimerStep::cancel) result = static_cast<u16>(result | kIdleLook | (drains(old) ? kLock : 0));
    if (!stores(old)) return waits ? static_cast<u16>(result | kWaiting) : result;
    if (looks) return result | kAcquire;
    result |= kRmw;
    if (order == arch::Order::acquire || order == arch::Order::full) result |= kAcquire;
    if (order == arch::Order::full) result |= kFull;
    if (order == arch::Order::release) result |= kRelease;
    if (lock) result |= kLock;
    return result;
  }
};

/// What a task knows after an event, in the manner of view machines (Kang et al., POPL 2017, without promises), as sets of
/// events instead of timestamps: everything that happens before, and every store that it has seen.
template <unsigned W>
struct View {
  Mask<W> current;   ///< bounds its next loads and stores
  Mask<W> acquired;  ///< becomes `current` at the next barrier that orders loads; contains it
  Mask<W> written;   ///< what its own stores carried
  Mask<W> released;  ///< carried by every later store
  Mask<W> message;   ///< a store: what a reader that acquires learns
  Mask<W> at_fence;  ///< a full barrier: `current` at that point
};

template <unsigned W>
class Graph {
 public:
  using Set = Mask<W>;
  static constexpr unsigned kCapacity = 64 * W;

  struct Word {
    EventId first = 0;  ///< co-least store, 0 if none
    EventId last = 0;   ///< co-greatest store
    u64 initial = 0;
    Set initial_readers;
    Set stores;
    Set loads;
  };
  struct Thread {
    EventId first = 0;
    EventId last = 0;
    u16 length = 0;
  };

  explicit Graph(MemoryModel model) : model_(model) { clear(); }

  void clear() noexcept {
    count_ = 1;
    words.clear();
    threads.clear();
    stores_.reset();
    plain_.reset();
    fences_.reset();
    frees_.reset();
    fires_.reset();
    ranges_.reset();
    waiting_.reset();
    std::memset(static_cast<void*>(&event[0]), 0, sizeof event[0]);
    porf[0] = ordered[0] = Set{};
    porf[0].set(0);
    ordered[0].set(0);
    view[0] = View<W>{};
    view[0].current.set(0);
    view[0].acquired.set(0);
    readers_[0] = Set{};
  }
  void copy_from(const Graph& other) {
    const unsigned n = other.count_;
    count_ = other.count_;
    std::memcpy(static_cast<void*>(event), other.event, n * sizeof event[0]);
    std::memcpy(static_cast<void*>(porf), other.porf, n * sizeof porf[0]);
    std::memcpy(static_cast<void*>(readers_), other.readers_, n * sizeof readers_[0]);
    if (model_ == MemoryModel::tso) std::memcpy(static_cast<void*>(ordered), other.ordered, n * sizeof ordered[0]);
    if (model_ == MemoryModel::weak) std::memcpy(static_cast<void*>(view), other.view, n * sizeof view[0]);
    if (other.any_rmw_) std::memcpy(static_cast<void*>(operation), other.operation, n * sizeof operation[0]);
    any_rmw_ = other.any_rmw_;
    words = other.words;
    threads = other.threads;
    stores_ = other.stores_;
    plain_ = other.plain_;
    fences_ = other.fences_;
    frees_ = other.frees_;
    fires_ = other.fires_;
    ranges_ = other.ranges_;
    waiting_ = other.waiting_;
  }

  [[nodiscard]] unsigned count() const noexcept { return count_; }
  [[nodiscard]] bool full() const noexcept { return count_ + 4u > kCapacity; }
  [[nodiscard]] EventId newest() const noexcept { return static_cast<EventId>(count_ - 1); }
  [[nodiscard]] bool any_plain() const noexcept { return plain_.any(); }
  [[nodiscard]] bool any_free() const noexcept { return frees_.any(); }
  /// Events that give memory back.
  [[nodiscard]] const Set& frees() const noexcept { return frees_; }

  /// Appends an event to `thread`'s program order. Edges and sets come with link_*() and complete().
  EventId append(u16 thread, u16 flags, u16 word, u64 value) noexcept {
    const EventId id = count_++;
    Event& e = event[id];
    Thread& t = threads[thread];
    e = Event{};
    e.value = value;
    e.thread = thread;
    e.index = t.length++;
    e.word = word;
    e.flags = flags;
    e.po_prev = t.last;
    if (t.last != 0)
      event[t.last].po_next = id;
    else
      t.first = id;
    t.last = id;
    readers_[id].reset();
    if ((flags & (kFull | kRead | kWrite | kPlain)) != 0) note_kind(id, flags);
    return id;
  }

  /// The store that `load` reads; its value becomes the load's.
  void link_read(EventId load, EventId store) noexcept {
    Event& e = event[load];
    e.rf = store;
    if (store == 0) {
      e.value = words[e.word].initial;
      words[e.word].initial_readers.set(load);
    } else {
      e.value = event[store].value;
      readers_[store].set(load);
    }
  }
  void unlink_read(EventId load) noexcept {
    const Event& e = event[load];
    (e.rf == 0 ? words[e.word].initial_readers : readers_[e.rf]).clear(load);
  }
  /// Puts `store` into coherence order right behind `after` (0: first).
  void link_store(EventId store, EventId after) noexcept {
    Event& e = event[store];
    Word& w = words[e.word];
    const EventId next = after == 0 ? w.first : event[after].co_next;
    e.co_prev = after;
    e.co_next = next;
    (after == 0 ? w.first : event[after].co_next) = store;
    (next == 0 ? w.last : event[next].co_prev) = store;
  }
  void unlink_store(EventId store) noexcept {
    const Event& e = event[store];
    Word& w = words[e.word];
    (e.co_prev == 0 ? w.first : event[e.co_prev].co_next) = e.co_next;
    (e.co_next == 0 ? w.last : event[e.co_next].co_prev) = e.co_prev;
  }

  /// Computes the sets of an event whose edges stand.
  void complete(EventId id) noexcept;

  /// Takes every event with a number of `from` or more away.
  void truncate(EventId from) noexcept {
    while (count_ > from) {
      const EventId id = --count_;
      const Event& e = event[id];
      if ((e.flags & kRead) != 0) {
        unlink_read(id);
        words[e.word].loads.clear(id);
      }
      if ((e.flags & kWrite) != 0) {
        unlink_store(id);
        words[e.word].stores.clear(id);
        stores_.clear(id);
      }
      if ((e.flags & kPlain) != 0) plain_.clear(id);
      if ((e.flags & kFull) != 0) fences_.clear(id);
      frees_.clear(id);
      fires_.clear(id);
      ranges_.clear(id);
      waiting_.clear(id);
      Thread& t = threads[e.thread];
      t.last = e.po_prev;
      t.length--;
      if (e.po_prev != 0)
        event[e.po_prev].po_next = 0;
      else
        t.first = 0;
    }
  }

  [[nodiscard]] const Set& readers(EventId store, u16 word) const noexcept {
    return store == 0 ? words[word].initial_readers : readers_[store];
  }
  /// Those of them that the order of events goes by. That somebody waited is not seen by anybody: it may have come for the lock
  /// only once that was free.
  [[nodiscard]] Set who_read(EventId store, u16 word) const noexcept { return readers(store, word) - waiting_; }
  /// Changes what an event is, between linking and completing it: a compare-exchange stores only if it read the right value.
  void set_flags(EventId id, u16 flags) noexcept {
    event[id].flags = flags;
    if ((flags & kFull) != 0)
      fences_.set(id);
    else
      fences_.clear(id);
    if ((flags & kWaiting) != 0)
      waiting_.set(id);
    else
      waiting_.clear(id);
  }

  [[nodiscard]] EventId co_next(EventId store, u16 word) const noexcept {
    return store == 0 ? words[word].first : event[store].co_next;
  }
  /// `store` is the moment at which a timer fires. Its task's next event brings the clock to when that is, at the same moment.
  void set_fires(EventId store) noexcept {
    event[store].sources = 2;
    fires_.set(store);
  }
  [[nodiscard]] const Set& fires() const noexcept { return fires_; }
  /// The clock as it was set when a timer fired with `store`; 0 if that is still to come.
  [[nodiscard]] EventId clock_at(EventId store) const noexcept {
    EventId next = event[store].po_next;
    while (next != 0 && (event[next].flags & kRead) == 0) next = event[next].po_next;
    return next != 0 && (event[next].flags & kRmw) != 0 ? event[next].po_next : next;
  }
  /// Everything that comes before `id`, as far as a set can say it.
  [[nodiscard]] Set all_before(EventId id) const noexcept {
    return model_ == MemoryModel::weak ? porf[id] | weak_bound(view[id].current, nullptr, porf[id]) : close(order_of(id));
  }

  /// The read-modify-write that stands on `store`, right behind it in coherence order; 0 if none does.
  [[nodiscard]] EventId taken_by(EventId store, u16 word) const noexcept {
    const EventId next = co_next(store, word);
    return next != 0 && (event[next].flags & kRmw) != 0 && event[event[next].po_prev].rf == store ? next : EventId{0};
  }

  /// The stores that a new event at the end of `thread` may not come co-before, as far as a set can say it: a load may read the
  /// newest of them or anything newer, a store goes behind it. `flags` are those of the new event.
  [[nodiscard]] Set before(u16 thread, u16 flags) const noexcept;
  /// The same for a load that is in the graph already, as if it were new.
  [[nodiscard]] Set before_load(EventId load) const noexcept;
  /// tso: a task's own stores bound its loads too, although memory may not have seen them.
  [[nodiscard]] bool own_bound(EventId store, u16 thread) const noexcept {
    return model_ == MemoryModel::tso && store != 0 && event[store].thread == thread;
  }
  /// A quick part of before(): a subset of it that costs next to nothing.
  [[nodiscard]] const Set& surely_before(u16 thread, u16 flags) const noexcept {
    const EventId last = threads[thread].last;
    if (model_ == MemoryModel::weak) return view[last].current;
    if (model_ == MemoryModel::sc) return porf[last];
    return (flags & kRead) != 0 && (flags & kRmw) == 0 ? ordered[event[last].last_read] : ordered[event[last].last_write];
  }

  /// Accesses to the same word by other tasks that conflict with `id` and are unordered with it; at least one is plain.
  [[nodiscard]] Set races_with(EventId id) const noexcept {
    const Event& e = event[id];
    Set others = words[e.word].stores - known(id);
    if ((e.flags & kWrite) != 0) others |= words[e.word].loads - reads_before(id);
    if ((e.flags & kPlain) == 0) others &= plain_;
    return others;
  }
  /// The reads that are over when `id` happens, for the race detector. A marked store is behind what its task's loads tell it,
  /// acquiring or not: it comes after them, and so after the reads that were over by then.
  [[nodiscard]] Set reads_before(EventId id) const noexcept {
    const bool store = (event[id].flags & (kWrite | kRead | kPlain | kRange)) == kWrite;
    return store && model_ == MemoryModel::weak ? view[id].acquired : known(id);
  }

  /// Accesses to ranges unordered with `id`.
  [[nodiscard]] Set unordered_ranges(EventId id) const noexcept { return ranges_ - known(id); }
  /// Events unordered with `id`.
  [[nodiscard]] Set unordered(EventId id) const noexcept { return Set::below(count_) - known(id); }
  /// What happens before `id`, for the race detector. Where stores become visible in order (sc, tso), whoever reads a marked
  /// store is behind it. Reading a plain store orders nothing. Memory is given back behind all that the task's loads tell it,
  /// acquiring or not, as a store that depends on them would come.
  [[nodiscard]] Set known(EventId id) const noexcept {
    const Event& e = event[id];
    const bool read = (e.flags & kRead) != 0;
    const bool plain = read && ((e.flags & kPlain) != 0 || plain_.test(e.rf));
    if (model_ != MemoryModel::weak) return plain ? porf[e.po_prev] : porf[id];
    if (!read) return (e.flags & kFree) != 0 ? view[id].acquired : view[id].current;
    const View<W>& before = view[e.po_prev];
    Set result = (e.flags & (kReadFence | kFull)) != 0 ? before.acquired : before.current;
    if ((e.flags & kAcquire) != 0 && !plain) result |= view[e.rf].message;
    return result;
  }

  Event event[kCapacity];
  Set porf[kCapacity];
  Set ordered[kCapacity];
  View<W> view[kCapacity];
  RmwOperation operation[kCapacity];  ///< of the loads of read-modify-writes
  std::vector<Word> words;
  std::vector<Thread> threads;

  /// weak: true if every full barrier that comes before this one is in `played`.
  [[nodiscard]] bool is_next_fence(EventId fence, const Set& played) const noexcept {
    Set before = (porf[fence] & fences_) | fences_before(view[fence].at_fence);
    before.clear(fence);
    return !(before - played).any();
  }

  void set_operation(EventId load, const RmwOperation& op) noexcept {
    operation[load] = op;
    any_rmw_ = true;
  }

 private:
  void note_kind(EventId id, u16 flags) noexcept {
    if ((flags & kWrite) != 0) {
      stores_.set(id);
      words[event[id].word].stores.set(id);
    }
    if ((flags & kRead) != 0) words[event[id].word].loads.set(id);
    if ((flags & kPlain) != 0) plain_.set(id);
    if ((flags & kFull) != 0) fences_.set(id);
    if ((flags & kFree) != 0) frees_.set(id);
    if ((flags & kRange) != 0) ranges_.set(id);
    if ((flags & kWaiting) != 0) waiting_.set(id);
  }
  [[nodiscard]] Set close(Set set) const noexcept;
  [[nodiscard]] Set bounds(EventId last, u16 flags) const noexcept;
  [[nodiscard]] Set weak_bound(const Set& current, const Set* at_new_fence, const Set& causes) const noexcept;
  [[nodiscard]] Set fences_before(const Set& seen) const noexcept;
  void complete_view(EventId id) noexcept;
  [[nodiscard]] bool has_unlocked(EventId id) const noexcept;
  [[nodiscard]] const Set& order_of(EventId id) const noexcept { return model_ == MemoryModel::tso ? ordered[id] : porf[id]; }

  MemoryModel model_;
  bool any_rmw_ = false;
  u16 count_ = 1;
  Set stores_;   // all stores
  Set plain_;    // all plain accesses
  Set fences_;   // weak: all full barriers
  Set ranges_;   // all accesses to ranges
  Set waiting_;  // all loads that found a lock held, or their task still asleep
  Set frees_;    // all events that give memory back
  Set fires_;    // all stores with which timers fire
  Set readers_[kCapacity];
};

}  // namespace uringsim::sim::dpor

#include "sim/explore/dpor/order.h"
