// SPDX-License-Identifier: GPL-2.0-only
// Sequential consistency: every operation acts on memory, in the order in which the strategy lets them.
//
// For the race detector every marked store publishes and every marked load takes over what the store it reads published:
// under sc there is no weaker access.
#include "sim/explore/models.h"
#include "sim/explore/ops.h"

namespace uringsim::sim {

namespace {

class ScMachine final : public Ops<ScMachine> {
 public:
  explicit ScMachine(const MachineOptions& options) : Ops(options) {}

  static constexpr bool kBarriersOfRmwApart = false;
  static constexpr bool fence_is_seen(arch::Fence) noexcept { return false; }

  u64 do_load(Cell& cell, const void* at, unsigned size, arch::Order) noexcept override {
    take(cell.sync);
    note_read(cell, cell.version);
    return peek(at, size);
  }

  void do_store(Cell& cell, void* at, unsigned size, u64 value, arch::Order) noexcept override {
    cell.sync = publish();
    write(cell, at, size, value);
  }

  u64 do_rmw(Cell& cell, void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected, arch::Order) noexcept override {
    const u64 old = peek(at, size);
    take(cell.sync);
    if (op == arch::Rmw::compare_exchange && old != expected) {
      note_read(cell, cell.version);
      return old;
    }
    publish_into(cell.sync);
    write(cell, at, size, trim(apply(op, old, operand), size));
    return old;
  }

  void do_fence(arch::Fence) noexcept override {}

  u64 do_locked_load(Cell& cell, const void* at, unsigned size) noexcept override {
    take(cell.sync);
    return peek(at, size);
  }
  void do_locked_store(Cell& cell, void* at, unsigned size, u64 value) noexcept override {
    publish_into(cell.sync);
    write(cell, at, size, value);
  }
  void do_plain_store(Cell& cell, void* at, unsigned size, u64 value) noexcept override {
    if (peek(at, size) == value) return;
    poke(at, size, value);
    changed(cell);
  }
  u64 do_plain_load(Cell&, const void* at, unsigned size) noexcept override { return peek(at, size); }

 private:
  void write(Cell& cell, void* at, unsigned size, u64 value) noexcept {
    me().pass_effect = true;
    if (peek(at, size) == value) return;
    poke(at, size, value);
    changed(cell);
  }
};

}  // namespace

std::unique_ptr<OperationalMachine> make_sc_machine(const MachineOptions& options) {
  return std::make_unique<ScMachine>(options);
}

}  // namespace uringsim::sim
