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

/// A member is called what the kernel calls it: .NAMED(ctx->refs).
#define NAMED(word) in(word, #word)

std::string ring_word(const kernel::io_ring_ctx* ctx, const void* at) {
  Place place{at, {}};
  place.NAMED(ctx->refs)
      .NAMED(ctx->cached_sq_head)
      .NAMED(ctx->cached_sq_dropped)
      .NAMED(ctx->defer_list)
      .NAMED(ctx->timeout_list)
      .NAMED(ctx->sqo_wait.lock)
      .NAMED(ctx->sqo_wait)
      .NAMED(ctx->sqo_thread_started)
      .NAMED(ctx->sqo_stop)
      .NAMED(ctx->cached_cq_tail)
      .NAMED(ctx->cached_cq_overflow)
      .NAMED(ctx->cq_wait.lock)
      .NAMED(ctx->cq_wait)
      .NAMED(ctx->cq_fasync)
      .NAMED(ctx->cq_timeouts)
      .NAMED(ctx->ctx_done)
      .NAMED(ctx->uring_lock)
      .NAMED(ctx->wait.lock)
      .NAMED(ctx->wait)
      .NAMED(ctx->completion_lock)
      .NAMED(ctx->poll_list)
      .NAMED(ctx->cancel_list)
      .NAMED(ctx->pending_async)
      .NAMED(ctx->task_list)
      .NAMED(ctx->task_lock);
  return place.name;
}

/// What lies in memory that may have been given back: a sanitizer is not asked.
template <class T>
__attribute__((no_sanitize("address"), noinline)) T looked_at(const T& at) noexcept {
  return at;
}

/// A request with `at` in one of its members, if there is one: it points to its ring where a request does. Freed ones still do,
/// as a rule.
std::string request_word(const kernel::io_ring_ctx* ctx, const void* at, const void* lowest) {
  alignas(kernel::io_kiocb) static const unsigned char layout[sizeof(kernel::io_kiocb)] = {};
  const auto* const req = reinterpret_cast<const kernel::io_kiocb*>(layout);
  const auto of = [&](const void* member, const char* called) -> std::string {
    const u64 offset = reinterpret_cast<u64>(member) - reinterpret_cast<u64>(req);
    const u64 base = reinterpret_cast<u64>(at) - offset;
    if (base <= reinterpret_cast<u64>(lowest) || base % alignof(kernel::io_kiocb) != 0) return {};
    const auto* const request = reinterpret_cast<const kernel::io_kiocb*>(base);
    return looked_at(request->ctx) == ctx ? fmt::format("request {} {}", looked_at(request->id), called) : std::string();
  };
  const std::pair<const void*, const char*> members[] = {
      {&req->refs, "refs"},           {&req->flags, "flags"},         {&req->work, "work"},
      {&req->work_task, "work_task"}, {&req->canceled, "canceled"},   {&req->list, "list"},
      {&req->link_list, "link_list"}, {&req->task_list, "task_list"}, {&req->poll.wait.head, "poll.wait.head"}};
  for (const auto& [member, called] : members)
    if (std::string name = of(member, called); !name.empty()) return name;
  return {};
}

std::string task_word(const kernel::task_struct& task, const void* at) {
  Place place{at, {}};
  place.in(task.flags, "flags").in(task.thread_flags, "thread flags").in(task.pending, "pending signals");
  place.in(task.task_works, "task works").in(task.exit_state, "exit_state");
  if (const kernel::kthread* const kthread = task.kthread_; kthread != nullptr)
    place.NAMED(kthread->flags)
        .NAMED(kthread->parked.wait.lock)
        .NAMED(kthread->parked)
        .NAMED(kthread->exited.wait.lock)
        .NAMED(kthread->exited);
  if (const kernel::mm_struct* const mm = task.mm; mm != nullptr) place.NAMED(mm->mm_users).NAMED(mm->mmap_sem);
  if (const auto* const signal = task.signal; signal != nullptr)
    place.NAMED(signal->siglock).in(signal->shared_pending, "shared signals");
  if (task.worker_ != nullptr && task.worker_->pool != nullptr) {
    const kernel::worker_pool* const pool = task.worker_->pool;
    place.NAMED(pool->lock).NAMED(pool->nr_running);
  }
  if (place.found()) return fmt::format("{} {}", task.name, place.name);
  const kernel::files_struct* const files = task.files;
  if (files == nullptr) return {};
  if (place.NAMED(files->file_lock).found()) return place.name;
  for (unsigned fd = 0; fd < files->max_fds; fd++) {
    const kernel::file* const file = files->fd[fd];
    if (file == nullptr) continue;
    place.in(file->f_count, "f_count").in(file->f_pos_lock, "f_pos_lock").in(file->f_lock, "f_lock").in(file->f_flags, "f_flags");
    if (place.found()) return fmt::format("fd {} {}", fd, place.name);
  }
  return {};
}

#undef NAMED

/// What a file type keeps behind its descriptor has no name here, but a place.
std::string private_word(const kernel::task_struct& task, const void* at) {
  constexpr u64 kPrivateBytes = 96;  // no type's is larger
  const kernel::files_struct* const files = task.files;
  for (unsigned fd = 0; files != nullptr && fd < files->max_fds; fd++) {
    const kernel::file* const file = files->fd[fd];
    if (file == nullptr || file->private_data == nullptr || kernel::is_io_uring_file(file)) continue;
    const u64 offset = reinterpret_cast<u64>(at) - reinterpret_cast<u64>(file->private_data);
    if (offset < kPrivateBytes) return fmt::format("fd {} private_data+{:#x}", fd, offset);
  }
  return {};
}

}  // namespace

std::string kernel_word(kernel::Kernel& kernel, const void* at) {
  const std::vector<kernel::io_ring_ctx*> rings = rings_of(kernel);
  for (const kernel::io_ring_ctx* const ring : rings) {
    const std::string name = ring_word(ring, at);
    if (!name.empty()) return rings.size() == 1 ? name : fmt::format("ring {} {}", ring->id, name);
  }
  for (const kernel::io_ring_ctx* const ring : rings) {
    const std::string name = request_word(ring, at, &kernel);
    if (!name.empty()) return name;
  }
  if (Place{at, {}}.in(kernel.tasklist_lock, "tasklist_lock").found()) return "tasklist_lock";
  list_for_each_entry(task, &kernel.tasks, kernel::task_struct, tasks) {
    std::string name = task_word(*task, at);
    if (!name.empty()) return name;
  }
  list_for_each_entry(task, &kernel.tasks, kernel::task_struct, tasks) {
    std::string name = private_word(*task, at);
    if (!name.empty()) return name;
  }
  return {};
}

}  // namespace uringsim::sim
