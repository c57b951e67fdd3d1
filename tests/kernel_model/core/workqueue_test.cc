// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/workqueue.h"

#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

using sim::RunEnd;

/// A work that notes when it runs, and sleeps a while.
struct job {
  work_struct work;
  std::vector<int>* log = nullptr;
  int number = 0;
  u64 sleep_ns = 0;
  int* running = nullptr;
  int* most = nullptr;
};
void run_job(work_struct* work) {
  job* const self = container_of(work, job, work);
  if (self->running != nullptr && ++*self->running > *self->most) *self->most = *self->running;
  if (self->log != nullptr) self->log->push_back(self->number);
  if (self->sleep_ns > 0) nap(self->sleep_ns);
  if (self->running != nullptr) --*self->running;
}

TEST(Workqueue, RunsWorkInTheOrderOfQueueing) {
  KernelWorld world({.cpus = 1});
  std::vector<int> log;
  std::vector<job> jobs(5);
  world.process("app", [&] {
    workqueue_struct* const wq = alloc_workqueue("wq", WQ_UNBOUND, 1);
    for (int i = 0; i < 5; i++) {
      jobs[static_cast<size_t>(i)].log = &log;
      jobs[static_cast<size_t>(i)].number = i;
      INIT_WORK(&jobs[static_cast<size_t>(i)].work, run_job);
      EXPECT_TRUE(queue_work(wq, &jobs[static_cast<size_t>(i)].work));
    }
    flush_workqueue(wq);
    EXPECT_EQ(log.size(), 5u);
    destroy_workqueue(wq);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(log, (std::vector<int>{0, 1, 2, 3, 4}));
}

int most_at_once(unsigned flags, int max_active, int works, unsigned cpus) {
  KernelWorld world({.cpus = cpus});
  int running = 0, most = 0;
  std::vector<job> jobs(static_cast<size_t>(works));
  world.process("app", [&] {
    workqueue_struct* const wq = alloc_workqueue("wq", flags, max_active);
    for (job& one : jobs) {
      one.running = &running;
      one.most = &most;
      one.sleep_ns = 10'000'000;
      INIT_WORK(&one.work, run_job);
      queue_work(wq, &one.work);
    }
    destroy_workqueue(wq);
    EXPECT_EQ(running, 0);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  return most;
}

TEST(Workqueue, UnboundWorkThatSleepsRunsAllAtOnceUpToTheLimit) {
  EXPECT_EQ(most_at_once(WQ_UNBOUND, 3, 10, 2), 3);
  EXPECT_EQ(most_at_once(WQ_UNBOUND, 1, 10, 2), 1);
  EXPECT_EQ(most_at_once(WQ_UNBOUND, 0, 40, 2), 40);
}

TEST(Workqueue, BoundWorkStartsTheNextWhenOneSleeps) { EXPECT_EQ(most_at_once(0, 4, 10, 1), 4); }

TEST(Workqueue, BoundWorkThatDoesNotSleepRunsOneAtATimeOnItsProcessor) {
  KernelWorld world({.cpus = 2});
  std::vector<int> cpus;
  struct spinner {
    work_struct work;
    std::vector<int>* cpus = nullptr;
    int* running = nullptr;
    int* most = nullptr;
  };
  int running = 0, most = 0;
  std::vector<spinner> spinners(4);
  world.process("app",
                [&] {
                  workqueue_struct* const wq = alloc_workqueue("wq", 0, 0);
                  for (spinner& one : spinners) {
                    one.cpus = &cpus;
                    one.running = &running;
                    one.most = &most;
                    INIT_WORK(&one.work, [](work_struct* work) {
                      spinner* const self = container_of(work, spinner, work);
                      if (++*self->running > *self->most) *self->most = *self->running;
                      self->cpus->push_back(arch::machine().current_cpu());
                      const u64 until = ktime_get_ns() + 50'000;
                      while (ktime_get_ns() < until) cpu_relax();
                      --*self->running;
                    });
                    queue_work(wq, &one.work);
                  }
                  destroy_workqueue(wq);
                },
                {.cpu = 1});
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(most, 1);
  EXPECT_EQ(cpus, (std::vector<int>{1, 1, 1, 1}));
}

TEST(Workqueue, QueueingWhatWaitsAlreadyDoesNothing) {
  KernelWorld world({.cpus = 1});
  std::vector<int> log;
  job blocker, one;
  world.process("app", [&] {
    workqueue_struct* const wq = alloc_workqueue("wq", WQ_UNBOUND, 1);
    blocker.sleep_ns = 1'000'000;
    INIT_WORK(&blocker.work, run_job);
    one.log = &log;
    INIT_WORK(&one.work, run_job);
    queue_work(wq, &blocker.work);
    EXPECT_TRUE(queue_work(wq, &one.work));
    EXPECT_FALSE(queue_work(wq, &one.work));
    EXPECT_TRUE(work_pending(&one.work));
    destroy_workqueue(wq);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(log.size(), 1u);
}

TEST(Workqueue, WorkQueuedWhileItRunsRunsAgainAndNeverTwiceAtOnce) {
  KernelWorld world;
  int running = 0, most = 0;
  std::vector<int> log;
  job one;
  world.process("app", [&] {
    workqueue_struct* const wq = alloc_workqueue("wq", WQ_UNBOUND, 8);
    one.running = &running;
    one.most = &most;
    one.log = &log;
    one.sleep_ns = 1'000'000;
    INIT_WORK(&one.work, run_job);
    queue_work(wq, &one.work);
    nap(500'000);
    EXPECT_TRUE(queue_work(wq, &one.work));
    EXPECT_TRUE(flush_work(&one.work));
    EXPECT_EQ(log.size(), 2u);
    destroy_workqueue(wq);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(most, 1);
}

TEST(Workqueue, FlushDoesNotWaitForWhatIsQueuedLater) {
  KernelWorld world;
  struct again {
    work_struct work;
    workqueue_struct* wq = nullptr;
    int left = 20;
  } work;
  int left_at_flush = -1;
  world.process("app", [&] {
    workqueue_struct* const wq = alloc_workqueue("wq", WQ_UNBOUND, 1);
    work.wq = wq;
    INIT_WORK(&work.work, [](work_struct* item) {
      again* const self = container_of(item, again, work);
      nap(1'000'000);
      if (--self->left > 0) queue_work(self->wq, item);
    });
    queue_work(wq, &work.work);
    flush_workqueue(wq);
    left_at_flush = work.left;
    drain_workqueue(wq);
    EXPECT_EQ(work.left, 0);
    destroy_workqueue(wq);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(left_at_flush, 19);
  EXPECT_TRUE(world.reports().empty());
}

TEST(Workqueue, CancelTakesWaitingWorkOff) {
  KernelWorld world;
  std::vector<int> log;
  job blocker, one;
  world.process("app", [&] {
    workqueue_struct* const wq = alloc_workqueue("wq", WQ_UNBOUND, 1);
    blocker.sleep_ns = 1'000'000;
    INIT_WORK(&blocker.work, run_job);
    one.log = &log;
    INIT_WORK(&one.work, run_job);
    queue_work(wq, &blocker.work);
    queue_work(wq, &one.work);
    EXPECT_TRUE(cancel_work(&one.work));
    EXPECT_FALSE(work_pending(&one.work));
    EXPECT_FALSE(cancel_work(&one.work));
    destroy_workqueue(wq);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_TRUE(log.empty());
}

TEST(Workqueue, CancelSyncWaitsForWorkThatRuns) {
  KernelWorld world;
  int running = 0, most = 0;
  job one;
  world.process("app", [&] {
    workqueue_struct* const wq = alloc_workqueue("wq", WQ_UNBOUND, 1);
    one.running = &running;
    one.most = &most;
    one.sleep_ns = 1'000'000;
    INIT_WORK(&one.work, run_job);
    queue_work(wq, &one.work);
    nap(100'000);
    EXPECT_EQ(running, 1);
    EXPECT_FALSE(cancel_work_sync(&one.work));
    EXPECT_EQ(running, 0);
    EXPECT_FALSE(work_pending(&one.work));
    destroy_workqueue(wq);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(most, 1);
}

TEST(Workqueue, FlushWorkWaitsForThatWorkOnly) {
  KernelWorld world;
  job quick, slow;
  u64 took = 0;
  world.process("app", [&] {
    workqueue_struct* const wq = alloc_workqueue("wq", WQ_UNBOUND, 4);
    slow.sleep_ns = 50'000'000;
    INIT_WORK(&slow.work, run_job);
    quick.sleep_ns = 1'000'000;
    INIT_WORK(&quick.work, run_job);
    queue_work(wq, &slow.work);
    queue_work(wq, &quick.work);
    const u64 before = ktime_get_ns();
    EXPECT_TRUE(flush_work(&quick.work));
    took = ktime_get_ns() - before;
    destroy_workqueue(wq);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_LT(took, 2'000'000u);
}

TEST(Workqueue, WorkKnowsThatItRunsOnAWorker) {
  KernelWorld world;
  struct probe {
    work_struct work;
    bool is_worker = false;
    bool is_mine = false;
    std::string name;
  } one;
  world.process("app", [&] {
    workqueue_struct* const wq = alloc_workqueue("wq", WQ_UNBOUND, 0);
    INIT_WORK(&one.work, [](work_struct* work) {
      probe* const self = container_of(work, probe, work);
      self->is_worker = (current()->flags & PF_WQ_WORKER) != 0;
      self->is_mine = current_work() == work;
      self->name = current()->name;
    });
    queue_work(wq, &one.work);
    destroy_workqueue(wq);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_TRUE(one.is_worker);
  EXPECT_TRUE(one.is_mine);
  EXPECT_EQ(one.name.substr(0, 9), "kworker/u");
}

TEST(DelayedWork, RunsAfterItsDelayAndCanBeMovedOrCancelled) {
  KernelWorld world;
  struct timed_job {
    delayed_work work;
    u64 ran_at = 0;
  } one;
  u64 queued_at = 0;
  world.process("app", [&] {
    workqueue_struct* const wq = alloc_workqueue("wq", WQ_UNBOUND, 0);
    INIT_DELAYED_WORK(&one.work, [](work_struct* work) { container_of(work, timed_job, work.work)->ran_at = ktime_get_ns(); });
    queued_at = ktime_get_ns();
    EXPECT_TRUE(queue_delayed_work(wq, &one.work, 10));
    EXPECT_FALSE(queue_delayed_work(wq, &one.work, 1));
    EXPECT_TRUE(mod_delayed_work(wq, &one.work, 5));
    nap(40'000'000);
    EXPECT_GE(one.ran_at - queued_at, 20'000'000u);
    EXPECT_LT(one.ran_at - queued_at, 25'000'000u);
    const u64 first = one.ran_at;
    queue_delayed_work(wq, &one.work, 10);
    EXPECT_TRUE(cancel_delayed_work_sync(&one.work));
    nap(100'000'000);
    EXPECT_EQ(one.ran_at, first);
    destroy_workqueue(wq);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Workqueue, SystemWorkqueuesAreMadeOnce) {
  KernelWorld world;
  world.process("app", [&] {
    EXPECT_EQ(system_wq(), system_wq());
    EXPECT_NE(system_wq(), system_unbound_wq());
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

}  // namespace
}  // namespace uringsim::kernel
