// SPDX-License-Identifier: GPL-2.0-only
// Who takes a page of user memory away waits for those who are just accessing it (kernel_model/arch/user_access.h).
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>

#include "kernel_model/arch/user_access.h"
#include "kernel_model/core/syscall.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/syscalls.h"
#include "sim/world/world.h"
#include "tests/sim/live/live_support.h"

namespace uringsim::sim {
namespace {

using kernel::PAGE_SIZE;

// ---- the machine's part ----------------------------------------------------------------------------------------------------

constexpr uptr kPage = 0x7000'0000;

TEST(ShootDown, WaitsForAnAccessUnderWay) {
  LiveWorld world;
  std::atomic<bool> inside{false}, asked{false}, over{false};
  bool over_too_early = false;
  world.add("accessor", [&] {
    arch::user_access_begin(*arch::current_task(), kPage);
    inside = true;
    while (!asked) sched_yield();
    for (int i = 0; i < 100; i++) sched_yield();
    over_too_early = over;
    arch::user_access_end(*arch::current_task());
  });
  world.add("unmapper", [&] {
    while (!inside) arch::machine().poll_pass(arch::Site::here());
    asked = true;
    arch::machine().shoot_down(kPage, kPage + PAGE_SIZE);
    over = true;
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_TRUE(over);
  EXPECT_FALSE(over_too_early);
}

TEST(ShootDown, DoesNotWaitForAccessesThatBeginLater) {
  LiveWorld world;
  std::atomic<bool> over{false};
  world.add("accessor", [&] {
    while (!over) {
      for (int i = 0; i < 1000; i++) {
        arch::user_access_begin(*arch::current_task(), kPage);
        __builtin_ia32_pause();
        arch::user_access_end(*arch::current_task());
      }
      arch::machine().poll_pass(arch::Site::here());
    }
  });
  world.add("unmapper", [&] {
    for (int i = 0; i < 200; i++) arch::machine().shoot_down(kPage, kPage + PAGE_SIZE);
    over = true;
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
}

TEST(ShootDown, WaitsForNobodyWhoAccessesNothing) {
  LiveWorld world;
  world.add("unmapper", [] { arch::machine().shoot_down(0, PAGE_SIZE); });  // Task::user_access is 0
  EXPECT_EQ(world.go().end, RunEnd::finished);
}

// ---- the kernel's copies ---------------------------------------------------------------------------------------------------

template <class Call>
s64 call(Call body) {
  return kernel::system_call([&]() noexcept -> s64 { return body(); });
}

struct Content {
  u8 bytes[PAGE_SIZE];
  [[nodiscard]] bool uniform() const {
    return std::all_of(bytes, bytes + PAGE_SIZE, [&](u8 byte) { return byte == bytes[0]; });
  }
};
Content content_of(const kernel::page* page) {
  Content content;
  arch::copy_racy(content.bytes, page->data, PAGE_SIZE);
  return content;
}

/// Two threads of a process. One copies to a page without end, each time other bytes; the other takes the page away, in one
/// of two ways, while it looks at the page frame itself.
class PageTakenAway : public testing::TestWithParam<bool> {
 protected:
  void write_pages() {
    for (u8 value = 1; !done_; value = static_cast<u8>(value % 255 + 1)) {
      u8 bytes[PAGE_SIZE];
      std::memset(bytes, value, sizeof(bytes));
      const s64 left = call([&]() noexcept { return static_cast<s64>(kernel::copy_to_user(at_, bytes, PAGE_SIZE)); });
      EXPECT_TRUE(left == 0 || left == static_cast<s64>(PAGE_SIZE)) << left;
      (left == 0 ? written_ : refused_)++;
    }
  }
  /// The writer has begun and ended something since this was called.
  void let_it_write() const {
    const u64 begun = written_ + refused_;
    while (written_ + refused_ < begun + 2) kernel::cpu_relax();
  }
  void take_away() {
    if (GetParam())
      ASSERT_EQ(call([&] { return kernel::sys_mprotect(at_, PAGE_SIZE, PROT_READ); }), 0);
    else
      ASSERT_EQ(call([&] { return kernel::sys_munmap(at_, PAGE_SIZE); }), 0);
  }
  void give_back() {
    if (GetParam())
      ASSERT_EQ(call([&] { return kernel::sys_mprotect(at_, PAGE_SIZE, PROT_READ | PROT_WRITE); }), 0);
    else
      ASSERT_EQ(Application().allocate(PAGE_SIZE), static_cast<s64>(at_));  // the highest gap
  }
  void take_pages_away() {
    for (int round = 0; round < 100 && !HasFailure(); round++) {
      kernel::page* frame = nullptr;
      ASSERT_EQ(kernel::get_user_pages_fast(at_, 1, kernel::FOLL_WRITE, &frame), 1);
      const u64 before = written_;
      while (written_ == before) kernel::cpu_relax();
      take_away();
      const Content taken = content_of(frame);
      EXPECT_TRUE(taken.uniform()) << "a copy is in the midst of it, round " << round;
      let_it_write();
      EXPECT_EQ(std::memcmp(taken.bytes, content_of(frame).bytes, PAGE_SIZE), 0) << "written to afterwards, round " << round;
      kernel::put_user_page(frame);
      give_back();
    }
  }

  std::atomic<u64> written_{0}, refused_{0};
  std::atomic<bool> done_{false};
  std::atomic<uptr> at_{0};
};

TEST_P(PageTakenAway, IsNotWrittenToAnyMore) {
  LiveMachine machine({.memory = u64{1} << 30});
  World world(machine, {});
  kernel::task_struct* const taker = world.add_process({.name = "taker"}, [&] {
    at_ = static_cast<uptr>(Application().allocate(PAGE_SIZE));
    take_pages_away();
    done_ = true;
  });
  world.add_thread(taker, {.name = "writer"}, [&] {
    while (at_ == 0) kernel::cpu_relax();
    write_pages();
  });
  const RunResult result = machine.run(world.tasks());
  EXPECT_EQ(result.end, RunEnd::finished) << result.describe();
  EXPECT_GT(written_, 0u);
  EXPECT_GT(refused_, 0u) << "-EFAULT";
}
INSTANTIATE_TEST_SUITE_P(Ways, PageTakenAway, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "mprotect" : "munmap"; });

// ---- the application's own accesses ------------------------------------------------------------------------------------------

constexpr u64 kMark = 0x6d61726b6d61726b;

/// Writes all over a page until that is its death.
void write_until_death(void* argument) {
  become_application();
  const uptr at = *static_cast<const uptr*>(argument);
  const Application application;
  for (;;) {
    for (u64 word = 0; word < PAGE_SIZE / 8; word++) application.store_relaxed<u64>(at + word * 8, kMark);
    kernel::cpu_relax();
  }
}

/// The frame of a page that another process of the same address space still writes to serves somebody else, who is not written
/// to.
TEST(ShootDown, NoApplicationWritesIntoMemoryThatIsSomebodyElsesByThen) {
  constexpr u32 clone_vm = 0x100;
  LiveMachine machine({.memory = u64{1} << 30});
  World world(machine, {});
  u64 deaths = 0, strange = 0;
  world.add_process({}, [&] {
    const Application application;
    for (int round = 0; round < 100; round++) {
      uptr at = static_cast<uptr>(application.allocate(PAGE_SIZE));
      if (round == 0) {
        ASSERT_LT(application.allocate(PAGE_SIZE), static_cast<s64>(at));
      }
      const s64 pid = call([&] { return static_cast<s64>(kernel::do_fork(clone_vm, write_until_death, &at)); });
      ASSERT_GT(pid, 0);
      while (application.load_relaxed<u64>(at) != kMark) kernel::cpu_relax();
      ASSERT_EQ(application.munmap(at, PAGE_SIZE), 0);
      const auto other =
          static_cast<uptr>(application.allocate(2 * PAGE_SIZE));  // below: where the page was there is room for one
      int status = 0;
      ASSERT_EQ(call([&] { return static_cast<s64>(kernel::do_wait(static_cast<int>(pid), &status, false)); }), pid);
      deaths += status == SIGSEGV;
      for (u64 word = 0; word < 2 * PAGE_SIZE / 8; word++) strange += application.load_relaxed<u64>(other + word * 8) != 0;
      ASSERT_EQ(application.munmap(other, 2 * PAGE_SIZE), 0);
    }
  });
  const RunResult result = machine.run(world.tasks());
  EXPECT_EQ(result.end, RunEnd::finished) << result.describe();
  EXPECT_EQ(deaths, 100u);
  EXPECT_EQ(strange, 0u);
}

}  // namespace
}  // namespace uringsim::sim
