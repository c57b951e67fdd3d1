// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/trace/trace.h"

#include "kernel_model/arch/machine.h"

namespace uringsim::kernel {

namespace {
constexpr const char* kNames[] = {
#define X(kind, name, format) name,
    URINGSIM_EVENTS(X)
#undef X
};
constexpr const char* kFormats[] = {
#define X(kind, name, format) format,
    URINGSIM_EVENTS(X)
#undef X
};
}  // namespace

const char* event_name(EventKind kind) noexcept { return kNames[static_cast<unsigned>(kind)]; }
const char* event_format(EventKind kind) noexcept { return kFormats[static_cast<unsigned>(kind)]; }

u32 Tracer::take_ids(ObjectClass of, u32 count) noexcept {
  return __atomic_fetch_add(&ids_[static_cast<unsigned>(of)], count, __ATOMIC_RELAXED) + 1;
}

void Tracer::emit(EventKind kind, const s64 (&values)[6]) noexcept {
  arch::Task* const task = arch::current_task();
  task->effects++;  // a pass that says something had an effect
  TraceEvent event;
  event.sequence = take_sequence();
  event.time = task->access == arch::Access::counted                              ? task->clock
               : task->access == arch::Access::direct && task->machine != nullptr ? task->machine->now()
                                                                                  : event.sequence;
  event.kind = kind;
  event.cpu = static_cast<s16>(task->machine != nullptr ? task->machine->current_cpu() : -1);
  event.task = task->id;
  for (unsigned i = 0; i < 6; i++) event.values[i] = values[i];
  sink_->event(event);
}

}  // namespace uringsim::kernel
