// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/kernel_words.h"

#include <fmt/format.h>

#include "kernel_model/core/kthread.h"
#include "kernel_model/core/mm.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/core/workqueue_internal.h"
#include "sim/check/rings.h"

namespace uringsim::sim {

namespace {

/// Whether the word lies in `member`, and if so its name.
struct Place {
  const void* at;
  std::string name;

  template <class T>
  Place& in(const T& member, const char* called) {
    const auto* const from = reinterpret_cast<const unsigned char*>(&member);
    if (name.empty() && at >= from && at < from + sizeof(T)) name = called;
    return *this;
  }
  [[nodiscard]] bool found() const { return !name.empty(); }
};

std::string ring_word(const kernel::io_ring_ctx& ctx, const void* at) {
  Place place{at, {}};
  place.in(ctx.refs, "ctx->refs")
      .in(ctx.cached_sq_head, "ctx->cached_sq_head")
      .in(ctx.cached_sq_dropped, "ctx->cached_sq_dropped")
      .in(ctx.defer_list, "ctx->defer_list")
      .in(ctx.timeout_list, "ctx->timeout_list")
      .in(ctx.sqo_wait.lock, "ctx->sqo_wait.lock")
      .in(ctx.sqo_wait, "ctx->sqo_wait")
      .in(ctx.sqo_thread_started, "ctx->sqo_thread_started")
      .in(ctx.sqo_stop, "ctx->sqo_stop")
      .in(ctx.cached_cq_tail, "ctx->cached_cq_tail")
      .in(ctx.cached_cq_overflow, "ctx->cached_cq_overflow")
      .in(ctx.cq_wait.lock, "ctx->cq_wait.lock")
      .in(ctx.cq_wait, "ctx->cq_wait")
      .in(ctx.cq_fasync, "ctx->cq_fasync")
      .in(ctx.cq_timeouts, "ctx->cq_timeouts")
      .in(ctx.ctx_done, "ctx->ctx_done")
      .in(ctx.uring_lock, "ctx->uring_lock")
      .in(ctx.wait.lock, "ctx->wait.lock")
      .in(ctx.wait, "ctx->wait")
      .in(ctx.completion_lock, "ctx->completion_lock")
      .in(ctx.poll_list, "ctx->poll_list")
      .in(ctx.cancel_list, "ctx->cancel_list")
      .in(ctx.pending_async, "ctx->pending_async")
      .in(ctx.task_list, "ctx->task_list")
      .in(ctx.task_lock, "ctx->task_lock");
  return place.name;
}

/// What lies in memory that may have been given back: a sanitizer is not asked.
template <class T>
__attribute__((no_sanitize("address"), noinline)) T looked_at(const T& at) noexcept {
  return at;
}

/// The request whose member is at `at`, if there is one: it points to its ring where a request does. Freed ones still do, as a
/// rule.
template <class Member>
const kernel::io_kiocb* request_around(const kernel::io_ring_ctx& ctx, const void* at, Member kernel::io_kiocb::*member,
                                       const void* lowest) {
  alignas(kernel::io_kiocb) static const unsigned char layout[sizeof(kernel::io_kiocb)] = {};
  const auto* const shape = reinterpret_cast<const kernel::io_kiocb*>(layout);
  const auto offset = reinterpret_cast<u64>(&(shape->*member)) - reinterpret_cast<u64>(shape);
  const u64 base = reinterpret_cast<u64>(at) - offset;
  if (base <= reinterpret_cast<u64>(lowest) || base % alignof(kernel::io_kiocb) != 0) return nullptr;
  const auto* const request = reinterpret_cast<const kernel::io_kiocb*>(base);
  return looked_at(request->ctx) == &ctx ? request : nullptr;
}

std::string request_word(const kernel::io_ring_ctx& ctx, const void* at, const void* lowest) {
  const auto of = [&](auto member, const char* name) -> std::string {
    const kernel::io_kiocb* const request = request_around(ctx, at, member, lowest);
    return request != nullptr ? fmt::format("request {} {}", looked_at(request->id), name) : std::string();
  };
  std::string name = of(&kernel::io_kiocb::refs, "refs");
  if (name.empty()) name = of(&kernel::io_kiocb::flags, "flags");
  if (name.empty()) name = of(&kernel::io_kiocb::work, "work");
  if (name.empty()) name = of(&kernel::io_kiocb::work_task, "work_task");
  if (name.empty()) name = of(&kernel::io_kiocb::canceled, "canceled");
  if (name.empty()) name = of(&kernel::io_kiocb::list, "list");
  if (name.empty()) name = of(&kernel::io_kiocb::link_list, "link_list");
  if (name.empty()) name = of(&kernel::io_kiocb::task_list, "task_list");
  return name;
}

std::string task_word(const kernel::task_struct& task, const void* at) {
  Place place{at, {}};
  place.in(task.flags, "flags").in(task.thread_flags, "thread flags").in(task.pending, "pending signals");
  place.in(task.task_works, "task works").in(task.exit_state, "exit_state");
  if (task.kthread_ != nullptr) {
    const kernel::kthread& thread = *task.kthread_;
    place.in(thread.flags, "kthread->flags").in(thread.parked.wait.lock, "kthread->parked.wait.lock");
    place.in(thread.parked, "kthread->parked").in(thread.exited.wait.lock, "kthread->exited.wait.lock");
    place.in(thread.exited, "kthread->exited");
  }
  if (task.mm != nullptr) place.in(task.mm->mm_users, "mm->mm_users").in(task.mm->mmap_sem, "mm->mmap_sem");
  if (task.signal != nullptr) place.in(task.signal->siglock, "signal->siglock").in(task.signal->shared_pending, "shared signals");
  if (task.worker_ != nullptr && task.worker_->pool != nullptr) {
    const kernel::worker_pool& pool = *task.worker_->pool;
    place.in(pool.lock, "pool->lock").in(pool.nr_running, "pool->nr_running");
  }
  if (place.found()) return fmt::format("{} {}", task.name, place.name);
  if (task.files == nullptr) return {};
  if (place.in(task.files->file_lock, "files->file_lock").found()) return place.name;
  for (unsigned fd = 0; fd < task.files->max_fds; fd++) {
    const kernel::file* const file = task.files->fd[fd];
    if (file == nullptr) continue;
    place.in(file->f_count, "f_count").in(file->f_pos_lock, "f_pos_lock").in(file->f_lock, "f_lock").in(file->f_flags, "f_flags");
    if (place.found()) return fmt::format("fd {} {}", fd, place.name);
  }
  return {};
}

}  // namespace

std::string kernel_word(kernel::Kernel& kernel, const void* at) {
  const std::vector<kernel::io_ring_ctx*> rings = rings_of(kernel);
  for (const kernel::io_ring_ctx* const ring : rings) {
    const std::string name = ring_word(*ring, at);
    if (!name.empty()) return rings.size() == 1 ? name : fmt::format("ring {} {}", ring->id, name);
  }
  for (const kernel::io_ring_ctx* const ring : rings) {
    const std::string name = request_word(*ring, at, &kernel);
    if (!name.empty()) return name;
  }
  if (Place{at, {}}.in(kernel.tasklist_lock, "tasklist_lock").found()) return "tasklist_lock";
  list_for_each_entry(task, &kernel.tasks, kernel::task_struct, tasks) {
    std::string name = task_word(*task, at);
    if (!name.empty()) return name;
  }
  return {};
}

}  // namespace uringsim::sim
