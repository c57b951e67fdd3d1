// SPDX-License-Identifier: GPL-2.0-only
// What a world's end is judged by.
#include "sim/explore/world_program.h"

#include <gtest/gtest.h>

#include "kernel_model/core/kthread.h"
#include "kernel_model/core/mutex.h"
#include "kernel_model/core/syscall.h"
#include "sim/explore/explore.h"

namespace uringsim {
namespace {

/// Hears nothing, so that no checker speaks before the end does.
class Deaf final : public kernel::TraceSink {
 public:
  void event(const kernel::TraceEvent&) noexcept override {}
};

struct Pair {
  kernel::mutex first, second;
};

TEST(WorldProgram, ACircleOfKernelThreadsIsADeadlockAlthoughNobodyWaitsForThem) {
  Deaf deaf;
  sim::WorldOptions options;
  options.kernel = &kernel::v5_4;
  options.trace = &deaf;
  sim::WorldProgram program("circle", options, [](sim::World& world) {
    world.add_process({}, [] {
      (void)kernel::system_call([]() noexcept -> s64 {
        auto* const locks = kernel::kmalloc<Pair>();
        const auto there = [](void* argument) noexcept {
          auto* const both = static_cast<Pair*>(argument);
          kernel::mutex_lock(&both->first);
          kernel::mutex_lock(&both->second);
          return 0;
        };
        const auto back = [](void* argument) noexcept {
          auto* const both = static_cast<Pair*>(argument);
          kernel::mutex_lock(&both->second);
          kernel::mutex_lock(&both->first);
          return 0;
        };
        (void)kernel::kthread_run(there, locks, "there");
        (void)kernel::kthread_run(back, locks, "back");
        return 0;
      });
      arch::machine().ready();
      sim::stay();
    });
  });
  const ExploreResult result = explore(program, {});
  EXPECT_TRUE(result.found);
  EXPECT_EQ(result.violation.check, "no-deadlock");
  EXPECT_NE(result.violation.text.find("there waits in"), std::string::npos) << result.violation.text;
  EXPECT_NE(result.violation.text.find("back waits in"), std::string::npos) << result.violation.text;
}

}  // namespace
}  // namespace uringsim
