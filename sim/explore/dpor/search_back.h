// SPDX-License-Identifier: GPL-2.0-only
// Going back: the newest alternative is taken from the stack and the graph is made to be what it says.
#pragma once

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

template <unsigned W>
void Search<W>::push_item(ItemKind kind, EventId event, EventId revisited, u32 first) {
  if (depth_ >= options_in_.departures) {
    options_.resize(first);
    result_.bounded = true;
    return;
  }
  const auto total = static_cast<u16>(options_.size() - first);
  weight_ /= static_cast<float>(total + 1);
  items_.push_back({kind, event, revisited, first, level_, total, static_cast<u16>(depth_ + 1), weight_});
}

/// Prepares the next graph to run. False if the search is over.
template <unsigned W>
bool Search<W>::backtrack() {
  for (;;) {
    if (abort_ || outgrown_) return false;
    while (!levels_.empty() && items_.size() == levels_.back().items) {
      std::swap(graph_, levels_.back().saved);
      spare_.push_back(std::move(levels_.back().saved));
      levels_.pop_back();
    }
    if (items_.empty()) return false;
    const Item& item = items_.back();
    weight_ = item.weight;
    level_ = item.level;
    depth_ = item.depth;
    if (dividing_ && !is_here()) {
      options_.pop_back();
      if (options_.size() == item.first) items_.pop_back();
      continue;
    }
    const bool runnable = take_newest(level_);
    if (violated_ || runnable) return true;
  }
}

/// Takes the newest option of the newest item, as part of what `level` runs. False if there is no execution to run with it, but
/// perhaps further alternatives.
template <unsigned W>
bool Search<W>::take_newest(Division level) {
  Item& item = items_.back();
  weight_ = item.weight;
  level_ = level;
  depth_ = item.depth;
  path_.resize(item.depth - 1u);
  path_bases_.resize(item.depth);
  const auto left = static_cast<u16>(options_.size() - item.first);
  path_.push_back(
      {static_cast<u16>(items_.size() - 1 - path_bases_.back()), static_cast<u16>(item.total - left), static_cast<u16>(level)});
  path_bases_.push_back(static_cast<u32>(items_.size() - (left == 1 ? 1 : 0)));
  switch (item.kind) {
    case ItemKind::read:
      return take_read(item);
    case ItemKind::place:
      return take_place(item);
    case ItemKind::revisit:
      return take_revisit(item);
    case ItemKind::choice:
      return take_choice(item);
    case ItemKind::lock:
      return take_lock(item);
  }
  return false;
}

/// The next option of `item`, which is gone with its last one; the graph is as it was when the item was found.
template <unsigned W>
EventId Search<W>::next_option(const Item& item) {
  const EventId event = item.event;
  const EventId option = options_.back();
  options_.pop_back();
  if (options_.size() == item.first) items_.pop_back();
  graph_->truncate(static_cast<EventId>(event + 1));
  return option;
}

/// A load reads another store.
template <unsigned W>
bool Search<W>::take_read(Item& item) {
  Graph<W>& g = *graph_;
  const EventId id = item.event;
  const EventId store = next_option(item);
  g.unlink_read(id);
  set_read(id, store);
  check_races(id);
  if ((g.event[id].flags & kRmw) != 0) return add_rmw_store(id);
  return true;
}

/// A store goes to another place in coherence order.
template <unsigned W>
bool Search<W>::take_place(Item& item) {
  Graph<W>& g = *graph_;
  const EventId id = item.event;
  const EventId load = item.revisited;
  const EventId after = next_option(item);
  g.unlink_store(id);
  g.link_store(id, after);
  check_races(id);
  if (load != 0 && (g.event[load].flags & kRmw) != 0) return add_rmw_store(load);
  return true;
}

template <unsigned W>
bool Search<W>::take_revisit(Item& item) {
  const EventId store = item.event;
  const EventId load = next_option(item);
  // If this was the last thing to do on this graph it need not be kept.
  const bool keep = items_.size() != (levels_.empty() ? 0 : levels_.back().items);
  return revisit(load, store, keep);
}

template <unsigned W>
bool Search<W>::take_choice(Item& item) {
  Graph<W>& g = *graph_;
  const EventId id = item.event;
  const u16 option = next_option(item);
  g.event[id].value = option;
  return true;
}

/// A task that waits for a lock for ever tries to have come before whoever has taken it.
template <unsigned W>
bool Search<W>::take_lock(Item& item) {
  Graph<W>& g = *graph_;
  const u16 thread = item.revisited;
  const EventId store = next_option(item);
  const EventId waiting = g.threads[thread].last;
  const RmwOperation op = g.operation[waiting];
  const EventId id = g.append(thread, op.flags(0), g.event[waiting].word, 0);
  g.set_operation(id, op);
  set_read(id, store);
  add_rmw_store(id);
  return false;
}

/// Makes the graph in which `load` reads the newer `store`: without everything added after the load, but for the store's causes.
/// `keep`: the present graph is needed again. False if there is no such graph that is consistent.
template <unsigned W>
bool Search<W>::revisit(EventId load, EventId store, bool keep) {
  Graph<W>& g = *graph_;
  const Set causes = g.porf[store];
  kept_.clear();
  causes.each([&](unsigned bit) {
    if (bit <= load) return;
    const EventId id = static_cast<EventId>(bit);
    Kept kept{g.event[id], {}, id, 0};
    if ((kept.event.flags & (kRmw | kCas | kLock)) != 0 && (kept.event.flags & kRead) != 0) kept.operation = g.operation[id];
    if ((kept.event.flags & kWrite) != 0) {
      EventId after = kept.event.co_prev;
      // Its nearest predecessor that will be back before it.
      while (after > load && (after > id || !causes.test(after))) after = g.event[after].co_prev;
      kept.co_after = after;
    }
    kept_.push_back(kept);
  });
  if (keep) {
    std::unique_ptr<Graph<W>> saved;
    if (spare_.empty()) {
      saved = std::make_unique<Graph<W>>(options_in_.memory);
    } else {
      saved = std::move(spare_.back());
      spare_.pop_back();
    }
    saved->copy_from(g);
    levels_.push_back({std::move(saved), static_cast<u32>(items_.size())});
  }
  // Loads that stay where they are although they read a store that comes back under another number: they were revisited before.
  late_.clear();
  for (EventId id = 1; id < load; id++)
    if ((g.event[id].flags & kRead) != 0 && g.event[id].rf > load) late_.push_back(id);
  const Event old_load = g.event[load];
  const RmwOperation old_operation = (old_load.flags & (kRmw | kCas | kLock)) != 0 ? g.operation[load] : RmwOperation{};
  g.truncate(load);
  if (renumber_.size() < Graph<W>::kCapacity) renumber_.resize(Graph<W>::kCapacity);
  const auto now = [&](EventId old) { return old <= load ? old : renumber_[old]; };

  g.append(old_load.thread, old_load.flags, old_load.word, 0);
  if ((old_load.flags & (kRmw | kCas | kLock)) != 0) g.set_operation(load, old_operation);
  // It reads nothing until the store is back.
  bool in_order = late_.empty();
  for (const Kept& kept : kept_) {
    const Event& e = kept.event;
    if (kept.old == store) break;
    const EventId id = g.append(e.thread, e.flags, e.word, e.value);
    g.event[id].sources = e.sources;
    if ((e.flags & kWrite) != 0 && e.sources == 2) g.set_fires(id);
    renumber_[kept.old] = id;
    if ((e.flags & kWrite) != 0) g.link_store(id, now(kept.co_after));
    if (e.rf > kept.old) in_order = false;
    if ((e.flags & kRead) != 0) {
      if ((e.flags & (kRmw | kCas | kLock)) != 0) g.set_operation(id, kept.operation);
      if (in_order) g.link_read(id, now(e.rf));
    } else if ((e.flags & kSync) != 0) {
      g.event[id].rf = now(e.rf);
    }
    if (in_order) g.complete(id);
  }
  if (!in_order) relink(load, store);

  // The store: at the newest place, or where a read-modify-write has to be.
  const Event& e = kept_.back().event;
  const bool rmw = (e.flags & kRmw) != 0;
  EventId after = g.words[e.word].last;
  places_.clear();
  if (rmw) {
    after = g.event[g.threads[e.thread].last].rf;
    if (g.taken_by(after, e.word) != 0) return false;
  } else if (after != 0 && !g.surely_before(e.thread, e.flags).test(after)) {
    const Set bound = g.before(e.thread, e.flags);
    for (EventId other = after; other != 0 && !bound.test(other); other = g.event[other].co_prev)
      if ((g.event[other].flags & kRmw) == 0) places_.push_back(g.event[other].co_prev);
  }
  const EventId id = g.append(e.thread, e.flags, e.word, e.value);
  g.link_store(id, after);
  if (e.sources == 2) g.set_fires(id);
  g.complete(id);
  set_read(load, id);

  // The load must be able to read it there.
  const auto readable = [&] {
    if (g.event[id].co_next == 0) return true;
    const Set bound = g.before_load(load);
    for (EventId later = g.event[id].co_next; later != 0; later = g.event[later].co_next)
      if (bound.test(later) || g.own_bound(later, g.event[load].thread)) return false;
    return true;
  };
  if (rmw && !readable()) return false;
  check_races(load);
  check_races(id);
  if (!places_.empty()) {
    const u32 first = static_cast<u32>(options_.size());
    for (EventId place : places_) {
      g.unlink_store(id);
      g.link_store(id, place);
      if (readable()) options_.push_back(place);
    }
    g.unlink_store(id);
    g.link_store(id, after);
    if (options_.size() != first) push_item(ItemKind::place, id, load, first);
  }
  if ((g.event[load].flags & kRmw) != 0) return add_rmw_store(load);
  return true;
}

/// The part of revisit() for graphs in which some load reads a store with a higher number than its own: an event is completed
/// once what it stands on is.
template <unsigned W>
void Search<W>::relink(EventId load, EventId store) {
  Graph<W>& g = *graph_;
  const auto now = [&](EventId old) { return old <= load ? old : renumber_[old]; };
  Set open;
  for (EventId id : late_) {
    g.link_read(id, now(g.event[id].rf));
    open.set(id);
  }
  for (const Kept& kept : kept_) {
    if (kept.old == store) break;
    const EventId id = now(kept.old);
    if ((kept.event.flags & kRead) != 0) {
      g.link_read(id, now(kept.event.rf));
    }
    open.set(id);
  }
  while (open.any()) {
    open.each([&](unsigned bit) {
      const Event& e = g.event[bit];
      if (open.test(e.po_prev) || open.test(e.rf)) return;
      g.complete(static_cast<EventId>(bit));
      open.clear(bit);
    });
  }
}

}  // namespace uringsim::sim::dpor
