// SPDX-License-Identifier: GPL-2.0-only
// Values of a step's fields as numbers, and the two functions that make content comparable: pattern and sum.
#pragma once

#include <vector>

#include "sim/tape/names.h"
#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

/// A flag word: a number, or a list of names and numbers that are ORed. The names are known (check_tape() saw to it).
[[nodiscard]] u32 flag_word(Names names, const Json& value);

/// An opcode: a number, or a name.
[[nodiscard]] u32 code(Names names, const Json& value);

/// The field `key` as a number, or `otherwise` if it is absent.
[[nodiscard]] u64 number_or(const Json& step, const char* key, u64 otherwise);
/// The answer of a step whose ring or descriptor was never made.
[[nodiscard]] Json no_ring();

/// The names of the bits of `word` as a result lists them.
[[nodiscard]] Json bit_list(Names names, u32 word);

/// `bytes` bytes of the pattern with this seed: byte i is (i*31 + (i>>8)*17 + seed) mod 256.
[[nodiscard]] std::vector<u8> pattern(u64 bytes, u64 seed);

/// FNV-1a with 32 bits.
[[nodiscard]] u32 fnv1a(const u8* bytes, u64 count) noexcept;

}  // namespace uringsim::sim::tape
