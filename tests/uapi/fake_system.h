// SPDX-License-Identifier: GPL-2.0-only
// A machine small enough to see through: ring memory in an array at made-up addresses, a log of every access to a shared
// word, and a kernel that is whatever a test makes of `on_enter`.
#pragma once

#include <errno.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "uapi/abi.h"

namespace uringsim::uapi {

struct FakeMachine {
  struct Enter {
    std::uint32_t to_submit, min_complete, flags;
    std::uint64_t argument;
    std::size_t size;
    bool operator==(const Enter&) const = default;
  };
  struct Register {
    std::uint32_t operation;
    std::uint64_t argument;
    std::uint32_t count;
    bool operator==(const Register&) const = default;
  };

  static constexpr std::uint64_t base = 0x10000;
  static constexpr int fd = 7;
  // Three areas, far enough apart that a stray access is caught.
  static constexpr std::uint64_t sq_at = base, cq_at = base + 0x4000, sqes_at = base + 0x10000, scratch_at = base + 0x20000;

  std::vector<std::byte> memory = std::vector<std::byte>(0x21000);
  std::uint32_t entries = 4;
  std::uint32_t features = 0;
  int setup_result = fd;
  std::uint64_t failing_mmap = ~std::uint64_t{0};  // the offset whose mapping is refused
  std::vector<std::string> log;                    // accesses to shared words and barriers
  std::vector<Enter> enters;
  std::vector<Register> registers;
  std::vector<std::uint64_t> unmapped;
  std::vector<int> closed;
  std::function<int(const Enter&)> on_enter = [](const Enter& call) { return static_cast<int>(call.to_submit); };
  std::function<void(std::uint64_t)> on_load = [](std::uint64_t) {};
  std::function<void(const char*)> on_barrier = [](const char*) {};

  // Byte offsets of the words in their areas.
  static constexpr io_sqring_offsets sq_off{0, 64, 128, 132, 136, 140, 256, 0, 0};
  static constexpr io_cqring_offsets cq_off{0, 64, 128, 132, 136, 256, 140, 0, 0};

  template <class T>
  T get(std::uint64_t at) const {
    T value;
    std::memcpy(&value, reach(at, sizeof value), sizeof value);
    return value;
  }
  template <class T>
  void set(std::uint64_t at, T value) {
    std::memcpy(const_cast<std::byte*>(reach(at, sizeof value)), &value, sizeof value);
  }
  const std::byte* reach(std::uint64_t at, std::size_t bytes) const {
    if (at < base || at + bytes > base + memory.size()) throw std::out_of_range("address " + std::to_string(at));
    return memory.data() + (at - base);
  }

  std::string name(std::uint64_t at) const {
    if (at == sq_at + sq_off.head) return "sq.head";
    if (at == sq_at + sq_off.tail) return "sq.tail";
    if (at == sq_at + sq_off.flags) return "sq.flags";
    if (at == cq_area + cq_off.head) return "cq.head";
    if (at == cq_area + cq_off.tail) return "cq.tail";
    return "";
  }
  void note(const char* what, std::uint64_t at) {
    if (const std::string word = name(at); !word.empty()) log.push_back(what + (" " + word));
  }

  /// The kernel posts a CQE.
  void post(std::uint64_t user_data, std::int32_t res) {
    const std::uint32_t tail = get<std::uint32_t>(cq_area + cq_off.tail);
    const std::uint64_t at = cq_area + cq_off.cqes + (std::uint64_t{tail & (2 * entries - 1)} << cqe_shift);
    set(at, io_uring_cqe{user_data, res, 0});
    set(cq_area + cq_off.tail, tail + 1);
  }
  /// The kernel takes the next SQE.
  io_uring_sqe take() {
    const std::uint32_t head = get<std::uint32_t>(sq_at + sq_off.head);
    const std::uint32_t index = get<std::uint32_t>(sq_at + sq_off.array + 4 * (head & (entries - 1)));
    set(sq_at + sq_off.head, head + 1);
    return get<io_uring_sqe>(sqes_at + (std::uint64_t{index} << sqe_shift));
  }
  std::uint32_t pending() const { return get<std::uint32_t>(sq_at + sq_off.tail) - get<std::uint32_t>(sq_at + sq_off.head); }
  void set_sq_flags(std::uint32_t flags) { set(sq_at + sq_off.flags, flags); }

  std::uint64_t cq_area = cq_at;  // under SINGLE_MMAP it lies in the SQ's mapping
  unsigned sqe_shift = 6, cqe_shift = 4;
};

/// The policy: a handle to a FakeMachine.
struct Fake {
  FakeMachine* machine = nullptr;

  template <class T>
  T load_relaxed(std::uint64_t at) const {
    machine->on_load(at);
    machine->note("load", at);
    return machine->get<T>(at);
  }
  template <class T>
  T load_acquire(std::uint64_t at, const char* name) const {
    machine->on_load(at);
    machine->note(name, at);
    return machine->get<T>(at);
  }
  template <class T>
  T load_plain(std::uint64_t at) const {
    return machine->get<T>(at);
  }
  template <class T>
  void store_relaxed(std::uint64_t at, T value) const {
    machine->note("store", at);
    machine->set(at, value);
  }
  template <class T>
  void store_release(std::uint64_t at, T value, const char* name) const {
    machine->note(name, at);
    machine->set(at, value);
  }
  template <class T>
  void store_plain(std::uint64_t at, T value) const {
    machine->set(at, value);
  }
  void full_barrier(const char* name) const {
    machine->log.emplace_back(name);
    machine->on_barrier(name);
  }
  void write_sqe(std::uint64_t at, const io_uring_sqe& sqe) const { machine->set(at, sqe); }
  void copy_out(std::uint64_t at, const void* from, std::size_t bytes) const {
    std::memcpy(const_cast<std::byte*>(machine->reach(at, bytes)), from, bytes);
  }
  void copy_in(void* to, std::uint64_t at, std::size_t bytes) const { std::memcpy(to, machine->reach(at, bytes), bytes); }
  template <class T>
  std::uint64_t publish_argument(const T& value) const {
    machine->set(FakeMachine::scratch_at, value);
    return FakeMachine::scratch_at;
  }

  int io_uring_setup(std::uint32_t entries, io_uring_params& params) const {
    if (machine->setup_result < 0) return machine->setup_result;
    FakeMachine& m = *machine;
    m.entries = entries;
    m.sqe_shift = params.flags & IORING_SETUP_SQE128 ? 7 : 6;
    m.cqe_shift = params.flags & IORING_SETUP_CQE32 ? 5 : 4;
    params.sq_entries = entries;
    params.cq_entries = 2 * entries;
    params.features = m.features;
    params.sq_off = FakeMachine::sq_off;
    params.cq_off = FakeMachine::cq_off;
    if (m.features & IORING_FEAT_SINGLE_MMAP) {
      // The CQ's words behind the SQ's, in one mapping.
      constexpr std::uint32_t gap = 0x1000;
      m.cq_area = FakeMachine::sq_at + gap;
      for (std::uint32_t* word : {&params.cq_off.head, &params.cq_off.tail, &params.cq_off.ring_mask, &params.cq_off.ring_entries,
                                  &params.cq_off.overflow, &params.cq_off.cqes, &params.cq_off.flags})
        *word += gap;
    }
    m.set(FakeMachine::sq_at + FakeMachine::sq_off.ring_mask, entries - 1);
    m.set(FakeMachine::sq_at + FakeMachine::sq_off.ring_entries, entries);
    m.set(m.cq_area + FakeMachine::cq_off.ring_mask, 2 * entries - 1);
    m.set(m.cq_area + FakeMachine::cq_off.ring_entries, 2 * entries);
    return m.setup_result;
  }
  int io_uring_enter(int, std::uint32_t to_submit, std::uint32_t min_complete, std::uint32_t flags, std::uint64_t argument,
                     std::size_t size) const {
    machine->enters.push_back({to_submit, min_complete, flags, argument, size});
    return machine->on_enter(machine->enters.back());
  }
  int io_uring_register(int, std::uint32_t operation, std::uint64_t argument, std::uint32_t count) const {
    machine->registers.push_back({operation, argument, count});
    return 0;
  }
  std::int64_t mmap(int, std::uint64_t, std::uint64_t offset) const {
    if (offset == machine->failing_mmap) return -ENOMEM;
    if (offset == IORING_OFF_SQES) return FakeMachine::sqes_at;
    return offset == IORING_OFF_CQ_RING ? FakeMachine::cq_at : FakeMachine::sq_at;
  }
  int munmap(std::uint64_t at, std::uint64_t) const {
    machine->unmapped.push_back(at);
    return 0;
  }
  int close(int fd) const {
    machine->closed.push_back(fd);
    return 0;
  }
};

}  // namespace uringsim::uapi
