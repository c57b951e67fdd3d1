// SPDX-License-Identifier: GPL-2.0-only
// Tasks: spawning, joining, ending.
#pragma once

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

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
    made.kernel_thread = options.kernel_thread;
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
  task.id = child_id;
  task.access = arch::Access::explored;
  task.machine = this;
  rewind(child);
  child.state = reinterpret_cast<u32*>(child.pool);
  child.pool_used = 64;
  std::memset(child.pool, 0, 64);
  *child.state = arch::TASK_UNINTERRUPTIBLE;
  child.born = id;
  child.service = false;
  child.status = Status::replaying;
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

}  // namespace uringsim::sim::dpor
