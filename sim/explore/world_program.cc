// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/world_program.h"

#include "sim/check/deadlock.h"
#include "sim/check/livelock.h"
#include "sim/check/rings.h"
#include "sim/explore/kernel_words.h"

namespace uringsim::sim {

void WorldProgram::set_up(arch::Machine& machine) {
  WorldOptions options = options_;
  options.options.rcu_grace_ns = 0;  // nothing of a world sees a grace period; waiting for one only makes executions long
  if (options.trace == nullptr) options.trace = &checks_;
  checks_ = all_checks();
  world_ = std::make_unique<World>(machine, options);
  build_(*world_);
}

namespace {

bool satisfied(const arch::Task* task) noexcept {
  const auto* const application = static_cast<const ApplicationTask*>(static_cast<const kernel::task_struct*>(task)->application);
  return application != nullptr && application->finished;
}

}  // namespace

void WorldProgram::check(Ending& ending) {
  checks_.finish(world_->kernel());
  if (const Finding* const finding = checks_.finding()) return ending.violation(finding->check.c_str(), finding->text);
  if (ending.all_ended()) return;
  const std::vector<LeftOver>& all = ending.left_over();
  // Kernel threads alone may be the circle, with nobody who waits for them.
  if (const std::string text = deadlock(all); !text.empty()) return ending.violation("no-deadlock", text);
  bool everybody = true;
  for (const arch::Task* const task : world_->tasks()) everybody = everybody && satisfied(task);
  if (everybody) return;
  for (const LeftOver& left : all) {
    for (const arch::Task* const task : world_->tasks()) {
      if (task->id != left.task || satisfied(task)) continue;
      if (const std::string text = livelock(left); !text.empty()) return ending.violation("no-livelock", text);
      return ending.violation("no-hang", wait_for_graph(all, left.task) + ", and nobody will end that");
    }
  }
}

std::string WorldProgram::word_name(const void* at) const {
  const std::vector<kernel::io_ring_ctx*> rings = rings_of(world_->kernel());
  for (const kernel::io_ring_ctx* const ring : rings) {
    const kernel::io_rings& words = ring->rings;
    const std::pair<const void*, const char*> names[] = {{words.sq_head, "sq.head"},        {words.sq_tail, "sq.tail"},
                                                         {words.sq_flags, "sq.flags"},      {words.sq_dropped, "sq.dropped"},
                                                         {words.cq_head, "cq.head"},        {words.cq_tail, "cq.tail"},
                                                         {words.cq_overflow, "cq.overflow"}};
    for (const auto& [word, name] : names)
      if (word == at) return rings.size() == 1 ? name : "ring " + std::to_string(ring->id) + " " + name;
  }
  return kernel_word(world_->kernel(), at);
}

}  // namespace uringsim::sim
