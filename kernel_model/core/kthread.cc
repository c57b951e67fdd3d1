// SPDX-License-Identifier: GPL-2.0-only
// Models kernel/kthread.c (5.4).
#include "kernel_model/core/kthread.h"

#include "kernel_model/core/process.h"

namespace uringsim::kernel {

namespace {

bool test_flag(const kthread* thread, u64 bit, Site site) noexcept { return (READ_ONCE(thread->flags, site) & bit) != 0; }
void set_flag(kthread* thread, u64 bit, Site site) noexcept { (void)fetch_or(thread->flags, bit, Order::relaxed, site); }
void clear_flag(kthread* thread, u64 bit, Site site) noexcept { (void)fetch_and(thread->flags, ~bit, Order::relaxed, site); }

// Models __kthread_parkme().
void park(kthread* self) noexcept {
  for (;;) {
    // Linux's set_special_state() serialises with wakers by a lock of the task; here wake() is atomic, and the barrier does
    // the rest: either this sees SHOULD_PARK cleared, or kthread_unpark() sees TASK_PARKED and wakes.
    set_current_state(TASK_PARKED, "kthread_parkme");
    if (!test_flag(self, KTHREAD_SHOULD_PARK, Site::here())) break;
    complete(&self->parked);
    schedule();
  }
  __set_current_state(TASK_RUNNING);
}

/// Where a kernel thread begins, with its first wakeup. Models kthread(), without its first sleep if nobody waits for that.
void kthread_entry(void* argument) noexcept {
  kthread* const self = static_cast<kthread*>(argument);
  int ret = -EINTR;
  if (self->reports) {
    // Stopped before the report: the wakeup that follows it is then not lost.
    __set_current_state(TASK_UNINTERRUPTIBLE);
    complete(&self->created);
    schedule();
  }
  if (!test_flag(self, KTHREAD_SHOULD_STOP, Site::here())) {
    park(self);
    ret = self->threadfn(self->data);
  }
  do_exit(ret);
}

task_struct* create(int (*threadfn)(void*), void* data, int cpu, const char* name) noexcept {
  kthread* const self = kmalloc<kthread>();
  if (self == nullptr) return ERR_PTR<task_struct>(-ENOMEM);
  self->threadfn = threadfn;
  self->data = data;
  self->cpu = cpu;
  if (cpu >= 0) self->flags = KTHREAD_IS_PER_CPU;
  task_struct* const task = kernel_thread(kthread_entry, self, cpu, name);
  if (IS_ERR(task))
    kfree(self);
  else
    task->kthread_ = self;  // it runs after its first wakeup only
  return task;
}

}  // namespace

task_struct* kthread_create(int (*threadfn)(void*), void* data, const char* name) noexcept {
  return create(threadfn, data, -1, name);
}

task_struct* kthread_create_on_cpu(int (*threadfn)(void*), void* data, unsigned cpu, const char* name) noexcept {
  return create(threadfn, data, static_cast<int>(cpu), name);
}

task_struct* kthread_run(int (*threadfn)(void*), void* data, const char* name) noexcept {
  task_struct* const task = kthread_create(threadfn, data, name);
  if (!IS_ERR(task)) wake_up_process(task);
  return task;
}

void kthread_bind(task_struct* task, unsigned cpu) noexcept { arch::machine().set_affinity(*task, static_cast<int>(cpu)); }

// Models the wait in __kthread_create_on_node().
// Divergence: a fatal signal does not end it.
void kthread_await_creation(task_struct* task) noexcept {
  KERNEL_FUNCTION;
  kthread* const thread = task->kthread_;
  thread->reports = true;
  wake_up_process(task);
  wait_for_completion(&thread->created);
}

int kthread_park(task_struct* task) noexcept {
  KERNEL_FUNCTION;
  kthread* const thread = task->kthread_;
  if (WARN_ON((READ_ONCE(task->flags) & PF_EXITING) != 0, "kthread_park: the thread is exiting")) return -ENOSYS;
  if (WARN_ON(test_flag(thread, KTHREAD_SHOULD_PARK, Site::here()), "kthread_park: asked twice")) return -EBUSY;
  set_flag(thread, KTHREAD_SHOULD_PARK, Site::here());
  if (task != current()) {
    wake_up_process(task);
    wait_for_completion(&thread->parked);
  }
  return 0;
}

void kthread_unpark(task_struct* task) noexcept {
  clear_flag(task->kthread_, KTHREAD_SHOULD_PARK, Site::here());
  // park() sees the bit cleared or gets this wakeup.
  wake_up_state(task, TASK_PARKED);
}

int kthread_stop(task_struct* task) noexcept {
  KERNEL_FUNCTION;
  get_task_struct(task);
  kthread* const thread = task->kthread_;
  set_flag(thread, KTHREAD_SHOULD_STOP, Site::here());
  kthread_unpark(task);
  wake_up_process(task);
  wait_for_completion(&thread->exited);
  const int ret = task->exit_code;
  put_task_struct(task);
  return ret;
}

bool kthread_should_stop(Site site) noexcept { return test_flag(current()->kthread_, KTHREAD_SHOULD_STOP, site); }
bool kthread_should_park(Site site) noexcept { return test_flag(current()->kthread_, KTHREAD_SHOULD_PARK, site); }
void kthread_parkme() noexcept { park(current()->kthread_); }
void* kthread_data(task_struct* task) noexcept { return task->kthread_->data; }

}  // namespace uringsim::kernel
