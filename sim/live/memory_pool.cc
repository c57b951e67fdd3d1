// SPDX-License-Identifier: GPL-2.0-only
#include "sim/live/memory_pool.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "sim/fiber/sanitizer.h"

namespace uringsim::sim {

namespace {

constexpr u64 kPunchFrom = u64{256} << 10;  // from here on a hole in the file is cheaper than writing zeroes

/// The class of the smallest objects that hold `bytes` (1..kLargestSmall).
constexpr unsigned class_of(u64 bytes) noexcept {
  if (bytes <= 256) return static_cast<unsigned>((bytes + 15) / 16 - 1);
  const auto doubling = static_cast<unsigned>(std::bit_width(bytes - 1)) - 1;  // 2^doubling < bytes <= 2^(doubling + 1)
  const u64 quarter = (u64{1} << doubling) / 4;
  return 16 + (doubling - 8) * 4 + static_cast<unsigned>((bytes - (u64{1} << doubling) + quarter - 1) / quarter - 1);
}

constexpr u64 bytes_of(unsigned size_class) noexcept {
  if (size_class < 16) return (size_class + 1) * u64{16};
  const unsigned doubling = 8 + (size_class - 16) / 4;
  return (u64{1} << doubling) + (u64{1} << doubling) / 4 * ((size_class - 16) % 4 + 1);
}

static_assert(bytes_of(class_of(1)) == 16 && bytes_of(class_of(256)) == 256 && bytes_of(class_of(257)) == 320);
static_assert(bytes_of(class_of(4096)) == 4096 && class_of(MemoryPool::kLargestSmall) == MemoryPool::kClasses - 1);

/// Objects that move between a cache and the pool at once.
constexpr u32 batch_of(unsigned size_class) noexcept {
  return static_cast<u32>(std::clamp<u64>(u64{16384} / bytes_of(size_class), 2, 32));
}

void*& next_of(void* object) noexcept { return *static_cast<void**>(object); }

}  // namespace

/// Holds a list's lock. The critical sections are short; who finds one taken for long yields, its holder may be preempted.
struct MemoryPool::Lock {
  explicit Lock(Central& central) noexcept : flag(central.locked) {
    for (unsigned tries = 0; flag.test_and_set(std::memory_order_acquire); tries++) {
      if (tries < 100)
        __builtin_ia32_pause();
      else
        sched_yield();
    }
  }
  ~Lock() { flag.clear(std::memory_order_release); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  std::atomic_flag& flag;
};

MemoryPool::MemoryPool(u64 bytes)
    : bytes_((std::max(bytes, kChunk) + kChunk - 1) / kChunk * kChunk), chunk_kinds_(std::make_unique<u8[]>(bytes_ / kChunk)) {
  fd_ = memfd_create("uringsim", MFD_CLOEXEC);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "memfd_create for kernel memory");
  if (ftruncate(fd_, static_cast<off_t>(bytes_)) != 0) {
    const int error = errno;
    close(fd_);
    throw std::system_error(error, std::generic_category(), "ftruncate of kernel memory");
  }
  // Chunks are aligned to their size, so that objects of a power of two are aligned to theirs.
  void* const area = mmap(nullptr, bytes_ + kChunk, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  void* at = MAP_FAILED;
  if (area != MAP_FAILED) {
    const u64 start = (reinterpret_cast<uintptr_t>(area) + kChunk - 1) / kChunk * kChunk;
    at = mmap(reinterpret_cast<void*>(start), bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd_, 0);
    const u64 before = start - reinterpret_cast<uintptr_t>(area);
    if (before != 0) munmap(area, before);
    if (before != kChunk) munmap(reinterpret_cast<void*>(start + bytes_), kChunk - before);
    if (at == MAP_FAILED) munmap(reinterpret_cast<void*>(start), bytes_);
  }
  if (at == MAP_FAILED) {
    const int error = errno;
    close(fd_);
    throw std::system_error(error, std::generic_category(), "mmap of kernel memory");
  }
  base_ = static_cast<u8*>(at);
}

MemoryPool::~MemoryPool() {
  const u64 used = taken_bytes();
  unpoison(base_, std::min(used, bytes_));
  munmap(base_, bytes_);
  close(fd_);
}

void* MemoryPool::alloc(Cache& cache, u64 bytes, u64 align) noexcept {
  const u64 room = align > 16 ? std::bit_ceil(std::max(bytes, align)) : std::max<u64>(bytes, 1);
  void* memory = nullptr;
  if (room > kLargestSmall) {
    memory = alloc_large(room);
    if (memory == nullptr) return nullptr;
  } else {
    const unsigned size_class = class_of(room);
    Cache::List& list = cache.lists_[size_class];
    if (list.first == nullptr && !refill(list, size_class)) return nullptr;
    memory = list.first;
    unpoison(memory, bytes_of(size_class));
    list.first = next_of(memory);
    list.count--;
    std::memset(memory, 0, bytes_of(size_class));
  }
  cache.live_.store(cache.live_.load(std::memory_order_relaxed) + static_cast<s64>(bytes), std::memory_order_relaxed);
  return memory;
}

void MemoryPool::free(Cache& cache, void* memory, u64 bytes) noexcept {
  if (memory == nullptr) return;
  cache.live_.store(cache.live_.load(std::memory_order_relaxed) - static_cast<s64>(bytes), std::memory_order_relaxed);
  const u8 kind = chunk_kinds_[chunk_of(memory)];
  if (kind >= kLarge) return free_large(static_cast<u8*>(memory), kind - kLarge);
  Cache::List& list = cache.lists_[kind];
  next_of(memory) = list.first;
  list.first = memory;
  poison(memory, bytes_of(kind));
  const u32 batch = batch_of(kind);
  if (++list.count >= 2 * batch) give_back(list, kind, batch);
}

void MemoryPool::flush(Cache& cache) noexcept {
  for (unsigned size_class = 0; size_class < kClasses; size_class++)
    give_back(cache.lists_[size_class], size_class, cache.lists_[size_class].count);
}

/// Moves a batch from the pool to the cache; false if there is nothing left.
bool MemoryPool::refill(Cache::List& list, unsigned size_class) noexcept {
  Central& central = classes_[size_class];
  const u64 bytes = bytes_of(size_class);
  const Lock lock(central);
  for (u32 want = batch_of(size_class); want > 0; want--) {
    void* object = central.first;
    if (object != nullptr) {
      unpoison(object, sizeof(void*));
      central.first = next_of(object);
    } else {
      if (static_cast<u64>(central.fresh_end - central.fresh) < bytes) {
        if (list.first != nullptr) break;
        central.fresh = take_chunks(1, static_cast<u8>(size_class));
        central.fresh_end = central.fresh != nullptr ? central.fresh + kChunk : nullptr;
        if (central.fresh == nullptr) return false;
      }
      object = central.fresh;
      central.fresh += bytes;
    }
    next_of(object) = list.first;
    poison(object, bytes);
    list.first = object;
    list.count++;
  }
  return true;
}

void MemoryPool::give_back(Cache::List& list, unsigned size_class, u32 count) noexcept {
  if (count == 0) return;
  Central& central = classes_[size_class];
  const Lock lock(central);
  for (; count > 0; count--) {
    void* const object = list.first;
    unpoison(object, sizeof(void*));
    list.first = next_of(object);
    list.count--;
    next_of(object) = central.first;
    poison(object, sizeof(void*));
    central.first = object;
  }
}

/// Fresh chunks that adjoin, marked as `kind`; null when there are not as many left.
u8* MemoryPool::take_chunks(u64 count, u8 kind) noexcept {
  u64 first = next_chunk_.load(std::memory_order_relaxed);
  do {
    if (first + count > bytes_ / kChunk) return nullptr;
  } while (!next_chunk_.compare_exchange_weak(first, first + count, std::memory_order_relaxed));
  chunk_kinds_[first] = kind;
  return base_ + first * kChunk;
}

void* MemoryPool::alloc_large(u64 bytes) noexcept {
  const auto order = static_cast<unsigned>(std::bit_width((bytes - 1) / kChunk));
  if (order >= kOrders) return nullptr;
  const u64 room = kChunk << order;
  void* memory = nullptr;
  {
    const Lock lock(large_[order]);
    memory = large_[order].first;
    if (memory != nullptr) {
      unpoison(memory, room);
      large_[order].first = next_of(memory);
    }
  }
  if (memory == nullptr) return take_chunks(u64{1} << order, static_cast<u8>(kLarge + order));
  if (room < kPunchFrom)
    std::memset(memory, 0, room);
  else
    next_of(memory) = nullptr;  // the rest became a hole when it was freed
  return memory;
}

void MemoryPool::free_large(u8* memory, unsigned order) noexcept {
  const u64 room = kChunk << order;
  if (room >= kPunchFrom &&
      fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, memory - base_, static_cast<off_t>(room)) != 0)
    std::memset(memory, 0, room);
  const Lock lock(large_[order]);
  next_of(memory) = large_[order].first;
  large_[order].first = memory;
  poison(memory, room);
}

}  // namespace uringsim::sim
