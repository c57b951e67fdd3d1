// SPDX-License-Identifier: GPL-2.0-only
// The names that tapes use for opcodes and flag bits: uapi's tables, by their short names only.
//
// The tables go on past what any modelled release knows, because tapes ask old kernels for new things and record the refusal.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/arch/types.h"
#include "uapi/names.h"

namespace uringsim::sim::tape {

using Names = uapi::NameTable;

inline constexpr Names kSetupFlags = uapi::names::setup_flags;
inline constexpr Names kFeatures = uapi::names::features;
inline constexpr Names kEnterFlags = uapi::names::enter_flags;
inline constexpr Names kSqeFlags = uapi::names::sqe_flags;
inline constexpr Names kSqRingFlags = uapi::names::sq_ring_flags;
inline constexpr Names kOperations = uapi::names::opcodes;
inline constexpr Names kRegisterOperations = uapi::names::register_ops;
/// Recordings name POLLIN to POLLNVAL; the bits above them are "bitN".
inline constexpr Names kPollBits = Names(uapi::names::poll_events).first(6);

/// The value of `name`, or nothing if the table does not have it.
[[nodiscard]] std::optional<u32> value_of(Names names, std::string_view name) noexcept;

/// The names of all bits set in `word`, lowest first; "bitN" for those without one.
[[nodiscard]] std::vector<std::string> bit_names(Names names, u32 word);

}  // namespace uringsim::sim::tape
