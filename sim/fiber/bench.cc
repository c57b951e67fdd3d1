// SPDX-License-Identifier: GPL-2.0-only
#include "sim/fiber/bench.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "kernel_model/arch/memory.h"
#include "sim/fiber/timed_machine.h"

namespace uringsim::sim {

namespace {

using Clock = std::chrono::steady_clock;
using arch::machine;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Best of three: nanoseconds that one of `times` takes.
template <class Run>
double nanoseconds_each(u64 times, Run run) {
  double best = 1e300;
  for (int attempt = 0; attempt < 3; attempt++) {
    const auto start = Clock::now();
    run(times);
    best = std::min(best, seconds_since(start) * 1e9 / static_cast<double>(times));
  }
  return best;
}

struct TwoFibers {
  Fiber outside;
  Fiber fiber;
};

void bounce(void* argument) {
  auto& two = *static_cast<TwoFibers*>(argument);
  for (;;) Fiber::switch_to(two.fiber, two.outside);
}

double fiber_switch() {
  Arena arena;
  TwoFibers two;
  void* const stack = arena.alloc_stack();
  two.fiber.start(stack, arena.stack_bytes(stack), bounce, &two);
  return nanoseconds_each(4'000'000, [&](u64 times) {
    for (u64 i = 0; i < times / 2; i++) Fiber::switch_to(two.outside, two.fiber);
  });
}

double fiber_restart() {
  Arena arena;
  TwoFibers two;
  void* const stack = arena.alloc_stack();
  return nanoseconds_each(1'000'000, [&](u64 times) {
    for (u64 i = 0; i < times; i++) {
      two.fiber.start(stack, arena.stack_bytes(stack), bounce, &two);
      Fiber::switch_to(two.outside, two.fiber);
    }
  });
}

struct Words {
  u32 word[2] = {};
  u64 times = 0;
  u32 turn = 0;
};

void operate(void* argument) {
  auto& words = *static_cast<Words*>(argument);
  u32& mine = words.word[words.turn++ & 1];
  for (u64 i = 0; i < words.times / 2; i++) {
    (void)arch::READ_ONCE(mine);
    arch::WRITE_ONCE(mine, static_cast<u32>(i));
  }
}

/// Spawns `count` tasks that run `entry`, and runs them to their end.
void run_tasks(TimedMachine& world, unsigned count, void (*entry)(void*), void* argument) {
  arch::Task tasks[2];
  arch::Task* awaited[2] = {&tasks[0], &tasks[1]};
  for (unsigned i = 0; i < count; i++) {
    world.spawn(tasks[i], entry, argument, {});
    world.wake(tasks[i], arch::TASK_NORMAL);
  }
  world.run(std::span(awaited, count));
}

double timed_operations(unsigned tasks) {
  Arena arena;
  return nanoseconds_each(4'000'000, [&](u64 times) {
    Words words{{}, times / tasks, 0};
    TimedMachine world(arena, {.cpus = 2});
    run_tasks(world, tasks, operate, &words);
  });
}

struct Handshake {
  u32 flag = 0;
  arch::Task* sleeper = nullptr;
};

double timed_world() {
  Arena arena;
  return nanoseconds_each(20'000,
                          [&](u64 times) {
                            for (u64 i = 0; i < times; i++) {
                              TimedMachine world(arena, {.cpus = 2});
                              auto& shared = *static_cast<Handshake*>(world.alloc(sizeof(Handshake), 16));
                              arch::Task sleeper;
                              arch::Task waker;
                              shared.sleeper = &sleeper;
                              world.spawn(sleeper,
                                          [](void* argument) {
                                            auto& s = *static_cast<Handshake*>(argument);
                                            while (arch::READ_ONCE(s.flag) == 0) {
                                              machine().set_state(arch::TASK_INTERRUPTIBLE);
                                              machine().schedule(~u64{0});
                                            }
                                          },
                                          &shared, {});
                              world.spawn(waker,
                                          [](void* argument) {
                                            auto& s = *static_cast<Handshake*>(argument);
                                            arch::WRITE_ONCE(s.flag, 1u);
                                            machine().wake(*s.sleeper, arch::TASK_NORMAL);
                                          },
                                          &shared, {});
                              world.wake(sleeper, arch::TASK_NORMAL);
                              world.wake(waker, arch::TASK_NORMAL);
                              arch::Task* const awaited[] = {&sleeper, &waker};
                              world.run(awaited);
                            }
                          }) /
         1000;
}

constexpr u64 kIdle = 10'000'000'000'000;

double timed_idle_asleep() {
  Arena arena;
  const auto start = Clock::now();
  TimedMachine world(arena, {.cpus = 2});
  run_tasks(
      world, 2,
      [](void*) {
        for (u64 second = 1; second <= kIdle / 1'000'000'000; second++) {
          machine().set_state(arch::TASK_INTERRUPTIBLE);
          machine().schedule(second * 1'000'000'000);
        }
      },
      nullptr);
  return seconds_since(start);
}

double timed_idle_spin() {
  Arena arena;
  const auto start = Clock::now();
  TimedMachine world(arena, {.cpus = 2});
  u32 tail = 0;
  run_tasks(
      world, 1,
      [](void* argument) {
        const u32& word = *static_cast<u32*>(argument);
        constexpr u64 kJiffy = 4'000'000;
        while (machine().ticks(kJiffy) < kIdle / kJiffy && arch::smp_load_acquire(word) == 0) {
          if (machine().need_resched()) machine().yield();
          machine().poll_pass(arch::Site::here());
        }
      },
      &tail);
  return seconds_since(start);
}

double arena_restore() {
  Arena arena;
  constexpr u64 kBytes = 256 * 1024;
  auto* const block = static_cast<unsigned char*>(arena.alloc(kBytes, 4096));
  std::memset(block, 1, kBytes);
  ArenaSnapshot snapshot;
  arena.save(snapshot);
  return nanoseconds_each(5'000,
                          [&](u64 times) {
                            for (u64 i = 0; i < times; i++) {
                              for (u64 page = 0; page < 4; page++) block[page * 16 * 4096 + i % 4096]++;
                              arena.restore(snapshot);
                            }
                          }) /
         1000;
}

struct Benchmark {
  const char* name;
  const char* unit;
  const char* about;
  double (*run)();
};
constexpr Benchmark kBenchmarks[] = {
    {"fiber-switch", "ns", "from one fiber to another", fiber_switch},
    {"fiber-restart", "ns", "a fiber started from its beginning, entered and left", fiber_restart},
    {"timed-operation", "ns", "one counted memory operation", [] { return timed_operations(1); }},
    {"timed-two-cpus", "ns", "the same with a second processor busy, windows of 200 ns", [] { return timed_operations(2); }},
    {"timed-world", "us", "machine and two tasks that wake each other: built, run, destroyed", timed_world},
    {"timed-idle-asleep", "s", "10,000 virtual seconds asleep, two wake-ups a second", timed_idle_asleep},
    {"timed-idle-spin", "s", "10,000 virtual seconds of polling that reads jiffies at 250 Hz", timed_idle_spin},
    {"arena-restore", "us", "restoring 256 KiB of which four pages changed", arena_restore},
};

}  // namespace

std::vector<FiberFigure> run_fiber_benchmarks(const std::string& filter) {
  std::vector<FiberFigure> figures;
  for (const Benchmark& benchmark : kBenchmarks)
    if (std::string(benchmark.name).rfind(filter, 0) == 0)
      figures.push_back({benchmark.name, benchmark.run(), benchmark.unit, benchmark.about});
  return figures;
}

}  // namespace uringsim::sim
