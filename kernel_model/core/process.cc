// SPDX-License-Identifier: GPL-2.0-only
// Models kernel/fork.c (5.4). Ending: exit.cc.
#include "kernel_model/core/process.h"

#include <cstring>

#include "kernel_model/core/boot.h"
#include "kernel_model/core/fs_struct.h"
#include "kernel_model/core/mm.h"
#include "kernel_model/core/process_internal.h"
#include "kernel_model/core/rlimit.h"
#include "kernel_model/core/upper.h"

namespace uringsim::kernel {

namespace {

void begin_program(void* argument) noexcept {
  task_struct* const task = static_cast<task_struct*>(argument);
  task->program(task->program_argument);
  do_exit(0);
}

/// A task_struct that nobody knows yet. Null when memory ran out.
task_struct* alloc_task(const char* name, task_entry entry, void* argument) noexcept {
  if (!in_interrupt()) reap_dead_tasks();  // waits for their ends
  task_struct* const task = kmalloc<task_struct>();
  if (task == nullptr) return nullptr;
  task->machine = &arch::machine();
  std::strncpy(task->name, name, sizeof(task->name) - 1);
  task->program = entry;
  task->program_argument = argument;
  task->group_leader = task;
  return task;
}

void trace_new_task(const task_struct* task) noexcept {
  u64 comm[2];
  static_assert(sizeof(comm) == sizeof(task->name));
  std::memcpy(comm, task->name, sizeof(comm));
  kernel().trace(EventKind::task_newtask, task->id, task->pid, comm[0], comm[1], task->tgid);
}

/// Gives it a pid and makes it findable: a thread of `leader`, or, if that is null, a process of its own and a child of
/// `parent`'s, whose leader lives longer than any thread that forks. 0, or -EINTR if `parent` is being killed: a thread that came
/// now would not hear of it.
int publish(task_struct* task, task_struct* parent, task_struct* leader) noexcept {
  Kernel& k = kernel();
  spin_lock(&k.tasklist_lock);
  spin_lock(&parent->signal->siglock);
  if ((parent->pending & sigmask_of(SIGKILL)) != 0) {
    spin_unlock(&parent->signal->siglock);
    spin_unlock(&k.tasklist_lock);
    return -EINTR;
  }
  task->pid = ++k.last_pid;
  task->group_leader = leader != nullptr ? leader : task;
  task->tgid = task->group_leader->pid;
  task->parent = leader != nullptr ? leader->parent : parent->group_leader;
  list_add_tail(&task->tasks, &k.tasks);
  list_add_tail(&task->thread_group, &task->signal->threads);
  if (leader != nullptr) {
    task->signal->live++;
    task->signal->nr_threads++;
  } else {
    list_add_tail(&task->sibling, &parent->signal->children);
  }
  spin_unlock(&parent->signal->siglock);
  spin_unlock(&k.tasklist_lock);
  return 0;
}

/// A process of its own signals and limits, `from`'s to begin with. Null when memory ran out.
signal_struct* copy_signal(signal_struct* from, bool handlers) noexcept {
  signal_struct* const signal = alloc_signal_struct();
  if (signal == nullptr) return nullptr;
  spin_lock(&from->siglock);
  for (unsigned i = 0; i < RLIM_NLIMITS; i++) signal->rlim[i] = from->rlim[i];
  for (int i = 0; i < kSignals && handlers; i++) signal->action[i] = from->action[i];
  spin_unlock(&from->siglock);
  return signal;
}

int copy_files(u32 clone_flags, task_struct* child, task_struct* parent) noexcept {
  const upper_floors* const upper = kernel().upper;
  return upper != nullptr && upper->copy_files != nullptr ? upper->copy_files(clone_flags, child, parent) : 0;
}

void share_cred(task_struct* child, const cred* credentials) noexcept {
  child->real_cred = get_cred(credentials);
  child->cred_ = get_cred(credentials);
  atomic_inc(&credentials->user->processes);
}

/// Shares with, or copies from, `parent` what the flags say. 0 or -ENOMEM; what was done is undone by free_task().
int copy_parts(u32 clone_flags, task_struct* child, task_struct* parent) noexcept {
  if ((clone_flags & CLONE_THREAD_) != 0) {
    __atomic_add_fetch(&parent->signal->sigcnt, 1, __ATOMIC_RELAXED);
    child->signal = parent->signal;
  } else {
    child->signal = copy_signal(parent->signal, true);
  }
  if (child->signal == nullptr) return -ENOMEM;
  child->blocked = parent->blocked;
  child->ioprio = parent->ioprio;
  if ((clone_flags & CLONE_FS_) != 0 && parent->fs != nullptr) {
    get_fs_struct(parent->fs);
    child->fs = parent->fs;
  } else {
    child->fs = copy_fs_struct(parent->fs);
  }
  if (child->fs == nullptr) return -ENOMEM;
  if (parent->mm == nullptr || (clone_flags & CLONE_VM_) == 0) {
    child->mm = parent->mm != nullptr ? dup_mm(parent->mm) : mm_alloc();
    if (child->mm == nullptr) return -ENOMEM;
  } else {
    mmget(parent->mm);
    child->mm = parent->mm;
  }
  child->active_mm = child->mm;
  return copy_files(clone_flags, child, parent);
}

void spawn(task_struct* task, int cpu, u32 stack_bytes, bool kernel_thread) noexcept {
  arch::SpawnOptions options;
  options.cpu = cpu;
  options.stack_bytes = stack_bytes;
  options.kernel_thread = kernel_thread;
  arch::machine().spawn(*task, begin_program, task, options);
  trace_new_task(task);
}

task_struct* clone(u32 flags, task_struct* parent, const cred* credentials, const process_options& options, task_entry entry,
                   void* argument) noexcept {
  task_struct* const task = alloc_task(options.name, entry, argument);
  if (task == nullptr) return ERR_PTR<task_struct>(-ENOMEM);
  share_cred(task, credentials);
  get_task_struct(task);  // the caller's
  int error = copy_parts(flags, task, parent);
  if (error == 0) error = publish(task, parent, (flags & CLONE_THREAD_) != 0 ? parent->group_leader : nullptr);
  if (error != 0) {
    abandon_task(task);
    return ERR_PTR<task_struct>(error);
  }
  spawn(task, options.cpu, options.stack_bytes, false);
  return task;
}

}  // namespace

task_struct* create_process(const process_options& options, task_entry entry, void* argument) noexcept {
  Kernel& k = kernel();
  cred* const credentials = kmemdup(*k.init->real_cred);
  if (credentials == nullptr) return ERR_PTR<task_struct>(-ENOMEM);
  credentials->usage = 1;
  credentials->uid = credentials->euid = credentials->fsuid = options.uid;
  credentials->gid = credentials->egid = credentials->fsgid = options.gid;
  credentials->cap_effective = options.capabilities;
  credentials->user = alloc_uid(options.uid);
  if (credentials->user == nullptr) {
    kfree(credentials);
    return ERR_PTR<task_struct>(-ENOMEM);
  }
  task_struct* const task = clone(0, k.init, credentials, options, entry, argument);
  put_cred(credentials);
  return task;
}

task_struct* create_thread(task_struct* leader, const process_options& options, task_entry entry, void* argument) noexcept {
  return clone(kCloneThread, leader, leader->real_cred, options, entry, argument);
}

task_struct* copy_process(u32 clone_flags, int cpu, task_entry entry, void* argument) noexcept {
  task_struct* const parent = current();
  // As fork() has them: threads share everything, shared handlers need a shared address space.
  if ((clone_flags & CLONE_THREAD_) != 0 && (clone_flags & CLONE_SIGHAND_) == 0) return ERR_PTR<task_struct>(-EINVAL);
  if ((clone_flags & CLONE_SIGHAND_) != 0 && (clone_flags & CLONE_VM_) == 0) return ERR_PTR<task_struct>(-EINVAL);
  const user_struct* const user = parent->real_cred->user;
  if (static_cast<u64>(atomic_read(&user->processes)) >= rlimit(RLIMIT_NPROC) && user != kernel().root_user &&
      !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN))
    return ERR_PTR<task_struct>(-EAGAIN);
  if (signal_pending(parent)) return ERR_PTR<task_struct>(-ERESTARTNOINTR);
  process_options options;
  options.name = parent->name;
  options.cpu = cpu;
  return clone(clone_flags, parent, parent->real_cred, options, entry, argument);
}

int do_fork(u32 clone_flags, task_entry entry, void* argument) noexcept {
  task_struct* const child = copy_process(clone_flags, -1, entry, argument);
  if (IS_ERR(child)) return PTR_ERR(child);
  const int pid = child->pid;
  wake_up_new_task(child);
  put_task_struct(child);
  return pid;
}

void wake_up_new_task(task_struct* task) noexcept { wake_up_process(task); }

task_struct* kernel_thread(task_entry entry, void* argument, int cpu, const char* name) noexcept {
  Kernel& k = kernel();
  task_struct* const task = alloc_task(name, entry, argument);
  if (task == nullptr) return ERR_PTR<task_struct>(-ENOMEM);
  task->flags = PF_KTHREAD;
  task->signal = copy_signal(k.swapper->signal, true);
  if (task->signal == nullptr) {
    kfree(task);
    return ERR_PTR<task_struct>(-ENOMEM);
  }
  share_cred(task, k.swapper->real_cred);
  (void)publish(task, k.swapper, nullptr);  // whom nobody kills
  spawn(task, cpu, 0, true);
  return task;
}

task_struct* find_get_task_by_pid(int pid) noexcept {
  Kernel& k = kernel();
  task_struct* found = nullptr;
  spin_lock(&k.tasklist_lock);
  list_for_each_entry(task, &k.tasks, task_struct, tasks) {
    if (task->pid == pid && pid != 0) found = task;
  }
  if (found != nullptr) get_task_struct(found);
  spin_unlock(&k.tasklist_lock);
  return found;
}

RunAs::RunAs(task_struct* task) noexcept : task_(task), outer_(arch::current_task()), access_(task->access) {
  task->access = arch::Access::direct;
  arch::set_current_task(task);
}
RunAs::~RunAs() {
  task_->access = access_;
  arch::set_current_task(outer_);
}

namespace {
/// A task that is never scheduled: swapper and init.
task_struct* still_task(Kernel* k, const char* name, const cred* credentials) noexcept {
  void* const memory = k->machine.alloc(sizeof(task_struct), alignof(task_struct));
  BUG_ON(memory == nullptr, "no memory to boot with");
  task_struct* const task = new (memory) task_struct;
  task->machine = &k->machine;
  task->group_leader = task;
  std::strncpy(task->name, name, sizeof(task->name) - 1);
  if (credentials != nullptr) share_cred(task, credentials);
  return task;
}

signal_struct* first_signal(const KernelOptions& options) noexcept {
  signal_struct* const signal = alloc_signal_struct();
  BUG_ON(signal == nullptr, "no memory to boot with");
  for (rlimit_pair& limit : signal->rlim) limit = {RLIM_INFINITY, RLIM_INFINITY};
  signal->rlim[RLIMIT_MEMLOCK] = {options.memlock_bytes, options.memlock_bytes};
  signal->rlim[RLIMIT_NOFILE] = {options.nofile, options.nofile};
  signal->rlim[RLIMIT_NPROC] = {options.nproc, options.nproc};
  return signal;
}
}  // namespace

void process_init(Kernel* k) noexcept {
  k->swapper = still_task(k, "swapper", nullptr);
  RunAs boot(k->swapper);
  cred* const credentials = kmalloc<cred>();
  BUG_ON(credentials == nullptr, "no memory to boot with");
  credentials->cap_effective = kAllCapabilities;
  k->root_user = credentials->user = alloc_uid(0);
  BUG_ON(k->root_user == nullptr, "no memory to boot with");
  share_cred(k->swapper, credentials);
  k->swapper->flags = PF_KTHREAD;
  k->swapper->signal = first_signal(k->options);
  for (k_sigaction& action : k->swapper->signal->action) action.kind = k_sigaction::Kind::ignore;

  k->init = still_task(k, "init", credentials);
  k->init->signal = first_signal(k->options);
  k->init->fs = copy_fs_struct(nullptr);
  k->init->mm = k->init->active_mm = mm_alloc();
  BUG_ON(k->init->fs == nullptr || k->init->mm == nullptr, "no memory to boot with");
  put_cred(credentials);
  (void)publish(k->init, k->swapper, nullptr);
}

}  // namespace uringsim::kernel
