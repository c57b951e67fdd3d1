// SPDX-License-Identifier: GPL-2.0-only
// A finding comes with a schedule, and the operational machine that follows it meets the same violation.
#include <gtest/gtest.h>

#include "kernel_model/arch/lock.h"
#include "sim/explore/dpor/dpor.h"
#include "sim/explore/machine.h"
#include "sim/explore/programs/handshake.h"
#include "sim/explore/tasks.h"

namespace uringsim::sim::dpor {
namespace {

/// Does what a schedule says wherever it is asked.
class Follow final : public Strategy {
 public:
  explicit Follow(const Schedule& schedule) : steps_(schedule.steps) {}
  bool begin() override { return true; }
  void again() override { at_ = 0; }
  Action action(const Choices& choices) noexcept override {
    if (at_ >= steps_.size()) return choices.at(0);
    const Step& step = steps_[at_];
    const Action wanted = step.kind == OpKind::drain ? drain_action(step.task) : run_action(step.task);
    lost_ |= !choices.allows(wanted);
    return choices.allows(wanted) ? wanted : choices.at(0);
  }
  u32 value(u32 options, ValueKind) noexcept override {
    const u32 choice = at_ < steps_.size() ? steps_[at_].choice : 0;
    lost_ |= choice >= options;
    return choice < options ? choice : 0;
  }
  void step(const Step& step) noexcept override {
    if (at_ < steps_.size() && steps_[at_].task == step.task && steps_[at_].kind == step.kind) at_++;
  }
  [[nodiscard]] bool lost() const noexcept { return lost_; }

 private:
  std::vector<Step> steps_;
  std::size_t at_ = 0;
  bool lost_ = false;
};

void expect_replayed(Program& program, MemoryModel memory) {
  constexpr Memory kOperational[] = {Memory::sc, Memory::tso, Memory::weak};
  Options options;
  options.memory = memory;
  const Result result = explore(program, options);
  ASSERT_TRUE(result.found) << program.name();
  MachineOptions machine_options;
  machine_options.memory = kOperational[static_cast<int>(memory)];
  auto machine = make_machine(machine_options);
  machine->set_up(program);
  Follow follow(result.schedule);
  follow.begin();
  Schedule taken;
  const Run run = machine->record(follow, taken);
  EXPECT_EQ(run.end, End::violation) << program.name() << " " << to_string(machine_options.memory);
  EXPECT_FALSE(follow.lost()) << program.name() << " " << to_string(machine_options.memory);
}

TEST(DporTelling, ALostWakeupIsReplayedOnTheOperationalMachine) {
  for (int n = 1; n <= 2; n++)
    for (const MemoryModel memory : {MemoryModel::sc, MemoryModel::tso, MemoryModel::weak})
      for (int variant = 0; variant < 4; variant++) {
        programs::HandshakeOptions options;
        options.submissions = n;
        options.app_barrier = (variant & 1) == 0;
        options.sq_barrier = (variant & 2) == 0;
        options.second_look = variant != 0;
        if (variant != 0 && memory == MemoryModel::sc) continue;
        programs::Handshake program(options);
        expect_replayed(program, memory);
      }
}

struct Shared {
  arch::LockWord a, b;
  u32 x, y;
  u32 payload;
};

TEST(DporTelling, ARaceNamesBothSides) {
  Tasks<Shared> program("race");
  program.word("payload", &Shared::payload);
  program.task("producer", [](Shared& s) {
    arch::plain_store(s.payload, 1);
    arch::WRITE_ONCE(s.x, 1);
  });
  program.task("consumer", [](Shared& s) {
    if (arch::READ_ONCE(s.x) != 0) static_cast<void>(arch::plain_load(s.payload));
  });
  Options options;
  options.memory = MemoryModel::weak;
  const Result result = explore(program, options);
  ASSERT_TRUE(result.found);
  EXPECT_EQ(result.violation.check, "data-race");
  EXPECT_NE(result.violation.text.find("payload is accessed by two tasks that nothing orders"), std::string::npos);
  EXPECT_NE(result.violation.text.find("plain write by producer"), std::string::npos) << result.violation.text;
  EXPECT_NE(result.violation.text.find("plain read by consumer"), std::string::npos) << result.violation.text;
  EXPECT_NE(result.violation.text.find("telling_test.cc"), std::string::npos) << result.violation.text;
}

TEST(DporTelling, ATaskThatMustNotSleepIsToldWithItsPlaceInTheTree) {
  Tasks<Shared> program("atomic");
  program.task("atomic", [](Shared& s) {
    arch::lock_acquire(s.a, arch::LockKind::spin);
    arch::lock_acquire(s.b, arch::LockKind::mutex);
  });
  const Result result = explore(program, {});
  ASSERT_TRUE(result.found);
  EXPECT_NE(result.violation.text.find("(tests/sim/explore/dpor/telling_test.cc:"), std::string::npos) << result.violation.text;
}

TEST(DporTelling, ADeadlockSaysWhoHoldsWhat) {
  Tasks<Shared> program("abba");
  program.task("ab", [](Shared& s) {
    arch::lock_acquire(s.a, arch::LockKind::mutex);
    arch::lock_acquire(s.b, arch::LockKind::mutex);
  });
  program.task("ba", [](Shared& s) {
    arch::lock_acquire(s.b, arch::LockKind::mutex);
    arch::lock_acquire(s.a, arch::LockKind::mutex);
  });
  Options options;
  const Result result = explore(program, options);
  ASSERT_TRUE(result.found);
  EXPECT_EQ(result.violation.check, "deadlock");
  EXPECT_NE(result.violation.text.find("ba waits"), std::string::npos) << result.violation.text;
  expect_replayed(program, MemoryModel::sc);
}

TEST(DporTelling, ALostSleeperIsReplayed) {
  Tasks<Shared> program("sleeper-without-barrier");
  program.task("sleeper", [](Shared& s) {
    arch::machine().set_state(arch::TASK_INTERRUPTIBLE);
    if (arch::READ_ONCE(s.x) == 0) arch::machine().schedule();
    arch::machine().set_state(arch::TASK_RUNNING);
  });
  program.task("waker", [&program](Shared& s) {
    arch::WRITE_ONCE(s.x, 1);
    arch::machine().wake(program.handle(0), arch::TASK_NORMAL);
  });
  expect_replayed(program, MemoryModel::tso);
  expect_replayed(program, MemoryModel::weak);
}

}  // namespace
}  // namespace uringsim::sim::dpor
