// SPDX-License-Identifier: GPL-2.0-only
// What became of each SQE of a ring: taken, given a request, started, over. For checkers of order.
//
// An SQE is over when its request has completed or was freed, or when it never got one: it was refused, and its CQE came at once.
// A chain is what IOSQE_IO_LINK ties together within one batch: what one enter() took, or, where an SQ thread takes them and
// publications are known, what the application published with one store of the tail; so a thread that cuts a chain is seen.
#pragma once

#include <algorithm>
#include <vector>

#include "kernel_model/trace/trace.h"
#include "uapi/abi.h"

namespace uringsim::sim {

class SqeBook {
 public:
  struct Entry {
    u32 head = 0;
    u32 chain = 0;  ///< head of the first SQE of its chain
    s64 request = 0;
    u64 user_data = 0;
    bool drains = false;
    bool started = false;
  };

  /// The entry of a request that starts with this event, if it does; valid until the next event.
  const Entry* event(const kernel::TraceEvent& event) {
    using kernel::EventKind;
    switch (event.kind) {
      case EventKind::io_uring_create:
        sq_thread_ = (event.values[4] & uapi::IORING_SETUP_SQPOLL) != 0;
        break;
      case EventKind::sq_published:
        published_.push_back(static_cast<u32>(event.values[2]));
        publications_known_ = true;
        break;
      case EventKind::sq_head:
        if (!by_publication()) batch_++;
        break;
      case EventKind::sqe_dropped:
        refused();
        linked_ = false;
        break;
      case EventKind::sqe_consumed:
        consumed(event);
        break;
      case EventKind::request_take:
        if (Entry* const entry = last([&](const Entry& one) { return one.head == static_cast<u32>(event.values[2]); }))
          entry->request = event.values[1];
        break;
      case EventKind::request_issue:
        if (Entry* const entry = last([&](const Entry& one) { return one.request == event.values[1]; });
            entry != nullptr && !entry->started) {
          entry->started = true;
          return entry;
        }
        break;
      case EventKind::io_uring_complete:
        if (event.values[3] != 0) over(event.values[3]);
        break;
      case EventKind::request_free:
        over(event.values[1]);
        break;
      default:
        break;
    }
    return nullptr;
  }
  [[nodiscard]] static std::vector<kernel::EventKind> kinds() {
    using kernel::EventKind;
    return {EventKind::io_uring_create, EventKind::sq_published,      EventKind::sq_head,
            EventKind::sqe_dropped,     EventKind::sqe_consumed,      EventKind::request_take,
            EventKind::request_issue,   EventKind::io_uring_complete, EventKind::request_free};
  }
  /// Those that are not over, in order of the SQ.
  [[nodiscard]] const std::vector<Entry>& pending() const noexcept { return pending_; }
  /// Whether one of these drains.
  [[nodiscard]] bool drains() const noexcept { return drains_ != 0; }
  [[nodiscard]] static bool before(u32 head, u32 other) noexcept { return static_cast<s32>(head - other) < 0; }

 private:
  [[nodiscard]] bool by_publication() const noexcept { return sq_thread_ && publications_known_; }

  void consumed(const kernel::TraceEvent& event) {
    refused();
    const auto head = static_cast<u32>(event.values[1]);
    if (by_publication()) {
      std::size_t passed = 0;
      while (passed < published_.size() && !before(head, published_[passed])) passed++;
      batch_ += static_cast<u32>(passed);
      published_.erase(published_.begin(), published_.begin() + static_cast<std::ptrdiff_t>(passed));
    } else {
      published_.clear();
    }
    if (!linked_ || batch_ != last_batch_) chain_ = head;
    linked_ = (event.values[4] & uapi::IOSQE_IO_LINK) != 0;
    last_batch_ = batch_;
    drains_ += (event.values[4] & uapi::IOSQE_IO_DRAIN) != 0 ? 1 : 0;
    pending_.push_back(
        {head, chain_, 0, static_cast<u64>(event.values[3]), (event.values[4] & uapi::IOSQE_IO_DRAIN) != 0, false});
  }
  /// The youngest one that is meant, or null. Most that happens is of young ones, and thousands of old ones may be waiting.
  template <class Meant>
  Entry* last(Meant meant) {
    const auto found = std::find_if(pending_.rbegin(), pending_.rend(), meant);
    return found != pending_.rend() ? &*found : nullptr;
  }
  void forget(Entry* entry) {
    drains_ -= entry->drains ? 1 : 0;
    pending_.erase(pending_.begin() + (entry - pending_.data()));
  }
  /// The last one taken got no request, so it was refused.
  void refused() {
    if (!pending_.empty() && pending_.back().request == 0) forget(&pending_.back());
  }
  void over(s64 request) {
    if (Entry* const entry = last([&](const Entry& one) { return one.request == request; })) forget(entry);
  }

  bool sq_thread_ = false;
  bool publications_known_ = false;
  bool linked_ = false;  ///< the SQE before this one goes on
  u32 chain_ = 0;
  u32 batch_ = 0, last_batch_ = 0;
  std::vector<u32> published_;  ///< tails, of what is not taken yet
  std::vector<Entry> pending_;
  u32 drains_ = 0;  ///< of pending_
};

}  // namespace uringsim::sim
