// SPDX-License-Identifier: GPL-2.0-only
// The wakeup protocols of core/, over every execution: what they promise holds under each memory model, and fails where a
// barrier that they rely on, or that their caller owes, is left out.
#include <gtest/gtest.h>

#include "kernel_model/core/kthread.h"
#include "kernel_model/core/percpu_refcount.h"
#include "kernel_model/core/task_work.h"
#include "kernel_model/core/workqueue.h"
#include "tests/kernel_model/kernel_tasks.h"

namespace uringsim::kernel {
namespace {

using sim::Memory;
const std::map<std::string, std::string> none;
constexpr Memory kModels[] = {Memory::sc, Memory::tso, Memory::weak};

struct Sleep {
  wait_queue_head queue;
  u32 condition = 0;
};

void sleeps_until_condition(Sleep& s) {
  wait_event(&s.queue, [&s]() noexcept { return READ_ONCE(s.condition) != 0; });
}

TEST(Protocols, WaitEventAgainstWakeUpLosesNothing) {
  KernelTasks<Sleep> program;
  program.task("sleeper", sleeps_until_condition).task("waker", [](Sleep& s) {
    WRITE_ONCE(s.condition, 1u);
    wake_up(&s.queue);
  });
  for (const Memory memory : kModels) {
    const Explored all = explore(program, memory);
    EXPECT_EQ(all.violations, none) << to_string(memory);
    EXPECT_EQ(all.cut, 0u);
    EXPECT_GT(all.executions, 10u);
  }
}

TEST(Protocols, ALookAtTheQueueWithoutABarrierLosesTheWakeupUnlessMemoryIsSequentiallyConsistent) {
  KernelTasks<Sleep> program;
  program.task("sleeper", sleeps_until_condition).task("waker", [](Sleep& s) {
    WRITE_ONCE(s.condition, 1u);
    if (waitqueue_active(&s.queue)) wake_up(&s.queue);
  });
  EXPECT_EQ(explore(program, Memory::sc).violations, none);
  EXPECT_TRUE(explore(program, Memory::tso).violations.contains("deadlock"));
  EXPECT_TRUE(explore(program, Memory::weak).violations.contains("deadlock"));
}

TEST(Protocols, WqHasSleeperNeedsBothOfItsBarriers) {
  KernelTasks<Sleep> program;
  program.task("sleeper", sleeps_until_condition).task("waker", [](Sleep& s) {
    WRITE_ONCE(s.condition, 1u);
    if (wq_has_sleeper(&s.queue)) wake_up(&s.queue);
  });
  for (const Memory memory : kModels) EXPECT_EQ(explore(program, memory).violations, none) << to_string(memory);
  for (const char* barrier : {"wq_has_sleeper", "prepare_to_wait_event"}) {
    EXPECT_EQ(explore(program, Memory::sc, {barrier}).violations, none) << barrier;
    EXPECT_TRUE(explore(program, Memory::weak, {barrier}).violations.contains("deadlock")) << barrier;
  }
  EXPECT_TRUE(explore(program, Memory::tso, {"wq_has_sleeper"}).violations.contains("deadlock"));
}

struct Bare {
  u32 condition = 0;
};

TEST(Protocols, SetCurrentStateAgainstWakeUpProcessNeedsItsBarrier) {
  KernelTasks<Bare> program;
  program
      .task("sleeper",
            [](Bare& s) {
              set_current_state(TASK_UNINTERRUPTIBLE);
              if (READ_ONCE(s.condition) == 0) schedule();
              __set_current_state(TASK_RUNNING);
            })
      .task("waker", [&program](Bare& s) {
        WRITE_ONCE(s.condition, 1u);
        wake_up_process(program.handle(0));
      });
  for (const Memory memory : kModels) EXPECT_EQ(explore(program, memory).violations, none) << to_string(memory);
  EXPECT_EQ(explore(program, Memory::sc, {"set_current_state"}).violations, none);
  EXPECT_TRUE(explore(program, Memory::tso, {"set_current_state"}).violations.contains("deadlock"));
}

TEST(Protocols, ASignalIsNeverSleptThrough) {
  KernelTasks<Bare> program;
  program
      .task("sleeper",
            [](Bare&) {
              __set_current_state(TASK_INTERRUPTIBLE);
              schedule();
            })
      .task("sender", [&program](Bare&) { (void)send_sig(SIGTERM, program.handle(0), 0); });
  for (const Memory memory : kModels) EXPECT_EQ(explore(program, memory).violations, none) << to_string(memory);
  EXPECT_TRUE(explore(program, Memory::tso, {"schedule.signal_pending"}).violations.contains("deadlock"));
}

TEST(Protocols, AThreadThatComesWhileTheProcessIsKilledIsKilledToo) {
  KernelTasks<Bare> program;
  program
      .task("parent",
            [](Bare&) {
              task_struct* const thread = copy_process(
                  kCloneThread, -1,
                  [](void*) {
                    set_current_state(TASK_INTERRUPTIBLE);
                    schedule();
                    arch::machine().exit();
                  },
                  nullptr);
              if (IS_ERR(thread)) return;
              wake_up_new_task(thread);
              put_task_struct(thread);
            })
      .task("killer", [&program](Bare&) { (void)send_sig_process(SIGKILL, program.handle(0)); });
  const Explored all = explore(program, Memory::sc);
  EXPECT_EQ(all.violations, none);
  EXPECT_GT(all.executions, 10u);
}

struct Done {
  completion done;
  u32 data = 0, seen = 0;
};

TEST(Protocols, ACompletionPublishesWhatCameBefore) {
  KernelTasks<Done> program;
  program
      .task("waiter",
            [](Done& s) {
              wait_for_completion(&s.done);
              s.seen = READ_ONCE(s.data);
            })
      .task("completer",
            [](Done& s) {
              WRITE_ONCE(s.data, 7u);
              complete(&s.done);
            })
      .finally([](const Done& s, sim::Ending& end) {
        if (s.seen != 7) end.violation("assertion", "the waiter sees what was written before complete()");
      });
  for (const Memory memory : kModels) {
    const Explored all = explore(program, memory);
    EXPECT_EQ(all.violations, none) << to_string(memory);
    EXPECT_EQ(all.cut, 0u);
  }
}

struct Counted {
  percpu_ref refs;
  u32 releases = 0, used_after = 0;
};
void on_release(percpu_ref* ref) noexcept {
  Counted* const s = container_of(ref, Counted, refs);
  WRITE_ONCE(s->releases, READ_ONCE(s->releases) + 1);
}

TEST(Protocols, KillAgainstTrygetReleasesOnceAndNeverUnderAReference) {
  KernelTasks<Counted> program;
  program.initially([](Counted& s) { ASSERT_EQ(percpu_ref_init(&s.refs, on_release, 0), 0); });
  program.task("killer", [](Counted& s) { percpu_ref_kill(&s.refs); });
  for (const char* name : {"user1", "user2"})
    program.task(name, [](Counted& s) {
      if (!percpu_ref_tryget(&s.refs)) return;
      if (READ_ONCE(s.releases) != 0) s.used_after = 1;
      percpu_ref_put(&s.refs);
    });
  program.finally([](const Counted& s, sim::Ending& end) {
    if (s.releases != 1) end.violation("assertion", "release runs once");
    if (s.used_after != 0) end.violation("assertion", "release waits for every reference");
  });
  for (const Memory memory : kModels) {
    const Explored all = explore(program, memory);
    EXPECT_EQ(all.violations, none) << to_string(memory);
    EXPECT_GT(all.executions, 100u);
  }
}

struct Worked {
  callback_head work;
  u32 ran = 0;
  int added = 1;
};

TEST(Protocols, TaskWorkIsEitherRunOrRefused) {
  KernelTasks<Worked> program;
  program
      .task("exiting",
            [](Worked&) {
              WRITE_ONCE(current()->flags, u32{PF_EXITING});
              task_work_run();
            })
      .task("adder",
            [&program](Worked& s) {
              init_task_work(&s.work, [](callback_head* work) { container_of(work, Worked, work)->ran++; });
              s.added = task_work_add(program.handle(0), &s.work, TWA_RESUME);
            })
      .finally([](const Worked& s, sim::Ending& end) {
        if ((s.added == 0) != (s.ran == 1)) end.violation("assertion", "what was added runs, what was refused does not");
        if (s.added != 0 && s.added != -ESRCH) end.violation("assertion", "refused with -ESRCH");
      });
  for (const Memory memory : kModels) EXPECT_EQ(explore(program, memory).violations, none) << to_string(memory);
}

struct Parked {
  task_struct* thread = nullptr;
};

/// The thread looks at SHOULD_PARK after it has set its state (io_sq_thread of 5.4), or does not look at all (5.1).
template <bool kLooks>
int sq_thread(void*) noexcept {
  set_current_state(TASK_INTERRUPTIBLE);
  if (kLooks ? !kthread_should_park() : !kthread_should_stop()) schedule();
  __set_current_state(TASK_RUNNING);
  kthread_parkme();
  set_current_state(TASK_UNINTERRUPTIBLE);
  schedule();  // for good: the search ends here, not in do_exit()
  return 0;
}

template <bool kLooks>
Explored park_thread(Memory memory, const std::vector<std::string>& left_out = {}) {
  KernelTasks<Parked> program;
  program.initially([](Parked& s) {
    s.thread = kthread_create(sq_thread<kLooks>, nullptr, "sq");
    wake_up_process(s.thread);
  });
  program.task("closer", [](Parked& s) { (void)kthread_park(s.thread); });
  program.tolerate("sq");
  return explore(program, memory, left_out, {2, 1});
}

TEST(Protocols, AThreadThatLooksForTheParkRequestAfterSettingItsStateParks) {
  for (const Memory memory : kModels) {
    const Explored all = park_thread<true>(memory);
    EXPECT_EQ(all.violations, none) << to_string(memory);
    EXPECT_GT(all.executions, 100u);
  }
}

TEST(Protocols, AThreadThatDoesNotLookSleepsThroughIt) {
  EXPECT_TRUE(park_thread<false>(Memory::sc).violations.contains("deadlock"));
}

/// A thread that may be told to stop before it has come to its loop.
struct Stopped {
  task_struct* thread = nullptr;
  u32 stop = 0;
  completion started;
};

/// 5.1: leaves its loop by itself when it sees `stop`, and parks only if it was asked by then.
int leaves_by_itself(void* argument) noexcept {
  Stopped& s = *static_cast<Stopped*>(argument);
  while (!kthread_should_stop() && READ_ONCE(s.stop) == 0) {
    set_current_state(TASK_INTERRUPTIBLE);
    if (!kthread_should_stop() && READ_ONCE(s.stop) == 0) schedule();
    __set_current_state(TASK_RUNNING);
  }
  if (kthread_should_park()) kthread_parkme();
  return 0;
}

/// 5.4: says that it has started, leaves its loop only when it is to park, and always parks.
int leaves_to_park(void* argument) noexcept {
  Stopped& s = *static_cast<Stopped*>(argument);
  complete(&s.started);
  while (!kthread_should_park()) {
    set_current_state(TASK_INTERRUPTIBLE);
    if (!kthread_should_park()) schedule();
    __set_current_state(TASK_RUNNING);
  }
  kthread_parkme();
  return 0;
}

TEST(Protocols, StopBeforeTheThreadRunsDeadlocksWithTheHandshakeOf51) {
  KernelTasks<Stopped> program;
  program.initially([](Stopped& s) { s.thread = kthread_run(leaves_by_itself, &s, "sq"); });
  program.task("closer", [](Stopped& s) {
    WRITE_ONCE(s.stop, 1u);
    smp_mb("sq_thread_stop");
    (void)kthread_park(s.thread);
    (void)kthread_stop(s.thread);
  });
  EXPECT_TRUE(explore(program, Memory::sc, {}, {2, 1}).violations.contains("deadlock"));
}

TEST(Protocols, StopBeforeTheThreadRunsIsFineWithTheHandshakeOf54) {
  KernelTasks<Stopped> program;
  program.initially([](Stopped& s) { s.thread = kthread_run(leaves_to_park, &s, "sq"); });
  program.task("closer", [](Stopped& s) {
    wait_for_completion(&s.started);
    (void)kthread_park(s.thread);
    (void)kthread_stop(s.thread);
  });
  for (const Memory memory : kModels) {
    const Explored all = explore(program, memory, {}, {1, 1});
    EXPECT_EQ(all.violations, none) << to_string(memory);
    EXPECT_GT(all.executions, 50u);
  }
}

struct Queued {
  workqueue_struct* wq = nullptr;
  work_struct work;
  u32 event = 0, seen = 0;
};

TEST(Protocols, WhatWasWrittenBeforeQueueWorkIsSeenByARun) {
  KernelTasks<Queued> program;
  program.initially([](Queued& s) {
    s.wq = alloc_workqueue("wq", WQ_UNBOUND, 1);
    INIT_WORK(&s.work, [](work_struct* work) {
      Queued* const self = container_of(work, Queued, work);
      self->seen = READ_ONCE(self->event);
    });
    queue_work(s.wq, &s.work);
  });
  program.task("queuer", [](Queued& s) {
    WRITE_ONCE(s.event, 1u);
    (void)queue_work(s.wq, &s.work);  // whether it was still waiting or not
  });
  program.tolerate("kworker");
  program.finally([](const Queued& s, sim::Ending& end) {
    if (s.seen != 1) end.violation("assertion", "a run that starts after queue_work() sees what came before it");
  });
  for (const Memory memory : kModels) EXPECT_EQ(explore(program, memory, {}, {1, 1}).violations, none) << to_string(memory);
  EXPECT_TRUE(explore(program, Memory::weak, {"set_work_pool_and_clear_pending.mb"}, {1, 1}).violations.contains("assertion"));
}

}  // namespace
}  // namespace uringsim::kernel
