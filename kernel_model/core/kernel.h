// SPDX-License-Identifier: GPL-2.0-only
// One kernel: what Linux keeps in globals. A world owns exactly one; nothing in kernel_model has any other static state.
#pragma once

#include <memory_resource>

#include "kernel_model/core/list.h"
#include "kernel_model/core/mutex.h"
#include "kernel_model/core/prelude.h"
#include "kernel_model/core/spinlock.h"
#include "kernel_model/trace/trace.h"

namespace uringsim::kernel {

struct io_uring_profile;
struct task_struct;
struct user_struct;
struct super_block;
struct vfs_state;
struct workqueue_state;
struct rcu_state;
struct fault_attr;
struct upper_floors;

/// What can be set when a kernel is built. Units in the names.
struct KernelOptions {
  u64 bugs = 0;                  ///< variants of the model that are switched on, a bit each (io_uring/bugs.h)
  unsigned hz = 250;             ///< jiffies a second: 100, 250, 300 or 1000
  u64 memory_pages = 1u << 18;   ///< pages that user memory, page cache and rings may take together
  u64 memlock_bytes = 64 << 10;  ///< RLIMIT_MEMLOCK of the first process
  u64 nofile = 4096;             ///< RLIMIT_NOFILE of the first process
  u64 nproc = 4096;              ///< RLIMIT_NPROC of the first process
  u64 rcu_grace_ns = 8'000'000;  ///< how long a grace period takes: two ticks of 4 ms; 0: callbacks run at once
};

/// A memory resource over Machine::alloc: for std::pmr containers in kernel state. Lives in kernel memory itself.
class KernelMemory final : public std::pmr::memory_resource {
 public:
  explicit KernelMemory(arch::Machine& machine) noexcept : machine_(&machine) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t align) override;
  void do_deallocate(void* memory, std::size_t bytes, std::size_t align) override;
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
  arch::Machine* machine_;
};

struct Kernel {
  /// Boots: root's user, swapper, init, the pools of workers. Nothing runs yet. If this OS thread runs nobody's code, do what is
  /// to be done before the first task starts under RunAs(kernel.swapper) (core/process.h). `sink` may be null.
  Kernel(arch::Machine& on, const KernelOptions& with, const io_uring_profile& release, TraceSink* sink) noexcept;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  arch::Machine& machine;
  const KernelOptions options;
  const io_uring_profile& profile;  ///< which release this is: numbers, strategies, native bugs
  KernelMemory memory;
  Tracer trace;

  spinlock_t tasklist_lock;
  list_head tasks;   ///< every task that is not reaped; tasklist_lock
  list_head dead;    ///< tasks without references that are still to be joined; tasklist_lock
  list_head users;   ///< user_struct, tasklist_lock
  int last_pid = 0;  ///< tasklist_lock
  user_struct* root_user = nullptr;
  task_struct* swapper = nullptr;          ///< pid 0: what code outside every task runs as; never scheduled
  task_struct* init = nullptr;             ///< pid 1: parent of what the world starts, with its limits; never scheduled
  vfs_state* vfs = nullptr;                ///< fs/: file systems, device nodes, caches
  workqueue_state* workqueues = nullptr;   ///< core/workqueue.h: pools of workers
  rcu_state* rcu = nullptr;                ///< core/rcu.h
  fault_attr* allocation_fault = nullptr;  ///< core/fault.h: failing allocations asked for by a scenario; atomic
  const upper_floors* upper = nullptr;     ///< core/upper.h: what fs/ and io_uring/ do when core/ asks for it
  u64 pages_used = 0;                      ///< of options.memory_pages; the hardware's atomics, not explored
  u64 tlb_generations = 0;                 ///< numbers given to mm_struct::tlb_generation; likewise
};

/// Objects of the kernel: zeroed memory of the machine, constructed. Null when memory ran out (or a fault was asked for, which
/// may name the function that allocates: `site`).
template <class T>
[[nodiscard]] T* kmalloc(const char* site = __builtin_FUNCTION()) noexcept;
/// A copy.
template <class T>
[[nodiscard]] T* kmemdup(const T& from, const char* site = __builtin_FUNCTION()) noexcept;
template <class T>
void kfree(T* object) noexcept;
/// `count` objects, zeroed; freed with kfree_array.
template <class T>
[[nodiscard]] T* kcalloc(u64 count, const char* site = __builtin_FUNCTION()) noexcept;
template <class T>
void kfree_array(T* objects, u64 count) noexcept;

}  // namespace uringsim::kernel

#include "kernel_model/core/slab.h"
