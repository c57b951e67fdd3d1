// SPDX-License-Identifier: GPL-2.0-only
// Steps that decide what comes next, and those that wait for time or for each other.
#pragma once

#include <string>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/scenario/expression.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/format/variables.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

struct SleepStep {
  Nanoseconds time;
};
/// Computes: holds the processor.
struct SpinStep {
  Nanoseconds time;
};
struct YieldStep {};

struct RepeatStep {
  Expression times;
  Variable index;  ///< counts from 0
  Steps steps;
};
struct IfStep {
  Expression condition;
  Steps then, otherwise;
};
/// An application's mistake (application_mistakes.h): `steps` with the mistake in, `instead` without it.
struct MistakeStep {
  Ref mistake;
  Steps steps, instead;
  bool made = false;  ///< the scenario's `bugs` names it
};
struct WhileStep {
  Expression condition;
  Steps steps;
  u64 limit = 0;  ///< fails the run after so many rounds; 0: none
};
struct AssertStep {
  Expression condition;
  std::string message;
  std::string text;  ///< the condition as written
};
struct Assignment {
  u32 variable;
  Expression value;
};
struct SetStep {
  std::vector<Assignment> values;
};

/// Reads CLOCK_MONOTONIC, in nanoseconds.
struct ClockStep {
  Variable into;
};

/// Semaphores between tasks, of the test and not of the kernel: they wait by sleeping and order everything before the post.
struct PostStep {
  Ref event;
};
struct AwaitStep {
  Ref event;
};
struct JoinStep {
  Ref task;
};

/// A child process with copies of memory and descriptors; the ring stays shared.
struct ForkStep {
  std::string name;  ///< of the child's task
  Steps steps;
};
struct ExitStep {
  u32 code = 0;
};

}  // namespace uringsim::sim
