// SPDX-License-Identifier: GPL-2.0-only
// A worked example to copy: is my lock-free mailbox right, on the memory order that Linux promises and not just on this machine?
//
// A consumer sleeps when its mailbox is empty; a producer that fills it wakes the consumer if it says that it sleeps. To use this
// in a project of your own, copy this folder (its CMakeLists.txt finds an installed uringsim), write the shared words as one
// struct, access them through the operations of kernel_model/arch/memory.h, and give each thread a lambda. A test that fails
// prints the story of the shortest schedule that breaks, and the path of a file that replays it.
#include <gtest/gtest.h>

#include <cstdio>

#include "kernel_model/arch/memory.h"
#include "sim/explore/testing.h"

namespace {

using namespace uringsim;
using arch::plain_load;
using arch::plain_store;
using arch::READ_ONCE;
using arch::smp_load_acquire;
using arch::smp_mb;
using arch::smp_store_release;
using arch::WRITE_ONCE;

struct Mailbox {
  u32 letter;    // plain: the payload, written before `full`
  u32 full;      // released by the producer, acquired by the consumer
  u32 sleeping;  // set by the consumer before it looks for the last time
  u32 received;  // the consumer's result
};

// The bug is in one missing barrier: the consumer announces its sleep and looks once more, the producer fills the box and looks
// at the announcement. Each stores and then reads what the other stored: without a full barrier on both sides, both may read
// the old value, and the consumer sleeps for ever.
void build(sim::Tasks<Mailbox>& program, bool barrier) {
  program.word("letter", &Mailbox::letter).word("full", &Mailbox::full).word("sleeping", &Mailbox::sleeping);
  program.task("producer", [&program, barrier](Mailbox& box) {
    plain_store(box.letter, 42u);
    smp_store_release(box.full, 1u);
    if (barrier) smp_mb("producer.full_then_sleeping");
    if (READ_ONCE(box.sleeping) != 0) arch::machine().wake(program.handle(1), arch::TASK_NORMAL);
  });
  program.task("consumer", [](Mailbox& box) {
    while (smp_load_acquire(box.full) == 0) {
      arch::machine().set_state(arch::TASK_INTERRUPTIBLE);
      WRITE_ONCE(box.sleeping, 1u);
      smp_mb("consumer.sleeping_then_full");
      if (READ_ONCE(box.full) == 0) arch::machine().schedule();
      arch::machine().set_state(arch::TASK_RUNNING);
    }
    box.received = plain_load(box.letter);
  });
  program.finally([](const Mailbox& box, sim::Ending& end) {
    if (end.all_ended() && box.received != 42) end.violation("assertion", "the consumer receives the letter that was sent");
  });
}

/// By default every execution is run, once up to equivalence.
ExploreOptions under(sim::Memory memory) {
  ExploreOptions options;
  options.memory = memory;
  return options;
}

TEST(Mailbox, IsCorrectWithBothBarriers) {
  for (const sim::Memory memory : {sim::Memory::sc, sim::Memory::tso, sim::Memory::weak}) {
    sim::Tasks<Mailbox> program("mailbox");
    build(program, true);
    EXPECT_TRUE(explores_clean(program, under(memory)));
    EXPECT_TRUE(explore(program, under(memory)).exhaustive);
  }
}

// Drop a barrier and see. This is what EXPECT_TRUE(explores_clean(program, under(sim::Memory::weak))) prints then, in two
// columns:
//
//     VIOLATION (lost-wakeup): every task ends: consumer sleeps and nobody will wake it
//     mailbox-without-barrier, memory weak: 3 steps, 0 preemptions, 1 reordering
//       1  consumer: reads full = 0; state = TASK_INTERRUPTIBLE; writes sleeping: 0 -> 1; smp_mb ...; reads full = 0
//       2  consumer: schedule(): sleeps
//       3  producer: writes full: 0 -> 1; reads sleeping = 0 (old: consumer's store of 1 exists, but nothing orders this read
//       after it)
//     repro: /tmp/mailbox-without-barrier.weak.repro.json
TEST(Mailbox, LosesAWakeupWithoutTheProducersBarrier) {
  sim::Tasks<Mailbox> program("mailbox-without-barrier");
  build(program, false);
  EXPECT_TRUE(explores_clean(program, under(sim::Memory::sc)));  // not to be seen there
  for (const sim::Memory memory : {sim::Memory::tso, sim::Memory::weak}) {
    const ExploreResult result = explore(program, under(memory));
    ASSERT_TRUE(result.found);
    EXPECT_EQ(result.violation.check, "lost-wakeup");
    EXPECT_LE(result.cost.lines, 6u) << result.story;
    EXPECT_TRUE(replay(program, result.repro).violated);
  }
}

// A finding kept in a file is a regression test: it replays to the same steps, or says which one is not possible any more.
TEST(Mailbox, AFindingReplaysFromItsFile) {
  sim::Tasks<Mailbox> broken("mailbox-without-barrier");
  build(broken, false);
  const testing::AssertionResult result = explores_clean(broken, under(sim::Memory::weak));
  ASSERT_FALSE(result);
  const std::string message = result.message();
  const std::size_t at = message.find("repro: ") + 7;
  const std::string path = message.substr(at, message.find('\n', at) - at);
  EXPECT_TRUE(replays(broken, path));
  sim::Tasks<Mailbox> mended("mailbox-without-barrier");
  build(mended, true);
  EXPECT_FALSE(replays(mended, path));
  std::remove(path.c_str());
}

}  // namespace
