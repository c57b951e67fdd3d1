// SPDX-License-Identifier: GPL-2.0-only
#include "sim/fiber/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace uringsim::sim {

namespace {

constexpr unsigned char kFreedByte = 0x6b;  // as Linux's slab poison

constexpr u64 round_up(u64 value, u64 to) noexcept { return (value + to - 1) & ~(to - 1); }

// Raw copies and compares: they cross freed blocks and other frames' stacks on purpose, where AddressSanitizer would object.
void copy_raw(void* to, const void* from, u64 bytes) noexcept {
  if (asan_is_there())
    arch::copy_racy(to, from, bytes);
  else
    std::memcpy(to, from, bytes);
}

URINGSIM_NO_ASAN bool equal_raw(const void* a, const void* b, u64 bytes) noexcept {
  if (!asan_is_there()) return std::memcmp(a, b, bytes) == 0;
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  for (u64 at = 0; at < bytes; at++)
    if (left[at] != right[at]) return false;
  return true;
}

// The byte of AddressSanitizer's shadow that speaks of `at` (x86-64 mapping).
unsigned char* shadow_of(const void* at) noexcept {
  return reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(at) >> 3) + 0x7fff8000);
}

}  // namespace

Arena::Arena(const Options& options) : check_freed_(options.check_freed) {
  bytes_ = std::clamp(round_up(options.bytes, 4 * kStackBytes), 4 * kStackBytes, kSlotBytes);
  const int first = options.slot < 0 ? 0 : options.slot;
  const int last = options.slot < 0 ? kSlots - 1 : options.slot;
  void* at = MAP_FAILED;
  for (int slot = first; slot <= last && at == MAP_FAILED; slot++) {
    void* const wanted = reinterpret_cast<void*>(kFirstSlot + static_cast<u64>(slot) * kSlotBytes);
    at = mmap(wanted, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == MAP_FAILED && errno != EEXIST) break;
  }
  if (at == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "reserving memory for a simulated world");
  base_ = static_cast<unsigned char*>(at);
  madvise(base_ + bytes_ / 2, bytes_ / 2, MADV_NOHUGEPAGE);  // a stack uses a page or two of its slot
  reset();
}

Arena::~Arena() {
  unpoison(base_, touched_);
  forget_frames(base_ + bytes_ - stacks_guarded_ * kStackBytes, stacks_guarded_ * kStackBytes);
  munmap(base_, bytes_);
}

unsigned Arena::class_of(u64 bytes) noexcept {
  if (bytes <= 16 * kSmallClasses) return bytes == 0 ? 0 : static_cast<unsigned>((bytes + 15) / 16 - 1);
  const u64 last = bytes - 1;
  const unsigned power = 63 - static_cast<unsigned>(std::countl_zero(last));
  return kSmallClasses + (power - 10) * 4 + static_cast<unsigned>((last >> (power - 2)) & 3);
}

u64 Arena::class_bytes(unsigned index) noexcept {
  if (index < kSmallClasses) return u64{16} * (index + 1);
  const unsigned power = 10 + (index - kSmallClasses) / 4;
  return (u64{1} << power) + (u64{(index - kSmallClasses) % 4} + 1) * (u64{1} << (power - 2));
}

URINGSIM_NO_ASAN void Arena::put_free(void* memory, unsigned index) noexcept {
  if (check_freed_) {
    auto* const bytes = static_cast<volatile unsigned char*>(memory);
    for (u64 at = sizeof(FreeBlock); at < class_bytes(index); at++) bytes[at] = kFreedByte;
  }
  auto* const block = static_cast<FreeBlock*>(memory);
  block->next = state().free[index];
  state().free[index] = block;
}

/// First block of the list that is aligned well enough: the head, unless somebody asked for more than the size suggests. Not many
/// are looked at: where all are of those that asked for less, a thousand allocations would look at a million.
URINGSIM_NO_ASAN void* Arena::take_free(unsigned index, u64 align) noexcept {
  FreeBlock** link = &state().free[index];
  constexpr int kMostLooks = 32;
  int looks = 0;
  for (; *link != nullptr && (reinterpret_cast<uintptr_t>(*link) & (align - 1)) != 0; link = &(*link)->next)
    if (++looks == kMostLooks) return nullptr;
  FreeBlock* const block = *link;
  if (block == nullptr) return nullptr;
  *link = block->next;
  if (check_freed_) {
    const auto* const bytes = reinterpret_cast<const volatile unsigned char*>(block);
    bool intact = true;
    for (u64 at = sizeof(FreeBlock); at < class_bytes(index); at++) intact &= bytes[at] == kFreedByte;
    writes_after_free_ += intact ? 0 : 1;
  }
  return block;
}

/// What alignment skipped serves smaller blocks.
void Arena::put_gap(u64 from, u64 to) noexcept {
  while (from < to) {
    unsigned index = class_of(to - from);
    if (class_bytes(index) > to - from) index--;
    poison(base_ + from, class_bytes(index));
    put_free(base_ + from, index);
    from += class_bytes(index);
  }
}

void* Arena::take_fresh(u64 bytes, u64 align) noexcept {
  const u64 natural = bytes & -bytes;
  const u64 wanted = std::max({align, u64{16}, natural >= kPage ? kPage : std::min(natural, u64{64})});
  const u64 from = round_up(state().bump, wanted);
  if (from + bytes > bytes_ / 2) return nullptr;
  put_gap(state().bump, from);
  state().bump = from + bytes;
  return base_ + from;
}

void* Arena::alloc(u64 bytes, u64 align) noexcept {
  if (bytes >= bytes_) return nullptr;
  const unsigned index = class_of(bytes + kRedzone);
  u64 dirty = bytes;  // leading bytes that may not be zero
  void* memory = take_free(index, align);
  if (memory == nullptr) {
    memory = take_fresh(class_bytes(index), align);
    if (memory == nullptr) return nullptr;
    const u64 from = offset(memory);
    dirty = touched_ > from ? std::min(bytes, touched_ - from) : 0;
    touched_ = std::max(touched_, state().bump);
  }
  unpoison(memory, bytes);
  poison(static_cast<unsigned char*>(memory) + bytes, class_bytes(index) - bytes);
  std::memset(memory, 0, dirty);
  state().live_bytes += bytes;
  state().live_blocks++;
  state().peak_bytes = std::max(state().peak_bytes, state().live_bytes);
  return memory;
}

void Arena::free(void* memory, u64 bytes) noexcept {
  if (memory == nullptr) return;
  const unsigned index = class_of(bytes + kRedzone);
  state().live_bytes -= bytes;
  state().live_blocks--;
  poison(memory, class_bytes(index));
  put_free(memory, index);
}

u64 Arena::stack_index(const void* stack) const noexcept { return (bytes_ - offset(stack)) / kStackBytes; }

u64 Arena::stack_bytes(const void* stack) const noexcept {
  const u64 stagger = stack_index(stack) * 7 % 32 * 128;
  return kStackBytes - kPage - stagger;
}

void* Arena::alloc_stack() noexcept {
  if (!free_stacks_.empty()) {
    void* const stack = free_stacks_.back();
    free_stacks_.pop_back();
    forget_frames(stack, kStackBytes - kPage);
    return stack;
  }
  if ((stacks_ + 1) * kStackBytes > bytes_ / 2) return nullptr;
  unsigned char* const slot = base_ + bytes_ - (stacks_ + 1) * kStackBytes;
  if (stacks_ == stacks_guarded_) {
    mprotect(slot, kPage, PROT_NONE);
    stacks_guarded_++;
  }
  stacks_++;
  forget_frames(slot + kPage, kStackBytes - kPage);
  return slot + kPage;
}

void Arena::free_stack(void* stack) noexcept { free_stacks_.push_back(stack); }

void Arena::reset() noexcept {
  static_assert(sizeof(State) < kPage / 2);
  unpoison(base_, sizeof(State));
  touched_ = std::max(touched_, round_up(sizeof(State), 64));
  state() = State{};
  state().bump = round_up(sizeof(State), 64);
  free_stacks_.clear();
  stacks_ = 0;
}

void Arena::save(ArenaSnapshot& snapshot, const std::vector<ArenaRange>& stacks) const {
  snapshot.ranges_.clear();
  snapshot.ranges_.push_back({base_, state().bump});
  snapshot.ranges_.insert(snapshot.ranges_.end(), stacks.begin(), stacks.end());
  u64 total = 0;
  for (const ArenaRange& range : snapshot.ranges_) total += range.bytes;
  snapshot.bytes_.resize(total);
  unsigned char* to = snapshot.bytes_.data();
  for (const ArenaRange& range : snapshot.ranges_) {
    copy_raw(to, range.at, range.bytes);
    to += range.bytes;
  }
  snapshot.free_stacks_ = free_stacks_;
  snapshot.stacks_ = stacks_;
  snapshot.shadow_.clear();
  if (!asan_is_there()) return;
  for (const ArenaRange& range : snapshot.ranges_) {
    const u64 bytes = range.bytes / 8 + 1;
    snapshot.shadow_.resize(snapshot.shadow_.size() + bytes);
    copy_raw(&*snapshot.shadow_.end() - bytes, shadow_of(range.at), bytes);
  }
}

void Arena::restore(const ArenaSnapshot& snapshot) noexcept {
  const unsigned char* from = snapshot.bytes_.data();
  for (const ArenaRange& range : snapshot.ranges_) {
    auto* const to = static_cast<unsigned char*>(range.at);
    for (u64 at = 0; at < range.bytes; at += kPage) {
      const u64 chunk = std::min(kPage, range.bytes - at);
      if (!equal_raw(to + at, from + at, chunk)) copy_raw(to + at, from + at, chunk);
    }
    from += range.bytes;
  }
  free_stacks_ = snapshot.free_stacks_;
  stacks_ = snapshot.stacks_;
  if (!asan_is_there()) return;
  const unsigned char* shadow = snapshot.shadow_.data();
  for (const ArenaRange& range : snapshot.ranges_) {
    copy_raw(shadow_of(range.at), shadow, range.bytes / 8 + 1);
    shadow += range.bytes / 8 + 1;
  }
  // Below what was saved of a stack lies what a fiber left that was stopped in the middle: marks of frames that are gone.
  for (std::size_t i = 1; i < snapshot.ranges_.size(); i++) {
    auto* const lowest = static_cast<unsigned char*>(snapshot.ranges_[i].at);
    const u64 from_end = round_up(static_cast<u64>(base_ + bytes_ - lowest), kStackBytes);
    unsigned char* const stack = base_ + bytes_ - from_end + kPage;
    forget_frames(stack, static_cast<u64>(lowest - stack));
  }
}

}  // namespace uringsim::sim
