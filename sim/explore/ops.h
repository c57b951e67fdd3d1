// SPDX-License-Identifier: GPL-2.0-only
// The four memory operations of arch::Machine over a memory model. D is the model's machine, final, so that its do_ functions
// are inlined here: an operation costs the one virtual call that memory.h makes.
#pragma once

#include "sim/explore/machine.h"

namespace uringsim::sim {

template <class D>
class Ops : public OperationalMachine {
 public:
  u64 load(const void* at, unsigned size, arch::Order order, const char* barrier, arch::Site site) noexcept final {
    if (order == arch::Order::plain) return plain_load(at, size, site);
    point();
    Cell& cell = touch(at, size, site);
    if (left_out(barrier)) [[unlikely]]
      order = arch::Order::relaxed;
    const u32 clock = clock_now();
    const u64 value = self().do_load(cell, at, size, order);
    marked(cell, at, size, false, clock, site);
    tell(OpKind::load, at, size, value, value, site, barrier);
    return value;
  }

  void store(void* at, unsigned size, u64 value, arch::Order order, const char* barrier, arch::Site site) noexcept final {
    if (order == arch::Order::plain) return plain_store(at, size, value, site);
    point();
    Cell& cell = touch(at, size, site);
    marked(cell, at, size, true, clock_now(), site);
    if (left_out(barrier)) [[unlikely]]
      order = arch::Order::relaxed;
    u64 before = 0;
    if (recording_ != nullptr) [[unlikely]] {
      before = peek(at, size);
      told_site_ = site;
    }
    self().do_store(cell, at, size, value, order);
    tell(OpKind::store, at, size, before, value, site, barrier);
  }

  u64 rmw(void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected, arch::Order order, arch::Site site) noexcept final {
    const bool barriers_apart = D::kBarriersOfRmwApart && order == arch::Order::full;
    if (barriers_apart && op != arch::Rmw::compare_exchange) {  // which may fail, and then orders nothing
      point();
      self().do_fence(arch::Fence::full);
    }
    point();
    Cell& cell = touch(at, size, site);
    if (recording_ != nullptr) [[unlikely]]
      told_site_ = site;
    const u32 clock = clock_now();
    const u64 old = self().do_rmw(cell, at, size, op, operand, expected, order);
    const bool stores = op != arch::Rmw::compare_exchange || old == expected;
    marked(cell, at, size, stores, clock, site);
    if (recording_ != nullptr) [[unlikely]]
      tell(OpKind::rmw, at, size, old, stores ? trim(apply(op, old, operand), size) : old, site);
    if (barriers_apart && stores) {
      point();
      self().do_fence(arch::Fence::full);
    }
    return old;
  }

  void fence(arch::Fence kind, const char* barrier, arch::Site site) noexcept final {
    if (left_out(barrier)) [[unlikely]] {
      tell(OpKind::fence, nullptr, 0, static_cast<u64>(kind), 0, site, barrier);
      return;
    }
    if (D::fence_is_seen(kind)) point();
    self().do_fence(kind);
    tell(OpKind::fence, nullptr, 0, static_cast<u64>(kind), 1, site, barrier);
  }

 protected:
  using OperationalMachine::OperationalMachine;

  static u64 trim(u64 value, unsigned size) noexcept { return size == 8 ? value : value & ((u64{1} << (8 * size)) - 1); }

 private:
  D& self() noexcept { return static_cast<D&>(*this); }

  u64 plain_load(const void* at, unsigned size, arch::Site site) noexcept {
    Cell& cell = touch(at, size, site);
    if (shadow_.accessed_plainly(cell)) again_please();
    race_check(cell, byte_mask(cell, at, size), false, true, clock_now(), site);
    const u64 value = self().do_plain_load(cell, at, size);
    tell(OpKind::plain_read, at, size, value, value, site);
    return value;
  }

  void plain_store(void* at, unsigned size, u64 value, arch::Site site) noexcept {
    Cell& cell = touch(at, size, site);
    if (shadow_.accessed_plainly(cell)) again_please();
    race_check(cell, byte_mask(cell, at, size), true, true, clock_now(), site);
    const u64 before = recording_ != nullptr ? peek(at, size) : 0;
    me().pass_effect = true;
    self().do_plain_store(cell, at, size, value);
    tell(OpKind::plain_write, at, size, before, value, site);
  }
};

}  // namespace uringsim::sim
