// SPDX-License-Identifier: GPL-2.0-only
// Plays tapes on the model: a fresh world and a fresh process in it for each, on the timed engine.
//
// Time is virtual: waits and sleeps cost nothing real, and a call that never returns is known by the world's coming to rest or by
// the tape's time being over. What the alarm and SIGKILL do to a process on a real machine is done then: a process that goes
// away hung, one that does not is stuck. Each world is built in a forked child, so that a fault of the model costs one tape.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/io_uring/bugs.h"
#include "sim/tape/played.h"
#include "sim/tape/system.h"
#include "sim/tape/tape.h"
#include "sim/tape/unknowns.h"

namespace uringsim::sim::tape {

struct ModelOptions {
  std::string kernel;       ///< "v5.4": one of modelled_kernels()
  unsigned parallel = 1;    ///< processes
  bool with_trace = false;  ///< fills Played::traces
  Circumstances circumstances{};
  std::vector<kernel::Bug> bugs{};   ///< foreign bugs that the kernel is given: what would they be seen as?
  std::vector<kernel::Bug> fixes{};  ///< native ones that are taken out
  /// What the tape is played on, given the model: something that stands between, for tests that need a model that is wrong. May
  /// be empty. What it returns lives until the tape is over.
  std::function<std::unique_ptr<TapeSystem>(TapeSystem&)> between{};
};

/// The kernels this build has a profile of, oldest first.
[[nodiscard]] std::vector<std::string> modelled_kernels();

/// Plays every tape and calls done(index, answers), in any order. Stops early when stop() says so.
void play_on_model(const std::vector<const Tape*>& tapes, const ModelOptions& options,
                   const std::function<void(size_t, Played)>& done, const std::function<bool()>& stop);

/// The doubts that apply to the model (unknowns.h): its players under the circumstances of each unknown, otherwise as `options`
/// say.
[[nodiscard]] std::vector<Doubt> model_doubts(const ModelOptions& options);

}  // namespace uringsim::sim::tape
