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

/// What can be set when a kernel is built. Units in the names.
struct KernelOptions {
  unsigned hz = 250;             ///< jiffies a second: 100, 250, 300 or 1000
  u64 memory_pages = 1u << 18;   ///< pages that user memory, page cache and rings may take together
  u64 memlock_bytes = 64 << 10;  ///< RLIMIT_MEMLOCK of the first process
  u64 nofile = 4096;             ///< RLIMIT_NOFILE of the first process
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
  Kernel(arch::Machine& on, const KernelOptions& with, const io_uring_profile& release, TraceSink* sink) noexcept;

  arch::Machine& machine;
  const KernelOptions options;
  const io_uring_profile& profile;  ///< which release this is: numbers, strategies, native bugs
  KernelMemory memory;
  Tracer trace;

  spinlock_t tasklist_lock;
  list_head tasks;   ///< tasklist_lock
  list_head users;   ///< user_struct, tasklist_lock
  int last_pid = 0;  ///< tasklist_lock
  user_struct* root_user = nullptr;
  task_struct* init = nullptr;            ///< pid 1: the first process, made by boot()
  vfs_state* vfs = nullptr;               ///< fs/: file systems, device nodes, caches
  workqueue_state* workqueues = nullptr;  ///< core/workqueue.h: pools of workers
  void* allocation_fault = nullptr;       ///< core/fault.h: failing allocations asked for by a scenario
};

/// Objects of the kernel: zeroed memory of the machine, constructed. Null when memory ran out (or a fault was asked for).
template <class T, class... Arguments>
[[nodiscard]] T* kmalloc(Arguments&&... arguments) noexcept;
template <class T>
void kfree(T* object) noexcept;
/// `count` objects, zeroed; freed with kfree_array.
template <class T>
[[nodiscard]] T* kcalloc(u64 count) noexcept;
template <class T>
void kfree_array(T* objects, u64 count) noexcept;

}  // namespace uringsim::kernel

#include "kernel_model/core/slab.h"
