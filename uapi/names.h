// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Names of the ABI's constants: one table a subject, for whatever reads or writes them (scenarios, tapes, traces, tables
// of what a release knows).
//
//     const Name* flag = find(names::setup_flags, "SQPOLL");         // or "IORING_SETUP_SQPOLL"
//     name_of(names::opcodes, sqe.opcode)                            // "READV", empty if there is none
//     known(names::features, Release{5, 4})                          // every bit that 5.4 has
//
// A table is sorted by value; a flag's value is its bit.
#pragma once

#include <cstdint>

#include <span>
#include <string_view>

#include "uapi/abi/register.h"
#include "uapi/abi/release.h"
#include "uapi/abi/setup.h"
#include "uapi/abi/submit.h"

namespace uringsim::uapi {

/// One constant of the ABI.
struct Name {
  std::string_view name;        ///< as scenarios, tapes and traces spell it: "SQPOLL"
  std::string_view identifier;  ///< as C spells it: "IORING_SETUP_SQPOLL"
  std::uint32_t value;
  Release since;           ///< the release that brought it
  std::string_view about;  ///< what it means, in a phrase; may be empty
};

using NameTable = std::span<const Name>;

namespace names {
#define URINGSIM_UAPI_NAME(id, name, value, major, minor, about) {name, #id, value, {major, minor}, about},
inline constexpr Name setup_flags[] = {URINGSIM_UAPI_SETUP_FLAGS(URINGSIM_UAPI_NAME)};
inline constexpr Name features[] = {URINGSIM_UAPI_FEATURES(URINGSIM_UAPI_NAME)};
inline constexpr Name enter_flags[] = {URINGSIM_UAPI_ENTER_FLAGS(URINGSIM_UAPI_NAME)};
inline constexpr Name sq_ring_flags[] = {URINGSIM_UAPI_SQ_RING_FLAGS(URINGSIM_UAPI_NAME)};
inline constexpr Name cq_ring_flags[] = {URINGSIM_UAPI_CQ_RING_FLAGS(URINGSIM_UAPI_NAME)};
inline constexpr Name opcodes[] = {URINGSIM_UAPI_OPCODES(URINGSIM_UAPI_NAME)};
inline constexpr Name sqe_flags[] = {URINGSIM_UAPI_SQE_FLAGS(URINGSIM_UAPI_NAME)};
inline constexpr Name cqe_flags[] = {URINGSIM_UAPI_CQE_FLAGS(URINGSIM_UAPI_NAME)};
inline constexpr Name fsync_flags[] = {URINGSIM_UAPI_FSYNC_FLAGS(URINGSIM_UAPI_NAME)};
inline constexpr Name timeout_flags[] = {URINGSIM_UAPI_TIMEOUT_FLAGS(URINGSIM_UAPI_NAME)};
inline constexpr Name poll_flags[] = {URINGSIM_UAPI_POLL_FLAGS(URINGSIM_UAPI_NAME)};
inline constexpr Name cancel_flags[] = {URINGSIM_UAPI_CANCEL_FLAGS(URINGSIM_UAPI_NAME)};
inline constexpr Name poll_events[] = {URINGSIM_UAPI_POLL_EVENTS(URINGSIM_UAPI_NAME)};
inline constexpr Name register_ops[] = {URINGSIM_UAPI_REGISTER_OPS(URINGSIM_UAPI_NAME)};
inline constexpr Name restriction_ops[] = {URINGSIM_UAPI_RESTRICTION_OPS(URINGSIM_UAPI_NAME)};
#undef URINGSIM_UAPI_NAME
}  // namespace names

/// The entry spelled `name`, short or as C spells it; null if there is none.
[[nodiscard]] constexpr const Name* find(NameTable table, std::string_view name) noexcept {
  for (const Name& entry : table)
    if (entry.name == name || entry.identifier == name) return &entry;
  return nullptr;
}

/// The entry with this value (for flags: exactly this bit); null if there is none.
[[nodiscard]] constexpr const Name* find(NameTable table, std::uint32_t value) noexcept {
  // Tables of consecutive numbers hold each at its own index.
  if (value < table.size() && table[value].value == value) return &table[value];
  for (const Name& entry : table)
    if (entry.value == value) return &entry;
  return nullptr;
}

/// The short name of a value; empty if it has none.
[[nodiscard]] constexpr std::string_view name_of(NameTable table, std::uint32_t value) noexcept {
  const Name* const entry = find(table, value);
  return entry ? entry->name : std::string_view{};
}

/// Flags only: every bit that `release` knows.
[[nodiscard]] constexpr std::uint32_t known(NameTable flags, Release release) noexcept {
  std::uint32_t word = 0;
  for (const Name& entry : flags)
    if (entry.since <= release) word |= entry.value;
  return word;
}

/// Consecutive numbers only: how many `release` knows. (Register operations are not all in the order of their releases.)
[[nodiscard]] constexpr std::uint32_t count(NameTable numbers, Release release) noexcept {
  std::uint32_t n = 0;
  for (const Name& entry : numbers)
    if (entry.since <= release) ++n;
  return n;
}

/// Flags only: calls `visit(name, bit)` for every bit set in `word`, from the lowest; an unknown bit has an empty name.
template <class Visit>
constexpr void for_each_flag(NameTable flags, std::uint32_t word, Visit&& visit) {
  for (unsigned bit = 0; bit < 32; ++bit)
    if (word >> bit & 1) visit(name_of(flags, std::uint32_t{1} << bit), bit);
}

}  // namespace uringsim::uapi
