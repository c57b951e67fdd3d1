// SPDX-License-Identifier: GPL-2.0-only
// The recordings of real kernels, replayed on the model; and the proof that a wrong model would be noticed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <utility>

#include "sim/tape/conform.h"
#include "sim/tape/model_player.h"
#include "uapi/abi.h"

namespace uringsim::sim::tape {
namespace {

const Recording& golden(const std::string& kernel) {
  static std::map<std::string, Recording> read;
  const auto [at, fresh] = read.try_emplace(kernel);
  if (fresh) at->second = read_recording(URINGSIM_SOURCE_DIR "/tests/golden/" + kernel + ".jsonl.gz");
  return at->second;
}

ModelOptions model(const std::string& kernel) {
  ModelOptions options;
  options.kernel = kernel;
  options.parallel = 2;
  return options;
}

Conformity replay(const Recording& recording, const ModelOptions& options, const Selection& selection = {}) {
  const Player player = [&](const auto& tapes, const auto& done, const auto& stop) { play_on_model(tapes, options, done, stop); };
  return conform(recording, selection, {}, options.kernel, player, model_doubts(options), {}, [] { return false; });
}

/// All first differences, a line each.
std::string differences(const Conformity& result) {
  std::string text;
  for (const Verdict& verdict : result.verdicts)
    if (verdict.drawer == Drawer::differ) text += describe(*verdict.tape, *verdict.difference) + "\n";
  return text;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, ReplaysWithoutADifference) {
  const Conformity result = replay(golden(GetParam()), model(GetParam()));
  EXPECT_EQ(differences(result), "");
  EXPECT_LT(result.count(Drawer::not_applicable) * 100, result.verdicts.size());
  EXPECT_FALSE(result.stopped);
}

INSTANTIATE_TEST_SUITE_P(Releases, Golden, testing::Values("v5.1", "v5.4"), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

/// Variations of published tapes, and programs of several oddities at once: recorded after the model had been built, so that none
/// of its rules was read off them, but for rw/direct: those showed that tapes have to be played on a disk.
class Siblings : public testing::TestWithParam<std::string> {};

TEST_P(Siblings, ReplayWithoutADifference) {
  const Conformity result = replay(golden("siblings-" + GetParam()), model(GetParam()));
  EXPECT_EQ(differences(result), "");
  EXPECT_EQ(result.count(Drawer::matched), result.verdicts.size());
}

INSTANTIATE_TEST_SUITE_P(Releases, Siblings, testing::Values("v5.1", "v5.4"), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

/// What cannot apply is named here, and is no excuse: under one of the unknown's circumstances the model answers as recorded.
TEST(Golden54, TwoTapesAskAboutTheMachineAndTheModelGivesTheirAnswersOnAnotherMachine) {
  const Recording& recording = golden("v5.4");
  std::string names;
  for (const Verdict& verdict : replay(recording, model("v5.4"), {"fuzz/*", {}}).verdicts) {
    if (verdict.drawer != Drawer::not_applicable) continue;
    names += verdict.tape->name + "\n";
    bool reproduced = false;
    for (const Doubt& doubt : model_doubts(model("v5.4")))
      for (const Player& player : doubt.players)
        player(
            {verdict.tape}, [&](size_t, Played played) { reproduced |= !first_difference(*verdict.tape, played); },
            [] { return false; });
    EXPECT_TRUE(reproduced) << verdict.tape->name;
  }
  EXPECT_EQ(names, "fuzz/io/014\nfuzz/drain/247\n");
}

/// What we took for the speed of the recorded machine decides about nothing that is not known to depend on it.
TEST(Golden54, AMachineTwiceAsFastOrTwiceAsSlowAnswersAlikeWhereverNoTaskIsOnItsWay) {
  for (const u64 wakeup_ns : {50'000u, 200'000u}) {
    ModelOptions options = model("v5.4");
    options.circumstances.wakeup_ns = wakeup_ns;
    const Conformity result = replay(golden("v5.4"), options, {"", {"fuzz", "link", "drain", "sqpoll", "cancel", "overflow"}});
    EXPECT_EQ(differences(result), "");
    EXPECT_LE(result.count(Drawer::not_applicable), 5u);
  }
}

/// A process on the model whose kernel gets one answer wrong: what a fault of the model looks like from outside.
class WrongKernel : public TapeSystem {
 public:
  explicit WrongKernel(TapeSystem& model) : model_(model) {}
  s64 call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) override { return model_.call(number, a, b, c, d, e, f); }
  void load(void* to, uptr from, u64 bytes) override { model_.load(to, from, bytes); }
  void store(uptr to, const void* from, u64 bytes) override { model_.store(to, from, bytes); }
  u32 load_acquire(uptr word) override { return model_.load_acquire(word); }
  void store_release(uptr word, u32 value) override { model_.store_release(word, value); }
  u64 now() override { return model_.now(); }
  void sleep_until(u64 time) override { model_.sleep_until(time); }
  [[nodiscard]] u64 watch_interval() const override { return model_.watch_interval(); }
  void start_thread(std::function<void()> body) override { model_.start_thread(std::move(body)); }
  void join_threads() override { model_.join_threads(); }
  void interrupt_first_thread() override { model_.interrupt_first_thread(); }

 protected:
  TapeSystem& model_;
};

/// EINVAL comes out as EOPNOTSUPP.
struct WrongErrno final : WrongKernel {
  using WrongKernel::WrongKernel;
  s64 call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) override {
    const s64 ret = WrongKernel::call(number, a, b, c, d, e, f);
    return ret == -EINVAL ? -EOPNOTSUPP : ret;
  }
};

/// io_uring_setup promises NODROP, which 5.4 does not have.
struct WrongFlag final : WrongKernel {
  using WrongKernel::WrongKernel;
  s64 call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) override {
    const s64 ret = WrongKernel::call(number, a, b, c, d, e, f);
    if (number != SYS_io_uring_setup || ret < 0) return ret;
    uapi::io_uring_params params;
    load(&params, b, sizeof(params));
    params.features |= uapi::IORING_FEAT_NODROP;
    store(b, &params, sizeof(params));
    return ret;
  }
};

/// The first two completions of a ring change places, when both are there and before anybody looks.
struct WrongOrder final : WrongKernel {
  using WrongKernel::WrongKernel;
  s64 call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) override {
    const s64 ret = WrongKernel::call(number, a, b, c, d, e, f);
    if (number == SYS_io_uring_setup && ret >= 0) {
      uapi::io_uring_params params;
      load(&params, b, sizeof(params));
      offsets_ = params.cq_off;
    }
    if (number == SYS_mmap && f == uapi::IORING_OFF_CQ_RING) ring_ = static_cast<uptr>(ret);
    if (number != SYS_io_uring_enter || ring_ == 0 || load_acquire(ring_ + offsets_.tail) < 2) return ret;
    std::array<uapi::io_uring_cqe, 2> cqes;
    load(cqes.data(), ring_ + offsets_.cqes, sizeof(cqes));
    std::swap(cqes[0], cqes[1]);
    store(ring_ + offsets_.cqes, cqes.data(), sizeof(cqes));
    return ret;
  }

 private:
  uapi::io_cqring_offsets offsets_{};
  uptr ring_ = 0;
};

/// The first difference of tape `name` of v5.4 on a model that is wrong.
template <class Wrong>
std::optional<Difference> on(const std::string& name) {
  ModelOptions options = model("v5.4");
  options.between = [](TapeSystem& right) -> std::unique_ptr<TapeSystem> { return std::make_unique<Wrong>(right); };
  const Conformity result = replay(golden("v5.4"), options, {name, {}});
  EXPECT_EQ(result.count(Drawer::differ), 1u);
  EXPECT_EQ(result.verdicts.size(), 1u);
  return result.verdicts.empty() ? std::nullopt : result.verdicts[0].difference;
}

TEST(BrokenModel, WrongErrnoIsFoundInItsStep) {
  const auto difference = on<WrongErrno>("setup/entries-clamp/1");
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->step, 0u);
  EXPECT_EQ(difference->field, "ret");
  EXPECT_EQ(difference->expected, -EINVAL);
  EXPECT_EQ(difference->got, -EOPNOTSUPP);
}

TEST(BrokenModel, WrongOrderIsFoundInItsStep) {
  const auto difference = on<WrongOrder>("enter/to-submit/of-3-3");
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->step, 6u);
  EXPECT_EQ(difference->field, "cqes[0].user_data");
  EXPECT_EQ(difference->expected, 1);
  EXPECT_EQ(difference->got, 2);
}

TEST(BrokenModel, WrongFlagIsFoundInItsStep) {
  const auto difference = on<WrongFlag>("setup/entries/1");
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->step, 0u);
  EXPECT_EQ(difference->field, "features");
}

/// A release with one number wrong: what a slip in a profile looks like.
TEST(BrokenModel, AnotherReleaseIsFoundOutByManyTapes) {
  ModelOptions options = model("v5.1");
  const Player player = [&](const auto& tapes, const auto& done, const auto& stop) { play_on_model(tapes, options, done, stop); };
  const Conformity result = conform(golden("v5.4"), {"setup/*", {}}, {}, "v5.4", player, {}, {}, [] { return false; });
  EXPECT_GT(result.count(Drawer::differ), 10u);
}

}  // namespace
}  // namespace uringsim::sim::tape
