// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/host_system.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace uringsim::sim::tape {

namespace {

constexpr u64 kSecond = 1'000'000'000;

// Addresses of this process, which a tape carries as numbers.
void* pointer(uptr at) { return reinterpret_cast<void*>(at); }

}  // namespace

s64 HostSystem::call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  const long ret = ::syscall(number, a, b, c, d, e, f);
  const s64 result = ret < 0 ? -errno : ret;  // as who recorded: see ModelSystem
  if (number == SYS_io_uring_enter && settle_ns_ != 0) sleep_until(now() + settle_ns_);
  return result;
}

void HostSystem::load(void* to, uptr from, u64 bytes) {
  if (bytes) std::memcpy(to, pointer(from), bytes);
}

void HostSystem::store(uptr to, const void* from, u64 bytes) {
  if (bytes) std::memcpy(pointer(to), from, bytes);
}

u32 HostSystem::load_acquire(uptr word) { return __atomic_load_n(static_cast<u32*>(pointer(word)), __ATOMIC_ACQUIRE); }

void HostSystem::store_release(uptr word, u32 value) {
  __atomic_store_n(static_cast<u32*>(pointer(word)), value, __ATOMIC_RELEASE);
}

u64 HostSystem::now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<u64>(t.tv_sec) * kSecond + static_cast<u64>(t.tv_nsec);
}

void HostSystem::sleep_until(u64 time) {
  const timespec due = {static_cast<time_t>(time / kSecond), static_cast<long>(time % kSecond)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr) == EINTR) {
  }
}

void HostSystem::start_thread(std::function<void()> body) { threads_.emplace_back(std::move(body)); }

void HostSystem::join_threads() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void HostSystem::interrupt_first_thread() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
  ::syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
}

}  // namespace uringsim::sim::tape
