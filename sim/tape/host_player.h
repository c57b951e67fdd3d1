// SPDX-License-Identifier: GPL-2.0-only
// Plays tapes on the running kernel: a child with an alarm and an empty directory of its own for each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/tape/played.h"
#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

struct HostOptions {
  std::string directory = "/tmp";  ///< where the tapes' directories are made; removed again
  u64 settle_us = 1000;            ///< pause after each io_uring_enter: lets workers finish before the next look at the ring
  unsigned parallel = 1;           ///< tapes at a time; more than one makes their timing less exact
};

/// True if this kernel answers io_uring_setup at all; else `why` says what it answered.
[[nodiscard]] bool host_has_io_uring(std::string& why);

/// The header of a recording made here (FORMAT: release, version, machine, nproc, page_size, fs).
[[nodiscard]] Json host_header(const std::string& directory);

/// "6.18.44" of "6.18.44-something": the release without what a distribution added.
[[nodiscard]] std::string host_release();

/// Plays every tape and calls done(index, answers), in any order. Stops early when stop() says so.
void play_on_host(const std::vector<const Tape*>& tapes, const HostOptions& options,
                  const std::function<void(size_t, Played)>& done, const std::function<bool()>& stop);

}  // namespace uringsim::sim::tape
