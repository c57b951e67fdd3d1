// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/kernel.h"

#include "kernel_model/core/boot.h"
#include "kernel_model/core/process.h"

namespace uringsim::kernel {

void* KernelMemory::do_allocate(std::size_t bytes, std::size_t align) {
  void* const memory = machine_->alloc(bytes, align);
  // A container cannot be told; kernel code that must survive this uses kmalloc.
  BUG_ON(memory == nullptr, "kernel memory exhausted inside of a container");
  return memory;
}

void KernelMemory::do_deallocate(void* memory, std::size_t bytes, std::size_t) { machine_->free(memory, bytes); }

Kernel::Kernel(arch::Machine& on, const KernelOptions& with, const io_uring_profile& release, TraceSink* sink) noexcept
    : machine(on), options(with), profile(release), memory(on), trace(sink) {
  machine.kernel = this;
  // Who boots is a task of this machine from the first allocation on.
  arch::Task first;
  first.machine = &machine;
  arch::Task* const outer = arch::current_task();
  arch::set_current_task(&first);
  process_init(this);
  arch::set_current_task(outer);
  RunAs boot(swapper);
  rcu_init(this);
  workqueue_init(this);
}

}  // namespace uringsim::kernel
