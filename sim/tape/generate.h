// SPDX-License-Identifier: GPL-2.0-only
// Random tapes: small programs of valid and hostile calls, the same ones for the same seed.
//
// A tape belongs to one subject, which says what it is made of. The subjects keep to what has meant the same in every release,
// so that a running kernel can be asked what an older one would answer; what they touch that has not is left to the rows of
// unchanged.h. Times are 20 ms apart and more, so that no exact scheduling is asked for, and a completion queue never overflows.
#pragma once

#include <span>
#include <string_view>

#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

/// The subjects of random tapes, as their names have them: "fuzz/SUBJECT/SEED-INDEX".
[[nodiscard]] std::span<const std::string_view> random_subjects() noexcept;

/// The random tape number `index` of `seed`.
[[nodiscard]] Tape random_tape(u64 seed, u64 index);

}  // namespace uringsim::sim::tape
