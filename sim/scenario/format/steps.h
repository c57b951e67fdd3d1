// SPDX-License-Identifier: GPL-2.0-only
// One thing that a task does.
#pragma once

#include <string>
#include <variant>

#include "sim/scenario/format/call_steps.h"
#include "sim/scenario/format/completions.h"
#include "sim/scenario/format/control_steps.h"
#include "sim/scenario/format/requests.h"
#include "sim/scenario/format/ring_steps.h"

namespace uringsim::sim {

using StepAction =
    std::variant<SubmitStep, WaitStep, ReapStep, WorkloadStep, SleepStep, SpinStep, YieldStep, RepeatStep, IfStep, MistakeStep,
                 WhileStep, AssertStep, SetStep, ClockStep, PostStep, AwaitStep, JoinStep, SetupStep, CloseStep, UnmapStep,
                 MapStep, RegisterStep, UnregisterStep, ReadStep, WriteStep, PollStep, ForkStep, ExitStep, SignalStep, SqeStep,
                 LoadStep, StoreStep, AdvanceStep, FenceStep, EnterStep, CqeStep, ScribbleStep, FillStep, PokeStep, CompareStep>;

struct TaskStep {
  std::string where;  ///< `file:line:column: /json/path`, for failures
  StepAction action;
};

}  // namespace uringsim::sim
