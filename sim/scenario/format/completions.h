// SPDX-License-Identifier: GPL-2.0-only
// Steps that take completions, and whole workloads.
#pragma once

#include <optional>

#include "kernel_model/arch/types.h"
#include "sim/scenario/expression.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/format/variables.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

/// Sleeps in enter(GETEVENTS) until `cqes` are there, then takes them.
struct WaitStep {
  Ref ring;
  Expression cqes{1};
  bool take = true;
  std::optional<Expression> res;        ///< what each has to carry
  std::optional<Expression> user_data;  ///< of the first taken
  Variable into;                        ///< how many were taken, or the error
  Variable into_res;                    ///< res of the last one taken
  Variable into_user_data;
};

/// Takes what is there by looking at memory; never enters.
struct ReapStep {
  Ref ring;
  std::optional<Expression> cqes;  ///< at most so many; none: all
  bool until = false;              ///< look again and again until `cqes` were taken
  std::optional<Expression> res;
  Variable into;
  Variable into_res;
  Variable into_user_data;
};

enum class ReadWrite : u8 { read, write, randread, randwrite, rw, randrw };
enum class Completion : u8 { wait, reap };
enum class Arrival : u8 { fixed, poisson };

/// A workload in fio's terms.
struct WorkloadStep {
  Ref ring;
  Ref file;
  ReadWrite rw = ReadWrite::randread;
  u32 rwmixread = 50;  ///< rw, randrw: percent
  Bytes bs{4096};
  Bytes offset;  ///< the region used; size 0: to the end
  Bytes size;
  u32 iodepth = 1;
  u32 batch = 1;           ///< requests a submit
  u32 batch_complete = 1;  ///< completions waited for at once
  u64 ios = 0;             ///< ends after so many, 0: by runtime
  Nanoseconds runtime;     ///< or after so long
  u64 rate = 0;            ///< requests a second, 0: as fast as it goes
  Arrival arrival = Arrival::fixed;
  Nanoseconds thinktime;     ///< pause
  u32 thinktime_blocks = 1;  ///< after so many requests
  u32 link = 1;              ///< chain length
  u32 drain = 0;             ///< every so many requests, 0: never
  u32 fsync = 0;             ///< after every so many writes, 0: never
  bool fixed_buffers = false;
  std::optional<bool> fixed;  ///< as in Request
  bool verify = false;
  Completion completion = Completion::wait;
};

}  // namespace uringsim::sim
