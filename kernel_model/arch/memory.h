// SPDX-License-Identifier: GPL-2.0-only
// The memory operations that Linux names: the one door through which kernel and application touch shared words.
//
// Each is inline with one predictable branch: the hardware's operation when the current task is `direct`, a plain access
// plus its cost when `counted`, the machine's when `explored`. Names and ordering are those of
// Documentation/memory-barriers.txt and tools/memory-model (LKMM); load buffering is not modelled.
//
// A barrier, acquire or release takes an optional name ("io_sq_thread.need_wakeup"): engines can be told to leave a named
// one out, and every one on a ring word or in a sleep has a name. Dependency ordering exists only through the value that
// rcu_dereference() returns.
#pragma once

#include <type_traits>

#include <cstring>

#include "kernel_model/arch/machine.h"
#include "kernel_model/arch/site.h"
#include "kernel_model/arch/task.h"

#if defined(__SANITIZE_THREAD__)
#define URINGSIM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define URINGSIM_TSAN 1
#endif
#endif

namespace uringsim::arch {

namespace detail {

template <class T>
inline constexpr bool word_like = (std::is_integral_v<T> || std::is_enum_v<T> ||
                                   std::is_pointer_v<T>)&&(sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8);

template <class T>
inline u64 to_word(T value) noexcept {
  u64 word = 0;
  std::memcpy(&word, &value, sizeof(T));
  return word;
}

template <class T>
inline T from_word(u64 word) noexcept {
  T value;
  std::memcpy(&value, &word, sizeof(T));
  return value;
}

/// Something else is due before this task goes on. Out of line: defined by nobody but the machine.
inline void count(Task* task, bool effect) noexcept {
  task->clock += task->memory_cost;
  if (task->clock >= task->deadline) [[unlikely]]
    task->machine->due();
  task->effects += effect ? 1 : 0;  // the store itself follows at once, with nobody in between
}

}  // namespace detail

/// The value of `word`, read once. No ordering.
template <class T>
[[nodiscard]] inline T READ_ONCE(const T& word, Site site = Site::here()) noexcept {
  static_assert(detail::word_like<T>);
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]] {
    if (task->access == Access::explored)
      return detail::from_word<T>(task->machine->load(&word, sizeof(T), Order::relaxed, nullptr, site));
    detail::count(task, false);
  }
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

/// Writes `word` once. No ordering.
template <class T>
inline void WRITE_ONCE(T& word, std::type_identity_t<T> value, Site site = Site::here()) noexcept {
  static_assert(detail::word_like<T>);
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]] {
    if (task->access == Access::explored)
      return task->machine->store(&word, sizeof(T), detail::to_word(value), Order::relaxed, nullptr, site);
    detail::count(task, true);
  }
  __atomic_store_n(&word, value, __ATOMIC_RELAXED);
}

/// READ_ONCE; what follows in program order is not seen before it.
template <class T>
[[nodiscard]] inline T smp_load_acquire(const T& word, const char* barrier = nullptr, Site site = Site::here()) noexcept {
  static_assert(detail::word_like<T>);
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]] {
    if (task->access == Access::explored)
      return detail::from_word<T>(task->machine->load(&word, sizeof(T), Order::acquire, barrier, site));
    detail::count(task, false);
  }
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}

/// WRITE_ONCE; what precedes in program order is seen before it.
template <class T>
inline void smp_store_release(T& word, std::type_identity_t<T> value, const char* barrier = nullptr,
                              Site site = Site::here()) noexcept {
  static_assert(detail::word_like<T>);
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]] {
    if (task->access == Access::explored)
      return task->machine->store(&word, sizeof(T), detail::to_word(value), Order::release, barrier, site);
    detail::count(task, true);
  }
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}

namespace detail {
inline void hardware_fence(Fence kind) noexcept {
#if defined(URINGSIM_TSAN)
  // ThreadSanitizer does not follow fences. Every fence becomes a read-modify-write of one word of the process, which it
  // does follow; the word carries no information, so this is not state.
  static constinit unsigned tsan_fence = 0;
  __atomic_fetch_add(&tsan_fence, 0, __ATOMIC_SEQ_CST);
  (void)kind;
#else
  if (kind == Fence::full)
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
  else if (kind == Fence::read)
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
  else
    __atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

inline void fence(Fence kind, const char* barrier, Site site) noexcept {
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]] {
    if (task->access == Access::explored) return task->machine->fence(kind, barrier, site);
    return count(task, false);
  }
  hardware_fence(kind);
}

/// What a read-modify-write stores.
template <class T>
inline T combine(Rmw op, T old, T operand) noexcept {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    if (op == Rmw::add) return static_cast<T>(old + operand);
    if (op == Rmw::bit_and) return static_cast<T>(old & operand);
    if (op == Rmw::bit_or) return static_cast<T>(old | operand);
  }
  return operand;
}

template <class T>
inline T rmw(T& word, Rmw op, T operand, T expected, Order order, Site site) noexcept {
  static_assert(word_like<T>);
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]] {
    if (task->access == Access::explored)
      return from_word<T>(task->machine->rmw(&word, sizeof(T), op, to_word(operand), to_word(expected), order, site));
    count(task, true);
    // One OS thread runs all counted tasks: nothing comes between these two.
    const T old = __atomic_load_n(&word, __ATOMIC_RELAXED);
    if (op != Rmw::compare_exchange || old == expected) __atomic_store_n(&word, combine(op, old, operand), __ATOMIC_RELAXED);
    return old;
  }
  // The hardware's are all fully ordered on x86; the compiler must not know better.
  if (op == Rmw::exchange) return __atomic_exchange_n(&word, operand, __ATOMIC_SEQ_CST);
  if (op == Rmw::compare_exchange) {
    __atomic_compare_exchange_n(&word, &expected, operand, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
  }
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    if (op == Rmw::add) return __atomic_fetch_add(&word, operand, __ATOMIC_SEQ_CST);
    if (op == Rmw::bit_and) return __atomic_fetch_and(&word, operand, __ATOMIC_SEQ_CST);
    if (op == Rmw::bit_or) return __atomic_fetch_or(&word, operand, __ATOMIC_SEQ_CST);
  }
  __builtin_unreachable();
}
}  // namespace detail

/// Full barrier: orders everything before against everything after, stores against later loads included.
inline void smp_mb(const char* barrier = nullptr, Site site = Site::here()) noexcept {
  detail::fence(Fence::full, barrier, site);
}
/// Orders loads before against loads after.
inline void smp_rmb(const char* barrier = nullptr, Site site = Site::here()) noexcept {
  detail::fence(Fence::read, barrier, site);
}
/// Orders stores before against stores after.
inline void smp_wmb(const char* barrier = nullptr, Site site = Site::here()) noexcept {
  detail::fence(Fence::write, barrier, site);
}
/// Full barrier in front of, or after, a read-modify-write that has none of its own.
inline void smp_mb__before_atomic(const char* barrier = nullptr, Site site = Site::here()) noexcept { smp_mb(barrier, site); }
inline void smp_mb__after_atomic(const char* barrier = nullptr, Site site = Site::here()) noexcept { smp_mb(barrier, site); }

/// Stores, then a full barrier.
template <class T>
inline void smp_store_mb(T& word, std::type_identity_t<T> value, const char* barrier = nullptr,
                         Site site = Site::here()) noexcept {
  WRITE_ONCE(word, value, site);
  smp_mb(barrier, site);
}

/// Swaps; fully ordered. Returns the old value.
template <class T>
inline T xchg(T& word, std::type_identity_t<T> value, Site site = Site::here()) noexcept {
  return detail::rmw<T>(word, Rmw::exchange, value, T{}, Order::full, site);
}

/// Stores `replacement` if `word` is `expected`; returns the old value. Fully ordered if it stored, else not at all.
template <class T>
inline T cmpxchg(T& word, std::type_identity_t<T> expected, std::type_identity_t<T> replacement,
                 Site site = Site::here()) noexcept {
  return detail::rmw<T>(word, Rmw::compare_exchange, replacement, expected, Order::full, site);
}

/// Adds, ors or ands with the given order (relaxed for Linux's void operations, full for those that return a value).
/// Each returns the old value.
template <class T>
inline T fetch_add(T& word, std::type_identity_t<T> value, Order order = Order::full, Site site = Site::here()) noexcept {
  return detail::rmw<T>(word, Rmw::add, value, T{}, order, site);
}
template <class T>
inline T fetch_or(T& word, std::type_identity_t<T> value, Order order = Order::full, Site site = Site::here()) noexcept {
  return detail::rmw<T>(word, Rmw::bit_or, value, T{}, order, site);
}
template <class T>
inline T fetch_and(T& word, std::type_identity_t<T> value, Order order = Order::full, Site site = Site::here()) noexcept {
  return detail::rmw<T>(word, Rmw::bit_and, value, T{}, order, site);
}

/// A pointer read whose dependent accesses are ordered after it (address dependency).
template <class T>
[[nodiscard]] inline T* rcu_dereference(T* const& pointer, Site site = Site::here()) noexcept {
  return smp_load_acquire(pointer, nullptr, site);
}

/// An unmarked access by the kernel to a word that Linux accesses unmarked although others write it: an intended race.
/// Behaves like READ_ONCE / WRITE_ONCE and is never reported. All uses are listed by tools/check.
template <class T>
[[nodiscard]] inline T data_race(const T& word, Site site = Site::here()) noexcept {
  return READ_ONCE(word, site);
}

/// Plain, race-checked accesses to payload that two tasks may touch but never at once (SQE and CQE bodies, buffers).
template <class T>
[[nodiscard]] inline T plain_load(const T& word, Site site = Site::here()) noexcept {
  static_assert(detail::word_like<T>);
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]] {
    if (task->access == Access::explored)
      return detail::from_word<T>(task->machine->load(&word, sizeof(T), Order::plain, nullptr, site));
    detail::count(task, false);
  }
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}
template <class T>
inline void plain_store(T& word, std::type_identity_t<T> value, Site site = Site::here()) noexcept {
  static_assert(detail::word_like<T>);
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]] {
    if (task->access == Access::explored)
      return task->machine->store(&word, sizeof(T), detail::to_word(value), Order::plain, nullptr, site);
    detail::count(task, true);
  }
  __atomic_store_n(&word, value, __ATOMIC_RELAXED);
}

/// Announces a plain access to a whole range, made right after by other means (memcpy of a payload).
inline void plain_range(const void* at, u64 bytes, bool write, Site site = Site::here()) noexcept {
  Task* const task = current_task();
  if (task->access == Access::explored) [[unlikely]]
    task->machine->plain(at, bytes, write, site);
}

/// Copies bytes that an application may be writing or reading at this moment (user memory, SQEs): a race that Linux
/// intends. Uninstrumented, byte order of the copy unspecified, never torn within aligned words of 8 bytes.
void copy_racy(void* to, const void* from, u64 bytes) noexcept;

/// Marks the kernel function it stands in, for stories and race reports. Free in live.
class Scope {
 public:
  explicit Scope(const char* function) noexcept {
    Task* const task = current_task();
    if (task->access == Access::explored) [[unlikely]]
      task->machine->scope(function);
  }
  ~Scope() {
    Task* const task = current_task();
    if (task->access == Access::explored) [[unlikely]]
      task->machine->scope(nullptr);
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
};

}  // namespace uringsim::arch

/// First line of a kernel function that stories should name.
#define KERNEL_FUNCTION ::uringsim::arch::Scope kernel_function_scope_(__func__)
