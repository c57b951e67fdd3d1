// SPDX-License-Identifier: GPL-2.0-only
#include "sim/live/host_barrier.h"

#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace uringsim::sim {

namespace {

constexpr u64 kHostPage = 4096;

int membarrier(int command) noexcept { return static_cast<int>(syscall(SYS_membarrier, command, 0, 0)); }
/// A process has to say beforehand that it will ask; saying it again does no harm.
bool registered() noexcept { return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0; }

/// Maps a page, puts it to use and takes it away. False if the host has no memory for it.
bool unmap_a_page() noexcept {
  void* const page = mmap(nullptr, kHostPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  *static_cast<volatile u8*>(page) = 1;  // else no processor could have a translation of it
  munmap(page, kHostPage);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return true;
}

}  // namespace

HostBarrier::HostBarrier() noexcept : way_(registered() ? Way::membarrier : Way::mapping) {}

HostBarrier::HostBarrier(Way way) : way_(way) {
  if (way == Way::membarrier && !registered()) throw std::system_error(errno, std::generic_category(), "membarrier");
}

void HostBarrier::issue() const noexcept {
  if (way_ == Way::membarrier ? membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0 : unmap_a_page()) return;
  std::fprintf(stderr, "uringsim: no memory barrier from the host: error %d\n", errno);
  std::abort();
}

}  // namespace uringsim::sim
