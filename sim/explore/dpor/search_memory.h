// SPDX-License-Identifier: GPL-2.0-only
// Words, and what tasks do to them; memory that they allocate.
#pragma once

#include "sim/explore/dpor/raw_memory.h"
#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

template <unsigned W>
u16 Search<W>::word_of(const void* at, unsigned size) noexcept {
  const u64 offset = arena_.offset(at);
  if (offset < kArenaBytes) [[likely]] {
    for (u32 number = word_index_[offset]; number != 0; number = word_info_[number - 1].other_size)
      if (word_info_[number - 1].size == size) [[likely]]
        return static_cast<u16>(number - 1);
  }
  return make_word(at, size, offset);
}

template <unsigned W>
u16 Search<W>::make_word(const void* at, unsigned size, u64 offset) noexcept {
  if (offset >= kArenaBytes) {
    refuse("a task shares memory that is not the machine's");
  }
  if (word_info_.size() >= 0xfff0) refuse("more words than the search can tell apart");
  word_info_.push_back({const_cast<void*>(at), static_cast<u8>(size), static_cast<u16>(word_index_[offset]), false, 0});
  word_index_[offset] = static_cast<u32>(word_info_.size());
  const auto word = static_cast<u16>(word_info_.size() - 1);
  constexpr u64 kWidest = 8;
  for (u64 near = offset < kWidest ? 0 : offset - kWidest + 1; near < std::min(offset + size, kArenaBytes); near++)
    for (u32 number = word_index_[near]; number != 0; number = word_info_[number - 1].other_size) {
      if (number - 1 == word || near + word_info_[number - 1].size <= offset) continue;
      add_overlap(word, static_cast<u16>(number - 1));
      add_overlap(static_cast<u16>(number - 1), word);
    }
  return word;
}

template <unsigned W>
void Search<W>::add_overlap(u16 word, u16 other) {
  u16& list = word_info_[word].overlaps;
  if (list == 0) {
    overlaps_.emplace_back();
    list = static_cast<u16>(overlaps_.size());
  }
  overlaps_[list - 1u].push_back(other);
}

/// A word is about to get an event, and some of its bytes are those of other words. They are unions, like an SQE's fields, which
/// are written as ranges: a range writes every word of it, and nothing else may write one while another is in use.
template <unsigned W>
void Search<W>::touch_overlaps(u16 word, bool stores) noexcept {
  const Graph<W>& g = *graph_;
  for (const u16 other : overlaps_[word_info_[word].overlaps - 1u]) {
    if (other >= g.words.size()) continue;
    const auto& w = g.words[other];
    bool written = stores && (w.last != 0 || w.loads.any());
    w.stores.each([&](unsigned store) { written |= g.event[store].sources != 3; });
    if (written) refuse("a word is accessed in different sizes");
  }
}

/// A word is about to get an event; its first one finds the value that was there before.
template <unsigned W>
void Search<W>::touch(u16 word, bool stores) noexcept {
  Graph<W>& g = *graph_;
  if (g.words.size() <= word) g.words.resize(word + u32{1});
  if (word_info_[word].overlaps != 0) [[unlikely]]
    touch_overlaps(word, stores);
  auto& w = g.words[word];
  if (w.last != 0 || w.loads.any()) return;
  w.initial = 0;
  std::memcpy(&w.initial, word_info_[word].at, word_info_[word].size);
}

template <unsigned W>
bool Search<W>::is_left_out(const char* barrier) const noexcept {
  if (barrier == nullptr || options_in_.left_out.empty()) return false;
  return std::find(options_in_.left_out.begin(), options_in_.left_out.end(), barrier) != options_in_.left_out.end();
}

template <unsigned W>
void Search<W>::note(EventId id, OpKind kind, const void* at, unsigned size, const char* barrier, const arch::Site& site) {
  if (!recording_) [[likely]]
    return;
  if (trail_.size() <= id) trail_.resize(id + u32{1});
  trail_newest_ = id;
  const Task& task = running();
  trail_[id] = {site,
                task.scopes.empty() ? nullptr : task.scopes.back(),
                barrier,
                is_left_out(barrier),
                static_cast<u8>(size),
                kind,
                at != nullptr ? arena_.offset(at) : 0};
}

/// As note(), for a step whose object is a task.
template <unsigned W>
void Search<W>::note_task(EventId id, OpKind kind, u32 object) {
  note(id, kind, nullptr, 0, nullptr, running().site);
  if (recording_) trail_[id].object = object;
}

template <unsigned W>
u64 Search<W>::load(const void* at, unsigned size, arch::Order order, const char* barrier, arch::Site site) noexcept {
  if (warming_) return detail::peek(at, size);
  Task& task = running();
  EventId id = replayed_event(task, kRead, at);
  if (id == 0) {
    at_frontier(task);
    u16 flags = kRead | task.pending;
    if (order == arch::Order::acquire && !is_left_out(barrier)) flags |= kAcquire;
    if (order == arch::Order::plain && options_in_.races) flags |= kPlain;
    task.pending = 0;
    id = add_load(static_cast<u16>(task.task->id), flags, word_of(at, size), nullptr);
    task.replayed++;
    if (violated_) leave(task, Status::frontier);
  }
  note(id, order == arch::Order::plain ? OpKind::plain_read : OpKind::load, at, size, barrier, site);
  // Replay keeps causality, so memory holds what a plain load reads, whichever way it got there.
  return order == arch::Order::plain && options_in_.races ? detail::peek(at, size) : graph_->event[id].value;
}

template <unsigned W>
void Search<W>::store(void* at, unsigned size, u64 value, arch::Order order, const char* barrier, arch::Site site) noexcept {
  if (warming_) return detail::poke(at, size, value);
  Task& task = running();
  EventId id = replayed_event(task, kWrite, at);
  task.effect = true;
  if (id == 0) {
    at_frontier(task);
    u16 flags = kWrite | task.pending;
    if (order == arch::Order::release && !is_left_out(barrier)) flags |= kRelease;
    if (order == arch::Order::plain && options_in_.races) flags |= kPlain;
    task.pending = 0;
    id = add_store(static_cast<u16>(task.task->id), flags, word_of(at, size), value);
    task.replayed++;
    if (violated_) leave(task, Status::frontier);
  }
  detail::poke(at, size, value);
  note(id, order == arch::Order::plain ? OpKind::plain_write : OpKind::store, at, size, barrier, site);
}

template <unsigned W>
u64 Search<W>::rmw(void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected, arch::Order order,
                   arch::Site site) noexcept {
  return perform(at, {operand, expected, op, static_cast<u8>(size), order}, OpKind::rmw, site);
}

/// A read-modify-write that does not wait. Returns the old value.
template <unsigned W>
u64 Search<W>::perform(void* at, const RmwOperation& operation, OpKind kind, const arch::Site& site) noexcept {
  Task& task = running();
  const u8 size = operation.size;
  if (warming_) {
    const u64 old = detail::peek(at, size);
    if (operation.stores(old)) detail::poke(at, size, operation.apply(old));
    return old;
  }
  EventId id = replayed_event(task, kRead, at);
  if (id == 0) {
    at_frontier(task);
    u16 flags = kRead | task.pending;
    if (operation.timer == TimerStep::cancel)
      flags |= kIdleLook;
    else
      flags |= operation.op == arch::Rmw::compare_exchange || operation.wakes || operation.raises ? kCas : kRmw;
    if (operation.order == arch::Order::full) flags |= kFull;
    task.pending = 0;
    id = add_load(static_cast<u16>(task.task->id), flags, word_of(at, size), &operation);
    task.replayed++;
    if (!violated_ && (graph_->event[id].flags & kRmw) != 0) {
      add_rmw_store(id);
      task.replayed++;
    }
    if (violated_) leave(task, Status::frontier);
  } else if ((graph_->event[id].flags & kRmw) != 0) {
    replayed_event(task, kWrite, at);
  }
  const Event& e = graph_->event[id];
  const u64 old = e.value;
  note(id, kind, at, size, nullptr, site);
  if ((e.flags & kRmw) != 0) {
    task.effect |= !operation.lock;  // taking a lock is nobody's progress
    detail::poke(at, size, graph_->event[e.po_next].value);
    note(e.po_next, kind, at, size, nullptr, site);
    if (operation.order == arch::Order::full && options_in_.memory == MemoryModel::weak) fence(arch::Fence::full, nullptr, {});
  }
  return old;
}

template <unsigned W>
void Search<W>::fence(arch::Fence kind, const char* barrier, arch::Site site) noexcept {
  if (warming_ || is_left_out(barrier)) return;
  Task& task = running();
  if (options_in_.memory == MemoryModel::sc) return;
  if (task.copied_over != 0) [[unlikely]]
    settle(task);
  if (kind != arch::Fence::full) {
    if (task.cursor == 0 && options_in_.memory == MemoryModel::weak)
      task.pending |= kind == arch::Fence::read ? kReadFence : kWriteFence;
    return;
  }
  EventId id = replayed_event(task);
  if (id == 0) {
    at_frontier(task);
    const u16 flags = kFull | task.pending;
    task.pending = 0;
    id = add_event(static_cast<u16>(task.task->id), flags, 0);
    task.replayed++;
  }
  if (site.line != 0) note(id, OpKind::fence, nullptr, 0, barrier, site);  // else part of another operation
}

template <unsigned W>
EventId Search<W>::add_range(Task& task, const PlainRange& range, u16 flags) {
  flags |= kPlain | kRange | task.pending;
  task.pending = 0;
  const EventId id = graph_->append(static_cast<u16>(task.task->id), flags, 0, range.pack());
  graph_->complete(id);
  task.replayed++;
  check_races(id);
  if (violated_) leave(task, Status::frontier);
  return id;
}

template <unsigned W>
void Search<W>::plain(const void* at, u64 bytes, bool write, arch::Site site) noexcept {
  if (warming_ || (!options_in_.races && !write) || bytes == 0) return;
  Task& task = running();
  ranges_ = true;
  if (write) task.effect = true;
  EventId id = replayed_event(task, kRange);
  if (id == 0) {
    at_frontier(task);
    id = add_range(task, {arena_.offset(at), bytes, write}, 0);
    if (write) task.copied_over = id;
  } else {
    for (u16 words = graph_->event[id].sources; words > 1; words--) {
      const Event& store = graph_->event[task.cursor];
      task.cursor = store.po_next;
      task.replayed = static_cast<u16>(store.index + 1);
    }
  }
  note(id, write ? OpKind::plain_write : OpKind::plain_read, at, 0, nullptr, site);
}

/// `task` does something else now, so the range that it was about to write is written. Words in it that somebody has accessed in
/// this execution have other values from here on: each gets a plain store behind the range's own event, which counts them.
template <unsigned W>
void Search<W>::settle(Task& task) {
  Graph<W>& g = *graph_;
  const EventId range = std::exchange(task.copied_over, EventId{0});
  const PlainRange bytes = range_of(range);
  const u64 end = std::min<u64>(bytes.offset + bytes.bytes, kArenaBytes);
  constexpr u64 kWidest = 8;
  for (u64 at = bytes.offset < kWidest ? 0 : bytes.offset - kWidest; at < end; at++) {
    for (u32 number = word_index_[at]; number != 0; number = word_info_[number - 1].other_size) {
      const auto word = static_cast<u16>(number - 1);
      const WordInfo& info = word_info_[word];
      if (at + info.size <= bytes.offset || word >= g.words.size()) continue;
      if (g.words[word].last == 0 && !g.words[word].loads.any()) continue;
      at_frontier(task);
      add_store(static_cast<u16>(task.task->id), kWrite | kPlain | kRange, word, detail::peek(info.at, info.size));
      task.replayed++;
      g.event[range].sources++;
      if (violated_) leave(task, Status::frontier);
    }
  }
}

template <unsigned W>
void Search<W>::scope(const char* function) noexcept {
  if (!recording_ && !warming_) return;
  if (running_ == nullptr) return;
  Task& task = running();
  if (function != nullptr)
    task.scopes.push_back(function);
  else if (!task.scopes.empty())
    task.scopes.pop_back();
}

/// The program does something that this search does not know: the search ends with an error that names it.
template <unsigned W>
void Search<W>::refuse(const char* what) noexcept {
  if (result_.error.empty()) result_.error = what;
  abort_ = true;
  if (!set_up_ || warming_) leave(running(), Status::frontier);
}

template <unsigned W>
void Search<W>::diverged(const Task& task) {
  if (result_.error.empty())
    result_.error = fmt::format(
        "{} does not do the same again where all that it saw is the same: it looks at shared memory by other "
        "means than arch/{}{}",
        task.task->name, task.scopes.empty() ? "" : ", in ", task.scopes.empty() ? "" : task.scopes.back());
  refuse("");
}

/// In the run every task allocates from a pool of its own, and nothing is handed out twice in an execution: so an object has the
/// same address in every execution in which its task did the same.
template <unsigned W>
void* Search<W>::alloc(u64 bytes, u64 align) noexcept {
  if (set_up_) return arena_.alloc(bytes, align);
  Task& task = running();
  constexpr u64 kPoolBytes = Arena::kStackBytes - 8192;
  if (bytes == 0) bytes = 1;
  if (bytes > kPoolBytes - 4096) refuse("an allocation of more memory at once than the search has room for");
  if (task.pool_used == 0) task.pool_used = 64;
  u64 from = (task.pool_used + align - 1) / align * align;
  if (from + bytes > kPoolBytes) {
    if (++task.pools_full > task.more_pools.size()) {
      void* const more = arena_.alloc_stack();
      if (more == nullptr) {
        outgrown_ = true;
        leave(task, Status::frontier);
      }
      arena_.keep_stacks(snapshot_);
      task.more_pools.push_back(static_cast<unsigned char*>(more));
    }
    from = 0;
  }
  task.pool_used = from + ((bytes + 15) & ~u64{15});
  unsigned char* const at = (task.pools_full == 0 ? task.pool : task.more_pools[task.pools_full - 1]) + from;
  std::memset(at, 0, bytes);
  return at;
}

template <unsigned W>
void Search<W>::free(void* memory, u64 bytes) noexcept {
  if (set_up_ && locks_ != nullptr) locks_->on_free(memory, bytes);
  if (set_up_) return arena_.free(memory, bytes);
  if (memory == nullptr || bytes == 0) return;
  Task& task = running();
  ranges_ = true;
  EventId id = replayed_event(task, kRange);
  if (id == 0) {
    at_frontier(task);
    id = add_range(task, {arena_.offset(memory), bytes, true}, kFree);
  }
  note(id, OpKind::time, memory, 0, nullptr, {});
  if (locks_ != nullptr) locks_->on_free(memory, bytes);
}

/// The same numbers whoever asks when: a world that is explored must not depend on them.
template <unsigned W>
u64 Search<W>::random() noexcept {
  return 0x9e3779b97f4a7c15;
}

/// `about` is what the choice is about, for may_see_news().
template <unsigned W>
u32 Search<W>::decide(u32 options, u16 about) noexcept {
  if (set_up_) return 0;
  Task& task = running();
  if (options == 0) {
    for (;;) leave(task, Status::cut);
  }
  EventId id = replayed_event(task, kChoice);
  if (id == 0) {
    at_frontier(task);
    const u16 flags = kChoice | task.pending;
    task.pending = 0;
    id = add_event(static_cast<u16>(task.task->id), flags, 0);
    graph_->event[id].sources = static_cast<u16>(options);
    graph_->event[id].word = about;
    task.replayed++;
    if (options > 1) {
      const u32 first = static_cast<u32>(options_.size());
      for (u32 option = options; --option > 0;) options_.push_back(static_cast<u16>(option));
      push_item(ItemKind::choice, id, 0, first);
    }
  }
  note(id, OpKind::choose, nullptr, 0, nullptr, {});
  return static_cast<u32>(graph_->event[id].value);
}

}  // namespace uringsim::sim::dpor
