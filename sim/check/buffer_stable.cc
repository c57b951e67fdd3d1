// SPDX-License-Identifier: GPL-2.0-only
// "buffer-stable": memory that a request reads or fills is left alone until its CQE: not given to another request (unless both
// only read it), and not written by the application. Counts where it is asked for.
#include <fmt/format.h>

#include <algorithm>

#include "sim/check/checker.h"

namespace uringsim::sim {

namespace {

struct Lent {
  s64 ring;
  s64 user_data;
  u64 address;
  u64 bytes;
  bool filled;  ///< the kernel writes to it
};

class BufferStable final : public StateChecker<std::vector<Lent>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "buffer-stable"; }
  [[nodiscard]] bool asked() const noexcept override { return true; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::buffer_lent, EventKind::buffer_touched, EventKind::io_uring_complete};
  }

  void event(const kernel::TraceEvent& event) override {
    const auto& v = event.values;
    if (event.kind == kernel::EventKind::io_uring_complete) {
      const auto found =
          std::find_if(state_.begin(), state_.end(), [&](const Lent& one) { return one.ring == v[0] && one.user_data == v[1]; });
      if (found != state_.end()) state_.erase(found);
    } else if (event.kind == kernel::EventKind::buffer_lent) {
      const Lent fresh{v[0], v[1], static_cast<u64>(v[2]), static_cast<u64>(v[3]), v[4] != 0};
      if (const Lent* const other = overlapping(fresh.address, fresh.bytes, fresh.filled))
        find(fmt::format(
            "a buffer belongs to one request until its CQE: that of user_data {:#x} overlaps that of user_data {:#x}, "
            "which has not completed",
            fresh.user_data, other->user_data));
      state_.push_back(fresh);
    } else if (const Lent* const other = overlapping(static_cast<u64>(v[0]), static_cast<u64>(v[1]), v[2] != 0)) {
      find(
          fmt::format("a buffer is left alone until its request's CQE: the application {} that of user_data {:#x}, which has not "
                      "completed",
                      v[2] != 0 ? "writes" : "reads", other->user_data));
    }
  }

 private:
  const Lent* overlapping(u64 address, u64 bytes, bool written) const {
    for (const Lent& one : state_)
      if (one.address < address + bytes && address < one.address + one.bytes && (one.filled || written)) return &one;
    return nullptr;
  }
};

}  // namespace

std::unique_ptr<Checker> check_buffer_stable() { return std::make_unique<BufferStable>(); }

}  // namespace uringsim::sim
