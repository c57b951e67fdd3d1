// SPDX-License-Identifier: GPL-2.0-only OR MIT
// A CQE in the ring, as peek_cqe() and wait_cqe() hand it out. Like liburing's pointer it looks into ring memory: it is
// valid until cqe_seen() or cq_advance() gives the place back to the kernel, and reading it later is the bug it is there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/abi.h"
#include "uapi/system.h"

namespace uringsim::uapi {

/// A CQE, or nothing (false). `cqe->res` and `*cqe` read all 16 bytes; res() and its kin read one field.
template <System S>
class cqe_ref {
 public:
  cqe_ref() noexcept = default;
  cqe_ref(S system, std::uint64_t at) noexcept : at_(at), system_(system) {}

  explicit operator bool() const noexcept { return at_ != 0; }
  /// Where it lies in the application's address space.
  [[nodiscard]] std::uint64_t address() const noexcept { return at_; }

  [[nodiscard]] io_uring_cqe operator*() const {
    io_uring_cqe cqe;
    system_.copy_in(&cqe, at_, sizeof cqe);
    return cqe;
  }
  struct Arrow {
    io_uring_cqe cqe;
    const io_uring_cqe* operator->() const noexcept { return &cqe; }
  };
  [[nodiscard]] Arrow operator->() const { return {**this}; }

  [[nodiscard]] std::uint64_t user_data() const { return load<std::uint64_t>(offsetof(io_uring_cqe, user_data)); }
  [[nodiscard]] std::int32_t res() const { return load<std::int32_t>(offsetof(io_uring_cqe, res)); }
  [[nodiscard]] std::uint32_t flags() const { return load<std::uint32_t>(offsetof(io_uring_cqe, flags)); }
  /// liburing's name for user_data().
  [[nodiscard]] std::uint64_t get_data64() const { return user_data(); }
  /// Under CQE32: one of the two extra words.
  [[nodiscard]] std::uint64_t big_cqe(unsigned index) const {
    return load<std::uint64_t>(sizeof(io_uring_cqe) + index * sizeof(std::uint64_t));
  }

 private:
  template <class T>
  [[nodiscard]] T load(std::size_t offset) const {
    return system_.template load_plain<T>(at_ + offset);
  }

  std::uint64_t at_ = 0;
  [[no_unique_address]] S system_{};
};

}  // namespace uringsim::uapi
