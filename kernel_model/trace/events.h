// SPDX-License-Identifier: GPL-2.0-only
// Every event there is: kind, name, and what its values mean. The one table for renderers, checkers and metrics.
#pragma once

#include "kernel_model/arch/types.h"

namespace uringsim::kernel {

enum class ObjectClass : u8 { ring, request, work, workqueue, file, bio, user, mm, count_ };

/// X(kind, "group:name", "format of the kernel's own trace line, values by {0} to {5}")
/// io_uring: events and fields are 5.10's, which older releases are shown with (they had no tracepoints). Values that a format
/// does not print are for checkers: io_uring_complete, cqe_posted and cqe_overflow carry their request's id last, 0 where there
/// is none. Names of tasks travel in task_newtask, eight characters a value, as on x86.
#define URINGSIM_EVENTS(X)                                                                                                     \
  X(sys_enter_io_uring_setup, "syscalls:sys_enter_io_uring_setup", "entries: {0}, params: {1:x}")                              \
  X(sys_exit_io_uring_setup, "syscalls:sys_exit_io_uring_setup", "{0}")                                                        \
  X(sys_enter_io_uring_enter, "syscalls:sys_enter_io_uring_enter", "fd: {0}, to_submit: {1}, min_complete: {2}, flags: {3:x}") \
  X(sys_exit_io_uring_enter, "syscalls:sys_exit_io_uring_enter", "{0}")                                                        \
  X(sys_enter_io_uring_register, "syscalls:sys_enter_io_uring_register", "fd: {0}, opcode: {1}, arg: {2:x}, nr_args: {3}")     \
  X(sys_exit_io_uring_register, "syscalls:sys_exit_io_uring_register", "{0}")                                                  \
  X(io_uring_create, "io_uring:io_uring_create", "ring {0}, fd {1} sq size {2}, cq size {3}, flags {4}")                       \
  X(io_uring_register, "io_uring:io_uring_register",                                                                           \
    "ring {0}, opcode {1}, nr_user_files {2}, nr_user_bufs {3}, eventfd {4}, ret {5}")                                         \
  X(io_uring_file_get, "io_uring:io_uring_file_get", "ring {0}, fd {1}")                                                       \
  X(io_uring_queue_async_work, "io_uring:io_uring_queue_async_work", "ring {0}, request {1}, flags {2}, queue {3}, work {4}")  \
  X(io_uring_defer, "io_uring:io_uring_defer", "ring {0}, request {1} user_data {2}")                                          \
  X(io_uring_link, "io_uring:io_uring_link", "ring {0}, request {1} linked after {2}")                                         \
  X(io_uring_cqring_wait, "io_uring:io_uring_cqring_wait", "ring {0}, min_events {1}")                                         \
  X(io_uring_fail_link, "io_uring:io_uring_fail_link", "request {0}, link {1}")                                                \
  X(io_uring_complete, "io_uring:io_uring_complete", "ring {0}, user_data {1:x}, result {2}")                                  \
  X(io_uring_submit_sqe, "io_uring:io_uring_submit_sqe", "ring {0}, op {1}, data {2:x}, non block {3}, sq_thread {4}")         \
  X(io_uring_poll_arm, "io_uring:io_uring_poll_arm", "ring {0}, op {1}, data {2:x}, mask {3:x}, events {4:x}")                 \
  X(io_uring_poll_wake, "io_uring:io_uring_poll_wake", "ring {0}, op {1}, data {2:x}, mask {3:x}")                             \
  X(task_newtask, "task:task_newtask", "task {0} pid={1} comm={2}{3} tgid={4}")                                                \
  X(ring_free, "uringsim:ring_free", "ring {0}")                                                                               \
  X(request_alloc, "uringsim:request_alloc", "ring {0}, request {1}")                                                          \
  X(request_take, "uringsim:request_take", "ring {0}, request {1}, head {2}")                                                  \
  X(request_issue, "uringsim:request_issue", "ring {0}, request {1}, op {2}, non block {3}")                                   \
  X(request_free, "uringsim:request_free", "ring {0}, request {1}")                                                            \
  X(sqe_written, "uringsim:sqe_written", "ring {0}, index {1}")                                                                \
  X(sqe_consumed, "uringsim:sqe_consumed", "ring {0}, head {1}, index {2}, user_data {3:x}, flags {4:x}, op {5}")              \
  X(sqe_dropped, "uringsim:sqe_dropped", "ring {0}, head {1}, index {2}, dropped {3}")                                         \
  X(sq_published, "uringsim:sq_published", "ring {0}, old tail {1}, tail {2}")                                                 \
  X(sq_flags_read, "uringsim:sq_flags_read", "ring {0}, flags {1:x}")                                                          \
  X(full_barrier, "uringsim:full_barrier", "by the application")                                                               \
  X(cq_head, "uringsim:cq_head", "ring {0}, old head {1}, head {2}")                                                           \
  X(buffer_lent, "uringsim:buffer_lent", "ring {0}, user_data {1:x}, address {2:x}, bytes {3}, to be filled {4}")              \
  X(buffer_touched, "uringsim:buffer_touched", "address {0:x}, bytes {1}, write {2}")                                          \
  X(sq_head, "uringsim:sq_head", "ring {0}, head {1}")                                                                         \
  X(cqe_posted, "uringsim:cqe_posted", "ring {0}, tail {1}, user_data {2:x}, result {3}, flags {4}")                           \
  X(cq_tail, "uringsim:cq_tail", "ring {0}, tail {1}, head seen {2}")                                                          \
  X(cqe_overflow, "uringsim:cqe_overflow", "ring {0}, user_data {1:x}, result {2}, cq_overflow {3}")                           \
  X(cqe_reaped, "uringsim:cqe_reaped", "ring {0}, head {1}, user_data {2:x}, result {3}")                                      \
  X(sq_thread_idle, "uringsim:sq_thread_idle", "ring {0}, until {1}")                                                          \
  X(sq_thread_need_wakeup, "uringsim:sq_thread_need_wakeup", "ring {0}, set {1}")                                              \
  X(sq_thread_sleep, "uringsim:sq_thread_sleep", "ring {0}")                                                                   \
  X(sq_thread_awake, "uringsim:sq_thread_awake", "ring {0}, entries {1}")                                                      \
  X(sq_wakeup_asked, "uringsim:sq_wakeup_asked", "ring {0}, needed {1}")                                                       \
  X(workqueue_queue_work, "workqueue:workqueue_queue_work", "work {0}, workqueue {1}")                                         \
  X(workqueue_execute_start, "workqueue:workqueue_execute_start", "work {0}, workqueue {1}")                                   \
  X(workqueue_execute_end, "workqueue:workqueue_execute_end", "work {0}, workqueue {1}")                                       \
  X(sched_switch, "sched:sched_switch", "prev {0} state {1} ==> next {2}")                                                     \
  X(sched_wakeup, "sched:sched_wakeup", "task {0} by {1}")                                                                     \
  X(block_rq_issue, "block:block_rq_issue", "device {0}, bio {1}, write {2}, sector {3} + {4}")                                \
  X(block_rq_complete, "block:block_rq_complete", "device {0}, bio {1}, write {2}, sector {3} + {4} [{5}]")                    \
  X(eventfd_signal, "uringsim:eventfd_signal", "file {0}, count {1}")                                                          \
  X(file_open, "uringsim:file_open", "file {0}")                                                                               \
  X(file_free, "uringsim:file_free", "file {0}")                                                                               \
  X(mm_alloc, "uringsim:mm_alloc", "mm {0}")                                                                                   \
  X(mm_free, "uringsim:mm_free", "mm {0}")                                                                                     \
  X(violation, "uringsim:violation", "{0}")

enum class EventKind : u16 {
#define X(kind, name, format) kind,
  URINGSIM_EVENTS(X)
#undef X
      count_
};

/// The event's full name ("io_uring:io_uring_complete") and its format.
const char* event_name(EventKind kind) noexcept;
const char* event_format(EventKind kind) noexcept;

}  // namespace uringsim::kernel
