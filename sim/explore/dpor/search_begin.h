// SPDX-License-Identifier: GPL-2.0-only
// Where executions begin: applications that set themselves up first, one after the other and directly on memory.
#pragma once

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

template <unsigned W>
Search<W>::Search(Program& program, const Options& options)
    : program_(program),
      options_in_(options),
      arena_(Arena::Options{.bytes = kArenaBytes}),
      word_index_(kArenaBytes),
      graph_(std::make_unique<Graph<W>>(options.memory)) {
  word_info_.reserve(256);
}

/// Runs the applications, one after the other and directly on memory, until each has called ready() or waits. Time moves only
/// where everybody waits.
/// Kernel threads run only where every application waits for something, the newest first; one that nobody had to wait for begins
/// in the executions, as on the operational machine.
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
    again = serve_early(false);
    for (std::size_t turn = 0; turn < tasks_.size(); turn++) {
      Task& task = *tasks_[kernel_threads ? tasks_.size() - 1 - turn : turn];
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
      if (kernel_threads) break;
    }
    if (kernel_threads) {
      kernel_threads = false;
      again = again || (!applications_are_ready() && serve_early(true));
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

/// Sets the program up and keeps the state that every execution begins with. False if there is none: result_ says why.
template <unsigned W>
bool Search<W>::begin() {
  result_ = Result{};
  set_up_ = true;
  arch::set_current_task(nullptr);
  own_ = static_cast<Own*>(arena_.alloc_stack());
  *own_ = Own{};
  own_->clock = kBeginning;
  program_.set_up(*this);
  locks_ = program_.lock_watch();
  if (program_.warm_up()) warm_up();
  keep_early();
  beginning_ = own_->clock;
  set_up_ = false;
  if (!result_.error.empty() || violated_) {
    if (result_.error.empty()) result_.error = "its tasks do not get ready: " + result_.violation.text;
    return false;
  }
  for (auto& task : tasks_) task->pool = static_cast<unsigned char*>(arena_.alloc_stack());
  for (u64 id = tasks_.size(); id < kMaxTasks; id++) {
    void* const stack = arena_.alloc_stack();
    room_.emplace_back(stack, static_cast<unsigned char*>(arena_.alloc_stack()));
  }
  save();
  set_up_tasks_ = static_cast<u32>(tasks_.size());
  graph_->threads.resize(kMaxTasks);
  return resume();
}

/// Memory and stacks as they are now are where executions begin.
template <unsigned W>
void Search<W>::save() {
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
}

}  // namespace uringsim::sim::dpor
