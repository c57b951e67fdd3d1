// SPDX-License-Identifier: GPL-2.0-only
// A world as a program to explore: kernel, devices and application tasks, from the moment that every task is ready.
//
//     WorldProgram program("handshake", {.kernel = &kernel::v5_4}, [](World& world) {
//       world.add_process({.name = "app"}, [] {
//         ApplicationRing ring;
//         ...                      // set-up: runs once, without choices
//         arch::machine().ready();
//         ...                      // what is explored
//         stay();                  // the ring stays; without it the exit of the task is explored, too
//       });
//     });
//
// Every checker of sim/check watches, unless WorldOptions::trace names another sink; what they find is a violation. And a
// quiescent world in which an application task neither ended nor stays is a violation: somebody waits for what nobody will do.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sim/check/checker.h"
#include "sim/explore/program.h"
#include "sim/world/world.h"

namespace uringsim::sim {

class WorldProgram final : public Program {
 public:
  /// `build` adds devices and tasks; it is called once for each machine that explores the program.
  WorldProgram(std::string name, WorldOptions options, std::function<void(World&)> build)
      : name_(std::move(name)), options_(std::move(options)), build_(std::move(build)) {}

  [[nodiscard]] const char* name() const noexcept override { return name_.c_str(); }
  void set_up(arch::Machine& machine) override;
  [[nodiscard]] bool warm_up() const noexcept override { return true; }
  void keep() override { checks_.keep(); }
  void put_back() override { checks_.put_back(); }
  [[nodiscard]] LockWatch* lock_watch() noexcept override { return checks_.lock_watch(); }
  void check(Ending& ending) override;
  /// The words of rings, by their kernel names: "ring 1 sq.tail".
  [[nodiscard]] std::string word_name(const void* at) const override;
  [[nodiscard]] World& world() noexcept { return *world_; }

 private:
  std::string name_;
  WorldOptions options_;
  std::function<void(World&)> build_;
  std::unique_ptr<World> world_;
  CheckSet checks_ = all_checks();
};

}  // namespace uringsim::sim
