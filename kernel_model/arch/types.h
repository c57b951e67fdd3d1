// SPDX-License-Identifier: GPL-2.0-only
// Linux's short integer names, for everything that models kernel code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace uringsim {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

/// An address in some task's address space. Never a pointer of the host: it is reached through mm_struct only.
using uptr = u64;

}  // namespace uringsim
