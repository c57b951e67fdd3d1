// SPDX-License-Identifier: GPL-2.0-only
// A world: one kernel, its devices and its application tasks, on a machine. The same for every engine and every front end.
//
//     World world(machine, {.kernel = kernel::v5_4});
//     world.add_process({.name = "app"}, [&] { ApplicationRing ring; ... });
//     machine.run(world.tasks());
//
// Building happens outside of every task, before the machine runs; what is built lies in the machine's memory, so that an engine
// may snapshot it. Programs are callables that the world copies into the machine's memory: captured references must outlive the
// run, and a program that is explored keeps what it changes in its own locals.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/block/block_device.h"
#include "kernel_model/core/process.h"
#include "kernel_model/fs/vfs_state.h"
#include "kernel_model/versions/versions.h"
#include "sim/world/application.h"

namespace uringsim::sim {

/// What a world is made of, beside its devices and tasks.
struct WorldOptions {
  const kernel::io_uring_profile* kernel = &kernel::v5_4;
  kernel::KernelOptions options{};   ///< `bugs` is filled in from the profile, bugs and fixes
  std::vector<kernel::Bug> bugs{};   ///< foreign bugs to add
  std::vector<kernel::Bug> fixes{};  ///< native bugs to take out
  kernel::TraceSink* trace = nullptr;
  kernel::HostFiles* host_files = nullptr;
};

/// One process or thread to be.
struct ProcessOptions {
  std::string name = "app";
  u32 uid = 0;
  int cpu = -1;  ///< bound to this processor, or -1
};

class World {
 public:
  /// Boots a kernel on `machine`, with an ext4-like root file system (see vfs_init). `root` may be null: a disk of memory.
  /// Throws std::bad_alloc where the machine has no memory for it.
  World(arch::Machine& machine, const WorldOptions& options, kernel::BlockDevice* root = nullptr);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] kernel::Kernel& kernel() noexcept { return *kernel_; }
  [[nodiscard]] arch::Machine& machine() noexcept { return machine_; }

  /// Mounts an empty file system of its own on the device, at /mnt/NAME. The device must outlive the world. 0 or -errno.
  int mount_block_device(const char* name, kernel::BlockDevice& device) noexcept;
  /// Makes /dev/NAME. The device must outlive the world. 0 or -errno.
  int add_block_device(const char* name, kernel::BlockDevice& device) noexcept;

  /// A process that runs `program` once the machine runs; likewise a thread of `leader`'s process.
  kernel::task_struct* add_process(const ProcessOptions& options, std::function<void()> program);
  kernel::task_struct* add_thread(kernel::task_struct* leader, const ProcessOptions& options, std::function<void()> program);

  /// All application tasks, in order of adding: what a machine's run() waits for.
  [[nodiscard]] std::span<arch::Task* const> tasks() const noexcept { return tasks_; }

  /// Runs `setup` as the first process would, before anything runs: files to be made, rings to be looked at.
  template <class Setup>
  void as_kernel(Setup setup) {
    const kernel::RunAs as(kernel_->swapper);
    setup();
  }

 private:
  kernel::task_struct* start(kernel::task_struct* task) noexcept;
  void* program_argument(std::function<void()> program);

  arch::Machine& machine_;
  kernel::Kernel* kernel_ = nullptr;
  std::vector<arch::Task*> tasks_;
  std::vector<std::unique_ptr<std::function<void()>>> programs_;
};

/// Gives the current task what an application task needs to touch its memory. Called by World and by forks in programs.
void become_application() noexcept;

}  // namespace uringsim::sim
