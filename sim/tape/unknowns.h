// SPDX-License-Identifier: GPL-2.0-only
// What a recording does not tell of the machine it was made on, and an answer can depend on all the same.
//
// The model plays a tape under the usual circumstances. Where it answers otherwise than recorded, the tape is played under the
// other circumstances of each unknown too: if the model gives the recorded answers there, every one of them to the end of the
// tape, then the recording and the model differ in the machine and not in the kernel, and the tape cannot apply. Anything less,
// an answer that no circumstance explains among many that vary, stays a difference.
//
//     std::vector<Doubt> doubts = ...;     // one for each of unknowns(), its players made for its circumstances
//     if (auto reason = doubtful(tape, doubts)) ...
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/tape/played.h"

namespace uringsim::sim::tape {

/// The machine and the recorder of a recording, as far as they matter. The defaults stand for what the recordings were made on:
/// an emulated machine, where leaving idle takes an interrupt from one processor to another and two exits to the emulator, and a
/// player that looks up in each step all fields that its kind may have and writes the answer to a pipe.
struct Circumstances {
  u64 wakeup_ns = 100'000;     ///< from a wake-up until the woken task runs on an idle processor
  u64 preempt_ns = 1'000'000;  ///< running time that a woken task must be behind to take a processor that is not idle
  bool balance =
      true;  ///< who is woken goes to an idle processor; else waits for the waker's, where Linux's wake_affine() puts it
  u64 timer_ns = 100'000;  ///< from starting a timer that is due at once until its interrupt: a clock event is programmed, too
  u64 step_ns = 1'000;     ///< the player between two steps ...
  u64 field_ns = 1'000;    ///< ... and for each field that a step of the kind may have
  u64 stale_fsize = 0;     ///< io_uring_profile::stale_fsize
};

struct Unknown {
  std::string_view lacks;                    ///< what no recording tells
  std::string_view why;                      ///< and why an answer depends on it
  std::span<const Circumstances> otherwise;  ///< other circumstances: those that lie farthest apart, and what lies between
};

/// At most a handful.
[[nodiscard]] std::span<const Unknown> unknowns() noexcept;

/// Whatever plays tapes: calls done(index, answers) for each, in any order, and stops early once stop() says so.
using Player = std::function<void(const std::vector<const Tape*>& tapes, const std::function<void(size_t, Played)>& done,
                                  const std::function<bool()>& stop)>;

/// An unknown, and a player for each of its circumstances.
struct Doubt {
  std::string reason;
  std::vector<Player> players;
};

/// Makes the doubts for `player_under`, which gives a player for circumstances.
[[nodiscard]] std::vector<Doubt> doubts_of(const std::function<Player(const Circumstances&)>& player_under);

/// What the recorded answers of `tape` depend on, if under one of the circumstances in doubt the model gives exactly these; else
/// nothing, as after stop(). For a tape that the model answers otherwise under the usual ones.
[[nodiscard]] std::optional<std::string> doubtful(
    const Tape& tape, std::span<const Doubt> doubts, const std::function<bool()>& stop = [] { return false; });

}  // namespace uringsim::sim::tape
