// SPDX-License-Identifier: GPL-2.0-only
// The classic programs that partial order reductions are counted on: how many executions are there really?
#pragma once

#include <fmt/format.h>

#include "kernel_model/arch/lock.h"
#include "sim/explore/programs/bare.h"

namespace uringsim::sim::programs {

/// How the shared words are accessed: "all sequentially consistent" is what these programs are usually counted with.
enum class Accesses : u8 { ordered, relaxed };

/// n tasks insert four values each into a hash table of 128 slots; tasks collide from the twelfth on.
class Indexer final : public BareProgram {
 public:
  explicit Indexer(unsigned tasks, bool locks = false)
      : BareProgram(fmt::format("indexer{}({})", locks ? "-mutex" : "", tasks)), count_(tasks), locks_(locks) {}

 private:
  struct Table {
    u32 slot[128];
    arch::LockWord lock[128];
  };
  void build() override {
    Table* const table = words<Table>();
    for (u32 id = 0; id < count_; id++)
      task("inserter", [table, id, locks = locks_] {
        for (u32 m = 1; m <= 4; m++) {
          const u32 value = m * 11 + id;
          u32 at = value * 7 % 128;
          while (!insert(*table, at, value, locks)) at = (at + 1) % 128;
        }
      });
  }
  static bool insert(Table& table, u32 at, u32 value, bool locks) {
    if (!locks) return arch::cmpxchg(table.slot[at], 0, value) == 0;
    arch::lock_acquire(table.lock[at], arch::LockKind::mutex);
    const bool free = arch::READ_ONCE(table.slot[at]) == 0;
    if (free) arch::WRITE_ONCE(table.slot[at], value);
    arch::lock_release(table.lock[at], arch::LockKind::mutex);
    return free;
  }
  unsigned count_;
  bool locks_;
};

/// n tasks take an inode and a block each; tasks 13 apart want the same block.
class Filesystem final : public BareProgram {
 public:
  explicit Filesystem(unsigned tasks) : BareProgram(fmt::format("filesystem({})", tasks)), count_(tasks) {}

 private:
  static constexpr u32 kBlocks = 26, kInodes = 32;
  struct Disk {
    arch::LockWord inode_lock[kInodes];
    arch::LockWord block_lock[kBlocks];
    u32 inode[kInodes];
    u32 busy[kBlocks];
  };
  void build() override {
    Disk* const disk = words<Disk>();
    for (u32 id = 0; id < count_; id++) task("allocator", [disk, id] { allocate(*disk, id % kInodes); });
  }
  static void allocate(Disk& disk, u32 inode) {
    arch::lock_acquire(disk.inode_lock[inode], arch::LockKind::mutex);
    if (arch::plain_load(disk.inode[inode]) == 0) {
      for (u32 block = inode * 2 % kBlocks;; block = (block + 1) % kBlocks) {
        arch::lock_acquire(disk.block_lock[block], arch::LockKind::mutex);
        const bool free = arch::plain_load(disk.busy[block]) == 0;
        if (free) {
          arch::plain_store(disk.busy[block], 1);
          arch::plain_store(disk.inode[inode], block + 1);
        }
        arch::lock_release(disk.block_lock[block], arch::LockKind::mutex);
        if (free) break;
      }
    }
    arch::lock_release(disk.inode_lock[inode], arch::LockKind::mutex);
  }
  unsigned count_;
};

/// One task looks for the last zero of an array from its end; n tasks store what they find below, plus one.
class LastZero final : public BareProgram {
 public:
  LastZero(unsigned tasks, Accesses accesses)
      : BareProgram(fmt::format("lastzero({})", tasks)), count_(tasks), accesses_(accesses) {}

 private:
  void build() override {
    u32* const array = words<u32>(count_ + 1);
    const bool ordered = accesses_ == Accesses::ordered;
    task("reader", [array, ordered, last = count_] {
      for (unsigned i = last; (ordered ? arch::smp_load_acquire(array[i]) : arch::READ_ONCE(array[i])) != 0; i--) {
      }
    });
    for (unsigned j = 1; j <= count_; j++)
      task("writer", [array, ordered, j] {
        if (ordered)
          arch::smp_store_release(array[j], arch::smp_load_acquire(array[j - 1]) + 1);
        else
          arch::WRITE_ONCE(array[j], arch::READ_ONCE(array[j - 1]) + 1);
      });
  }
  unsigned count_;
  Accesses accesses_;
};

/// One task stores a word, n tasks load it.
class Readers final : public BareProgram {
 public:
  explicit Readers(unsigned tasks) : BareProgram(fmt::format("readers({})", tasks)), count_(tasks) {}

 private:
  void build() override {
    u32* const x = words<u32>();
    task("writer", [x] { arch::WRITE_ONCE(*x, 42); });
    for (unsigned i = 0; i < count_; i++) task("reader", [x] { static_cast<void>(arch::READ_ONCE(*x)); });
  }
  unsigned count_;
};

/// n tasks store a word each in its own way; with `read` somebody looks at the end.
class NWriters final : public BareProgram {
 public:
  explicit NWriters(unsigned tasks, bool read = false)
      : BareProgram(fmt::format("nwriters{}({})", read ? "+read" : "", tasks)), count_(tasks), read_(read) {}
  [[nodiscard]] u64 digest() const noexcept override { return *word_; }

 private:
  void build() override {
    u32* const x = word_ = words<u32>();
    arch::Task** const writers = words<arch::Task*>(count_);
    for (u32 i = 0; i < count_; i++) writers[i] = &task("writer", [x, i] { arch::WRITE_ONCE(*x, i + 1); });
    if (!read_) return;
    task("main", [x, writers, count = count_] {
      for (u32 i = 0; i < count; i++) arch::machine().join(*writers[i]);
      static_cast<void>(arch::READ_ONCE(*x));
    });
  }
  unsigned count_;
  bool read_;
  u32* word_ = nullptr;
};

}  // namespace uringsim::sim::programs
