// SPDX-License-Identifier: GPL-2.0-only
// The operational machine: data races, and writing down what happened.
#include "sim/explore/machine.h"

#include <fmt/format.h>

#include <algorithm>

namespace uringsim::sim {

using arch::Site;

// ---- races -------------------------------------------------------------------------------------------------------------------

void OperationalMachine::race_check(Cell& cell, u8 bytes, bool write, bool plain, u32 clock, Site site) noexcept {
  if (!options_.races || warming_) return;
  const TaskRecord& task = me();
  // A marked store is behind what its task's loads tell of, acquiring or not: it comes after them, and so after the reads that
  // were over by then.
  const bool behind_loads = write && !plain && task.has_extra;
  const auto races_with = [&](const LastAccess& last, bool writes) {
    return last.task != kNobody && last.task != current_ && (plain || last.plain) && (last.bytes & bytes) != 0 &&
           task.view[last.task] < last.clock && (writes || !behind_loads || task.extra[last.task] < last.clock);
  };
  const LastAccess* other = nullptr;
  bool other_writes = false;
  const auto look_at = [&](const LastAccess& last, bool writes) {
    if (other != nullptr || !(write || writes) || !races_with(last, writes)) [[likely]]
      return;
    if (writes && !last.plain && has_seen(cell)) return;
    other = &last;
    other_writes = writes;
  };
  look_at(cell.write, true);
  look_at(cell.read, false);
  for (const EarlierAccess* earlier = cell.earlier; earlier != nullptr; earlier = earlier->next)
    look_at(earlier->access, earlier->write);
  const LastAccess mine{current_, clock, plain, bytes, site, current_scope(me())};
  if (other != nullptr) [[unlikely]] {
    const OpKind kind = plain ? (write ? OpKind::plain_write : OpKind::plain_read) : write ? OpKind::store : OpKind::load;
    tell(kind, cell.at, 4, peek(cell.at, 4), peek(cell.at, 4), site);
    fail("data-race", race_text(cell, *other, other_writes, mine, write));
  }
  remember(cell, write, mine);
}

/// What `access` is behind and covers need not be remembered any longer: whoever races with that races with `access`.
void OperationalMachine::remember(Cell& cell, bool write, const LastAccess& access) noexcept {
  const auto takes_the_place_of = [&](const LastAccess& old) {
    return (old.task == current_ || me().view[old.task] >= old.clock) && (old.bytes & ~access.bytes) == 0 &&
           (access.plain || !old.plain);
  };
  LastAccess& latest = write ? cell.write : cell.read;
  if (latest.task != kNobody && !takes_the_place_of(latest)) [[unlikely]] {
    auto* const kept = static_cast<EarlierAccess*>(pool_.take(sizeof(EarlierAccess)));
    *kept = {latest, write, cell.earlier};
    cell.earlier = kept;
  }
  latest = access;
  for (EarlierAccess** at = &cell.earlier; *at != nullptr;)
    if ((*at)->write == write && takes_the_place_of((*at)->access))
      *at = (*at)->next;
    else
      at = &(*at)->next;
}

std::string OperationalMachine::access_text(const LastAccess& access, bool writes) const {
  return fmt::format("{} {} by {} in {} ({}:{})", access.plain ? "plain" : "marked", writes ? "write" : "read",
                     task_name(access.task), access.scope != nullptr ? access.scope : function_name(access.site.function),
                     source_path(access.site.file), access.site.line);
}

std::string OperationalMachine::race_text(const Cell& cell, const LastAccess& other, bool other_writes, const LastAccess& mine,
                                          bool write) const {
  std::string word = program_->word_name(cell.at);
  if (word.empty()) word = "memory without a name";
  return fmt::format("{} is accessed by two tasks that nothing orders: {} and {}", word, access_text(other, other_writes),
                     access_text(mine, write));
}

std::string OperationalMachine::in_use_text(const Cell& cell, const LastAccess& last, bool writes) const {
  std::string word = program_->word_name(cell.at);
  if (word.empty()) word = "memory without a name";
  return fmt::format("{} is given back by {} while it is still in use: {}", word, task_name(current_), access_text(last, writes));
}

void OperationalMachine::plain(const void* at, u64 bytes, bool write, Site site) noexcept {
  auto from = reinterpret_cast<u64>(at);
  const u64 end = from + bytes;
  while (from < end) {
    const auto size = static_cast<unsigned>(std::min<u64>(end - from, 4 - from % 4));
    const auto* const word = reinterpret_cast<const void*>(from);
    Cell& cell = touch(word, size < 3 ? size : 4, site);
    if (shadow_.accessed_plainly(cell)) again_please();
    race_check(cell, byte_mask(cell, word, size), write, true, clock_now(), site);
    do_settle(cell);
    from += size;
  }
  if (write) me().pass_effect = true;
  tell(write ? OpKind::plain_write : OpKind::plain_read, at, 0, bytes, bytes, site);
}

/// Giving memory back is a plain write to all of it that depends on what the task has read, acquiring or not. An access that it
/// is not behind may come to memory later, when that is somebody else's.
void OperationalMachine::must_be_over(const void* memory, u64 bytes) noexcept {
  if (!options_.races || warming_) return;
  const TaskRecord& task = me();
  const auto knows = [&](u32 lane) { return task.has_extra ? std::max(task.view[lane], task.extra[lane]) : task.view[lane]; };
  const auto* const from = static_cast<const unsigned char*>(memory);
  for (const unsigned char* at = from; at < from + bytes; at += 4) {
    Cell* const cell = shadow_.find(at);
    if (cell == nullptr) continue;
    if (shadow_.accessed_plainly(*cell)) again_please();
    const auto look_at = [&](const LastAccess& last, bool writes) {
      if (last.task == kNobody || last.task == current_ || knows(last.task) >= last.clock) [[likely]]
        return;
      if (writes && !last.plain && cell->newest != nullptr && knows(cell->lane) >= cell->version) return;
      fail_here("use-after-free", in_use_text(*cell, last, writes), memory, {});
    };
    look_at(cell->write, true);
    look_at(cell->read, false);
    for (const EarlierAccess* earlier = cell->earlier; earlier != nullptr; earlier = earlier->next)
      look_at(earlier->access, earlier->write);
  }
}

void OperationalMachine::scope(const char* function) noexcept {
  if (outside()) return;
  TaskRecord& task = me();
  if (function == nullptr) {
    task.depth--;
    return;
  }
  task.scopes[task.depth++ % kMaxScopes] = function;
}

// ---- telling -----------------------------------------------------------------------------------------------------------

std::string OperationalMachine::describe_access(const void* at, unsigned size, Site site) const {
  return fmt::format("the access to {} bytes at {} by {} in {} ({}:{})", size,
                     arena_.contains(at) ? fmt::format("arena+{:#x}", arena_.offset(at)) : "an address of the host",
                     task_name(current_), site.function, source_path(site.file), site.line);
}

/// Pointers are told as arena offsets, addresses of the host not at all: equal runs are equal wherever they lie. Where something
/// lies on a stack is the compiler's business: all stacks are one place.
u64 OperationalMachine::without_addresses(u64 value, unsigned size) const noexcept {
  if (size != 8) return value;
  if (arena_.contains(reinterpret_cast<const void*>(value)))
    return kPointer | std::min(arena_.offset(reinterpret_cast<const void*>(value)), options_.arena_bytes / 2);
  return value >> 40 != 0 && value >> 47 == 0 ? 0 : value;
}

void OperationalMachine::write_down(OpKind kind, u64 object, unsigned size, u64 before, u64 after, Site site,
                                    const char* barrier) noexcept {
  Step step;
  step.task = current_;
  step.kind = kind;
  step.size = static_cast<u8>(size);
  step.choice = told_choice_;
  step.options = told_options_;
  step.object = std::min(object, options_.arena_bytes / 2);
  step.site = site;
  step.scope = current_scope(me());
  step.barrier = barrier;
  step.left_out = left_out(barrier);
  step.preempts = told_preempts_;
  told_preempts_ = false;
  step.before = without_addresses(before, size);
  step.after = without_addresses(after, size);
  step.missed_task = told_missed_task_;
  step.missed_site = told_missed_site_;
  step.missed_value = told_missed_value_;
  told_choice_ = 0;
  told_options_ = 1;
  told_missed_task_ = kNobody;
  recording_->push_back(step);
  strategy_->step(step);
}

}  // namespace uringsim::sim
