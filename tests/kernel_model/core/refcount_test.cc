// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/refcount.h"

#include <algorithm>

#include "kernel_model/core/mutex.h"
#include "kernel_model/core/spinlock.h"
#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

using sim::RunEnd;

TEST(Refcount, NothingIsTakenOfWhatIsGone) {
  KernelWorld world;
  world.process("app", [] {
    refcount_t count;
    refcount_set(&count, 1);
    EXPECT_TRUE(refcount_inc_not_zero(&count));
    EXPECT_FALSE(refcount_dec_and_test(&count));
    EXPECT_TRUE(refcount_dec_and_test(&count));
    EXPECT_FALSE(refcount_inc_not_zero(&count));
    EXPECT_EQ(refcount_read(&count), 0);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Refcount, SeveralAreDroppedAtOnce) {
  KernelWorld world;
  world.process("app", [] {
    refcount_t count;
    refcount_set(&count, 1);
    refcount_add(7, &count);
    EXPECT_FALSE(refcount_sub_and_test(5, &count));
    EXPECT_TRUE(refcount_sub_and_test(3, &count));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

/// What the machine is told of `misuse`, which ends the run.
template <class Misuse>
std::string reported(Misuse misuse) {
  KernelWorld world;
  world.process("app", misuse);
  EXPECT_EQ(world.run(), RunEnd::violation);
  return world.machine().reports().empty() ? "" : world.machine().reports().front().what;
}

TEST(Refcount, AReferenceOfWhatIsGoneIsAUseAfterFree) {
  EXPECT_EQ(reported([] {
              refcount_t count;
              refcount_set(&count, 0);
              refcount_inc(&count);
            }),
            "refcount_t: addition on 0; use-after-free");
  EXPECT_EQ(reported([] {
              refcount_t count;
              refcount_set(&count, 0);
              (void)refcount_dec_and_test(&count);
            }),
            "refcount_t: underflow; use-after-free");
}

/// Two tasks on two processors: how many were inside of a section between `enter` and `leave` at once, at most.
template <class Enter, class Leave>
int most_inside(Enter enter, Leave leave) {
  KernelWorld world({.cpus = 2});
  int inside = 0, most = 0;
  const u32 word = 0;
  for (const char* const name : {"one", "other"})
    world.process(name, [&] {
      for (int i = 0; i < 20; i++) {
        enter();
        most = std::max(most, ++inside);
        for (int j = 0; j < 1000; j++) (void)READ_ONCE(word);
        --inside;
        leave();
      }
    });
  EXPECT_EQ(world.run(), RunEnd::finished);
  return most;
}

TEST(Locks, HaveOneHolderAtATime) {
  spinlock_t spin;
  mutex sleeping;
  rw_semaphore semaphore;
  EXPECT_EQ(most_inside([] {}, [] {}), 2) << "the tasks never met";
  EXPECT_EQ(most_inside([&] { spin_lock(&spin); }, [&] { spin_unlock(&spin); }), 1);
  EXPECT_EQ(most_inside([&] { mutex_lock(&sleeping); }, [&] { mutex_unlock(&sleeping); }), 1);
  EXPECT_EQ(most_inside([&] { down_write(&semaphore); }, [&] { up_write(&semaphore); }), 1);
}

TEST(Locks, AreTriedWithoutWaiting) {
  KernelWorld world;
  world.process("app", [] {
    spinlock_t spin;
    mutex sleeping;
    EXPECT_TRUE(spin_trylock(&spin));
    EXPECT_FALSE(spin_trylock(&spin));
    spin_unlock(&spin);
    EXPECT_TRUE(mutex_trylock(&sleeping));
    EXPECT_FALSE(mutex_trylock(&sleeping));
    mutex_unlock(&sleeping);
    EXPECT_TRUE(mutex_trylock(&sleeping));
    mutex_unlock(&sleeping);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

}  // namespace
}  // namespace uringsim::kernel
