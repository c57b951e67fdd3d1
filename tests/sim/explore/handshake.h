// SPDX-License-Identifier: GPL-2.0-only
// The SQPOLL wakeup handshake on bare memory operations: an application that publishes N entries and wakes, a thread that
// consumes them and sleeps. Two ways to sleep: `event` really sleeps, through schedule() and wake(); `counter` compares a
// counter of wakes and leaves, which needs a bound on its rounds.
#pragma once

#include <array>

#include "sim/explore/tasks.h"

namespace uringsim::sim {

struct Handshake {
  u32 tail;
  u32 flags;
  u32 wakes;
  u32 sqe[8];
  u32 consumed;
  u32 asleep;
  u32 saved;
  u32 cut;
};

struct HandshakeShape {
  u32 entries = 1;
  bool app_barrier = true;     ///< full barrier between the tail store and the look at the flags
  bool kernel_barrier = true;  ///< full barrier between the flags store and the second look at the tail
  bool second_look = true;     ///< false: as release 5.10
  u32 rounds = 0;              ///< counter: at most so many, 0 for entries + 2
};

inline void handshake_app(Handshake& s, const HandshakeShape& shape, arch::Task* sleeper) {
  using namespace arch;
  for (u32 i = 0; i < shape.entries; i++) {
    plain_store(s.sqe[i], i + 1);
    smp_store_release(s.tail, i + 1);
    if (shape.app_barrier) smp_mb("app.tail_then_flags");
    if (READ_ONCE(s.flags) == 0) continue;
    if (sleeper != nullptr)
      machine().wake(*sleeper, TASK_NORMAL);
    else
      fetch_add(s.wakes, 1u, Order::release);
  }
}

/// Takes what the tail says; false if there was nothing.
inline bool handshake_consume(Handshake& s, u32& consumed) {
  using namespace arch;
  const u32 tail = smp_load_acquire(s.tail);
  if (tail == consumed) return false;
  for (; consumed < tail; consumed++)
    if (plain_load(s.sqe[consumed]) != consumed + 1)
      machine().report("an entry was read before it was written", true, Site::here());
  return true;
}

inline void handshake_sq_event(Handshake& s, const HandshakeShape& shape) {
  using namespace arch;
  u32 consumed = 0;
  while (consumed < shape.entries) {
    if (handshake_consume(s, consumed)) continue;
    machine().set_state(TASK_INTERRUPTIBLE);
    WRITE_ONCE(s.flags, 1);
    if (shape.second_look) {
      if (shape.kernel_barrier) smp_mb("sq.flags_then_tail");
      if (smp_load_acquire(s.tail) != consumed) {
        machine().set_state(TASK_RUNNING);
        WRITE_ONCE(s.flags, 0);
        continue;
      }
    }
    machine().schedule();
    WRITE_ONCE(s.flags, 0);
  }
  s.consumed = consumed;
}

inline void handshake_sq_counter(Handshake& s, const HandshakeShape& shape) {
  using namespace arch;
  u32 consumed = 0;
  const u32 rounds = shape.rounds != 0 ? shape.rounds : shape.entries + 2;
  for (u32 round = 0; round < rounds && consumed < shape.entries; round++) {
    if (handshake_consume(s, consumed)) continue;
    const u32 seen = READ_ONCE(s.wakes);
    WRITE_ONCE(s.flags, 1);
    if (shape.second_look) {
      if (shape.kernel_barrier) smp_mb("sq.flags_then_tail");
      if (smp_load_acquire(s.tail) != consumed) {
        WRITE_ONCE(s.flags, 0);
        continue;
      }
    }
    if (smp_load_acquire(s.wakes) == seen) {
      s.asleep = 1;
      s.saved = seen;
      break;
    }
    WRITE_ONCE(s.flags, 0);
  }
  s.consumed = consumed;
  s.cut = s.asleep == 0 && consumed < shape.entries ? 1 : 0;
}

inline void name_words(Tasks<Handshake>& program) {
  program.word("tail", &Handshake::tail)
      .word("flags", &Handshake::flags)
      .word("wakes", &Handshake::wakes)
      .word("sqe", &Handshake::sqe);
}

/// Fills `program` in (it cannot be copied once its tasks know it).
inline void make_handshake(Tasks<Handshake>& program, const HandshakeShape& shape, bool event) {
  name_words(program);
  if (event) {
    program.task("app", [shape, &program](Handshake& s) { handshake_app(s, shape, &program.handle(1)); });
    program.task("sq", [shape](Handshake& s) { handshake_sq_event(s, shape); });
  } else {
    program.task("app", [shape](Handshake& s) { handshake_app(s, shape, nullptr); });
    program.task("sq", [shape](Handshake& s) { handshake_sq_counter(s, shape); });
    program.finally([shape](const Handshake& s, Ending& end) {
      if (s.asleep != 0 && s.wakes == s.saved && s.consumed != shape.entries)
        end.violation("lost-wakeup", "an entry that was published is consumed: the thread sleeps, and nobody will wake it");
    });
  }
}

}  // namespace uringsim::sim
