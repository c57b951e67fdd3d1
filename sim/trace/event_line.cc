// SPDX-License-Identifier: GPL-2.0-only
// An event in the words of Linux's own tracepoints.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sim/trace/export.h"

namespace uringsim::sim {

using kernel::EventKind;
using kernel::TraceEvent;

std::vector<TracedTask> traced_tasks(std::span<const TraceEvent> events) {
  std::vector<TracedTask> tasks;
  for (const TraceEvent& event : events) {
    if (event.kind != EventKind::task_newtask) continue;
    char comm[17] = {};
    std::memcpy(comm, &event.values[2], 2 * sizeof event.values[0]);
    tasks.push_back(
        {static_cast<u32>(event.values[0]), static_cast<int>(event.values[1]), static_cast<int>(event.values[4]), comm});
  }
  std::stable_sort(tasks.begin(), tasks.end(), [](const TracedTask& a, const TracedTask& b) { return a.id < b.id; });
  return tasks;
}

namespace {

constexpr int kPriority = 120;  // SCHED_NORMAL, nice 0

const TracedTask* find(std::span<const TracedTask> tasks, s64 id) {
  const auto found =
      std::lower_bound(tasks.begin(), tasks.end(), id, [](const TracedTask& task, s64 wanted) { return task.id < wanted; });
  return found != tasks.end() && found->id == id ? &*found : nullptr;
}

/// "comm" and "pid" of a task; nobody is the idle task of the processor.
std::pair<std::string, int> who(std::span<const TracedTask> tasks, s64 id, int cpu) {
  if (const TracedTask* const task = find(tasks, id)) return {task->comm, task->pid};
  return {fmt::format("swapper/{}", std::max(cpu, 0)), 0};
}

const char* state_name(s64 state) {
  switch (state) {
    case 0:
      return "R";
    case 1:
      return "S";
    case 2:
      return "D";
    case 0x40:
      return "P";
    default:
      return "X";
  }
}

/// Whether the number at `at` in `format` names an object, which Linux prints as a pointer.
bool names_object(std::string_view format, std::size_t at) {
  for (const std::string_view word : {"ring ", "request ", "linked after ", "link ", "work ", "workqueue ", "file ", "mm "})
    if (at >= word.size() && format.substr(at - word.size(), word.size()) == word) return true;
  return false;
}

/// The event's format with its values: {n} is decimal or an object's id, {n:x} hexadecimal.
std::string filled(std::string_view format, const s64 (&values)[6]) {
  std::string text;
  for (std::size_t at = 0; at < format.size(); at++) {
    if (format[at] != '{') {
      text += format[at];
      continue;
    }
    const s64 value = values[format[at + 1] - '0'];
    const std::size_t end = format.find('}', at);
    if (format[at + 2] == ':' || names_object(format, at))
      text += fmt::format("{:#x}", static_cast<u64>(value));
    else
      text += fmt::format("{}", value);
    at = end;
  }
  return text;
}

std::string short_name(EventKind kind) {
  const std::string_view name = kernel::event_name(kind);
  return std::string(name.substr(name.find(':') + 1));
}

std::string block_line(const TraceEvent& event, bool complete) {
  constexpr int kMajor = 259;  // blkext
  const auto& v = event.values;
  const std::string head = fmt::format("{},{} {}", kMajor, v[0], v[2] != 0 ? "W" : "R");
  if (complete) return fmt::format("{} () {} + {} [{}]", head, v[3], v[4], v[5]);
  return fmt::format("{} {} () {} + {}", head, v[4] * 512, v[3], v[4]);
}

}  // namespace

std::string event_line(const TraceEvent& event, std::span<const TracedTask> tasks) {
  const auto& v = event.values;
  const auto hex = [&](int n) { return static_cast<u64>(v[n]); };
  switch (event.kind) {
    // print_syscall_enter() and print_syscall_exit() have a form of their own.
    case EventKind::sys_enter_io_uring_setup:
      return fmt::format("sys_io_uring_setup(entries: {:x}, params: {:x})", hex(0), hex(1));
    case EventKind::sys_enter_io_uring_enter:
      return fmt::format("sys_io_uring_enter(fd: {:x}, to_submit: {:x}, min_complete: {:x}, flags: {:x})", hex(0), hex(1), hex(2),
                         hex(3));
    case EventKind::sys_enter_io_uring_register:
      return fmt::format("sys_io_uring_register(fd: {:x}, opcode: {:x}, arg: {:x}, nr_args: {:x})", hex(0), hex(1), hex(2),
                         hex(3));
    case EventKind::sys_exit_io_uring_setup:
      return fmt::format("sys_io_uring_setup -> {:#x}", hex(0));
    case EventKind::sys_exit_io_uring_enter:
      return fmt::format("sys_io_uring_enter -> {:#x}", hex(0));
    case EventKind::sys_exit_io_uring_register:
      return fmt::format("sys_io_uring_register -> {:#x}", hex(0));
    case EventKind::io_uring_queue_async_work:
      return fmt::format("io_uring_queue_async_work: ring {:#x}, request {:#x}, flags {}, {} queue, work {:#x}", hex(0), hex(1),
                         v[2], v[3] != 0 ? "hashed" : "normal", hex(4));
    case EventKind::workqueue_queue_work:
      return fmt::format("workqueue_queue_work: work struct={:#x} workqueue={:#x}", hex(0), hex(1));
    case EventKind::workqueue_execute_start:
      return fmt::format("workqueue_execute_start: work struct {:#x}", hex(0));
    case EventKind::workqueue_execute_end:
      return fmt::format("workqueue_execute_end: work struct {:#x}", hex(0));
    case EventKind::sched_switch: {
      const auto [before, before_pid] = who(tasks, v[0], event.cpu);
      const auto [after, after_pid] = who(tasks, v[2], event.cpu);
      return fmt::format(
          "sched_switch: prev_comm={} prev_pid={} prev_prio={} prev_state={} ==> next_comm={} next_pid={} next_prio={}", before,
          before_pid, kPriority, state_name(v[1]), after, after_pid, kPriority);
    }
    case EventKind::sched_wakeup: {
      const auto [comm, pid] = who(tasks, v[0], event.cpu);
      return fmt::format("sched_wakeup: comm={} pid={} prio={} target_cpu={:03}", comm, pid, kPriority, v[2]);
    }
    case EventKind::task_newtask: {
      const auto [comm, pid] = who(tasks, v[0], event.cpu);
      return fmt::format("task_newtask: pid={} comm={}", pid, comm);
    }
    case EventKind::block_rq_issue:
      return "block_rq_issue: " + block_line(event, false);
    case EventKind::block_rq_complete:
      return "block_rq_complete: " + block_line(event, true);
    default:
      return short_name(event.kind) + ": " + filled(kernel::event_format(event.kind), event.values);
  }
}

}  // namespace uringsim::sim
