// SPDX-License-Identifier: GPL-2.0-only
// A worked example to copy: is my lock-free mailbox right, on the memory order that Linux promises and not just on this machine?
//
// A consumer sleeps when its mailbox is empty; a producer that fills it wakes the consumer if it says that it sleeps. To use this
// in a project of your own, link with uringsim::sim and GTest (find_package(uringsim), see README), write the shared words as one
// struct, access them through the operations of arch/memory.h, and give each thread a lambda.
#include <gtest/gtest.h>

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

ExploreOptions every_interleaving(sim::Memory memory) {
  ExploreOptions options;
  options.strategy = Search::dfs;
  options.memory = memory;
  return options;
}

TEST(Mailbox, IsCorrectWithBothBarriers) {
  for (const sim::Memory memory : {sim::Memory::sc, sim::Memory::tso, sim::Memory::weak}) {
    sim::Tasks<Mailbox> program("mailbox");
    build(program, true);
    EXPECT_TRUE(explores_clean(program, every_interleaving(memory)));
  }
}

TEST(Mailbox, LosesAWakeupWithoutTheProducersBarrier) {
  sim::Tasks<Mailbox> program("mailbox-without-barrier");
  build(program, false);
  EXPECT_TRUE(explores_clean(program, every_interleaving(sim::Memory::sc)));  // not to be seen there
  const ExploreResult result = explore(program, every_interleaving(sim::Memory::tso));
  ASSERT_TRUE(result.found);
  EXPECT_EQ(result.violation.check, "lost-wakeup");
  EXPECT_TRUE(replay(program, result.repro).violated);
  RecordProperty("story", result.story);
}

}  // namespace
