// SPDX-License-Identifier: GPL-2.0-only
// Holds a player of tapes against a recording: each tape played, compared, and put into one of four drawers.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/tape/applicability.h"
#include "sim/tape/compare.h"
#include "sim/tape/played.h"
#include "sim/tape/tape.h"
#include "sim/tape/unknowns.h"

namespace uringsim::sim::tape {

/// Which tapes of a file are meant. Empty means all.
struct Selection {
  std::string filter;               ///< a glob over names: *, ?, [...]
  std::vector<std::string> groups;  ///< any of these
  [[nodiscard]] bool takes(const Tape& tape) const;
};

enum class Drawer : u8 { matched, differ, not_applicable, no_result };

/// What became of one tape.
struct Verdict {
  const Tape* tape = nullptr;
  Drawer drawer = Drawer::no_result;
  std::string reason;                    ///< not_applicable: why
  std::optional<Difference> difference;  ///< differ: the first
  Played played;
};

struct Conformity {
  std::vector<Verdict> verdicts;  ///< of the selected tapes, in the order of the file
  bool stopped = false;           ///< not all were played

  [[nodiscard]] size_t count(Drawer drawer) const;
};

/// Plays the selected tapes of `recording`, which has results, as tapes of `kernel` ("v5.4"). `doubts`: see unknowns.h.
/// `progress` (may be empty) is told how many of how many are done.
[[nodiscard]] Conformity conform(const Recording& recording, const Selection& selection, std::span<const ApplicabilityRule> rules,
                                 std::string_view kernel, const Player& player, std::span<const Doubt> doubts,
                                 const std::function<void(size_t, size_t)>& progress, const std::function<bool()>& stop);

/// `text` from a recording as it may go to a terminal: control characters as \n or \x1b.
[[nodiscard]] std::string printable(std::string_view text);

/// One line a person can read: "op/nop step 4 (reap): cqes[0].res: expected -22, got 0".
[[nodiscard]] std::string describe(const Tape& tape, const Difference& difference);

/// {"tape", "step", "field", "expected", "got"}
[[nodiscard]] Json to_json(const Tape& tape, const Difference& difference);

}  // namespace uringsim::sim::tape
