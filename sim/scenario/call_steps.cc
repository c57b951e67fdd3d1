// SPDX-License-Identifier: GPL-2.0-only
// Steps that are system calls of the task itself, and its own buffers.
#include <algorithm>

#include "kernel_model/core/prelude.h"
#include "sim/scenario/step_failure.h"

namespace uringsim::sim {

namespace {}

bool StepRunner::act(const ReadStep& step) {
  if (!io_memory(step.size.count)) return false;
  const u64 fd = static_cast<u64>(app_.descriptor(plan_.file(step.file.name)));
  const s64 result = step.offset ? app_.call(SYS_pread64, fd, task_->io, step.size.count, static_cast<u64>(value(*step.offset)))
                                 : app_.call(SYS_read, fd, task_->io, step.size.count);
  assign(step.into, result);
  if (step.result) return expect(result, step.result, "read");
  return step.into || result >= 0 || fail("read returned {}", result);
}

bool StepRunner::act(const WriteStep& step) {
  const u64 bytes = step.value ? sizeof(u64) : step.size.count;
  if (!io_memory(bytes)) return false;
  const u64 offset = step.offset ? static_cast<u64>(value(*step.offset)) : 0;
  if (step.value) {
    const s64 number = value(*step.value);
    app_.copy_out(task_->io, &number, sizeof number);
  } else {
    u8 chunk[kernel::PAGE_SIZE];
    for (u64 at = 0; at < bytes; at += kernel::PAGE_SIZE) {
      const u64 part = std::min(kernel::PAGE_SIZE, bytes - at);
      for (u64 i = 0; i < part; ++i) chunk[i] = pattern_byte(offset + at + i, step.seed.value_or(0));
      app_.copy_out(task_->io + at, chunk, part);
    }
  }
  const u64 fd = static_cast<u64>(app_.descriptor(plan_.file(step.file.name)));
  const s64 result =
      step.offset ? app_.call(SYS_pwrite64, fd, task_->io, bytes, offset) : app_.call(SYS_write, fd, task_->io, bytes);
  assign(step.into, result);
  if (step.result) return expect(result, step.result, "write");
  return step.into || result >= 0 || fail("write returned {}", result);
}

bool StepRunner::act(const PollStep& step) {
  struct PollFd {
    s32 fd;
    s16 events, revents;
  };
  u32 index = 0;
  if (!step.ring.empty() && !usable(step.ring, index)) return false;
  const int fd = step.ring.empty() ? app_.descriptor(plan_.file(step.file.name)) : borrow(index).ring_fd;
  PollFd request{fd, static_cast<s16>(step.events.bits), 0};
  app_.copy_out(task_->scratch, &request, sizeof request);
  constexpr u64 millisecond = 1'000'000;
  const u64 timeout = step.timeout ? (step.timeout->count + millisecond - 1) / millisecond : ~u64{0};
  const s64 result = app_.call(SYS_poll, task_->scratch, 1, timeout);
  app_.copy_in(&request, task_->scratch, sizeof request);
  if (result < 0 && !step.into) return fail("poll returned {}", result);
  assign(step.into, result < 0 ? result : result == 0 ? 0 : request.revents);
  return true;
}

bool StepRunner::act(const FillStep& step) {
  const BufferOptions& buffer = options_->buffers[step.buffer.slot].value;
  u8 chunk[kernel::PAGE_SIZE];
  for (u64 at = 0; at < buffer.size.count; at += kernel::PAGE_SIZE) {
    const u64 part = std::min(kernel::PAGE_SIZE, buffer.size.count - at);
    for (u64 i = 0; i < part; ++i) chunk[i] = step.seed ? pattern_byte(at + i, *step.seed) : static_cast<u8>(value(*step.value));
    app_.touched(task_->buffers[step.buffer.slot] + at, part, true);
    app_.copy_out(task_->buffers[step.buffer.slot] + at, chunk, part);
  }
  return true;
}

bool StepRunner::act(const PokeStep& step) {
  const u64 offset = static_cast<u64>(value(step.offset)), bytes = options_->buffers[step.buffer.slot].value.size.count;
  if (offset > bytes || step.size > bytes - offset)
    return fail("pokes bytes {} to {} of a buffer of {}", offset, offset + step.size, bytes);
  const s64 number = value(step.value);
  app_.touched(task_->buffers[step.buffer.slot] + offset, step.size, true);
  app_.copy_out(task_->buffers[step.buffer.slot] + offset, &number, step.size);
  return true;
}

bool StepRunner::act(const CompareStep& step) {
  const BufferOptions& buffer = options_->buffers[step.buffer.slot].value;
  const u64 bytes = std::min(buffer.size.count, step.size.value_or(buffer.size).count);
  return compare_pattern(task_->buffers[step.buffer.slot], bytes, step.offset.count, step.seed);
}

}  // namespace uringsim::sim
