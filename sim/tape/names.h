// SPDX-License-Identifier: GPL-2.0-only
// The names that tapes use for opcodes and flag bits.
//
// A name stands for its position in its list: bit 3 of the setup flags is kSetupFlags[3], opcode 11 is kOperations[11]. The lists
// go on past what any modelled release knows, because tapes ask old kernels for new things and record the refusal.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim::tape {

using Names = std::span<const std::string_view>;

extern const Names kSetupFlags;          ///< IORING_SETUP_*
extern const Names kFeatures;            ///< IORING_FEAT_*
extern const Names kEnterFlags;          ///< IORING_ENTER_*
extern const Names kSqeFlags;            ///< IOSQE_*
extern const Names kSqRingFlags;         ///< IORING_SQ_*
extern const Names kOperations;          ///< IORING_OP_*
extern const Names kRegisterOperations;  ///< IORING_REGISTER_* and IORING_UNREGISTER_*
extern const Names kPollBits;            ///< POLLIN ... POLLNVAL: the poll bits that are recorded

/// The position of `name`, or nothing if the list does not have it.
[[nodiscard]] std::optional<u32> position(Names names, std::string_view name) noexcept;

/// The names of all bits set in `word`, lowest first; "bitN" for those without one.
[[nodiscard]] std::vector<std::string> bit_names(Names names, u32 word);

}  // namespace uringsim::sim::tape
