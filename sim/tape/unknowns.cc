// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/unknowns.h"

#include <fmt/format.h>

#include <array>

#include "sim/tape/compare.h"

namespace uringsim::sim::tape {

namespace {

// Whoever is woken runs before its waker's next request: the first of a chain hands the second to a worker, which is done with it
// while the batch is still being submitted. Or before the tape's next step, on a processor of its own or on its waker's. Or only
// once the tape sleeps, since it waits for that processor or by itself: two milliseconds are far below the shortest time that
// tapes count with (20 ms), and far above what they do between two sleeps.
constexpr std::array kPaces = {
    Circumstances{.wakeup_ns = 100, .timer_ns = 2'000, .step_ns = 20'000, .field_ns = 0},
    Circumstances{.wakeup_ns = 2'000, .preempt_ns = 0, .timer_ns = 2'000, .step_ns = 20'000, .field_ns = 0},
    Circumstances{.wakeup_ns = 2'000, .balance = false, .timer_ns = 2'000},
    Circumstances{.wakeup_ns = 2'000'000, .timer_ns = 2'000'000, .step_ns = 0, .field_ns = 0},
};

constexpr std::array kStaleMemory = {Circumstances{}, Circumstances{.stale_fsize = ~u64{0}}};  // nothing left there; no limit

constexpr std::array kUnknowns = {
    Unknown{"the pace of the recorded machine", "it looks for what a woken task does while that is on its way, without a wait",
            kPaces},
    Unknown{"the memory of earlier processes",
            "5.4 writes a linked buffered write under a file size limit that nobody set: it is whatever an earlier owner of that "
            "memory left there (io_kiocb::fsize)",
            kStaleMemory},
};

}  // namespace

std::span<const Unknown> unknowns() noexcept { return kUnknowns; }

std::vector<Doubt> doubts_of(const std::function<Player(const Circumstances&)>& player_under) {
  std::vector<Doubt> doubts;
  for (const Unknown& unknown : kUnknowns) {
    Doubt& doubt = doubts.emplace_back();
    doubt.reason = fmt::format("needs {}: {}", unknown.lacks, unknown.why);
    for (const Circumstances& other : unknown.otherwise) doubt.players.push_back(player_under(other));
  }
  return doubts;
}

std::optional<std::string> doubtful(const Tape& tape, std::span<const Doubt> doubts, const std::function<bool()>& stop) {
  for (const Doubt& doubt : doubts)
    for (const Player& player : doubt.players) {
      bool reproduced = false;
      player(
          {&tape}, [&](size_t, Played played) { reproduced = !first_difference(tape, played); }, stop);
      if (reproduced) return doubt.reason;
    }
  return std::nullopt;
}

}  // namespace uringsim::sim::tape
