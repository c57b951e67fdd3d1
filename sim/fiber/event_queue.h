// SPDX-License-Identifier: GPL-2.0-only
// What is due when: a heap ordered by (time, order of arrival), whose members know their place and so leave in O(log n).
//
// A timer that is armed and cancelled with every request must not leave anything behind: nothing is deleted lazily.
#pragma once

#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// `Place` tells the queue where a member keeps its position: static u64& of(T&), 0 when it is in no queue.
template <class T, class Place>
class EventQueue {
 public:
  static constexpr u64 kNever = ~u64{0};

  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  [[nodiscard]] u64 size() const noexcept { return heap_.size(); }
  /// When the first one is due; kNever if there is none.
  [[nodiscard]] u64 next_due() const noexcept { return heap_.empty() ? kNever : heap_.front().due; }
  [[nodiscard]] T* first() const noexcept { return heap_.empty() ? nullptr : heap_.front().member; }

  /// When the last one is due; 0 if there is none. Looks at all of them.
  [[nodiscard]] u64 last_due() const noexcept {
    u64 last = 0;
    for (const Entry& entry : heap_) last = last < entry.due ? entry.due : last;
    return last;
  }

  void insert(T& member, u64 due) {
    heap_.push_back({due, sequence_++, &member});
    rise(heap_.size() - 1);
  }

  /// Takes `member` out; false if it was not in.
  bool remove(T& member) noexcept {
    const u64 place = Place::of(member);
    if (place == 0) return false;
    Place::of(member) = 0;
    const Entry last = heap_.back();
    heap_.pop_back();
    const u64 at = place - 1;
    if (at < heap_.size()) {
      heap_[at] = last;
      rise(at);
      sink(Place::of(*last.member) - 1);
    }
    return true;
  }

  T* pop() noexcept {
    T* const member = heap_.front().member;
    remove(*member);
    return member;
  }

 private:
  struct Entry {
    u64 due;
    u64 sequence;
    T* member;
    [[nodiscard]] bool before(const Entry& other) const noexcept {
      return due != other.due ? due < other.due : sequence < other.sequence;
    }
  };

  void put(u64 at, const Entry& entry) noexcept {
    heap_[at] = entry;
    Place::of(*entry.member) = at + 1;
  }
  void rise(u64 at) noexcept {
    const Entry entry = heap_[at];
    for (; at > 0 && entry.before(heap_[(at - 1) / 2]); at = (at - 1) / 2) put(at, heap_[(at - 1) / 2]);
    put(at, entry);
  }
  void sink(u64 at) noexcept {
    const Entry entry = heap_[at];
    for (u64 child = 2 * at + 1; child < heap_.size(); child = 2 * at + 1) {
      if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) child++;
      if (!heap_[child].before(entry)) break;
      put(at, heap_[child]);
      at = child;
    }
    put(at, entry);
  }

  std::vector<Entry> heap_;
  u64 sequence_ = 0;
};

}  // namespace uringsim::sim
