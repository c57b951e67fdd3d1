// SPDX-License-Identifier: GPL-2.0-only
#include "sim/fiber/fiber.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/fiber/arena.h"

namespace uringsim::sim {
namespace {

struct Pair {
  Fiber outside;
  Fiber fiber;
  std::string log;
  int rounds = 0;
};

void speak(void* argument) {
  auto& pair = *static_cast<Pair*>(argument);
  for (int round = 0;; round++) {
    char frame[64] = {};  // a frame for the sanitizers to guard
    frame[round % 64] = 'x';
    pair.log += static_cast<char>('a' + round);
    pair.rounds += frame[round % 64] == 'x' ? 1 : 0;
    Fiber::switch_to(pair.fiber, pair.outside);
  }
}

TEST(Fiber, GoesOnWhereItStopped) {
  Arena arena;
  Pair pair;
  void* const stack = arena.alloc_stack();
  pair.fiber.start(stack, arena.stack_bytes(stack), speak, &pair);
  for (int i = 0; i < 3; i++) Fiber::switch_to(pair.outside, pair.fiber);
  EXPECT_EQ(pair.log, "abc");
}

TEST(Fiber, StartsAnewFromTheBeginning) {
  Arena arena;
  Pair pair;
  void* const stack = arena.alloc_stack();
  for (int i = 0; i < 1000; i++) {
    pair.log.clear();
    pair.fiber.start(stack, arena.stack_bytes(stack), speak, &pair);
    Fiber::switch_to(pair.outside, pair.fiber);
    Fiber::switch_to(pair.outside, pair.fiber);
    ASSERT_EQ(pair.log, "ab");
  }
}

struct Relay {
  Fiber outside;
  Fiber first;
  Fiber second;
  std::string log;
};

TEST(Fiber, SwitchesToAPeerWithoutGoingThroughTheOutside) {
  Arena arena;
  Relay relay;
  void* const stack = arena.alloc_stack();
  void* const other = arena.alloc_stack();
  relay.first.start(
      stack, arena.stack_bytes(stack),
      [](void* argument) {
        auto& r = *static_cast<Relay*>(argument);
        r.log += "1";
        Fiber::switch_to(r.first, r.second);
        r.log += "3";
        Fiber::leave_for(r.first, r.outside);
      },
      &relay);
  relay.second.start(
      other, arena.stack_bytes(other),
      [](void* argument) {
        auto& r = *static_cast<Relay*>(argument);
        r.log += "2";
        Fiber::leave_for(r.second, r.first);
      },
      &relay);
  Fiber::switch_to(relay.outside, relay.first);
  EXPECT_EQ(relay.log, "123");
}

// The stack lies in the arena, so that a snapshot taken in the middle of a function can be gone back to many times.
TEST(Fiber, IsRewoundToASnapshotInTheMiddleOfAFunction) {
  Arena arena;
  struct World {
    Fiber outside;
    Fiber fiber;
    int value = 0;
  } world;
  void* const stack = arena.alloc_stack();
  world.fiber.start(
      stack, arena.stack_bytes(stack),
      [](void* argument) {
        auto& w = *static_cast<World*>(argument);
        volatile int local[32] = {};
        for (int i = 0;; i++) {
          local[i % 32] = local[i % 32] + i;
          w.value = i * 100 + local[i % 32];
          Fiber::switch_to(w.fiber, w.outside);
        }
      },
      &world);
  for (int i = 0; i < 3; i++) Fiber::switch_to(world.outside, world.fiber);
  ASSERT_EQ(world.value, 202);
  const Fiber::Point point = world.fiber.point();
  auto* const top = static_cast<char*>(stack) + arena.stack_bytes(stack);
  auto* const live = static_cast<char*>(world.fiber.stack_pointer());
  ArenaSnapshot snapshot;
  arena.save(snapshot, {{live, static_cast<u64>(top - live)}});
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 4; i++) Fiber::switch_to(world.outside, world.fiber);
    EXPECT_EQ(world.value, 606);
    arena.restore(snapshot);
    world.fiber.rewind(point);
  }
}

}  // namespace
}  // namespace uringsim::sim
