// SPDX-License-Identifier: GPL-2.0-only
// What the host's <linux/io_uring.h> says, kept apart because that header cannot be mixed with uapi/abi.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <span>
#include <string_view>

namespace uringsim::host_header {

struct Fact {
  std::string_view what;
  std::uint64_t value;
};

/// Constants by identifier.
std::span<const Fact> constants();
/// sizeof and offsetof as text: "sizeof(io_uring_sqe)", "io_uring_sqe.user_data".
std::span<const Fact> layout();

}  // namespace uringsim::host_header
