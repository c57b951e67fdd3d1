// SPDX-License-Identifier: GPL-2.0-only
// The operational machine: memory and numbers for programs, the values of words, and what tasks publish of what they know.
#include "sim/explore/machine.h"

#include <fmt/format.h>

#include <algorithm>

namespace uringsim::sim {

using arch::Site;

// ---- supply ------------------------------------------------------------------------------------------------------------------

void* OperationalMachine::alloc(u64 bytes, u64 align) noexcept {
  void* const memory = arena_.alloc(bytes, align);
  if (memory != nullptr && !outside()) shadow_.allocated(memory, bytes);
  return memory;
}

void OperationalMachine::free(void* memory, u64 bytes) noexcept {
  if (memory == nullptr) return;
  if (!outside()) {
    if (any_freed_ && shadow_.freed(memory)) [[unlikely]]
      fail_here("use-after-free",
                fmt::format("{} gives back memory in {}() that was given back before", task_name(current_),
                            current_scope(me()) != nullptr ? current_scope(me()) : "its program"),
                memory, {});
    // A timer in it that is going to fire would fire in what is somebody else's by then.
    const auto* const begin = static_cast<const char*>(memory);
    for (const arch::Timer* timer = world_.timers; timer != nullptr; timer = static_cast<const arch::Timer*>(timer->engine[0]))
      if (const auto* const at = reinterpret_cast<const char*>(timer); at >= begin && at < begin + bytes)
        fail("use-after-free",
             fmt::format("{} gives back memory in {}() with a timer in it that has been started", task_name(current_),
                         current_scope(me()) != nullptr ? current_scope(me()) : "its program"));
    if ((drains_ & bit(current_)) != 0) do_fence(arch::Fence::full);  // nothing of its own may reach it later
    if (options_.memory == Memory::weak) must_be_over(memory, bytes);
    shadow_.freed(memory, bytes);
    if (locks_ != nullptr) locks_->on_free(memory, bytes);
    any_freed_ = true;
  }
  arena_.free(memory, bytes);
}

u64 OperationalMachine::random() noexcept {
  // splitmix64
  world_.random += 0x9e3779b97f4a7c15;
  u64 z = world_.random;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

u32 OperationalMachine::choose(u32 options, const char* what) noexcept {
  if (options == 0 && !outside()) finish(End::blocked);
  if (outside() || options < 2) return 0;
  const u32 choice = choose_value(options, ValueKind::world);
  told_choice_ = choice;
  told_options_ = options;
  if (recording_ != nullptr) write_down(OpKind::choose, 0, 0, 0, choice, {"", what, 0}, nullptr);
  return choice;
}

void OperationalMachine::report(const char* what, bool fatal, Site site) noexcept {
  std::string text = fmt::format("{} at {} ({}:{})", what, site.function, source_path(site.file), site.line);
  if (fatal) return fail("report", std::move(text));
  if (violation_.check.empty()) violation_ = {"report", std::move(text)};
}

// ---- words -------------------------------------------------------------------------------------------------------------------

u64 OperationalMachine::peek(const void* at, unsigned size) noexcept {
  switch (size) {
    case 1:
      return *static_cast<const u8*>(at);
    case 2:
      return *static_cast<const u16*>(at);
    case 4:
      return *static_cast<const u32*>(at);
    default:
      return *static_cast<const u64*>(at);
  }
}

void OperationalMachine::poke(void* at, unsigned size, u64 value) noexcept {
  switch (size) {
    case 1:
      *static_cast<u8*>(at) = static_cast<u8>(value);
      break;
    case 2:
      *static_cast<u16*>(at) = static_cast<u16>(value);
      break;
    case 4:
      *static_cast<u32*>(at) = static_cast<u32>(value);
      break;
    default:
      *static_cast<u64*>(at) = value;
      break;
  }
}

u64 OperationalMachine::apply(arch::Rmw op, u64 old, u64 operand) noexcept {
  switch (op) {
    case arch::Rmw::add:
      return old + operand;
    case arch::Rmw::bit_and:
      return old & operand;
    case arch::Rmw::bit_or:
      return old | operand;
    default:
      return operand;
  }
}

bool OperationalMachine::is_left_out(const char* barrier) const noexcept {
  return std::any_of(options_.left_out.begin(), options_.left_out.end(),
                     [&](const std::string& name) { return name == barrier; });
}

SyncView* OperationalMachine::publish() noexcept {
  if (outside()) return nullptr;
  TaskRecord& task = me();
  const u32 lanes = view_lanes();
  auto* const sync = static_cast<SyncView*>(pool_.take(SyncView::bytes(lanes)));
  sync->lanes = lanes;
  copy_lanes(sync->at(), task.view, lanes);
  sync->fence = task.has_extra ? std::max(task.fence, task.fence_read) : task.fence;
  if (task.has_extra) join_lanes(sync->at(), task.extra, lanes);
  task.view[current_]++;
  return sync;
}

void OperationalMachine::publish_into(SyncView*& sync) noexcept {
  SyncView* const mine = publish();
  if (mine == nullptr) return;
  if (sync != nullptr) {
    join_lanes(mine->at(), sync->at(), sync->lanes);
    mine->fence = std::max(mine->fence, sync->fence);
  }
  sync = mine;
}

}  // namespace uringsim::sim
