// SPDX-License-Identifier: GPL-2.0-only
// What a running kernel of one release can say about a model of another: which calls have meant the same ever since.
//
// Where the two are not of the same release, only some answers can be held against each other. The table has a row for each call,
// opcode and flag whose meaning has stayed, for the class of arguments for which it has, with the release since when and why. A
// tape is compared if everything that it asks of io_uring is in some row: whatever the tape is called, and whoever wrote it. What
// did change within a row, and cannot be seen from the tape alone, is for the table of excuses.h.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sim/tape/scene.h"
#include "sim/tape/tape.h"
#include "uapi/abi/release.h"

namespace uringsim::sim::tape {

/// A call with arguments of a class has meant the same in every release since `since`.
struct Unchanged {
  std::string_view call;       ///< system call, opcode, SQE flag, or what they share
  std::string_view arguments;  ///< the class that the row is about
  uapi::Release since;
  std::string_view why;
  /// True if this step's arguments are of the class. `request` is what the step prepares, null if nothing.
  bool (*covers)(const Scene& scene, const Json& step, const Request* request);
};

[[nodiscard]] std::span<const Unchanged> unchanged() noexcept;

/// The release that a profile is named after: {5, 4} of "v5.4".
[[nodiscard]] uapi::Release release_of(std::string_view kernel) noexcept;

/// What in `tape` no row says to mean the same in `kernel` ("v5.4") and in newer ones, the first such step; nothing if all does.
[[nodiscard]] std::optional<std::string> changed(const Tape& tape, std::string_view kernel);

}  // namespace uringsim::sim::tape
