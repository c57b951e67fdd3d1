// SPDX-License-Identifier: GPL-2.0-only
// A fiber: a stack and where it stopped on it. Symmetric: any fiber switches to any other of the same OS thread.
//
// The switch is Boost.Context's fcontext (Debian's library holds nothing else), the sanitizers are told here.
//  * A fiber is never unwound. To be rid of one, stop switching to it; its frames' destructors do not run.
//  * start() may be called again at any time from outside of the fiber: it then begins anew, a handful of stores.
//  * The Fiber object belongs to the engine and lives outside of anything that is snapshotted; its stack may lie inside.
//    point() before the snapshot and rewind() after its restoration bring the two together again.
//
// Thread safety: none; a fiber stays on the OS thread that started it.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <utility>

#include "sim/fiber/sanitizer.h"

namespace uringsim::sim {

/// One fiber. Default-constructed it stands for the OS thread's own stack: switch from it first.
class Fiber {
 public:
  /// Must not return, must not throw: it ends by switching away for the last time.
  using Entry = void (*)(void* argument);

  Fiber() noexcept = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber() { forget_sanitizer_state(); }

  /// The fiber will run entry(argument) from its beginning on the `bytes` bytes of stack at `stack`, whatever it did before.
  void start(void* stack, u64 bytes, Entry entry, void* argument) noexcept {
    forget_frames(stack, bytes);
    renew_sanitizer_state();
    entry_ = entry;
    argument_ = argument;
    stack_ = stack;
    stack_bytes_ = bytes;
    context_ = boost::context::detail::make_fcontext(static_cast<char*>(stack) + bytes, bytes, &Fiber::trampoline);
  }

  /// Stops `from`, which is the running fiber, and goes on with `to`. Returns when somebody switches to `from` again.
  static void switch_to(Fiber& from, Fiber& to) noexcept {
    if (asan_is_there()) __sanitizer_start_switch_fiber(&from.fake_stack_, to.stack_, to.stack_bytes_);
    before_jump(from, to);
    arrive(from, boost::context::detail::jump_fcontext(to.context_, &from));
  }

  /// As switch_to(), for a fiber that will never be resumed where it stands (it may be started again).
  [[noreturn]] static void leave_for(Fiber& from, Fiber& to) noexcept {
    if (asan_is_there()) __sanitizer_start_switch_fiber(nullptr, to.stack_, to.stack_bytes_);
    before_jump(from, to);
    boost::context::detail::jump_fcontext(to.context_, &from);
    __builtin_trap();
  }

  /// Where a stopped fiber stands. Together with the bytes of its stack from stack_pointer() upwards it is the fiber.
  struct Point {
    void* context = nullptr;
    Entry entry = nullptr;
    void* argument = nullptr;
  };
  [[nodiscard]] Point point() const noexcept { return {context_, entry_, argument_}; }
  /// Puts a stopped fiber back to where it stood when point() was taken; the stack's bytes are restored by others.
  void rewind(const Point& point) noexcept {
    renew_sanitizer_state();
    context_ = point.context;
    entry_ = point.entry;
    argument_ = point.argument;
  }
  /// Lowest live byte of a stopped fiber's stack; everything below is dead.
  [[nodiscard]] void* stack_pointer() const noexcept { return context_; }

 private:
  static void before_jump(Fiber& from, Fiber& to) noexcept {
    from.next_ = &to;
#if defined(URINGSIM_TSAN)
    if (from.entry_ == nullptr) from.tsan_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to.tsan_, 0);
    // A rewound fiber returns from frames that this new shadow stack never saw entered: give it some to leave.
    if (std::exchange(to.tsan_fresh_, false))
      for (int frame = 0; frame < 256; frame++) __tsan_func_entry(nullptr);
#endif
  }

  /// First thing on the stack of `self`, new or resumed: notes where the fiber that we come from stopped.
  static void arrive(Fiber& self, boost::context::detail::transfer_t arrived) noexcept {
    Fiber& previous = *static_cast<Fiber*>(arrived.data);
    previous.context_ = arrived.fctx;
    if (asan_is_there()) __sanitizer_finish_switch_fiber(self.fake_stack_, &previous.stack_, &previous.stack_bytes_);
  }

  static void trampoline(boost::context::detail::transfer_t arrived) noexcept {
    Fiber& self = *static_cast<Fiber*>(arrived.data)->next_;
    arrive(self, arrived);
    self.entry_(self.argument_);
    __builtin_trap();
  }

  void renew_sanitizer_state() noexcept {
    fake_stack_ = nullptr;
#if defined(URINGSIM_TSAN)
    forget_sanitizer_state();
    tsan_ = __tsan_create_fiber(0);
    tsan_fresh_ = true;
#endif
  }
  void forget_sanitizer_state() noexcept {
#if defined(URINGSIM_TSAN)
    if (entry_ != nullptr && tsan_ != nullptr) __tsan_destroy_fiber(tsan_);
    tsan_ = nullptr;
#endif
  }

  void* context_ = nullptr;
  Entry entry_ = nullptr;  // null: an OS thread's own stack
  void* argument_ = nullptr;
  Fiber* next_ = nullptr;  // where it last switched to
  // The sanitizers', in every build: a program that has one sees the same class as a library that has none.
  void* fake_stack_ = nullptr;
  const void* stack_ = nullptr;
  std::size_t stack_bytes_ = 0;
  [[maybe_unused]] void* tsan_ = nullptr;
  [[maybe_unused]] bool tsan_fresh_ = false;
};

}  // namespace uringsim::sim
