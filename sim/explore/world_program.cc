// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/world_program.h"

namespace uringsim::sim {

void WorldProgram::set_up(arch::Machine& machine) {
  world_ = std::make_unique<World>(machine, options_);
  build_(*world_);
}

namespace {

bool satisfied(const arch::Task* task) noexcept {
  const auto* const application = static_cast<const ApplicationTask*>(static_cast<const kernel::task_struct*>(task)->application);
  return application != nullptr && application->finished;
}

}  // namespace

void WorldProgram::check(Ending& ending) {
  if (ending.all_ended()) return;
  bool everybody = true;
  for (const arch::Task* const task : world_->tasks()) everybody = everybody && satisfied(task);
  if (everybody) return;
  for (const LeftOver& left : ending.left_over()) {
    for (const arch::Task* const task : world_->tasks()) {
      if (task->id != left.task || satisfied(task)) continue;
      return ending.violation("hang", std::string(left.name) + " waits in " +
                                          (left.scope != nullptr ? left.scope : "its program") + " for what nobody will do");
    }
  }
}

}  // namespace uringsim::sim
