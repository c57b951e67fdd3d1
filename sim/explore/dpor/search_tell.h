// SPDX-License-Identifier: GPL-2.0-only
// From a graph to a schedule: one order of steps in which everything happens as the graph says.
//
// The graph is played on the simplest machine of its memory model: one memory (sc), one memory and store buffers (tso), lists of
// stores (weak). An event can be played once the events before it have been and the machine would do what the graph says; the
// task that moved last goes on as long as it can, stores leave the buffers as soon as they may, and old values are read only
// where nothing else is left to do. The graph is consistent, so the play never gets stuck.
#pragma once

#include <fmt/format.h>

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

/// Plays one graph. Used once, for the first violation.
template <unsigned W>
class Player {
 public:
  /// `ended`: the tasks that came to their end.
  /// `late`, if it is not 0, is played behind `early` wherever that can be.
  Player(const Graph<W>& graph, MemoryModel model, const std::vector<Trail>& trail, Mask<1> ended, EventId late = 0,
         EventId early = 0)
      : g_(graph), model_(model), trail_(trail), ended_(ended), late_(late), early_(early) {
    effective_.set(0);
    played_.set(0);
    next_.resize(g_.threads.size());
    drained_.resize(g_.threads.size());
    for (std::size_t thread = 0; thread < g_.threads.size(); thread++) next_[thread] = g_.threads[thread].first;
  }

  Schedule play() {
    Schedule schedule;
    u16 last = 0;
    for (u16 thread = 0; thread < next_.size(); thread++) end(thread, schedule);
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t thread = 0; thread < next_.size(); thread++)
        while (drain(static_cast<u16>(thread), schedule)) moved = true;
      // First without reading anything old, then, under weak, at any price; and each time the same task first.
      for (const bool plain : {true, false}) {
        for (std::size_t i = 0; i < next_.size() && !moved; i++) {
          const u16 thread = static_cast<u16>((last + i) % next_.size());
          if (!ready(thread, plain)) continue;
          // Plain accesses are no points of their own: those in front of a task's first step come with it, the others follow.
          const EventId until = next_marked(thread);
          while (next_[thread] != 0 && next_[thread] <= until) step(thread, schedule);
          while (next_[thread] != 0 && is(next_[thread], kPlain)) step(thread, schedule);
          end(thread, schedule);
          last = thread;
          moved = true;
        }
      }
    }
    return schedule;
  }

 private:
  [[nodiscard]] bool is(EventId id, u16 flags) const { return (g_.event[id].flags & flags) != 0; }
  [[nodiscard]] bool buffered() const { return model_ == MemoryModel::tso; }

  /// The co-newest store of the word that has taken effect.
  [[nodiscard]] EventId newest(u16 word) const {
    EventId store = g_.words[word].last;
    while (store != 0 && !effective_.test(store)) store = g_.event[store].co_prev;
    return store;
  }
  /// tso: the task's newest store of the word that is still in its buffer.
  [[nodiscard]] EventId forwarded(u16 thread, u16 word) const {
    const auto& buffer = drained_[thread];
    for (auto it = buffer.rbegin(); it != buffer.rend(); ++it)
      if (g_.event[*it].word == word) return *it;
    return 0;
  }
  /// True if `store` may be the next to take effect: it stands behind the newest one, and whoever reads that has done so.
  [[nodiscard]] bool store_in_order(EventId store, EventId except) const {
    const Event& e = g_.event[store];
    if (newest(e.word) != e.co_prev) return false;
    auto waiting = g_.who_read(e.co_prev, e.word) - played_;
    if (except != 0) waiting.clear(except);
    return !waiting.any();
  }

  /// The next event of `thread` that is not a plain access; 0 if there is none.
  [[nodiscard]] EventId next_marked(u16 thread) const {
    EventId id = next_[thread];
    while (id != 0 && is(id, kPlain)) id = g_.event[id].po_next;
    return id;
  }
  [[nodiscard]] bool ready(u16 thread, bool plain) const {
    const EventId id = next_marked(thread);
    if (id == 0) return next_[thread] != 0;
    if (plain && id == late_ && !played_.test(early_)) return false;
    if (is(id, kWaiting)) return true;
    const Event& e = g_.event[id];
    if (is(id, kSync)) {
      if (!played_.test(e.rf)) return false;
      if (buffered() && !drained_[g_.event[e.rf].thread].empty()) return false;
    }
    const bool locked = empties_buffer(e.flags);
    if (buffered() && locked && !drained_[thread].empty()) return false;
    if (model_ == MemoryModel::weak && is(id, kFull) && !g_.is_next_fence(id, played_)) return false;
    if (is(id, kRead)) {
      const EventId own = buffered() ? forwarded(thread, e.word) : EventId{0};
      if (!effective_.test(e.rf) && own != e.rf) return false;
      const EventId seen = own != 0 ? own : newest(e.word);
      if (seen != e.rf && (model_ != MemoryModel::weak || plain)) return false;
      if (is(id, kRmw) && (model_ != MemoryModel::weak || plain) && !store_in_order(e.po_next, id)) return false;
    }
    if (is(id, kWrite) && (plain || model_ != MemoryModel::weak) && !buffered() && !store_in_order(id, 0)) return false;
    return true;
  }

  bool drain(u16 thread, Schedule& schedule) {
    auto& buffer = drained_[thread];
    if (buffer.empty() || !store_in_order(buffer.front(), 0)) return false;
    const EventId store = buffer.front();
    buffer.erase(buffer.begin());
    Step step = describe(store);
    step.kind = OpKind::drain;
    step.site = {};
    step.scope = nullptr;
    step.barrier = nullptr;
    if (step.size != 0) schedule.steps.push_back(step);
    effective_.set(store);
    return true;
  }

  void step(u16 thread, Schedule& schedule) {
    const EventId id = next_[thread];
    const Event& e = g_.event[id];
    played_.set(id);
    next_[thread] = e.po_next;
    if (is(id, kWaiting)) return;  // the step is the one that takes the lock, or wakes up
    Step told = describe(id);
    if (is(id, kRead) && !is(id, kPlain)) {
      for (EventId later = g_.co_next(e.rf, e.word); later != 0; later = g_.event[later].co_next) {
        if (!effective_.test(later) ||
            (is(id, kRmw) && g_.taken_by(later, e.word) != 0 && effective_.test(g_.taken_by(later, e.word))))
          continue;
        if (buffered() && forwarded(thread, e.word) != 0) break;
        told.choice++;
        told.missed_task = g_.event[later].thread;
        told.missed_site = site_of(later);
        told.missed_value = g_.event[later].value;
      }
      told.options = told.choice + 1;
    }
    const bool of_timer = told.kind == OpKind::timer_start || told.kind == OpKind::timer_cancel;
    if (of_timer) told.choice = (e.value & kTimerRuns) != 0 ? 1 : 0;
    if (is(id, kRmw)) {
      played_.set(e.po_next);
      effective_.set(e.po_next);
      told.after = g_.event[e.po_next].value;
      next_[thread] = g_.event[e.po_next].po_next;
    } else if (is(id, kWrite)) {
      if (buffered() && !is(id, kPlain)) {
        drained_[thread].push_back(id);
      } else {
        for (EventId later = e.co_next; later != 0; later = g_.event[later].co_next)
          if (effective_.test(later) && !is(later, kRmw)) told.choice++;
        told.options = told.choice + 1;
        effective_.set(id);
      }
    } else if (is(id, kChoice)) {
      told.choice = static_cast<u32>(e.value);
      told.options = e.sources;
    }
    if (told.kind != OpKind::time) schedule.steps.push_back(told);
  }

  /// A task ends right behind its last event.
  void end(u16 thread, Schedule& schedule) {
    if (next_[thread] != 0 || !ended_.test(thread)) return;
    Step step;
    step.task = thread;
    step.kind = OpKind::end;
    schedule.steps.push_back(step);
  }

  [[nodiscard]] arch::Site site_of(EventId id) const { return id < trail_.size() ? trail_[id].site : arch::Site{}; }

  [[nodiscard]] Step describe(EventId id) const {
    const Event& e = g_.event[id];
    Step step;
    step.task = e.thread;
    step.kind = OpKind::time;
    if (id < trail_.size()) {
      const Trail& trail = trail_[id];
      step.kind = trail.kind;
      step.size = trail.size;
      step.object = trail.object;
      step.site = trail.site;
      step.scope = trail.scope;
      step.barrier = trail.barrier;
      step.left_out = trail.left_out;
    }
    if (is(id, kRead)) step.before = step.after = e.value;
    if (is(id, kWrite)) {
      const EventId before = newest(e.word);
      step.before = before == 0 ? g_.words[e.word].initial : g_.event[before].value;
      step.after = e.value;
    }
    return step;
  }

  const Graph<W>& g_;
  MemoryModel model_;
  const std::vector<Trail>& trail_;
  Mask<1> ended_;
  EventId late_, early_;
  Mask<W> played_;
  Mask<W> effective_;
  std::vector<EventId> next_;
  std::vector<std::vector<EventId>> drained_;  // tso: what is in each buffer, oldest first
};

/// Runs the execution at hand once more, writing down where everything stands, and turns it into a schedule.
template <unsigned W>
void Search<W>::tell() {
  trail_.assign(graph_->count(), Trail{});
  recording_ = true;
  restart();
  replay();
  recording_ = false;
  arch::set_current_task(nullptr);
  Mask<1> ended;
  for (u32 id = 0; id < tasks_.size(); id++)
    if (tasks_[id]->status == Status::ended) ended.set(id);
  if (race_.second != 0) {
    const auto side = [this](EventId id) {
      const Event& e = graph_->event[id];
      const Trail& trail = trail_[id];
      const bool write = (e.flags & kWrite) != 0 || ((e.flags & kRange) != 0 && PlainRange::unpack(e.value).write);
      return fmt::format("{} {} by {} in {} ({}:{})", (e.flags & kPlain) != 0 ? "plain" : "marked", write ? "write" : "read",
                         tasks_[e.thread]->task->name, trail.scope != nullptr ? trail.scope : trail.site.function,
                         source_path(trail.site.file), trail.site.line);
    };
    const PlainRange where = range_of(race_.second);
    std::string word = program_.word_name(static_cast<unsigned char*>(arena_.base()) + where.offset);
    if (word.empty()) word = "memory without a name";
    if (result_.violation.check == "use-after-free")
      result_.violation.text = fmt::format("{} is given back by {} while it is still in use: {}", word,
                                           tasks_[graph_->event[race_.second].thread]->task->name, side(race_.first));
    else
      result_.violation.text =
          fmt::format("{} is accessed by two tasks that nothing orders: {} and {}", word, side(race_.first), side(race_.second));
  }
  const EventId given_back = result_.violation.check == "use-after-free" ? race_.second : EventId{0};
  result_.schedule =
      Player<W>(*graph_, options_in_.memory, trail_, ended, given_back != 0 ? race_.first : EventId{0}, given_back).play();
}

// ---- findings ------------------------------------------------------------------------------------------------------

template <unsigned W>
void Search<W>::fail(const char* check, std::string text) {
  if (violated_) return;
  violated_ = true;
  if (!result_.found) result_.violation = {check, std::move(text)};
}

template <unsigned W>
void Search<W>::violation(const char* check, const std::string& text) {
  fail(check, text);
}

template <unsigned W>
void Search<W>::report(const char* what, bool fatal, arch::Site site) noexcept {
  fail("report", fmt::format("{} at {} ({}:{})", what, site.function, source_path(site.file), site.line));
  if (fatal || !set_up_) leave(running(), Status::frontier);
}

template <unsigned W>
const std::vector<LeftOver>& Search<W>::left_over() {
  if (!left_over_.empty()) return left_over_;
  for (u32 id = 0; id < tasks_.size(); id++) {
    const Task& task = *tasks_[id];
    if (task.status == Status::ended || task.status == Status::absent || task.status == Status::unborn) continue;
    LeftOver left;
    left.task = id;
    left.name = task.task->name;
    left.site = task.site;
    switch (task.status) {
      case Status::waits_lock: {
        left.why = Blocked::lock;
        left.object = arena_.offset(word_info_[task.wait_word].at);
        const EventId last = graph_->words[task.wait_word].last;
        left.holder = static_cast<u32>((last == 0 ? graph_->words[task.wait_word].initial : graph_->event[last].value) - 1);
        break;
      }
      case Status::waits_join:
        left.why = Blocked::join;
        left.object = task.wait_id;
        break;
      case Status::polling:
        left.why = Blocked::polling;
        break;
      default:
        left.why = Blocked::sleeping;
    }
    left_over_.push_back(left);
  }
  return left_over_;
}

}  // namespace uringsim::sim::dpor
