// SPDX-License-Identifier: GPL-2.0-only
// Running the tasks of one execution: along the graph as far as it reaches, then beyond it.
//
// Replay keeps causality: a load waits until the store that it reads has been replayed. So what tasks exchange by other means
// than arch/ (data under a lock, for instance) is there when they look for it.
#pragma once

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

inline constexpr unsigned kMaxTasks = 64;
inline constexpr u64 kArenaBytes = u64{1} << 28;
/// What now() says when executions begin, and by how much time moves when it does: beyond whatever is being waited for.
inline constexpr u64 kBeginning = 1'000'000'000;
inline constexpr u64 kTimeStep = 3'600'000'000'000;

template <unsigned W>
Search<W>::Search(Program& program, const Options& options)
    : program_(program),
      options_in_(options),
      arena_(Arena::Options{.bytes = kArenaBytes}),
      word_index_(kArenaBytes),
      graph_(std::make_unique<Graph<W>>(options.memory)) {
  word_info_.reserve(256);
}

// ---- executions ----------------------------------------------------------------------------------------------------

template <unsigned W>
void Search<W>::restart() {
  arena_.restore(snapshot_);
  program_.put_back();
  Graph<W>& g = *graph_;
  for (u32 id = 0; id < tasks_.size(); id++) {
    Task& task = *tasks_[id];
    task.status = Status::absent;
    if (task.gone || id >= set_up_tasks_) continue;
    if (task.begun)
      task.fiber.rewind(task.rest);
    else
      task.fiber.start(task.stack, task.stack_bytes, &Search::enter, &task);
    task.may_time_out = false;
    task.born = 0;
    task.cursor = g.threads[id].first;
    task.replayed = 0;
    task.status = Status::replaying;
    task.pending = 0;
    task.effect = false;
    task.pass_from = 0;
    task.waited = false;
    task.spawned = 0;
    task.pool_used = 0;
    task.scopes = task.rest_scopes;
  }
  preempt_ = false;
  idle_ = false;
  *own_ = Own{};
  own_->clock = kBeginning;
}

template <unsigned W>
void Search<W>::enter(void* argument) {
  Task& task = *static_cast<Task*>(argument);
  if (!task.initial && !task.search->warming_) task.search->first_wait(task);
  task.entry(task.argument);
  task.search->stop_task();
}

/// A task that was spawned in the run begins once it is woken, and knows what its spawner knew.
template <unsigned W>
void Search<W>::first_wait(Task& task) {
  EventId id = replayed_event(task);
  if (id == 0) {
    at_frontier(task);
    id = add_event(static_cast<u16>(task.task->id), kSync, task.born);
    task.replayed++;
  }
  if (task.service) return;
  RmwOperation look{0, 0, arch::Rmw::exchange, 4, arch::Order::acquire};
  look.waits = look.looks = true;
  await(task, word_of(task.state, 4), Status::unborn, look);
}

/// The current task is over.
template <unsigned W>
void Search<W>::stop_task() {
  Task& task = running();
  task.status = Status::ended;
  Fiber::leave_for(task.fiber, home_);
}

template <unsigned W>
void Search<W>::run_task(Task& task) {
  running_ = &task;
  arch::set_current_task(task.task);
  Fiber::switch_to(home_, task.fiber);
}

/// The running task stops here with `status`; returns when it is run again.
template <unsigned W>
void Search<W>::leave(Task& task, Status status) {
  task.status = status;
  Fiber::switch_to(task.fiber, home_);
}

template <unsigned W>
void Search<W>::replay() {
  const Graph<W>& g = *graph_;
  replaying_ = true;
  for (bool again = true; again;) {
    again = false;
    for (auto& entry : tasks_) {
      Task& task = *entry;
      if (task.status == Status::waits_rf) {
        const Event& store = g.event[task.wait_event];
        if (tasks_[store.thread]->replayed <= store.index) continue;
        task.status = Status::replaying;
      }
      if (task.status != Status::replaying) continue;
      run_task(task);
      again = true;
    }
  }
  replaying_ = false;
}

template <unsigned W>
void Search<W>::extend() {
  while (!abort_ && !outgrown_ && !violated_ && !idle_) {
    Task* const task = pick();
    if (task == nullptr) return;
    preempt_ = false;
    run_task(*task);
  }
}

/// Runs the applications, one after the other and directly on memory, until each has called ready() or waits. Time stands still.
/// Kernel threads run only where every application waits for something; one that nobody had to wait for begins in the
/// executions, as on the operational machine.
template <unsigned W>
void Search<W>::warm_up() {
  warming_ = true;
  u64 turns = 0;
  const auto applications_are_ready = [this] {
    for (const auto& task : tasks_)
      if (task->initial && !task->kernel_thread && !task->ready && task->status != Status::ended) return false;
    return true;
  };
  bool kernel_threads = false;  // whose turn it is
  for (bool again = true; again && !abort_ && !violated_;) {
    again = false;
    for (std::size_t id = 0; id < tasks_.size(); id++) {
      Task& task = *tasks_[id];
      if (!task.initial || task.ready || task.status == Status::ended || task.kernel_thread != kernel_threads) continue;
      if (!task.begun) {
        task.fiber.start(task.stack, task.stack_bytes, &Search::enter, &task);
      } else if (task.status == Status::asleep) {
        if (*task.state != arch::TASK_RUNNING) continue;
      } else if (task.status == Status::waits_lock) {
        if (task.wanted->word != 0) continue;
      } else if (task.status == Status::waits_join) {
        if (tasks_[task.wait_id]->status != Status::ended) continue;
      } else if (task.status == Status::polling && ++turns > 10'000) {
        continue;
      }
      task.begun = true;
      run_task(task);
      again = true;
    }
    if (kernel_threads) {
      kernel_threads = false;
    } else if (!again && !applications_are_ready()) {
      kernel_threads = again = true;
    }
  }
  arch::set_current_task(nullptr);
  warming_ = false;
  // What ended is no part of what is explored.
  for (auto& task : tasks_)
    if (task->status == Status::ended) task->gone = true;
}

template <unsigned W>
void Search<W>::ready() noexcept {
  if (!warming_) return;
  running().ready = true;
  leave(running(), Status::frontier);
}

/// Who goes on: the task with the lowest id that can.
template <unsigned W>
auto Search<W>::pick() -> Task* {
  const Graph<W>& g = *graph_;
  for (auto& entry : tasks_) {
    Task& task = *entry;
    if (task.status == Status::frontier || task.status == Status::replaying) return &task;
    if (task.status == Status::waits_lock || task.status == Status::asleep || task.status == Status::unborn) {
      const EventId last = g.words[task.wait_word].last;
      if ((last == 0 ? g.words[task.wait_word].initial : g.event[last].value) == 0) return &task;
    }
    if (task.status == Status::waits_join && tasks_[task.wait_id]->status == Status::ended) return &task;
  }
  return nullptr;
}

/// The next operation of `task` would be a new event. Returns when it may add it.
template <unsigned W>
void Search<W>::at_frontier(Task& task) {
  if (replaying_ || preempt_ || abort_ || violated_) [[unlikely]]
    leave(task, Status::frontier);
  if (graph_->full()) [[unlikely]] {
    outgrown_ = true;
    leave(task, Status::frontier);
  }
}

/// The event that the next operation of `task` was, 0 if it is new. Then the caller goes to at_frontier().
template <unsigned W>
EventId Search<W>::replayed_event(Task& task) {
  const EventId id = task.cursor;
  if (id == 0) return 0;
  const Graph<W>& g = *graph_;
  const Event& e = g.event[id];
  if (e.rf != 0) {
    const Event& source = g.event[e.rf];
    if (tasks_[source.thread]->replayed <= source.index) [[unlikely]] {
      task.wait_event = e.rf;
      leave(task, Status::waits_rf);
    }
  }
  task.cursor = e.po_next;
  task.replayed = static_cast<u16>(e.index + 1);
  task.pending = 0;
  return id;
}

/// An execution is over: counts it, and has it judged.
template <unsigned W>
void Search<W>::finish() {
  if (idle_) {
    if (counted_) result_.blocked++;
    return;
  }
  Graph<W>& g = *graph_;
  bool cut = false;
  all_ended_ = true;
  for (u32 id = 0; id < tasks_.size(); id++) {
    const Task& task = *tasks_[id];
    if (task.status == Status::ended || task.status == Status::absent || task.status == Status::unborn) continue;
    all_ended_ = false;
    if (task.status == Status::cut) cut = true;
    if (task.status == Status::asleep && task.may_time_out) cut = true;  // it would have timed out
    if (task.status == Status::polling) {
      // Something that it polls has news, or will have: another graph holds the pass that sees it.
      for (EventId event = g.threads[id].last; event != 0 && g.event[event].index >= task.pass_from;
           event = g.event[event].po_prev) {
        const Event& e = g.event[event];
        if ((e.flags & kRead) != 0 && g.co_next(e.rf, e.word) != 0) cut = true;
        if ((e.flags & kChoice) != 0) cut = true;
      }
    }
    if (task.status == Status::waits_lock) {
      const EventId waiting = g.threads[id].last;
      const EventId newer_than = std::max(waiting, g.event[waiting].rf);
      const u32 first = static_cast<u32>(options_.size());
      const Set bound = g.before(static_cast<u16>(id), kRead | kLock);
      for (EventId store = g.words[task.wait_word].last; store > 0; store = g.event[store].co_prev) {
        if (g.event[store].value == 0 && store > newer_than) options_.push_back(store);
        if (bound.test(store)) break;
      }
      if (options_.size() != first) push_item(ItemKind::lock, g.newest(), static_cast<EventId>(id), first);
    }
  }
  if (!counted_) return;
  if (cut) {
    result_.blocked++;
    return;
  }
  result_.complete++;
  write_back();
  left_over_.clear();
  arch::set_current_task(nullptr);
  program_.check(*this);
  if (options_in_.digests && !violated_) result_.digests.push_back(program_.digest());
}

/// Gives every word the co-newest value, as the program's check expects it.
template <unsigned W>
void Search<W>::write_back() noexcept {
  const Graph<W>& g = *graph_;
  for (u32 word = 0; word < g.words.size(); word++) {
    const EventId last = g.words[word].last;
    if (last == 0) continue;
    const WordInfo& info = word_info_[word];
    std::memcpy(info.at, &g.event[last].value, info.size);
  }
}

template <unsigned W>
Result Search<W>::run() {
  result_ = Result{};
  set_up_ = true;
  arch::set_current_task(nullptr);
  program_.set_up(*this);
  set_up_ = false;
  own_ = static_cast<Own*>(arena_.alloc_stack());
  *own_ = Own{};
  own_->clock = kBeginning;
  set_up_ = true;
  if (program_.warm_up()) warm_up();
  set_up_ = false;
  if (!result_.error.empty() || violated_) {
    if (result_.error.empty()) result_.error = "its tasks do not get ready: " + result_.violation.text;
    return result_;
  }
  for (auto& task : tasks_) task->pool = static_cast<unsigned char*>(arena_.alloc_stack());
  for (u64 id = tasks_.size(); id < kMaxTasks; id++) {
    void* const stack = arena_.alloc_stack();
    room_.emplace_back(stack, static_cast<unsigned char*>(arena_.alloc_stack()));
  }
  std::vector<ArenaRange> stacks;
  for (auto& entry : tasks_) {
    Task& task = *entry;
    if (!task.begun || task.gone) continue;
    task.rest = task.fiber.point();
    task.rest_scopes = task.scopes;
    auto* const top = static_cast<unsigned char*>(task.stack) + task.stack_bytes;
    auto* const pointer = static_cast<unsigned char*>(task.fiber.stack_pointer());
    stacks.push_back({pointer, static_cast<u64>(top - pointer)});
  }
  arena_.save(snapshot_, stacks);
  program_.keep();
  set_up_tasks_ = static_cast<u32>(tasks_.size());
  graph_->threads.resize(kMaxTasks);
  dividing_ = options_in_.shards > 1 || options_in_.jobs > 1 || options_in_.parts_done != ~u64{0};
  if (options_in_.parts_done != ~u64{0}) {
    result_.parts_done = options_in_.parts_done;
    result_.complete = result_.parts_complete = options_in_.parts_complete;
    result_.blocked = result_.parts_blocked = options_in_.parts_blocked;
  }
  const auto begin = std::chrono::steady_clock::now();
  auto report = begin + std::chrono::milliseconds(100);
  bool more = true;
  for (u64 turns = 0; more; turns++) {
    if (result_.complete + result_.blocked >= options_in_.max_executions) break;
    if ((turns & 255) == 255) {
      const auto now = std::chrono::steady_clock::now();
      const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - begin).count();
      if (static_cast<u64>(elapsed) >= options_in_.max_milliseconds) break;
      if (options_in_.progress && now >= report) {
        report = now + std::chrono::milliseconds(100);
        if (!options_in_.progress({result_.complete, result_.blocked, static_cast<unsigned>(items_.size()), share()})) break;
      }
    }
    counted_ = !dividing_ || !shared_ || counts_above();
    if (!violated_) {
      restart();
      replay();
      extend();
    }
    arch::set_current_task(nullptr);
    if (outgrown_ || abort_) break;
    result_.events = std::max<u64>(result_.events, graph_->count() - 1);
    if (!violated_) {
      const u64 complete = result_.complete, blocked = result_.blocked;
      finish();
      if (shared_) above_complete_ += result_.complete - complete, above_blocked_ += result_.blocked - blocked;
    }
    if (violated_) {
      if (!result_.found) {
        result_.found = true;
        result_.found_at = std::max<u64>(1, result_.complete + result_.blocked);
        tell();
      }
      violated_ = false;
      if (options_in_.stop_at_violation) break;
    }
    more = backtrack();
  }
  result_.exhausted = !more && !outgrown_ && !abort_;
  std::sort(result_.digests.begin(), result_.digests.end());
  result_.digests.erase(std::unique(result_.digests.begin(), result_.digests.end()), result_.digests.end());
  return result_;
}

// ---- words ---------------------------------------------------------------------------------------------------------

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
  word_info_.push_back({const_cast<void*>(at), static_cast<u8>(size), static_cast<u16>(word_index_[offset])});
  word_index_[offset] = static_cast<u32>(word_info_.size());
  return static_cast<u16>(word_info_.size() - 1);
}

/// A word is about to get an event; its first one finds the value that was there before.
template <unsigned W>
void Search<W>::touch(u16 word) noexcept {
  Graph<W>& g = *graph_;
  if (g.words.size() <= word) g.words.resize(word + u32{1});
  auto& w = g.words[word];
  if (w.last != 0 || w.loads.any()) return;
  for (u32 other = word_info_[word].other_size; other != 0; other = word_info_[other - 1].other_size)
    if (other - 1 < g.words.size() && (g.words[other - 1].last != 0 || g.words[other - 1].loads.any()))
      refuse("a word is accessed in different sizes");
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

// ---- memory --------------------------------------------------------------------------------------------------------

namespace detail {
inline u64 peek(const void* at, unsigned size) noexcept {
  u64 value = 0;
  std::memcpy(&value, at, size);
  return value;
}
inline void poke(void* at, unsigned size, u64 value) noexcept {
  switch (size) {
    case 1:
      __atomic_store_n(static_cast<u8*>(at), static_cast<u8>(value), __ATOMIC_RELAXED);
      return;
    case 2:
      __atomic_store_n(static_cast<u16*>(at), static_cast<u16>(value), __ATOMIC_RELAXED);
      return;
    case 4:
      __atomic_store_n(static_cast<u32*>(at), static_cast<u32>(value), __ATOMIC_RELAXED);
      return;
    default:
      __atomic_store_n(static_cast<u64*>(at), value, __ATOMIC_RELAXED);
  }
}
}  // namespace detail

template <unsigned W>
u64 Search<W>::load(const void* at, unsigned size, arch::Order order, const char* barrier, arch::Site site) noexcept {
  if (warming_) return detail::peek(at, size);
  Task& task = running();
  EventId id = replayed_event(task);
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
  EventId id = replayed_event(task);
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
  EventId id = replayed_event(task);
  if (id == 0) {
    at_frontier(task);
    u16 flags = kRead | task.pending;
    flags |= operation.op == arch::Rmw::compare_exchange || operation.wakes ? kCas : kRmw;
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
    replayed_event(task);
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
void Search<W>::plain(const void* at, u64 bytes, bool write, arch::Site site) noexcept {
  if (warming_ || !options_in_.races || bytes == 0) return;
  Task& task = running();
  ranges_ = true;
  if (write) task.effect = true;
  EventId id = replayed_event(task);
  if (id == 0) {
    at_frontier(task);
    const u16 flags = kPlain | kRange | task.pending;
    task.pending = 0;
    id = graph_->append(static_cast<u16>(task.task->id), flags, 0, PlainRange{arena_.offset(at), bytes, write}.pack());
    graph_->complete(id);
    task.replayed++;
    check_races(id);
    if (violated_) leave(task, Status::frontier);
  }
  note(id, write ? OpKind::plain_write : OpKind::plain_read, at, 0, nullptr, site);
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

// ---- locks ---------------------------------------------------------------------------------------------------------

/// Adds, or replays, a load that must find a zero; the task waits in `status` until there is one. What it does with the zero is
/// up to `operation`.
template <unsigned W>
EventId Search<W>::await(Task& task, u16 word, Status status, const RmwOperation& operation) noexcept {
  const u16 thread = static_cast<u16>(task.task->id);
  for (;;) {
    EventId id = replayed_event(task);
    if (id == 0) {
      const EventId last = graph_->threads[thread].last;
      if (last != 0 && (graph_->event[last].flags & kWaiting) != 0) {
        task.wait_word = word;
        leave(task, status);
        if (graph_->full()) at_frontier(task);
      } else {
        at_frontier(task);
      }
      const u16 flags = kRead | kLock | task.pending;
      task.pending = 0;
      id = add_load(thread, flags, word, &operation);
      task.replayed++;
      if ((graph_->event[id].flags & kRmw) != 0) {
        add_rmw_store(id);
        task.replayed++;
      }
      if (violated_) leave(task, Status::frontier);
    } else if ((graph_->event[id].flags & kRmw) != 0) {
      replayed_event(task);
    }
    if ((graph_->event[id].flags & kWaiting) == 0) return id;
  }
}

template <unsigned W>
void Search<W>::lock(arch::LockWord& lock, arch::LockKind, arch::Site site) noexcept {
  Task& task = running();
  task.site = site;
  if (warming_) {
    task.wanted = &lock;
    while (warming_ && lock.word != 0) leave(task, Status::waits_lock);
    if (warming_) {
      lock.word = task.task->id + 1;
      return;
    }
  }
  RmwOperation operation{task.task->id + u64{1}, 0, arch::Rmw::exchange, 4, arch::Order::acquire};
  operation.lock = operation.waits = true;
  const EventId id = await(task, word_of(&lock.word, 4), Status::waits_lock, operation);
  detail::poke(&lock.word, 4, operation.operand);
  note(id, OpKind::lock, &lock.word, 4, nullptr, site);
  note(graph_->event[id].po_next, OpKind::lock, &lock.word, 4, nullptr, site);
}

template <unsigned W>
bool Search<W>::try_lock(arch::LockWord& lock, arch::LockKind, arch::Site site) noexcept {
  RmwOperation operation{running().task->id + u64{1}, 0, arch::Rmw::compare_exchange, 4, arch::Order::acquire};
  operation.lock = true;
  return perform(&lock.word, operation, OpKind::try_lock, site) == 0;
}

template <unsigned W>
void Search<W>::unlock(arch::LockWord& lock, arch::LockKind, arch::Site site) noexcept {
  if (warming_) {
    lock.word = 0;
    return;
  }
  Task& task = running();
  EventId id = replayed_event(task);
  if (id == 0) {
    at_frontier(task);
    const u16 flags = kWrite | kRelease | kLock | task.pending;
    task.pending = 0;
    id = add_store(static_cast<u16>(task.task->id), flags, word_of(&lock.word, 4), 0);
    task.replayed++;
    if (violated_) leave(task, Status::frontier);
    preempt_ = true;
  }
  detail::poke(&lock.word, 4, 0);
  note(id, OpKind::unlock, &lock.word, 4, nullptr, site);
}

// ---- tasks ---------------------------------------------------------------------------------------------------------

template <unsigned W>
auto Search<W>::add_task(arch::Task& task, void (*entry)(void*), void* argument) -> Task& {
  auto made = std::make_unique<Task>();
  made->search = this;
  made->task = &task;
  made->entry = entry;
  made->argument = argument;
  task.id = static_cast<u32>(tasks_.size());
  tasks_.push_back(std::move(made));
  return *tasks_.back();
}

/// A task that is spawned in the run is known by who spawned it and as how manieth: the same in every execution.
template <unsigned W>
void Search<W>::spawn(arch::Task& task, void (*entry)(void*), void* argument, const arch::SpawnOptions& options) noexcept {
  if (set_up_) {
    if (tasks_.size() >= kMaxTasks) return refuse("more tasks than the search can tell apart");
    Task& made = add_task(task, entry, argument);
    made.kernel_thread = options.kernel_thread;
    made.stack = arena_.alloc_stack();
    made.stack_bytes = arena_.stack_bytes(made.stack);
    made.state = static_cast<u32*>(arena_.alloc(8, 8));
    *made.state = arch::TASK_UNINTERRUPTIBLE;
    made.scopes.clear();
    task.access = arch::Access::explored;
    task.machine = this;
    return;
  }
  Task& parent = running();
  const u64 key = u64{parent.task->id} << 32 | parent.spawned++;
  EventId id = replayed_event(parent);
  if (id == 0) {
    at_frontier(parent);
    const u16 flags = parent.pending;
    parent.pending = 0;
    id = add_event(static_cast<u16>(parent.task->id), flags, 0);
    parent.replayed++;
  }
  parent.effect = true;
  const auto known = std::find_if(born_.begin(), born_.end(), [&](const auto& born) { return born.first == key; });
  u32 child_id = 0;
  if (known != born_.end()) {
    child_id = known->second;
  } else {
    if (tasks_.size() >= kMaxTasks) return refuse("more tasks than the search can tell apart");
    Task& made = add_task(task, entry, argument);
    child_id = task.id;
    born_.emplace_back(key, child_id);
    made.stack = room_.back().first;
    made.stack_bytes = arena_.stack_bytes(made.stack);
    made.pool = room_.back().second;
    room_.pop_back();
  }
  Task& child = *tasks_[child_id];
  child.task = &task;
  child.entry = entry;
  child.argument = argument;
  child.state = reinterpret_cast<u32*>(child.pool);
  child.pool_used = 64;
  std::memset(child.pool, 0, 64);
  *child.state = arch::TASK_UNINTERRUPTIBLE;
  task.id = child_id;
  task.access = arch::Access::explored;
  task.machine = this;
  child.born = id;
  child.service = false;
  child.cursor = graph_->threads[child_id].first;
  child.replayed = 0;
  child.status = Status::replaying;
  child.pending = 0;
  child.effect = false;
  child.pass_from = 0;
  child.waited = false;
  child.spawned = 0;
  child.scopes.clear();
  child.fiber.start(child.stack, child.stack_bytes, &Search::enter, &child);
  preempt_ = true;
  note_task(id, OpKind::spawn, child_id);
}

template <unsigned W>
void Search<W>::exit() noexcept {
  stop_task();
  __builtin_unreachable();
}

template <unsigned W>
void Search<W>::join(arch::Task& target) noexcept {
  Task& task = running();
  task.wait_id = target.id;
  while (warming_ && tasks_[target.id]->status != Status::ended) leave(task, Status::waits_join);
  if (warming_) return;
  EventId id = replayed_event(task);
  Task& other = *tasks_[target.id];
  task.effect = true;
  if (id == 0) {
    at_frontier(task);
    task.wait_id = target.id;
    while (other.status != Status::ended) leave(task, Status::waits_join);
    const u16 flags = kSync | task.pending;
    task.pending = 0;
    id = add_event(static_cast<u16>(task.task->id), flags, graph_->threads[target.id].last);
    task.replayed++;
  } else {
    // Its last event was replayed; what it did after that, without an event, must be done too.
    while (other.status != Status::ended) {
      task.wait_event = graph_->threads[target.id].last;
      leave(task, Status::waits_rf);
    }
  }
  note_task(id, OpKind::join, target.id);
}

template <unsigned W>
void Search<W>::set_state(u32 state) noexcept {
  if (warming_) {
    *running().state = state;
    return;
  }
  const bool effect = running().effect;
  store(running().state, 4, state, arch::Order::relaxed, nullptr, {});
  running().effect = effect;  // nobody's progress
  if (recording_) {
    Trail& trail = trail_[trail_newest_];
    trail.kind = OpKind::set_state;
    trail.object = running().task->id;
  }
}

template <unsigned W>
u32 Search<W>::state(const arch::Task& task) const noexcept {
  const Task& other = *tasks_[task.id];
  if (set_up_) return *other.state;
  return static_cast<u32>(const_cast<Search*>(this)->load(other.state, 4, arch::Order::relaxed, nullptr, {}));
}

/// Sleeping with a deadline is a choice: to be woken, or to time out. The second may come at any moment, which is to say that its
/// step is unordered with what others do. A sleeper that chose the first and that nobody wakes is cut: it would have timed out.
template <unsigned W>
bool Search<W>::schedule(u64 deadline) noexcept {
  Task& task = running();
  while (warming_ && *task.state != arch::TASK_RUNNING) leave(task, Status::asleep);
  if (warming_) return true;
  fence(arch::Fence::full, nullptr, {});
  task.effect = true;
  task.may_time_out = deadline != ~u64{0};
  if (task.may_time_out && choose(2, "deadline") == 1) {
    task.may_time_out = false;
    move_time();
    RmwOperation wake_self{arch::TASK_RUNNING, 0, arch::Rmw::exchange, 4, arch::Order::full};
    perform(task.state, wake_self, OpKind::sleep, {});
    return false;  // even if somebody woke it at the same time
  }
  RmwOperation look{0, 0, arch::Rmw::exchange, 4, arch::Order::acquire};
  look.waits = look.looks = true;
  const EventId id = await(task, word_of(task.state, 4), Status::asleep, look);
  task.may_time_out = false;
  note_task(id, OpKind::sleep, task.task->id);
  return true;
}

template <unsigned W>
bool Search<W>::wake(arch::Task& task, u32 mask) noexcept {
  Task& target = *tasks_[task.id];
  if (set_up_) {
    if (target.state == nullptr || (*target.state & mask) == 0) return false;
    *target.state = arch::TASK_RUNNING;
    target.initial = true;
    return true;
  }
  fence(arch::Fence::full, nullptr, {});
  RmwOperation operation{arch::TASK_RUNNING, mask, arch::Rmw::exchange, 4, arch::Order::full};
  operation.wakes = true;
  const bool woken = (perform(target.state, operation, OpKind::wake, {}) & mask) != 0;
  if (recording_) trail_[trail_newest_].object = trail_[trail_newest_ - (woken ? 1 : 0)].object = task.id;
  if (woken) preempt_ = true;
  return woken;
}

/// A pass that changed nothing would find the same again: the task stops here. Whatever gives it something else to see revisits
/// the loads of the pass.
template <unsigned W>
void Search<W>::poll_pass(arch::Site site) noexcept {
  Task& task = running();
  if (warming_) {
    leave(task, Status::polling);
    if (warming_) return;
  }
  if (!task.effect && task.replayed > task.pass_from) {
    if (task.cursor != 0) return;  // cannot be
    task.site = site;
    idle_ |= task.waited;
    leave(task, Status::polling);
  }
  task.effect = false;
  task.waited = false;
  task.pass_from = task.replayed;
}

// ---- time, supply --------------------------------------------------------------------------------------------------

/// Time moves when somebody looks at it: by a step that is longer than whatever is being waited for, or not at all. The clock is
/// a word like any other, so who has seen it move knows, and nobody sees it go back.
template <unsigned W>
u64 Search<W>::now() noexcept {
  if (set_up_) return kBeginning;
  const bool effect = running().effect;
  const u64 moved = choose(2, "time");
  const u64 seen = moved != 0 ? move_time() : load(&own_->clock, 8, arch::Order::relaxed, nullptr, {});
  running().effect = effect || moved != 0;
  return seen;
}

/// A look that only sets deadlines: how late it comes makes no difference to anything.
template <unsigned W>
u64 Search<W>::ticks(u64 period) noexcept {
  if (set_up_) return kBeginning / period;
  return load(&own_->clock, 8, arch::Order::relaxed, nullptr, {}) / period;
}

/// Whether a deadline has passed is a choice, the first option being that it has. A polling pass that was told the opposite and
/// has no effect could as well have waited: what comes after it is found by the executions in which it did.
template <unsigned W>
bool Search<W>::ticks_passed(u64 period, s64 count) noexcept {
  if (static_cast<s64>(ticks(period)) > count) return true;
  if (set_up_) return false;
  if (choose(2, "time") == 0) return static_cast<s64>(move_time() / period) > count;
  running().waited = true;
  return false;
}

template <unsigned W>
u64 Search<W>::move_time() noexcept {
  return perform(&own_->clock, {kTimeStep, 0, arch::Rmw::add, 8, arch::Order::relaxed}, OpKind::now, {}) + kTimeStep;
}

/// A timer or an interrupt runs in a context of its own, one at a time, at any moment from now on. Timers that are armed together
/// may fire in any order: more than a machine does.
template <unsigned W>
void Search<W>::spawn_service(void (*entry)(void*), void* object, u64 generation) {
  auto* const service = new (alloc(sizeof(Service), 16)) Service{{}, this, object, generation};
  service->task.in_interrupt = true;
  std::memcpy(service->task.name, "interrupt", 10);
  spawn(service->task, entry, service, {});
  tasks_[service->task.id]->service = true;
}

template <unsigned W>
void Search<W>::interrupt_service(void* argument) {
  Service& service = *static_cast<Service*>(argument);
  Search& search = *service.search;
  auto* const interrupt = static_cast<arch::Interrupt*>(service.object);
  search.lock(search.own_->serving, arch::LockKind::spin, {});
  interrupt->function(interrupt);
  search.unlock(search.own_->serving, arch::LockKind::spin, {});
}

template <unsigned W>
void Search<W>::timer_service(void* argument) {
  Service& service = *static_cast<Service*>(argument);
  Search& search = *service.search;
  auto* const timer = static_cast<arch::Timer*>(service.object);
  search.lock(search.own_->serving, arch::LockKind::spin, {});
  search.store(&search.own_->running_timer, 8, reinterpret_cast<u64>(timer), arch::Order::relaxed, nullptr, {});
  const RmwOperation fire{0, service.generation, arch::Rmw::compare_exchange, 8, arch::Order::full};
  if (search.perform(&timer->engine[0], fire, OpKind::time, {}) == service.generation) {
    search.move_time();
    timer->armed = false;
    timer->function(timer);  // which may free it
  }
  search.store(&search.own_->running_timer, 8, 0, arch::Order::release, nullptr, {});
  search.unlock(search.own_->serving, arch::LockKind::spin, {});
}

template <unsigned W>
void Search<W>::timer_start(arch::Timer& timer, u64 due) noexcept {
  if (set_up_) return refuse("timers that are started before executions begin");
  timer.due = due;
  timer.armed = true;
  Task& task = running();
  const u64 generation = u64{task.task->id} << 32 | (task.replayed + u64{1});
  perform(&timer.engine[0], {generation, 0, arch::Rmw::exchange, 8, arch::Order::full}, OpKind::timer_start, {});
  spawn_service(&Search::timer_service, &timer, generation);
}

template <unsigned W>
int Search<W>::timer_cancel(arch::Timer& timer) noexcept {
  if (set_up_) return 0;
  const u64 armed = perform(&timer.engine[0], {0, 0, arch::Rmw::exchange, 8, arch::Order::full}, OpKind::timer_cancel, {});
  if (armed != 0) {
    timer.armed = false;
    return 1;
  }
  return load(&own_->running_timer, 8, arch::Order::acquire, nullptr, {}) == reinterpret_cast<u64>(&timer) ? -1 : 0;
}

template <unsigned W>
void Search<W>::raise(arch::Interrupt& interrupt) noexcept {
  if (set_up_) return refuse("interrupts that are raised before executions begin");
  spawn_service(&Search::interrupt_service, &interrupt, 0);
}

/// The program does something that this search does not know: the search ends with an error that names it.
template <unsigned W>
void Search<W>::refuse(const char* what) noexcept {
  if (result_.error.empty()) result_.error = what;
  abort_ = true;
  if (!set_up_ || warming_) leave(running(), Status::frontier);
}

/// In the run every task allocates from a pool of its own, and nothing is handed out twice in an execution: so an object has the
/// same address in every execution in which its task did the same.
template <unsigned W>
void* Search<W>::alloc(u64 bytes, u64 align) noexcept {
  if (set_up_) return arena_.alloc(bytes, align);
  Task& task = running();
  if (task.pool_used == 0) task.pool_used = 64;
  const u64 from = (task.pool_used + align - 1) / align * align;
  if (bytes == 0) bytes = 1;
  if (from + bytes > Arena::kStackBytes - 8192) return nullptr;
  task.pool_used = from + ((bytes + 15) & ~u64{15});
  std::memset(task.pool + from, 0, bytes);
  return task.pool + from;
}

template <unsigned W>
void Search<W>::free(void* memory, u64 bytes) noexcept {
  if (set_up_) arena_.free(memory, bytes);
}

/// The same numbers whoever asks when: a world that is explored must not depend on them.
template <unsigned W>
u64 Search<W>::random() noexcept {
  return 0x9e3779b97f4a7c15;
}

template <unsigned W>
u32 Search<W>::choose(u32 options, const char*) noexcept {
  if (set_up_) return 0;
  Task& task = running();
  if (options == 0) {
    for (;;) leave(task, Status::cut);
  }
  EventId id = replayed_event(task);
  if (id == 0) {
    at_frontier(task);
    const u16 flags = kChoice | task.pending;
    task.pending = 0;
    id = add_event(static_cast<u16>(task.task->id), flags, 0);
    graph_->event[id].sources = static_cast<u16>(options);
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

// ---- findings ------------------------------------------------------------------------------------------------------

template <unsigned W>
void Search<W>::fail(const char* check, std::string text) {
  if (violated_) return;
  violated_ = true;
  if (!result_.found) result_.violation = {check, std::move(text)};
}

template <unsigned W>
void Search<W>::violation(const char* check, const std::string& text) {
  fail(check, text);
}

template <unsigned W>
void Search<W>::report(const char* what, bool fatal, arch::Site site) noexcept {
  fail("report", fmt::format("{} at {} ({}:{})", what, site.function, site.file, site.line));
  if (fatal || !set_up_) leave(running(), Status::frontier);
}

template <unsigned W>
const std::vector<LeftOver>& Search<W>::left_over() {
  if (!left_over_.empty()) return left_over_;
  for (u32 id = 0; id < tasks_.size(); id++) {
    const Task& task = *tasks_[id];
    if (task.status == Status::ended || task.status == Status::absent || task.status == Status::unborn) continue;
    LeftOver left;
    left.task = id;
    left.name = task.task->name;
    left.site = task.site;
    switch (task.status) {
      case Status::waits_lock: {
        left.why = Blocked::lock;
        left.object = arena_.offset(word_info_[task.wait_word].at);
        const EventId last = graph_->words[task.wait_word].last;
        left.holder = static_cast<u32>((last == 0 ? graph_->words[task.wait_word].initial : graph_->event[last].value) - 1);
        break;
      }
      case Status::waits_join:
        left.why = Blocked::join;
        left.object = task.wait_id;
        break;
      case Status::polling:
        left.why = Blocked::polling;
        break;
      default:
        left.why = Blocked::sleeping;
    }
    left_over_.push_back(left);
  }
  return left_over_;
}

}  // namespace uringsim::sim::dpor
