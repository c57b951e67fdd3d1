// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/model_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <new>

#include "kernel_model/core/rlimit.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/fs.h"
#include "sim/scenario/model_environment.h"
#include "sim/scenario/run_observer.h"

namespace uringsim::sim {

namespace {

constexpr u64 chunk = 1u << 20;          ///< bytes written at once when files are made
constexpr int standard_descriptors = 3;  ///< 0 to 2

kernel::completion* make_completions(arch::Machine& machine, std::size_t count) {
  auto* const list =
      static_cast<kernel::completion*>(machine.alloc(std::max<std::size_t>(count, 1) * sizeof(kernel::completion), 64));
  for (std::size_t i = 0; i < count; ++i) kernel::init_completion(new (&list[i]) kernel::completion);
  return list;
}

/// What open(2) gets.
u32 open_flags(const FileOptions& file) {
  const u32 bits = file.open.bits & ~open_read_only;
  if ((file.open.bits & open_read_only) != 0 || (bits & O_ACCMODE) != 0) return bits;
  return bits | O_RDWR;
}

}  // namespace

ModelRun::ModelRun(const Plan& of, World& in, RunObserver& watched_by)
    : plan(of),
      world(in),
      observer(watched_by),
      descriptors(of.files.size(), -1),
      sizes(of.files.size(), 0),
      files_(of.files.size(), nullptr) {
  std::vector<std::string> processes;
  const auto& list = plan.scenario.tasks;
  for (u32 index = 0; index < list.size(); ++index)
    for (u32 number = 0; number < list[index].value.count; ++number) {
      ModelTask task;
      task.name = number == 0 ? list[index].name : fmt::format("{}.{}", list[index].name, number);
      task.index = index;
      task.number = number;
      const auto known = std::find(processes.begin(), processes.end(), list[index].value.process);
      task.process = static_cast<u32>(known - processes.begin());
      task.leader = known == processes.end();
      if (task.leader) processes.push_back(list[index].value.process);
      for (const Fault& fault : plan.scenario.faults)
        if (const auto* const death = std::get_if<DeathFault>(&fault)) task.expected_to_die |= death->task.name == task.name;
      tasks.push_back(std::move(task));
    }
  processes_ = static_cast<u32>(processes.size());
  arch::Machine& machine = world.machine();
  completions = {make_completions(machine, plan.events.size()),
                 make_completions(machine, processes_),
                 make_completions(machine, tasks.size()),
                 make_completions(machine, tasks.size()),
                 make_completions(machine, 1),
                 make_completions(machine, 1)};
  reaped = static_cast<u64*>(machine.alloc(std::max<std::size_t>(plan.rings.size(), 1) * sizeof(u64), alignof(u64)));
}

void ModelRun::fail(const std::string& what) {
  const std::lock_guard lock(mutex_);
  failures.push_back(what);
}

void ModelRun::violate(const std::string& check, const std::string& what) {
  const std::lock_guard lock(mutex_);
  violations.emplace(check, what);
}

void ModelRun::fail_explored(const char* where, const char* what) noexcept {
  arch::machine().report(what, true, {where, kernel::current()->name, 0});
}

// ---- files -----------------------------------------------------------------------------------------------------------------

s64 ModelRun::open_path(Environment& env, const std::string& path, u32 flags) {
  env.copy_out(path_page_, path.c_str(), path.size() + 1);
  constexpr u64 at_cwd = static_cast<u64>(-100);
  return env.call(SYS_openat, at_cwd, path_page_, flags, 0644);
}

bool ModelRun::fill_file(Environment& env, u64 fd, const FileOptions& file) {
  const u64 size = file.size.count;
  if (file.content != Content::hole) {
    const uptr memory = static_cast<uptr>(env.call(SYS_mmap, 0, chunk, 3, 0x22, ~u64{0}, 0));
    std::vector<u8> bytes(chunk);
    for (u64 at = 0; at < size; at += chunk) {
      const u64 part = std::min(chunk, size - at);
      // Direct transfers are whole pages; the end is cut off below.
      const u64 whole = (part + kernel::PAGE_SIZE - 1) / kernel::PAGE_SIZE * kernel::PAGE_SIZE;
      for (u64 i = 0; i < whole; ++i) bytes[i] = file.content == Content::pattern ? pattern_byte(at + i, file.seed) : u8{0};
      env.copy_out(memory, bytes.data(), whole);
      if (env.call(SYS_pwrite64, fd, memory, whole, at) != static_cast<s64>(whole)) return false;
    }
    env.call(SYS_munmap, memory, chunk);
  }
  return env.call(SYS_ftruncate, fd, size) == 0 && env.call(SYS_fsync, fd) == 0;
}

bool ModelRun::make_file(Environment& env, u32 index) {
  const FileEnd& end = plan.files[index];
  const Entry<FileOptions>& entry = plan.scenario.files[end.file];
  const FileOptions& file = entry.value;
  const auto opened = [&](s64 fd) {
    if (fd < 0) {
      fail(fmt::format("{}: cannot be opened: -{}", entry.where, errno_name(static_cast<int>(-fd))));
      return false;
    }
    descriptors[index] = static_cast<int>(fd);
    return true;
  };
  const u32 nonblock = file.open.bits & O_NONBLOCK;
  const auto pair = [&](s64 result) {
    if (result < 0) return opened(result);
    s32 fds[2] = {};
    env.copy_in(fds, path_page_, sizeof fds);
    descriptors[index + 1] = fds[1];
    return opened(fds[0]);
  };
  switch (file.kind()) {
    case FileType::regular: {
      const std::string path = regular_path(plan.scenario, entry);
      // Direct writes leave nothing in the page cache: a file is cold unless it is asked to be cached.
      const s64 fd = open_path(env, path, O_RDWR | O_CREAT | O_DIRECT);
      if (fd < 0) return opened(fd);
      if (!fill_file(env, static_cast<u64>(fd), file)) {
        fail(fmt::format("{}: its {} do not fit the device", entry.where, to_text(file.size)));
        return false;
      }
      env.call(SYS_close, static_cast<u64>(fd));
      sizes[index] = file.size.count;
      if (!opened(open_path(env, path, open_flags(file)))) return false;
      if (file.cached) {
        const s64 reader = open_path(env, path, O_RDONLY);
        const uptr memory = static_cast<uptr>(env.call(SYS_mmap, 0, chunk, 3, 0x22, ~u64{0}, 0));
        while (env.call(SYS_read, static_cast<u64>(reader), memory, chunk) > 0) {
        }
        env.call(SYS_munmap, memory, chunk);
        env.call(SYS_close, static_cast<u64>(reader));
      }
      return true;
    }
    case FileType::block:
      sizes[index] = find(plan.scenario.devices, file.device.name)->size.count;
      return opened(open_path(env, "/dev/" + file.device.name, open_flags(file)));
    case FileType::host:
      return opened(open_path(env, "/host/" + entry.name, open_flags(file)));
    case FileType::pipe:
      return end.end != 0 || pair(env.call(SYS_pipe2, path_page_, nonblock));
    case FileType::socketpair: {
      constexpr int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
      const auto type = static_cast<u64>(types[static_cast<unsigned>(file.socket)]) | nonblock;
      return end.end != 0 || pair(env.call(SYS_socketpair, AF_UNIX, type, 0, path_page_));
    }
    case FileType::eventfd: {
      // The first value takes 32 bits in the call; a larger one is written.
      const s64 fd = env.call(SYS_eventfd2, 0, nonblock | (file.semaphore ? 1u : 0u));
      if (fd >= 0 && file.initial != 0) {
        env.copy_out(path_page_, &file.initial, sizeof file.initial);
        env.call(SYS_write, static_cast<u64>(fd), path_page_, sizeof file.initial);
      }
      return opened(fd);
    }
    case FileType::timerfd: {
      const s64 fd = env.call(SYS_timerfd_create, 1, nonblock);
      if (fd >= 0 && file.expires.count != 0) {
        constexpr u64 second = 1'000'000'000;
        const u64 times[4] = {0, 0, file.expires.count / second, file.expires.count % second};
        env.copy_out(path_page_, times, sizeof times);
        env.call(SYS_timerfd_settime, static_cast<u64>(fd), 0, path_page_, 0);
      }
      return opened(fd);
    }
    case FileType::devnull:
      return opened(open_path(env, "/dev/null", open_flags(file)));
    case FileType::devzero:
      return opened(open_path(env, "/dev/zero", open_flags(file)));
    case FileType::directory:
      return opened(open_path(env, "/tmp", O_RDONLY | O_DIRECTORY));
  }
  return false;
}

void ModelRun::set_up_files() {
  ModelEnvironment env(*this, nullptr);
  path_page_ = static_cast<uptr>(env.call(SYS_mmap, 0, kernel::PAGE_SIZE, 3, 0x22, ~u64{0}, 0));
  // Standard descriptors first, so that 0 to 2 are what programs expect.
  for (int i = 0; i < standard_descriptors; ++i) (void)open_path(env, "/dev/null", O_RDWR);
  for (u32 index = 0; index < plan.files.size(); ++index)
    if (!make_file(env, index)) return;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    files_[i] = kernel::fget(static_cast<unsigned>(descriptors[i]));
    for (u32 process = 1; process < processes_; ++process) kernel::get_file(files_[i]);
    descriptors[i] = standard_descriptors + static_cast<int>(i);  // in every process: all install in the same order
  }
}

bool ModelRun::install_files() {
  if (std::find(files_.begin(), files_.end(), nullptr) != files_.end()) return false;  // set_up_files() has said why
  ModelEnvironment model(*this, nullptr);
  Environment& env = model;
  s64 result = env.call(SYS_mmap, 0, kernel::PAGE_SIZE, 3, 0x22, ~u64{0}, 0);
  const uptr path = static_cast<uptr>(result);
  const std::string null = "/dev/null";
  if (result > 0) env.copy_out(path, null.c_str(), null.size() + 1);
  constexpr u64 at_cwd = static_cast<u64>(-100);
  for (int i = 0; i < standard_descriptors && result >= 0; ++i) result = env.call(SYS_openat, at_cwd, path, O_RDWR, 0);
  std::size_t installed = 0;
  for (; installed < files_.size() && result >= 0; ++installed) {
    result = kernel::get_unused_fd_flags(0);
    if (result != descriptors[installed]) break;
    kernel::fd_install(static_cast<unsigned>(result), files_[installed]);
  }
  if (installed == files_.size() && result >= 0) return true;
  for (std::size_t i = installed; i < files_.size(); ++i) kernel::fput(files_[i]);
  fail(fmt::format("{}: a process did not get its descriptors: -{}", plan.scenario.file,
                   result < 0 ? errno_name(static_cast<int>(-result)) : "EMFILE"));
  return false;
}

// ---- tasks -----------------------------------------------------------------------------------------------------------------

void ModelRun::apply_limits(const TaskOptions& options) {
  const auto limit = [](unsigned which, u64 value) {
    kernel::system_call([&]() noexcept -> s64 { return kernel::do_setrlimit(which, {value, value}); });
  };
  if (options.memlock) limit(RLIMIT_MEMLOCK, options.memlock->count);
  if (options.nofile) limit(RLIMIT_NOFILE, *options.nofile);
  if (options.fsize) limit(RLIMIT_FSIZE, options.fsize->count);
  constexpr int numbers[] = {10, 12, 2, 15, 14, 9};  // as enum Signal
  for (const Signal signal : options.handlers) {
    kernel::k_sigaction action;
    action.kind = kernel::k_sigaction::Kind::handler;
    kernel::system_call([&]() noexcept -> s64 { return kernel::do_sigaction(numbers[static_cast<unsigned>(signal)], action); });
  }
}

void ModelRun::run_task(ModelTask& task) {
  const TaskOptions& options = plan.scenario.tasks[task.index].value;
  const auto own = static_cast<std::size_t>(&task - tasks.data());
  __atomic_store_n(&task.pid, kernel::current()->pid, __ATOMIC_RELAXED);
  ModelEnvironment env(*this, &task);
  if (explored) ModelEnvironment::wait(*completions.built);
  if (task.leader) {
    if (!install_files()) aborted = true;
    kernel::complete_all(&completions.installed[task.process]);
  }
  ModelEnvironment::wait(completions.installed[task.process]);
  apply_limits(options);
  if (own != 0) ModelEnvironment::wait(completions.prepared[own - 1]);
  if (shared == nullptr) shared = make_shared_state(env, plan);
  StepRunner runner(env, plan, *shared, task.index, task.number);
  task.state = &runner.state();
  if (!aborted && !runner.prepare()) aborted = true;
  kernel::complete_all(&completions.prepared[own]);
  ModelEnvironment::wait(completions.prepared[tasks.size() - 1]);
  if (explored) {
    arch::machine().ready();
    if (aborted) stay();
    if (options.start.count != 0) env.sleep(options.start.count);
    const bool whole = runner.run(options.steps);
    env.reap_children();
    kernel::complete_all(&completions.ended[own]);
    if (whole) stay();
    return;  // an `exit` step: the end of the process is explored, too
  }
  if (!aborted) {
    if (options.start.count != 0) env.sleep(options.start.count);
    runner.run(options.steps);
    env.reap_children();
    task.finished = true;
    const std::lock_guard lock(mutex_);
    last_end = std::max(last_end, env.now());
  }
  kernel::complete_all(&completions.ended[own]);
}

void ModelRun::add_tasks() {
  std::map<u32, kernel::task_struct*> leaders;
  for (ModelTask& task : tasks) {
    const TaskOptions& options = plan.scenario.tasks[task.index].value;
    const ProcessOptions process{task.name, options.uid, options.cpu ? static_cast<int>(*options.cpu) : -1};
    const auto program = [this, &task] { run_task(task); };
    task.task = task.leader ? world.add_process(process, program) : world.add_thread(leaders[task.process], process, program);
    if (task.leader) leaders[task.process] = task.task;
    task.id = task.task->id;
    observer.metrics().add_task(task.id, task.process);
  }
}

std::vector<arch::Task*> ModelRun::awaited() const {
  std::vector<arch::Task*> list;
  for (const ModelTask& task : tasks)
    if (plan.scenario.tasks[task.index].value.must_end) list.push_back(task.task);
  return list;
}

}  // namespace uringsim::sim
