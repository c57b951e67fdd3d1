// SPDX-License-Identifier: GPL-2.0-only
// A program made of C++ lambdas over one struct of shared words: what tests and benchmarks explore without a kernel.
//
//     struct Shared { u32 x, y; u32 r0, r1; };
//     Tasks<Shared> sb("SB");
//     sb.task("P0", [](Shared& s) { WRITE_ONCE(s.x, 1); s.r0 = READ_ONCE(s.y); });
//     sb.task("P1", [](Shared& s) { WRITE_ONCE(s.y, 1); s.r1 = READ_ONCE(s.x); });
//     sb.finally([](const Shared& s, Ending& end) { if (!s.r0 && !s.r1) end.violation("assertion", "both read 0"); });
//
// Shared words go through the operations of arch/memory.h. Results that only one task writes and nobody reads before the end
// may be plain members. Lambdas must not change what they captured: only Shared and the tasks' stacks are put back between
// executions. By default a task that is left over at the end is a violation; daemon() allows it for one.
#pragma once

#include <deque>
#include <functional>
#include <new>
#include <string>
#include <type_traits>

#include "kernel_model/arch/memory.h"
#include "sim/explore/machine.h"

namespace uringsim::sim {

/// Says why tasks that are left over cannot go on, one clause each: "sq sleeps in schedule(); app waits for ...".
std::string describe_left_over(const std::vector<LeftOver>& left_over);

/// Which check such an end fails: "deadlock" if one of them waits for a lock, else "lost-wakeup" if one of them
/// sleeps, else "livelock" (they poll for what will never happen).
const char* check_of(const std::vector<LeftOver>& left_over) noexcept;

template <class Shared>
class Tasks final : public Program {
  static_assert(std::is_trivially_destructible_v<Shared>, "the shared state is dropped, never destroyed");

 public:
  explicit Tasks(std::string name) : name_(std::move(name)) {}

  /// Adds a task. `self` in the longer form is the task's own handle, for wake() and join() by others.
  Tasks& task(std::string name, std::function<void(Shared&)> body) {
    tasks_.push_back({std::move(name), std::move(body), false});
    return *this;
  }
  /// As task(), and the program may end with this task asleep, or polling for ever.
  Tasks& daemon(std::string name, std::function<void(Shared&)> body) {
    tasks_.push_back({std::move(name), std::move(body), true});
    return *this;
  }
  /// Sets the words up, before each set-up.
  Tasks& initially(std::function<void(Shared&)> set_up) {
    set_up_ = std::move(set_up);
    return *this;
  }
  /// Judges the state at the end of an execution.
  Tasks& finally(std::function<void(const Shared&, Ending&)> check) {
    check_ = std::move(check);
    return *this;
  }
  /// The digest of the final state; without it, of all bytes of Shared.
  Tasks& digest(std::function<u64(const Shared&)> digest) {
    digest_ = std::move(digest);
    return *this;
  }
  /// Names a member for stories: word("tail", &Shared::tail).
  template <class T>
  Tasks& word(std::string name, T Shared::*member) {
    static const Shared probe{};
    const auto offset = static_cast<u64>(reinterpret_cast<const char*>(&(probe.*member)) - reinterpret_cast<const char*>(&probe));
    words_.push_back({offset, sizeof(T), std::move(name)});
    return *this;
  }

  /// The arch::Task of the i-th task, in the order of adding: what wake() and join() take. Valid in tasks.
  [[nodiscard]] arch::Task& handle(u32 index) noexcept { return handles_[index]; }
  [[nodiscard]] const Shared& shared() const noexcept { return *shared_; }

  [[nodiscard]] const char* name() const noexcept override { return name_.c_str(); }
  void set_up(arch::Machine& machine) override {
    shared_ = new (machine.alloc(sizeof(Shared), alignof(Shared) < 64 ? 64 : alignof(Shared))) Shared{};
    if (set_up_) set_up_(*shared_);
    handles_.clear();
    for (Entry& entry : tasks_) {
      entry.program = this;
      arch::Task& task = handles_.emplace_back();
      entry.name.copy(task.name, sizeof task.name - 1);
      machine.spawn(task, &Tasks::run, &entry, {});
      machine.wake(task, arch::TASK_NORMAL);
    }
  }
  void check(Ending& ending) override {
    if (!ending.all_ended()) {
      std::vector<LeftOver> stuck;
      for (const LeftOver& left : ending.left_over())
        if (left.task >= tasks_.size() || !tasks_[left.task].daemon || left.why == Blocked::lock) stuck.push_back(left);
      if (!stuck.empty()) ending.violation(check_of(stuck), "every task ends: " + describe_left_over(stuck));
    }
    if (check_) check_(*shared_, ending);
  }
  [[nodiscard]] u64 digest() const noexcept override {
    if (digest_) return digest_(*shared_);
    u64 hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < sizeof(Shared); i++)
      hash = (hash ^ reinterpret_cast<const unsigned char*>(shared_)[i]) * 0x100000001b3;
    return hash;
  }
  [[nodiscard]] std::string word_name(const void* at) const override {
    const auto offset = static_cast<u64>(static_cast<const char*>(at) - reinterpret_cast<const char*>(shared_));
    for (const Word& word : words_) {
      if (offset < word.offset || offset >= word.offset + word.bytes) continue;
      if (offset == word.offset && word.bytes <= 8) return word.name;
      return word.name + "+" + std::to_string(offset - word.offset);
    }
    return offset < sizeof(Shared) ? "shared+" + std::to_string(offset) : std::string();
  }

 private:
  struct Entry {
    std::string name;
    std::function<void(Shared&)> body;
    bool daemon;
    Tasks* program = nullptr;
  };
  struct Word {
    u64 offset;
    u64 bytes;
    std::string name;
  };

  static void run(void* entry) {
    const auto& self = *static_cast<Entry*>(entry);
    self.body(*self.program->shared_);
  }

  std::string name_;
  std::deque<Entry> tasks_;
  std::deque<arch::Task> handles_;
  std::function<void(Shared&)> set_up_;
  std::function<void(const Shared&, Ending&)> check_;
  std::function<u64(const Shared&)> digest_;
  std::vector<Word> words_;
  Shared* shared_ = nullptr;
};

}  // namespace uringsim::sim
