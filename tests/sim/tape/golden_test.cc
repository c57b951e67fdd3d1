// SPDX-License-Identifier: GPL-2.0-only
// The recordings of real kernels, replayed on the model; and the proof that a wrong model would be noticed.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "sim/tape/conform.h"
#include "sim/tape/model_player.h"

namespace uringsim::sim::tape {
namespace {

const Recording& golden(const std::string& kernel) {
  static std::map<std::string, Recording> read;
  const auto [at, fresh] = read.try_emplace(kernel);
  if (fresh) at->second = read_recording(URINGSIM_SOURCE_DIR "/tests/golden/" + kernel + ".jsonl.gz");
  return at->second;
}

Conformity replay(const Recording& recording, const std::string& kernel, const Selection& selection = {}) {
  const Player player = [&](const auto& tapes, const auto& done, const auto& stop) {
    play_on_model(tapes, {kernel, 2, false}, done, stop);
  };
  return conform(recording, selection, model_rules(), kernel, player, {}, [] { return false; });
}

/// Races between a worker's wake-up and the tape's next steps that fell one way on the recorded machine and fall the other way
/// here: whether a worker ran before the next look at the ring is scheduling, not io_uring.
bool is_known_race(const std::string& name) { return name == "fuzz/sync/015" || name == "fuzz/drain/247"; }

/// All first differences, a line each.
std::string differences(const Conformity& result) {
  std::string text;
  for (const Verdict& verdict : result.verdicts)
    if (verdict.difference && !is_known_race(verdict.tape->name)) text += describe(*verdict.tape, *verdict.difference) + "\n";
  return text;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, ReplaysWithoutADifference) {
  const Conformity result = replay(golden(GetParam()), GetParam());
  EXPECT_EQ(differences(result), "");
  EXPECT_LT(result.count(Drawer::not_applicable) * 100, result.verdicts.size());
  EXPECT_FALSE(result.stopped);
}

INSTANTIATE_TEST_SUITE_P(Releases, Golden, testing::Values("v5.1", "v5.4"), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

/// What a model that is wrong in one answer looks like: the recording says something else than the model does.
class Broken : public testing::Test {
 protected:
  /// Replays tape `name` of v5.4 after `change` was made to the result of its step `at`, and returns the difference found.
  static std::optional<Difference> with(const std::string& name, size_t at, const std::function<void(Json&)>& change) {
    Recording changed = golden("v5.4");
    for (Tape& tape : changed.tapes)
      if (tape.name == name) change(tape.steps.at(at).out);
    const Conformity result = replay(changed, "v5.4", {name, {}});
    EXPECT_EQ(result.verdicts.size(), 1u);
    return result.verdicts.empty() ? std::nullopt : result.verdicts[0].difference;
  }
};

TEST_F(Broken, ErrnoIsFoundInItsStep) {
  const auto difference = with("setup/entries-clamp/1", 0, [](Json& out) { out["ret"] = -95; });
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->step, 0u);
  EXPECT_EQ(difference->field, "ret");
  EXPECT_EQ(difference->got, -22);
}

TEST_F(Broken, OrderIsFoundInItsStep) {
  const auto difference = with("link/io_link/nops-3", 7, [](Json& out) { std::swap(out["cqes"][0], out["cqes"][1]); });
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->step, 7u);
  EXPECT_EQ(difference->field, "cqes[0].user_data");
}

TEST_F(Broken, FlagIsFoundInItsStep) {
  const auto difference = with("setup/entries/1", 0, [](Json& out) { out["features"].push_back("NODROP"); });
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->step, 0u);
  EXPECT_EQ(difference->field, "features");
}

}  // namespace
}  // namespace uringsim::sim::tape
