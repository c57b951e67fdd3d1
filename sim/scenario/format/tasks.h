// SPDX-License-Identifier: GPL-2.0-only
// Tasks: whose they are, what they may, and their steps.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/scenario/format/files.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/format/steps.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

struct BufferOptions {
  Bytes size{4096};
  Content content = Content::zero;
  u32 seed = 0;
};

struct TaskOptions {
  std::optional<u32> cpu;        ///< bound to this processor
  u32 uid = 0;                   ///< 0: root, with all capabilities; others have none
  std::string process;           ///< tasks with the same name share memory and descriptors; none: all of one process
  u32 count = 1;                 ///< so many tasks, named NAME, NAME.1, NAME.2 ...; `self` is the number in expressions
  Nanoseconds start;             ///< first step after this
  std::optional<Bytes> memlock;  ///< RLIMIT_MEMLOCK of the process
  std::optional<u32> nofile;     ///< RLIMIT_NOFILE of the process
  std::optional<Bytes> fsize;    ///< RLIMIT_FSIZE of the process
  Named<BufferOptions> buffers;  ///< memory of the task's own, usable by name in expressions
  std::vector<Signal> handlers;  ///< signals with an empty handler, no SA_RESTART
  bool must_end = true;          ///< false: may still be at it when all others are done
  Steps steps;
  std::vector<std::string> variables;  ///< names by slot; slot 0 is `self`
};

}  // namespace uringsim::sim
