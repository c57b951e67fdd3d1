// SPDX-License-Identifier: GPL-2.0-only
// The wakeup handshake between an application and an SQ thread, reduced to its shared words: the program that every explorer is
// compared on.
//
//     application                      SQ thread
//     sqe[i] = ...        (plain)      tail == mine?                       (acquire)
//     tail = i + 1        (release)    note how many wakes there were
//     full barrier A                   flags = NEED_WAKEUP
//     flags != 0? wake                 full barrier B
//                                      tail still the same?                (acquire)
//                                      no wake since? sleep
//
// Each side stores its word and then looks at the other's: without both barriers each may miss what the other stored, and the
// SQ thread sleeps with an entry in the ring. Sleeping is told by a flag and a count of wakes, so that nothing but loads and
// stores is needed: a sleeper that a later wake would reach is cut off, since another execution holds it awake.
#pragma once

#include <fmt/format.h>

#include "sim/explore/programs/bare.h"

namespace uringsim::sim::programs {

struct HandshakeOptions {
  int submissions = 1;
  int rounds = 0;                ///< of the SQ thread, more are cut off; 0: submissions + 2
  bool app_barrier = true;       ///< A
  bool sq_barrier = true;        ///< B
  bool second_look = true;       ///< without it: release 5.10
  bool require_consumed = true;  ///< a sleeper with an entry in the ring is a violation
};

class Handshake final : public BareProgram {
 public:
  explicit Handshake(const HandshakeOptions& options)
      : BareProgram(fmt::format("handshake-{}{}{}{}", options.submissions, options.app_barrier ? "" : "-no-a",
                                options.sq_barrier ? "" : "-no-b", options.second_look ? "" : "-v5.10")),
        options_(options) {
    if (options_.rounds == 0) options_.rounds = options_.submissions + 2;
  }
  [[nodiscard]] u64 digest() const noexcept override {
    return u64{ring_->consumed} | u64{ring_->asleep} << 8 | u64{ring_->saved} << 16 | u64{ring_->wakes} << 24 |
           u64{ring_->flags} << 32 | u64{ring_->tail} << 40;
  }
  [[nodiscard]] std::string word_name(const void* at) const override {
    if (at == &ring_->tail) return "tail";
    if (at == &ring_->flags) return "flags";
    if (at == &ring_->wakes) return "wakes";
    return {};
  }

 private:
  struct Ring {
    u32 tail, flags, wakes;
    u32 consumed, asleep, saved;  // the SQ thread's result, read after it has ended
    u32 sqe[16];
  };

  void build() override {
    ring_ = words<Ring>();
    const HandshakeOptions* const o = &options_;
    Ring* const r = ring_;
    arch::Task& application = task("application", [o, r] { run_application(*o, *r); });
    arch::Task& sq_thread = task("sq_thread", [o, r] { run_sq_thread(*o, *r); });
    arch::Task* const first = &application;
    arch::Task* const second = &sq_thread;
    task("main", [o, r, first, second] {
      arch::machine().join(*first);
      arch::machine().join(*second);
      if (r->asleep == 0) return;
      assume(arch::smp_load_acquire(r->wakes) == r->saved);
      if (o->require_consumed)
        require(r->consumed == static_cast<u32>(o->submissions), "the SQ thread sleeps with an entry in the ring");
    });
  }

  static void run_application(const HandshakeOptions& o, Ring& r) {
    for (u32 i = 0; i < static_cast<u32>(o.submissions); i++) {
      arch::plain_store(r.sqe[i], i + 1);
      arch::smp_store_release(r.tail, i + 1);
      if (o.app_barrier) arch::smp_mb("application.tail");
      if (arch::READ_ONCE(r.flags) != 0) arch::fetch_add(r.wakes, 1, arch::Order::release);
    }
  }

  static void run_sq_thread(const HandshakeOptions& o, Ring& r) {
    const u32 submissions = static_cast<u32>(o.submissions);
    u32 mine = 0;
    for (int round = 0; round < o.rounds && mine < submissions; round++) {
      u32 tail = arch::smp_load_acquire(r.tail);
      if (tail != mine) {
        for (; mine < tail; mine++) require(arch::plain_load(r.sqe[mine]) == mine + 1, "an entry was read before it was written");
        continue;
      }
      const u32 wakes = arch::READ_ONCE(r.wakes);
      arch::WRITE_ONCE(r.flags, 1);
      if (o.second_look) {
        if (o.sq_barrier) arch::smp_mb("sq_thread.need_wakeup");
        tail = arch::smp_load_acquire(r.tail);
        if (tail != mine) {
          arch::WRITE_ONCE(r.flags, 0);
          continue;
        }
      }
      if (arch::smp_load_acquire(r.wakes) == wakes) {
        r.asleep = 1;
        r.saved = wakes;
        r.consumed = mine;
        return;
      }
      arch::WRITE_ONCE(r.flags, 0);
    }
    assume(mine == submissions);
    r.consumed = mine;
  }

  HandshakeOptions options_;
  Ring* ring_ = nullptr;
};

}  // namespace uringsim::sim::programs
