// SPDX-License-Identifier: GPL-2.0-only
// The smallest programs there are: a few words and a few tasks on bare arch/, no kernel. What explorers are measured and checked
// with.
#pragma once

#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "kernel_model/arch/memory.h"
#include "sim/explore/program.h"

namespace uringsim::sim::programs {

class BareProgram : public Program {
 public:
  explicit BareProgram(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] const char* name() const noexcept override { return name_.c_str(); }
  void set_up(arch::Machine& machine) final {
    machine_ = &machine;
    tasks_ = 0;
    build();
    machine_ = nullptr;
  }
  void check(Ending& ending) override {
    if (!ending.all_ended()) ending.violation("deadlock", "a task cannot go on: " + std::string(ending.left_over()[0].name));
  }

 protected:
  /// Allocates the words and spawns the tasks. Called once, for each machine that runs the program.
  virtual void build() = 0;

  /// `count` zeroed words in the machine's memory.
  template <class T>
  T* words(unsigned count = 1) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(machine_->alloc(sizeof(T) * count, alignof(T) < 8 ? 8 : alignof(T)));
  }
  /// A task that runs `body`, which is copied into the machine's memory: what it changes in itself is put back.
  template <class F>
  arch::Task& task(const char* name, F body) {
    struct Made {
      arch::Task task;
      F body;
    };
    auto* const made = new (machine_->alloc(sizeof(Made), alignof(Made) < 16 ? 16 : alignof(Made))) Made{{}, std::move(body)};
    for (unsigned i = 0; i + 1 < sizeof made->task.name && name[i] != 0; i++) made->task.name[i] = name[i];
    const auto entry = [](void* argument) { static_cast<Made*>(argument)->body(); };
    machine_->spawn(made->task, entry, made, {});
    machine_->wake(made->task, arch::TASK_NORMAL);
    tasks_++;
    return made->task;
  }

 private:
  std::string name_;
  arch::Machine* machine_ = nullptr;
  unsigned tasks_ = 0;
};

/// "Nothing follows unless": the current task's execution is cut off if `condition` is false.
inline void assume(bool condition) noexcept {
  if (!condition) static_cast<void>(arch::machine().choose(0, "assume"));
}
/// The invariant of a program: a violation unless `condition`.
inline void require(bool condition, const char* what, arch::Site site = arch::Site::here()) noexcept {
  if (!condition) arch::machine().report(what, true, site);
}

}  // namespace uringsim::sim::programs
