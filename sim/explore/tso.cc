// SPDX-License-Identifier: GPL-2.0-only
// Total store order, as x86 has it: each task has a first-in first-out buffer of stores.
//
// A store goes into the buffer; a load sees the task's own newest buffered store of the word, else memory. The strategy decides
// when the oldest store of a buffer reaches memory. smp_mb() and locked operations (every read-modify-write, taking a lock,
// schedule() and wake()), starting a timer and raising an interrupt act on an empty buffer: what is left drains right before
// them, which loses nothing because each drain could have been chosen one by one before. Releasing a lock is an ordinary store,
// of a spinlock as of a mutex: Linux promises no more (x86's mutex_unlock() happens to be a locked operation). smp_rmb, smp_wmb,
// acquire and release cost nothing here.
//
// Against hardware: a buffer of 64 stores (the 65th drains the oldest). A store to the task's own stack empties the buffer and
// goes to memory at once, since the frame may be gone before a buffered store would land there. Plain stores go straight to
// memory unless the task has a buffered store of the same word: in a program without data races nobody can tell, and the race
// detector knows the others.
#include <algorithm>

#include "sim/explore/models.h"
#include "sim/explore/ops.h"

namespace uringsim::sim {

namespace {

class TsoMachine final : public Ops<TsoMachine> {
 public:
  explicit TsoMachine(const MachineOptions& options) : Ops(options), buffers_(kMaxTasks) {}

  static constexpr bool kBarriersOfRmwApart = false;
  static constexpr bool fence_is_seen(arch::Fence kind) noexcept { return kind == arch::Fence::full; }

  u64 do_load(Cell& cell, const void* at, unsigned size, arch::Order) noexcept override {
    note_read(cell, cell.version);
    u64 value = 0;
    if ((drains_ & bit(current_)) != 0 && forwarded(cell, at, size, value)) return value;
    take(cell.sync);
    return peek(at, size);
  }

  void do_store(Cell& cell, void* at, unsigned size, u64 value, arch::Order) noexcept override {
    me().pass_effect = true;
    SyncView* const sync = publish();
    if (on_own_stack(at)) [[unlikely]] {
      drain_all(current_);
      land({&cell, at, value, sync, size});
      return;
    }
    Buffer& buffer = buffers_[current_];
    if (buffer.count == kDepth) do_drain(current_);
    buffer.entries[(buffer.first + buffer.count++) % kDepth] = {&cell, at, value, sync, size};
    drains_ |= bit(current_);
    last_ = std::max(last_, current_ + 1);
  }

  u64 do_rmw(Cell& cell, void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected, arch::Order) noexcept override {
    drain_all(current_);
    const u64 old = peek(at, size);
    take(cell.sync);
    if (op == arch::Rmw::compare_exchange && old != expected) {
      note_read(cell, cell.version);
      return old;
    }
    me().pass_effect = true;
    publish_into(cell.sync);
    write(cell, at, size, trim(apply(op, old, operand), size));
    return old;
  }

  void do_fence(arch::Fence kind) noexcept override {
    if (kind == arch::Fence::full) drain_all(current_);
  }

  u64 do_locked_load(Cell& cell, const void* at, unsigned size) noexcept override {
    drain_all(current_);
    take(cell.sync);
    return peek(at, size);
  }
  void do_locked_store(Cell& cell, void* at, unsigned size, u64 value) noexcept override {
    me().pass_effect = true;
    publish_into(cell.sync);
    write(cell, at, size, value);
  }

  void do_plain_store(Cell& cell, void* at, unsigned size, u64 value) noexcept override {
    if ((drains_ & bit(current_)) != 0 && pending(cell)) return do_store(cell, at, size, value, arch::Order::relaxed);
    write(cell, at, size, value);
  }
  u64 do_plain_load(Cell& cell, const void* at, unsigned size) noexcept override {
    u64 value = 0;
    if ((drains_ & bit(current_)) != 0 && forwarded(cell, at, size, value)) return value;
    return peek(at, size);
  }
  void do_settle(Cell& cell) noexcept override {
    if ((drains_ & bit(current_)) != 0 && pending(cell)) drain_all(current_);
  }

  void do_drain(u32 task) noexcept override {
    Buffer& buffer = buffers_[task];
    const Entry entry = buffer.entries[buffer.first];
    buffer.first = (buffer.first + 1) % kDepth;
    if (--buffer.count == 0) drains_ &= ~bit(task);
    if (recording_ != nullptr) [[unlikely]]
      tell_drain(task, entry);
    land(entry);
  }

  void do_begin() noexcept override {
    for (u32 i = 0; i < last_; i++) buffers_[i].count = buffers_[i].first = 0;
    last_ = 0;
  }

 private:
  static constexpr u32 kDepth = 64;

  struct Entry {
    Cell* cell;
    void* at;
    u64 value;
    SyncView* sync;
    unsigned size;
  };
  struct Buffer {
    u32 first = 0;
    u32 count = 0;
    Entry entries[kDepth];
  };

  void drain_all(u32 task) noexcept {
    Buffer& buffer = buffers_[task];
    while (buffer.count != 0) {
      const Entry entry = buffer.entries[buffer.first];
      buffer.first = (buffer.first + 1) % kDepth;
      buffer.count--;
      land(entry);
    }
    drains_ &= ~bit(task);
  }

  void land(const Entry& entry) noexcept {
    entry.cell->sync = entry.sync;
    write(*entry.cell, entry.at, entry.size, entry.value);
  }

  void write(Cell& cell, void* at, unsigned size, u64 value) noexcept {
    if (peek(at, size) == value) return;
    poke(at, size, value);
    changed(cell);
  }

  [[nodiscard]] bool pending(const Cell& cell) const noexcept {
    const Buffer& buffer = buffers_[current_];
    for (u32 i = 0; i < buffer.count; i++)
      if (buffer.entries[(buffer.first + i) % kDepth].cell == &cell) return true;
    return false;
  }

  /// The newest of the task's own buffered stores of the word. One of another width makes everything drain instead.
  bool forwarded(const Cell& cell, const void* at, unsigned size, u64& value) noexcept {
    const Buffer& buffer = buffers_[current_];
    for (u32 i = buffer.count; i > 0; i--) {
      const Entry& entry = buffer.entries[(buffer.first + i - 1) % kDepth];
      if (entry.cell != &cell) continue;
      if (entry.at == at && entry.size == size) {
        value = entry.value;
        return true;
      }
      drain_all(current_);
      return false;
    }
    return false;
  }

  [[nodiscard]] bool on_own_stack(const void* at) noexcept {
    const TaskRecord& task = me();
    return static_cast<u64>(static_cast<const char*>(at) - static_cast<const char*>(task.stack)) < Arena::kStackBytes;
  }

  void tell_drain(u32 task, const Entry& entry) noexcept {
    Step step;
    step.task = task;
    step.kind = OpKind::drain;
    step.size = static_cast<u8>(entry.size);
    step.object = arena_.offset(entry.at);
    step.before = without_addresses(peek(entry.at, entry.size), entry.size);
    step.after = without_addresses(entry.value, entry.size);
    recording_->push_back(step);
    strategy_->step(step);
  }

  std::vector<Buffer> buffers_;
  u32 last_ = 0;  // buffers from this one on are empty
};

}  // namespace

std::unique_ptr<OperationalMachine> make_tso_machine(const MachineOptions& options) {
  return std::make_unique<TsoMachine>(options);
}

}  // namespace uringsim::sim
