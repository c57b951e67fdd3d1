// SPDX-License-Identifier: GPL-2.0-only
// Generated programs that use memory as kernels do: plain accesses, copies over words that others read, waiting by polling and by
// sleeping, memory that is given back. Every interleaving on the operational machine and the search over graphs must agree on
// whether something is wrong, and, where nothing is, on the final states.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "kernel_model/arch/lock.h"
#include "sim/explore/random.h"
#include "sim/explore/tasks.h"
#include "tests/sim/explore/dpor/both_ways.h"

namespace uringsim::sim::dpor {
namespace {

using arch::machine;
using arch::READ_ONCE;
using arch::WRITE_ONCE;

constexpr u32 kWords = 3;
constexpr u64 kFirst = 1, kPrograms = 250;

struct Shared {
  std::array<u32, 4> words;
  arch::LockWord lock;
  u64 block;
  std::array<u32, 3> registers;
};

enum class Kind : u8 {
  store,
  release,
  load,
  acquire,
  mb,
  wmb,
  rmb,
  plain_store,
  plain_load,
  copy_to,
  copy_from,
  add,
  locked_add,
  only_if,
  poll,
  sleep,
  wake,
  make,
  use,
  give_back
};
constexpr const char* kSpelling[] = {"store",       "release",    "load",    "acquire",   "mb",  "wmb",        "rmb",
                                     "plain-store", "plain-load", "copy-to", "copy-from", "add", "locked-add", "only-if",
                                     "poll",        "sleep",      "wake",    "make",      "use", "give-back"};

struct Op {
  Kind kind;
  u32 word;
  u32 value;
};
using Body = std::vector<Op>;

std::string spell(const std::vector<Body>& tasks) {
  std::string text;
  for (const Body& body : tasks) {
    text += text.empty() ? "" : " | ";
    for (const Op& op : body)
      text +=
          std::string(kSpelling[static_cast<unsigned>(op.kind)]) + " " + "xyz"[op.word] + " " + std::to_string(op.value) + "; ";
  }
  return text;
}

/// Does one operation of task `me`; false if the task ends there.
bool act(Tasks<Shared>& program, Shared& s, unsigned me, const Op& op, u32& last) {
  u32& word = s.words[op.word];
  const auto remember = [&](u32 value) {
    last = value;
    s.registers[me] = s.registers[me] * 16 + value + 1;
  };
  switch (op.kind) {
    case Kind::store:
      WRITE_ONCE(word, op.value);
      break;
    case Kind::release:
      arch::smp_store_release(word, op.value);
      break;
    case Kind::load:
      remember(READ_ONCE(word));
      break;
    case Kind::acquire:
      remember(arch::smp_load_acquire(word));
      break;
    case Kind::mb:
      arch::smp_mb();
      break;
    case Kind::wmb:
      arch::smp_wmb();
      break;
    case Kind::rmb:
      arch::smp_rmb();
      break;
    case Kind::plain_store:
      arch::plain_store(word, op.value);
      break;
    case Kind::plain_load:
      remember(arch::plain_load(word));
      break;
    case Kind::copy_to: {
      const std::array<u32, 2> news{op.value, op.value + 4};
      arch::plain_range(&word, sizeof news, true);
      arch::copy_racy(&word, news.data(), sizeof news);
      break;
    }
    case Kind::copy_from: {
      std::array<u32, 2> found{};
      arch::plain_range(&word, sizeof found, false);
      arch::copy_racy(found.data(), &word, sizeof found);
      remember(found[0]);
      remember(found[1]);
      break;
    }
    case Kind::add:
      remember(arch::fetch_add(word, op.value));
      break;
    case Kind::locked_add:
      arch::lock_acquire(s.lock, arch::LockKind::spin);
      arch::plain_store(word, arch::plain_load(word) + op.value);
      arch::lock_release(s.lock, arch::LockKind::spin);
      break;
    case Kind::only_if:
      return last != 0;
    case Kind::poll:
      while (arch::smp_load_acquire(word) == 0) machine().poll_pass(arch::Site::here());
      break;
    case Kind::sleep:
      machine().set_state(arch::TASK_INTERRUPTIBLE);
      arch::smp_mb();
      if (READ_ONCE(word) == 0) machine().schedule();
      machine().set_state(arch::TASK_RUNNING);
      break;
    case Kind::wake:
      machine().wake(program.handle(op.value % 2), arch::TASK_NORMAL);
      break;
    case Kind::make:
      arch::smp_store_release(s.block, reinterpret_cast<u64>(machine().alloc(sizeof(u32), 16)));
      break;
    case Kind::use:
      if (auto* const block = reinterpret_cast<u32*>(arch::smp_load_acquire(s.block)); block != nullptr)
        WRITE_ONCE(*block, op.value);
      break;
    case Kind::give_back:
      if (void* const block = reinterpret_cast<void*>(arch::smp_load_acquire(s.block)); block != nullptr)
        machine().free(block, sizeof(u32));
      break;
  }
  return true;
}

std::vector<Body> generate(RandomNumbers& dice) {
  std::vector<Body> tasks(2 + dice.below(2));
  bool made = false, given_back = false;
  for (Body& body : tasks) {
    const u32 length = 1 + dice.below(tasks.size() == 2 ? 5u : 3u);
    while (body.size() < length) {
      const auto kind = static_cast<Kind>(dice.below(static_cast<u32>(std::size(kSpelling))));
      if (kind == Kind::make && std::exchange(made, true)) continue;
      if (kind == Kind::give_back && std::exchange(given_back, true)) continue;
      body.push_back({kind, static_cast<u32>(dice.below(kWords)), static_cast<u32>(1 + dice.below(3))});
    }
  }
  return tasks;
}

u64 digest(const Shared& s) {
  u64 result = 0;
  for (u32 value : s.words) result = result * 64 + value;
  for (u32 value : s.registers) result = result * 0x9e3779b97f4a7c15 + value;
  return result;
}

/// Runs the program of `seed` both ways under every model. False if it is too large for every interleaving.
bool expect_same(u64 seed, unsigned& right) {
  RandomNumbers dice(seed);
  const std::vector<Body> tasks = generate(dice);
  Tasks<Shared> program("generated");
  for (unsigned me = 0; me < tasks.size(); me++)
    program.task("P" + std::to_string(me), [&program, body = &tasks[me], me](Shared& s) {
      u32 last = 1;
      for (const Op& op : *body)
        if (!act(program, s, me, op, last)) return;
    });
  program.digest(digest);
  for (int model = 0; model < 3; model++) {
    bool all = false;
    const Outcome slow = by_interleavings(program, kOperational[model], 3'000, &all);
    if (!all) return false;
    const Outcome fast = by_graphs(program, kAxiomatic[model]).outcome;
    const auto where = [&] {
      return "seed " + std::to_string(seed) + " under " + to_string(kOperational[model]) + ": " + spell(tasks);
    };
    EXPECT_EQ(fast.checks.empty(), slow.checks.empty()) << fast << "/ " << slow << where();
    for (const std::string& check : fast.checks) EXPECT_TRUE(slow.checks.contains(check)) << check << " " << where();
    if (!slow.checks.empty()) continue;
    EXPECT_EQ(fast, slow) << where();
    right++;
  }
  return true;
}

TEST(DporPlainAgreement, GeneratedProgramsAreRightOrWrongWhicheverExplorerRunsThem) {
  unsigned compared = 0, right = 0;
  for (u64 seed = kFirst; compared < kPrograms; seed++) {
    ASSERT_LT(seed, kFirst + 20 * kPrograms) << compared;
    compared += expect_same(seed, right) ? 1 : 0;
  }
  std::cout << compared << " programs, with nothing wrong under a model: " << right << "\n";
}

TEST(DporPlainAgreement, ProgramsOnWhichTheyOnceDisagreed) {
  unsigned right = 0;
  for (const u64 seed : std::initializer_list<u64>{644, 1478, 2309, 3174, 4400, 4636, 6368, 109482})
    EXPECT_TRUE(expect_same(seed, right)) << seed;
}

}  // namespace
}  // namespace uringsim::sim::dpor
