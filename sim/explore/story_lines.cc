// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/story_lines.h"

#include <algorithm>
#include <string_view>

#include "sim/world/application.h"

namespace uringsim::sim {

bool has_word(OpKind kind) noexcept {
  return kind == OpKind::load || kind == OpKind::store || kind == OpKind::rmw || kind == OpKind::drain || is_lock(kind) ||
         is_plain(kind);
}

// ---- store buffers -----------------------------------------------------------------------------------------------------------

std::vector<Buffers::Pending> Buffers::step(const Step& step, size_t index) {
  if (!tso_ || step.task == kNobody) return {};
  auto& buffer = pending_[step.task];
  std::vector<Pending> arrived;
  switch (step.kind) {
    case OpKind::store:
    case OpKind::set_state:
    case OpKind::unlock:
      buffer.push_back({index, step.kind == OpKind::set_state ? ~u64{0} : step.object, step.after});
      break;
    case OpKind::drain:
      if (buffer.empty()) break;
      arrived.push_back(buffer.front());
      buffer.erase(buffer.begin());
      break;
    case OpKind::fence:
      if (step.before == static_cast<u64>(arch::Fence::full) && step.after != 0) std::swap(arrived, buffer);
      break;
    case OpKind::rmw:
    case OpKind::lock:
    case OpKind::sleep:
      std::swap(arrived, buffer);
      break;
    case OpKind::wake:
      if (!step.left_out || step.before != step.after) std::swap(arrived, buffer);  // left out: its barrier
      break;
    default:
      break;
  }
  return arrived;
}

u32 Buffers::withheld(const Step& step, u64& value) const {
  if (step.kind != OpKind::load) return kNobody;
  for (const auto& [task, buffer] : pending_)
    for (const Pending& store : buffer)
      if (task != step.task && store.object == step.object) {
        value = store.value;
        return task;
      }
  return kNobody;
}

// ---- what is told ------------------------------------------------------------------------------------------------------------

Lines::Lines(const Schedule& schedule, Memory memory) : schedule_(schedule), told_(schedule.steps.size(), false) {
  find_shared();
  find_bystanders();
  find_told();
  if (std::none_of(told_.begin(), told_.end(), [](bool told) { return told; }) && !schedule.steps.empty()) {
    // One task did it all alone: what it did to memory is the story.
    alone_ = true;
    const u32 last = schedule.steps.back().task;
    bystanders_.erase(last);
    for (const Step& step : schedule.steps)
      if (step.task == last && (step.kind == OpKind::store || step.kind == OpKind::rmw)) shared_.insert(step.object);
    find_told();
  }
  drop_second_looks();
  tell_end();
  for (size_t i = 0; i < schedule.steps.size(); i++)
    if (told_[i]) bystanders_.erase(schedule.steps[i].task);
  follow_buffers(memory);
  tell_states();
  tell_barriers(memory);
  for (size_t i = 0; i < schedule.steps.size(); i++)
    if (told_[i]) add(i);
}

void Lines::find_shared() {
  struct Use {
    u32 task = kNobody;
    bool several = false;
    bool changed = false;
    bool used = false;
    bool loaded = false;
    u32 counted = 0;
    std::set<u64> locks{};  // held at every access so far
  };
  std::map<u64, Use> uses;
  std::map<u32, std::set<u64>> held;
  for (const Step& step : schedule_.steps) {
    if (step.kind == OpKind::lock || (step.kind == OpKind::try_lock && step.before == 0)) held[step.task].insert(step.object);
    if (step.kind == OpKind::unlock) held[step.task].erase(step.object);
    // What arrives from a buffer was counted when it was stored; a released lock, not at all.
    if (!has_word(step.kind) || is_plain(step.kind) || is_lock(step.kind) || step.kind == OpKind::drain ||
        step.object >= schedule_.stacks)
      continue;
    Use& use = uses[step.object];
    if (use.task == kNobody) use.task = step.task;
    use.several |= use.task != step.task;
    use.changed |= step.kind != OpKind::load;
    use.loaded |= step.kind == OpKind::load;
    use.counted += step.kind == OpKind::rmw ? 1 : 0;
    const std::set<u64>& now = held[step.task];
    if (!use.used) {
      use.locks = now;
      use.used = true;
    } else {
      std::erase_if(use.locks, [&](u64 lock) { return !now.contains(lock); });
    }
  }
  for (const auto& [object, use] : uses) {
    if (!use.several || !use.changed) continue;
    shared_.insert(object);
    if (!use.locks.empty()) guarded_.insert(object);
    if (!use.loaded && use.counted > 1) counters_.insert(object);
  }
  for (const auto& [task, locks] : held) held_locks_.insert(locks.begin(), locks.end());
  shared_.insert(held_locks_.begin(), held_locks_.end());
}

/// They share no word with others, and nobody wakes them, waits for them or is woken by them.
void Lines::find_bystanders() {
  std::set<u32> involved;
  for (const Step& step : schedule_.steps) {
    if (step.task == kNobody) continue;
    bystanders_.insert(step.task);
    const bool with_another = step.kind == OpKind::wake || step.kind == OpKind::join || step.kind == OpKind::spawn;
    if (with_another) involved.insert(static_cast<u32>(step.object));
    if (with_another || step.kind == OpKind::raise || step.kind == OpKind::fire || step.kind == OpKind::choose ||
        step.kind == OpKind::poll || (has_word(step.kind) && !is_plain(step.kind) && shared_.contains(step.object)))
      involved.insert(step.task);
  }
  for (const u32 task : involved) bystanders_.erase(task);
}

/// What the execution stopped at, and who is in conflict with it, whoever else can notice it.
void Lines::tell_end() {
  const auto end = schedule_.steps.size();
  if (end == 0) return;
  const Step& last = schedule_.steps[end - 1];
  if (!has_word(last.kind) || last.kind == OpKind::drain || is_lock(last.kind)) return;
  told_[end - 1] = true;
  const auto bytes = [](const Step& step) { return step.size != 0 ? step.size : step.before; };
  const auto writes = [](const Step& step) { return step.kind != OpKind::load && step.kind != OpKind::plain_read; };
  for (size_t i = end - 1; i-- > 0;) {
    const Step& other = schedule_.steps[i];
    if (other.task == last.task || !has_word(other.kind) || (!is_plain(other.kind) && !is_plain(last.kind)) ||
        (!writes(other) && !writes(last)) || other.object >= last.object + bytes(last) ||
        last.object >= other.object + bytes(other))
      continue;
    told_[i] = true;
    return;
  }
}

void Lines::find_told() {
  for (size_t i = 0; i < schedule_.steps.size(); i++) {
    const Step& step = schedule_.steps[i];
    if (step.task != kNobody && bystanders_.contains(step.task)) continue;
    if (step.scope != nullptr && std::string_view(step.scope) == kStays) continue;
    switch (step.kind) {
      case OpKind::plain_read:
      case OpKind::plain_write:
      case OpKind::end:
      case OpKind::now:
      case OpKind::fence:
      case OpKind::set_state:
      case OpKind::timer_cancel:
        break;  // tell_barriers() and tell_states() may tell them
      case OpKind::lock:
      case OpKind::try_lock:
      case OpKind::unlock:
        told_[i] = held_locks_.contains(step.object);
        break;
      default:
        told_[i] = !has_word(step.kind) || shared_.contains(step.object);
        break;
    }
  }
}

/// Under its lock nobody else changes a word between two looks.
void Lines::drop_second_looks() {
  std::map<u64, u32> known;  // word -> who has looked at it or changed it last
  for (size_t i = 0; i < schedule_.steps.size(); i++) {
    const Step& step = schedule_.steps[i];
    if (!told_[i] || !guarded_.contains(step.object) || !has_word(step.kind)) continue;
    u32& who = known.try_emplace(step.object, kNobody).first->second;
    if (step.kind == OpKind::load && who == step.task) told_[i] = false;
    who = step.task;
  }
}

/// Which stores reach memory before anybody does anything else, by which steps the others do, and which loads do not wait for it.
void Lines::follow_buffers(Memory memory) {
  Buffers buffers(memory);
  std::set<u32> overtaking;
  for (size_t i = 0; i < schedule_.steps.size(); i++) {
    const Step& step = schedule_.steps[i];
    // What others see of a task beside its stores: what it reads, and what it sets off or is sure of having come after.
    const bool reads = step.kind == OpKind::load && shared_.contains(step.object) && told_[i];
    const bool sets_off = step.kind == OpKind::raise || step.kind == OpKind::timer_start || step.kind == OpKind::now;
    if (reads || sets_off) {
      const auto* const pending = buffers.of(step.task);
      const bool overtakes = pending != nullptr && std::any_of(pending->begin(), pending->end(), [&](const auto& store) {
                               return shared_.contains(store.object) && (sets_off || store.object != step.object);
                             });
      if (overtakes && overtaking.insert(step.task).second) overtakings_++;
    }
    for (const Buffers::Pending& store : buffers.step(step, i)) {
      if (!shared_.contains(store.object) || !told_[store.step]) continue;
      bool others = false;
      for (size_t between = store.step + 1; between < i; between++) others |= told_[between];
      if (!others) {
        immediate_.insert(store.step);
        if (step.kind == OpKind::drain) told_[i] = false;
      } else if (step.kind != OpKind::drain) {
        late_.insert(i);
        told_[i] = told_[i] || step.kind == OpKind::fence;
      }
    }
    if (buffers.of(step.task) == nullptr) overtaking.erase(step.task);
  }
}

/// A state is told if its task sleeps in it, or if somebody looks at it to wake the task.
void Lines::tell_states() {
  std::map<u32, size_t> last;  // the latest step that set the state of a task
  for (size_t i = 0; i < schedule_.steps.size(); i++) {
    const Step& step = schedule_.steps[i];
    if (step.kind == OpKind::set_state) last[step.task] = i;
    const bool looks = step.kind == OpKind::sleep || step.kind == OpKind::wake;
    if (!looks || !told_[i]) continue;
    const auto found = last.find(step.kind == OpKind::sleep ? step.task : static_cast<u32>(step.object));
    if (found == last.end()) continue;
    if (!bystanders_.contains(found->first)) told_[found->second] = true;
    last.erase(found);
  }
}

/// A barrier is told if its task has told operations on words on both sides of it, before it sleeps.
void Lines::tell_barriers(Memory memory) {
  if (memory == Memory::sc) return;
  std::set<u32> before;
  std::map<u32, std::vector<size_t>> waiting;
  for (size_t i = 0; i < schedule_.steps.size(); i++) {
    const Step& step = schedule_.steps[i];
    if (step.kind == OpKind::sleep) {
      before.erase(step.task);
      waiting.erase(step.task);
    } else if (step.kind == OpKind::fence) {
      const bool has_name = step.barrier != nullptr || step.before == static_cast<u64>(arch::Fence::full);
      if (has_name && before.contains(step.task)) waiting[step.task].push_back(i);
    } else if (told_[i] && step.kind != OpKind::drain && (has_word(step.kind) || step.kind == OpKind::wake)) {
      for (const size_t fence : waiting[step.task]) told_[fence] = true;
      waiting.erase(step.task);
      before.insert(step.task);
    }
  }
}

// ---- lines -------------------------------------------------------------------------------------------------------------------

bool Lines::changes(size_t index) const {
  const Step& step = schedule_.steps[index];
  switch (step.kind) {
    case OpKind::load:
    case OpKind::poll:
    case OpKind::choose:
    case OpKind::set_state:
    case OpKind::timer_start:
    case OpKind::unlock:  // told with what it belongs to
      return false;
    case OpKind::fence:
      return late_.contains(index);
    case OpKind::store:
      return !guarded_.contains(step.object) && !counters_.contains(step.object);
    case OpKind::rmw:
      if (counters_.contains(step.object)) return step.after == 0;
      return !guarded_.contains(step.object) && step.before != step.after;
    case OpKind::wake:
      return step.before != step.after;  // else it is a look at the state
    default:
      return true;
  }
}

void Lines::add(size_t index) {
  const Step& step = schedule_.steps[index];
  if (step.kind == OpKind::time && !lines_.empty() && lines_.back().task == kNobody) {
    lines_.back().steps.push_back(index);
    return;
  }
  const bool change = changes(index);
  const bool own_line = step.kind == OpKind::drain || step.kind == OpKind::time;
  if (own_line || lines_.empty() || lines_.back().task != step.task || (change && lines_.back().changes))
    lines_.push_back({step.task, {}, false});
  lines_.back().steps.push_back(index);
  lines_.back().changes |= change || own_line;
}

}  // namespace uringsim::sim
