// SPDX-License-Identifier: GPL-2.0-only
#include "sim/world/world.h"

#include <csignal>
#include <new>

#include "kernel_model/core/process.h"

namespace uringsim::sim {

namespace {

kernel::KernelOptions effective(const WorldOptions& options) noexcept {
  kernel::BugSet bugs = options.kernel->native_bugs;
  for (const kernel::Bug bug : options.bugs) bugs = bugs.with(bug);
  for (const kernel::Bug bug : options.fixes) bugs = bugs.without(bug);
  kernel::KernelOptions result = options.options;
  result.bugs = bugs.bits;
  return result;
}

void run_program(void* argument) {
  become_application();
  (*static_cast<std::function<void()>*>(argument))();
}

}  // namespace

void become_application() noexcept {
  // Not the kernel's: where allocations of the kernel are to fail, this is none of them.
  void* const memory = arch::machine().alloc(sizeof(ApplicationTask), alignof(ApplicationTask));
  if (memory == nullptr) kernel::do_group_exit(SIGKILL);
  kernel::current()->application = new (memory) ApplicationTask;
}

World::World(arch::Machine& machine, const WorldOptions& options, kernel::BlockDevice* root) : machine_(machine) {
  void* const memory = machine.alloc(sizeof(kernel::Kernel), alignof(kernel::Kernel));
  if (memory == nullptr) throw std::bad_alloc();
  kernel_ = new (memory) kernel::Kernel(machine, effective(options), *options.kernel, options.trace);
  const kernel::RunAs as(kernel_->swapper);
  if (kernel::vfs_init({.root_device = root, .host = options.host_files, .release = options.kernel->vfs}) != 0)
    throw std::bad_alloc();
}

World::~World() = default;  // everything of the kernel lies in the machine's memory and goes with it

int World::mount_block_device(const char* name, kernel::BlockDevice& device) noexcept {
  const kernel::RunAs as(kernel_->swapper);
  return kernel::vfs_mount_block_device(name, &device);
}

int World::add_block_device(const char* name, kernel::BlockDevice& device) noexcept {
  const kernel::RunAs as(kernel_->swapper);
  return kernel::vfs_add_block_device(name, &device);
}

void* World::program_argument(std::function<void()> program) {
  programs_.push_back(std::make_unique<std::function<void()>>(std::move(program)));
  return programs_.back().get();
}

kernel::task_struct* World::start(kernel::task_struct* task) noexcept {
  if (kernel::IS_ERR(task)) return nullptr;
  tasks_.push_back(task);
  kernel::wake_up_new_task(task);
  return task;
}

kernel::task_struct* World::add_process(const ProcessOptions& options, std::function<void()> program) {
  void* const argument = program_argument(std::move(program));
  const kernel::RunAs as(kernel_->swapper);
  kernel::process_options process;
  process.name = options.name.c_str();
  process.uid = process.gid = options.uid;
  process.capabilities = options.uid == 0 ? kernel::kAllCapabilities : 0;
  process.cpu = options.cpu;
  return start(kernel::create_process(process, run_program, argument));
}

kernel::task_struct* World::add_thread(kernel::task_struct* leader, const ProcessOptions& options,
                                       std::function<void()> program) {
  void* const argument = program_argument(std::move(program));
  const kernel::RunAs as(kernel_->swapper);
  kernel::process_options thread;
  thread.name = options.name.c_str();
  thread.uid = thread.gid = options.uid;
  thread.cpu = options.cpu;
  return start(kernel::create_thread(leader, thread, run_program, argument));
}

}  // namespace uringsim::sim
