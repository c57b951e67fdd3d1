// SPDX-License-Identifier: GPL-2.0-only
// Applications that mean no good, from a seed: garbage in SQEs and arguments, wild pointers, ring words written by one thread
// while another is in the kernel, close, munmap and fork at any moment, death in the midst of it.
//
// A nanny starts one hostile process after the other and kills each after a while, wherever it is then: many are stuck for good,
// as they would be on Linux. Whatever they do, the kernel may not be damaged: no BUG, no WARN, no access to memory that is not
// its own.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <bit>
#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>

#include "kernel_model/core/process.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/io_uring/enter.h"
#include "kernel_model/io_uring/register.h"
#include "kernel_model/io_uring/setup.h"
#include "sim/fiber/run.h"
#include "sim/world/world.h"

namespace uringsim::sim {

/// What one world of hostile processes shares. Lives outside of the world.
struct HostileOptions {
  u64 seed = 1;
  u64 steps = 1000;               ///< the nanny goes when so many were taken
  u64 lifetime_ns = 200'000;      ///< of one process
  unsigned generations = 20'000;  ///< at most so many processes
  bool iopoll = true;  ///< rings with IOPOLL: 5.1's pollers spin until they are killed, which on threads takes a processor
};
struct Hostility {
  HostileOptions options;
  std::atomic<u64> steps{0};
  std::atomic<u64> seeds{0};
};

/// splitmix64 (public domain, Vigna).
class Dice {
 public:
  explicit Dice(u64 seed) : state_(seed) {}
  u64 next() {
    u64 z = state_ += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
  }
  u64 below(u64 bound) { return next() % bound; }
  bool chance(unsigned percent) { return below(100) < percent; }
  /// Numbers that programs get wrong: small, minus small, powers of two and their neighbours, anything.
  u64 number() {
    switch (below(5)) {
      case 0:
        return below(16);
      case 1:
        return 0 - below(16);
      case 2:
        return (u64{1} << below(64)) + below(3) - 1;
      case 3:
        return below(u64{1} << 32);
      default:
        return next();
    }
  }

 private:
  u64 state_;
};

/// One hostile thread.
class HostileTask {
 public:
  HostileTask(Hostility& shared, u64 seed) : shared_(shared), dice_(seed) {}

  struct Ring {
    int fd = -1;
    u64 sq = 0, sqes = 0;
    u64 sq_bytes = 0, sqe_bytes = 0;
    uapi::io_uring_params params{};
  };

  /// Until killed, or the world has seen enough.
  void live(bool forks) {
    memory_ = static_cast<u64>(
        call([]() noexcept { return kernel::sys_mmap(0, kMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }));
    open_files();
    make_ring();
    scribbler_seed_ = dice_.next();
    ScribblerStart* const start = new_start();
    (void)call([start]() noexcept { return static_cast<s64>(kernel::do_fork(kThread, scribble_entry, start)); });
    while (go_on()) step(forks);
  }

 private:
  static constexpr u64 kMemory = 64 << 10;
  static constexpr u32 kThread = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000;  // CLONE_VM, FS, FILES, SIGHAND, THREAD

  struct ScribblerStart {
    Hostility* shared;
    u64 seed;
    u64 memory;
    Ring ring;
  };
  ScribblerStart* new_start() {
    auto* const start = static_cast<ScribblerStart*>(arch::machine().alloc(sizeof(ScribblerStart), alignof(ScribblerStart)));
    return new (start) ScribblerStart{&shared_, scribbler_seed_, memory_, ring_};
  }
  static void scribble_entry(void* argument) {
    const ScribblerStart& start = *static_cast<ScribblerStart*>(argument);
    become_application();
    HostileTask task(*start.shared, start.seed);
    task.ring_ = start.ring;
    task.memory_ = start.memory;
    // Not counted; now and then it gives the others room.
    for (u64 i = 1; !task.enough(); i++) {
      task.scribble();
      constexpr u64 burst = 16, pause_ns = 20'000;
      if (i % burst == 0)
        (void)call([]() noexcept -> s64 {
          kernel::__set_current_state(kernel::TASK_INTERRUPTIBLE);
          return kernel::schedule_hrtimeout(arch::machine().now() + pause_ns);
        });
    }
  }
  struct ChildStart {
    Hostility* shared;
    u64 seed;
    u64 memory;
    Ring ring;
  };
  static void child_entry(void* argument) {
    const ChildStart& start = *static_cast<ChildStart*>(argument);
    become_application();
    HostileTask task(*start.shared, start.seed);
    task.ring_ = start.ring;
    task.memory_ = start.memory;
    constexpr int few = 40;
    for (int i = 0; i < few && task.go_on(); i++) task.step(false);
  }

  [[nodiscard]] bool enough() const { return shared_.steps.load(std::memory_order_relaxed) >= shared_.options.steps; }
  bool go_on() { return shared_.steps.fetch_add(1, std::memory_order_relaxed) < shared_.options.steps; }

  template <class Call>
  static s64 call(Call body) {
    return kernel::system_call([&]() noexcept -> s64 { return body(); });
  }

  void open_files() {
    (void)call([this]() noexcept { return static_cast<s64>(kernel::sys_pipe2(memory_, dice_.chance(50) ? O_NONBLOCK : 0)); });
    (void)call([this]() noexcept { return static_cast<s64>(kernel::sys_eventfd2(static_cast<u32>(dice_.below(3)), 0)); });
    (void)call([this]() noexcept {
      return static_cast<s64>(kernel::sys_socketpair(1, 1 + static_cast<int>(dice_.below(2)), 0, memory_));
    });
    (void)call([this]() noexcept { return static_cast<s64>(kernel::sys_memfd_create(memory_, 0)); });
    const char zero[] = "/dev/zero";
    application_.copy_out(memory_, zero, sizeof zero);
    (void)call([this]() noexcept { return static_cast<s64>(kernel::sys_openat(AT_FDCWD, memory_, O_RDWR, 0)); });
  }

  void make_ring() {
    Ring fresh;
    fresh.params.flags = dice_.chance(30) ? static_cast<u32>(uapi::IORING_SETUP_SQPOLL) : 0;
    if (shared_.options.iopoll && dice_.chance(10)) fresh.params.flags |= uapi::IORING_SETUP_IOPOLL;
    if (dice_.chance(10)) fresh.params.flags = static_cast<u32>(dice_.number());
    if (!shared_.options.iopoll) fresh.params.flags &= ~u32{uapi::IORING_SETUP_IOPOLL};
    fresh.params.sq_thread_idle = static_cast<u32>(dice_.below(3));
    const u32 entries = dice_.chance(90) ? 1u << dice_.below(6) : static_cast<u32>(dice_.number());
    fresh.fd = application_.io_uring_setup(entries, fresh.params);
    if (fresh.fd < 0) return;
    const uapi::io_uring_params& p = fresh.params;
    fresh.sq_bytes = p.sq_off.array + u64{p.sq_entries} * 4;
    fresh.sqe_bytes = u64{p.sq_entries} * 64;
    const s64 sq = application_.mmap(fresh.fd, fresh.sq_bytes, uapi::IORING_OFF_SQ_RING);
    const s64 sqes = application_.mmap(fresh.fd, fresh.sqe_bytes, uapi::IORING_OFF_SQES);
    if (sq < 0 || sqes < 0) return;
    fresh.sq = static_cast<u64>(sq);
    fresh.sqes = static_cast<u64>(sqes);
    ring_ = fresh;
  }

  [[nodiscard]] u64 pointer() {
    switch (dice_.below(6)) {
      case 0:
        return dice_.number();
      case 1:
        return memory_ + kMemory - dice_.below(16);  // over the end
      case 2:
        return ring_.sq;
      default:
        return memory_ + dice_.below(kMemory - 4096);
    }
  }
  [[nodiscard]] u32 descriptor() {
    return dice_.chance(90) ? static_cast<u32>(dice_.below(12)) : static_cast<u32>(dice_.number());
  }

  /// An SQE with some sense in it, here and there: one without any is refused at the door.
  [[nodiscard]] uapi::io_uring_sqe sqe() {
    uapi::io_uring_sqe sqe{};
    sqe.opcode = static_cast<u8>(dice_.chance(97) ? dice_.below(12) : dice_.next());
    sqe.flags = static_cast<u8>(dice_.chance(70) ? 0 : dice_.chance(90) ? dice_.below(8) : dice_.next());
    sqe.fd = static_cast<s32>(descriptor());
    sqe.addr = pointer();
    sqe.len = static_cast<u32>(dice_.chance(80) ? dice_.below(5) : dice_.number());
    sqe.off = dice_.chance(80) ? dice_.below(8192) : dice_.number();
    sqe.user_data = dice_.below(64);
    if (dice_.chance(10)) sqe.rw_flags = static_cast<decltype(sqe.rw_flags)>(dice_.number());
    if (dice_.chance(5)) sqe.ioprio = static_cast<u16>(dice_.next());
    if (dice_.chance(10)) sqe.buf_index = static_cast<u16>(dice_.below(4));
    return sqe;
  }

  void submit() {
    if (ring_.sq == 0) return make_ring();
    const u32 mask = ring_.params.sq_entries - 1;
    const u32 count = 1 + static_cast<u32>(dice_.below(4));
    u32 tail = application_.load_relaxed<u32>(ring_.sq + ring_.params.sq_off.tail);
    for (u32 i = 0; i < count; i++, tail++) {
      const u32 slot = tail & mask;
      // Word by word: other threads of the process write there, too, and here the kernel is judged, not this program.
      const auto words = std::bit_cast<std::array<u64, 8>>(sqe());
      for (u32 word = 0; word < words.size(); word++)
        application_.store_relaxed<u64>(ring_.sqes + u64{slot} * 64 + word * 8, words[word]);
      const u32 index = dice_.chance(95) ? slot : static_cast<u32>(dice_.number());
      application_.store_relaxed<u32>(ring_.sq + ring_.params.sq_off.array + u64{slot} * 4, index);
    }
    application_.store_release<u32>(ring_.sq + ring_.params.sq_off.tail, tail, "hostile");
    enter();
    // What was completed is given back, most of the time.
    if (dice_.chance(80))
      application_.store_relaxed<u32>(ring_.sq + ring_.params.cq_off.head,
                                      application_.load_relaxed<u32>(ring_.sq + ring_.params.cq_off.tail));
  }

  void enter() {
    const u32 flags = static_cast<u32>(dice_.chance(50) ? 0 : dice_.chance(95) ? dice_.below(4) : dice_.number());
    const u32 wanted = dice_.chance(97) ? 0 : static_cast<u32>(dice_.number());
    const u32 fd = dice_.chance(97) ? static_cast<u32>(ring_.fd) : descriptor();
    const u32 count = dice_.chance(80) ? static_cast<u32>(dice_.below(8)) : static_cast<u32>(dice_.number());
    const u64 mask = dice_.chance(95) ? 0 : pointer();
    (void)application_.io_uring_enter(static_cast<int>(fd), count, wanted, flags, mask, mask != 0 ? dice_.below(17) : 0);
  }

  void scribble() {
    if (ring_.sq == 0) return;
    if (dice_.chance(50)) {
      const u64 at = ring_.sqes + dice_.below(ring_.sqe_bytes / 8) * 8;
      application_.store_relaxed<u64>(at, dice_.chance(50) ? pointer() : dice_.number());
    } else if (dice_.chance(50)) {
      const u64 at = ring_.sq + dice_.below(ring_.sq_bytes / 4) * 4;
      const u32 old = application_.load_relaxed<u32>(at);
      application_.store_relaxed<u32>(
          at, dice_.chance(60) ? old + static_cast<u32>(dice_.below(3)) - 1 : static_cast<u32>(dice_.number()));
    } else {
      application_.store_relaxed<u64>(memory_ + dice_.below(kMemory / 8) * 8, pointer());  // iovecs, timespecs, headers
    }
  }

  void do_register() {
    // Registering waits for what is in flight, which may be for ever; the ring then stays, and its SQ thread with it.
    if ((ring_.params.flags & uapi::IORING_SETUP_SQPOLL) != 0) return;
    const u32 operation = dice_.chance(95) ? static_cast<u32>(dice_.below(6)) : static_cast<u32>(dice_.number());
    const u32 count = dice_.chance(90) ? static_cast<u32>(dice_.below(5)) : static_cast<u32>(dice_.number());
    (void)application_.io_uring_register(ring_.fd, operation, pointer(), count);
  }

  void step(bool forks) {
    const u64 what = dice_.below(1000);
    if (what < 500) return submit();
    if (what < 840) return scribble();
    if (what < 920) return enter();
    if (what < 927) return do_register();
    if (what < 935) {
      (void)application_.close(static_cast<int>(descriptor()));
    } else if (what < 945) {
      make_ring();
    } else if (what < 948) {
      (void)application_.munmap(dice_.chance(50) ? ring_.sqes : pointer() & ~u64{4095}, 4096);
    } else if (what < 955) {
      (void)call([this]() noexcept { return kernel::sys_write(static_cast<unsigned>(4 + dice_.below(8)), memory_, 8); });
    } else if (what < 960 && forks) {
      auto* const start = static_cast<ChildStart*>(arch::machine().alloc(sizeof(ChildStart), alignof(ChildStart)));
      new (start) ChildStart{&shared_, dice_.next(), memory_, ring_};
      (void)call([start]() noexcept { return static_cast<s64>(kernel::do_fork(0, child_entry, start)); });
    } else {
      scribble();
    }
  }

  Hostility& shared_;
  Dice dice_;
  Application application_;
  u64 memory_ = 0;
  u64 scribbler_seed_ = 0;
  Ring ring_;
};

/// The nanny's program.
inline void run_hostile(Hostility& shared) {
  static constexpr auto entry = [](void* argument) {
    become_application();
    auto& all = *static_cast<Hostility*>(argument);
    HostileTask(all, all.options.seed * 1'000'003 + all.seeds.fetch_add(1, std::memory_order_relaxed)).live(true);
  };
  for (unsigned i = 0; i < shared.options.generations; i++) {
    if (shared.steps.load(std::memory_order_relaxed) >= shared.options.steps) return;
    const s64 pid = kernel::system_call([&]() noexcept -> s64 { return kernel::do_fork(0, entry, &shared); });
    kernel::__set_current_state(kernel::TASK_UNINTERRUPTIBLE);
    (void)kernel::schedule_hrtimeout(arch::machine().now() + shared.options.lifetime_ns);
    if (pid > 0) (void)kernel::system_call([&]() noexcept -> s64 { return kernel::sys_kill(static_cast<int>(pid), SIGKILL); });
  }
}

#if defined(URINGSIM_TSAN)
// Each step costs some fifty times what it costs elsewhere; small worlds, as an SQ thread that was told of endless work is one's
// burden to the end of its world.
constexpr u64 kHostileSteps = 2'000;
constexpr u64 kHostileStepsOfAWorld = 250;
#else
constexpr u64 kHostileSteps = 100'000;  ///< in all, of each engine and release
constexpr u64 kHostileStepsOfAWorld = 2'000;
#endif

/// The seed of a test's first world; the next ones follow. URINGSIM_HOSTILE_SEED=N makes other worlds than those of every day.
inline u64 first_hostile_seed() {
  const char* const wanted = std::getenv("URINGSIM_HOSTILE_SEED");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 0) : 1;
}

/// Defects that a release had by nature and that the model names instead of crashing.
inline bool known_defect(const std::string& report) {
  return report.find("5.4 follows it") != std::string::npos || report.find("5.4 never returns") != std::string::npos;
}

template <class Machine>
void expect_undamaged(const Machine& machine) {
  for (const MachineReport& report : machine.reports())
    if (!known_defect(report.what)) ADD_FAILURE() << report.what << " at " << report.where << " (" << report.task << ")";
}

}  // namespace uringsim::sim
