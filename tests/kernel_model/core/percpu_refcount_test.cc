// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/percpu_refcount.h"

#include "kernel_model/core/completion.h"
#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

using sim::RunEnd;

struct counted {
  percpu_ref refs;
  completion released;
  int releases = 0;
};
void on_release(percpu_ref* ref) {
  counted* const self = container_of(ref, counted, refs);
  self->releases++;
  complete(&self->released);
}

TEST(PercpuRef, KillRunsReleaseOnceTheLastReferenceIsGone) {
  KernelWorld world;
  counted object;
  int releases_held = -1;
  world.process("app", [&] {
    ASSERT_EQ(percpu_ref_init(&object.refs, on_release, 0), 0);
    percpu_ref_get(&object.refs);
    percpu_ref_kill(&object.refs);
    nap(100'000'000);
    releases_held = object.releases;
    percpu_ref_put(&object.refs);
    wait_for_completion(&object.released);
    percpu_ref_exit(&object.refs);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(releases_held, 0);
  EXPECT_EQ(object.releases, 1);
}

TEST(PercpuRef, ReleaseWaitsForAGracePeriodAfterTheKill) {
  KernelWorld world({.kernel = {.rcu_grace_ns = 5'000'000}});
  counted object;
  u64 took = 0;
  world.process("app", [&] {
    ASSERT_EQ(percpu_ref_init(&object.refs, on_release, 0), 0);
    const u64 before = ktime_get_ns();
    percpu_ref_kill(&object.refs);
    EXPECT_TRUE(percpu_ref_tryget(&object.refs));  // not zero yet
    percpu_ref_put(&object.refs);
    wait_for_completion(&object.released);
    took = ktime_get_ns() - before;
    EXPECT_FALSE(percpu_ref_tryget(&object.refs));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_GE(took, 5'000'000u);
  EXPECT_LT(took, 6'000'000u);
}

TEST(PercpuRef, TrygetLiveFailsFromTheKillOn) {
  KernelWorld world;
  counted object;
  world.process("app", [&] {
    ASSERT_EQ(percpu_ref_init(&object.refs, on_release, 0), 0);
    EXPECT_TRUE(percpu_ref_tryget_live(&object.refs));
    EXPECT_FALSE(percpu_ref_is_dying(&object.refs));
    percpu_ref_kill(&object.refs);
    EXPECT_TRUE(percpu_ref_is_dying(&object.refs));
    EXPECT_FALSE(percpu_ref_tryget_live(&object.refs));
    EXPECT_TRUE(percpu_ref_tryget(&object.refs));
    percpu_ref_put_many(&object.refs, 2);
    wait_for_completion(&object.released);
    EXPECT_TRUE(percpu_ref_is_zero(&object.refs));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(PercpuRef, ReinitMakesItUsableAgain) {
  KernelWorld world;
  counted object;
  world.process("app", [&] {
    ASSERT_EQ(percpu_ref_init(&object.refs, on_release, PERCPU_REF_ALLOW_REINIT), 0);
    for (int round = 1; round <= 3; round++) {
      percpu_ref_kill(&object.refs);
      wait_for_completion(&object.released);
      EXPECT_EQ(object.releases, round);
      percpu_ref_reinit(&object.refs);
      EXPECT_TRUE(percpu_ref_tryget_live(&object.refs));
      percpu_ref_put(&object.refs);
    }
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_TRUE(world.reports().empty());
}

TEST(PercpuRef, ResurrectWithReferencesLeftKeepsThem) {
  KernelWorld world;
  counted object;
  world.process("app", [&] {
    ASSERT_EQ(percpu_ref_init(&object.refs, on_release, PERCPU_REF_ALLOW_REINIT), 0);
    percpu_ref_get(&object.refs);
    percpu_ref_kill(&object.refs);
    percpu_ref_resurrect(&object.refs);
    nap(50'000'000);
    percpu_ref_put(&object.refs);
    EXPECT_EQ(object.releases, 0);
    EXPECT_TRUE(percpu_ref_tryget_live(&object.refs));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(PercpuRef, KillingTwiceIsReported) {
  KernelWorld world;
  counted object;
  world.process("app", [&] {
    ASSERT_EQ(percpu_ref_init(&object.refs, on_release, 0), 0);
    percpu_ref_get_many(&object.refs, 5);
    percpu_ref_kill(&object.refs);
    percpu_ref_kill(&object.refs);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  ASSERT_EQ(world.reports().size(), 1u);
}

TEST(Rcu, SynchronizeTakesAGracePeriod) {
  KernelWorld world({.kernel = {.rcu_grace_ns = 3'000'000}});
  u64 took = 0;
  world.process("app", [&] {
    const u64 before = ktime_get_ns();
    synchronize_rcu();
    took = ktime_get_ns() - before;
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_GE(took, 3'000'000u);
}

}  // namespace
}  // namespace uringsim::kernel
