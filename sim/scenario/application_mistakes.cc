// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/application_mistakes.h"

#include <algorithm>

namespace uringsim::sim {

namespace {

constexpr std::string_view kNoFence = "liburing-needs-enter-no-fence";

constexpr ApplicationMistake kMistakes[] = {
    {kNoFence, "there is no full barrier between the store of the SQ tail and the look at NEED_WAKEUP",
     "store the tail, full barrier, then look at the flags", "liburing up to 2.1"},
    {"app-checks-flag-only-once", "submit is called only where NEED_WAKEUP is seen, so that the tail is never stored",
     "always submit: the thread sees no SQE before the tail moves", "any"},
    {"app-wakes-sq-before-publishing-tail", "the SQ thread is woken before the tail is stored, and not looked after again",
     "store the tail first, then look at the flag", "libevpl, 2026"},
    {"app-reuses-iovec-before-consumed", "the iovec of a request is used for something else once submit has returned",
     "up to 5.4 it is read again by a worker: keep it until the CQE", "any"},
    {"app-reuses-buffer-before-completion", "the data of a write is changed before its CQE is there",
     "the payload belongs to the kernel until the CQE", "any"},
    {"app-shares-ring-without-lock", "two threads store the SQ tail of one ring without a lock between them",
     "one submitter at a time", "any"},
    {"app-reuses-user-data-early", "a user_data is given to a new request once POLL_REMOVE has said 0",
     "the removed poll has a CQE of its own, which decides", "any"},
    {"liburing-cq-barriers-wrong", "the CQ tail is read without acquire, so that a CQE may be read before it is there",
     "acquire the tail, read the CQEs, release the head", "liburing before 0.1"},
    {"stale-cqe-pointer-on-timeout", "a CQE is read after the head has been moved past it",
     "read it first: the slot is the kernel's again", "liburing to 2.14"},
    {"liburing-wait-nr-clobbered", "enter has submitted everything, so it is taken to have waited too: one look, then -EAGAIN",
     "a signal ends the wait and the count is returned all the same: wait again until the CQE is there", "liburing 0.4 to 0.6"},
    {"liburing-internal-timeout-not-submitted",
     "the TIMEOUT of a timed wait is published, and enter left out where a CQE is there already",
     "submit it in the same call: the next submit finds it, with a timespec that is gone", "liburing 0.2"},
};

void settle(Steps& steps, const std::vector<Ref>& bugs) {
  for (TaskStep& step : steps) {
    if (auto* const mistake = std::get_if<MistakeStep>(&step.action)) {
      mistake->made = std::any_of(bugs.begin(), bugs.end(), [&](const Ref& bug) { return bug.name == mistake->mistake.name; });
      settle(mistake->steps, bugs);
      settle(mistake->instead, bugs);
    } else if (auto* const branch = std::get_if<IfStep>(&step.action)) {
      settle(branch->then, bugs);
      settle(branch->otherwise, bugs);
    } else if (auto* const loop = std::get_if<WhileStep>(&step.action)) {
      settle(loop->steps, bugs);
    } else if (auto* const repeat = std::get_if<RepeatStep>(&step.action)) {
      settle(repeat->steps, bugs);
    } else if (auto* const fork = std::get_if<ForkStep>(&step.action)) {
      settle(fork->steps, bugs);
    }
  }
}

}  // namespace

std::span<const ApplicationMistake> application_mistakes() noexcept { return kMistakes; }

std::vector<std::string_view> known_mistakes() {
  std::vector<std::string_view> names;
  for (const ApplicationMistake& mistake : kMistakes) names.push_back(mistake.id);
  return names;
}

void settle_mistakes(Scenario& scenario) {
  for (Entry<TaskOptions>& task : scenario.tasks) settle(task.value.steps, scenario.bugs);
  const bool no_fence =
      std::any_of(scenario.bugs.begin(), scenario.bugs.end(), [](const Ref& bug) { return bug.name == kNoFence; });
  if (!no_fence) return;
  for (Entry<RingOptions>& ring : scenario.rings) ring.value.library = Library::v2_1;
}

std::vector<kernel::Bug> kernel_bugs(const std::vector<Ref>& names) {
  std::vector<kernel::Bug> bugs;
  for (const Ref& name : names)
    if (const kernel::Bug bug = kernel::find_bug(name.name); bug != kernel::Bug::count_) bugs.push_back(bug);
  return bugs;
}

}  // namespace uringsim::sim
