// SPDX-License-Identifier: GPL-2.0-only
// System calls that a task makes by itself.
#pragma once

#include <optional>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/scenario/expression.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/format/requests.h"
#include "sim/scenario/format/rings.h"
#include "sim/scenario/format/variables.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

/// io_uring_setup and mmap of a declared ring, now rather than at the start.
struct SetupStep {
  Ref ring;
  Variable into;
};
struct CloseStep {
  Ref ring, file;
  bool keep_map = false;  ///< ring: its memory stays mapped, and with it the ring
  Variable into;
};
struct UnmapStep {
  Ref ring;
};
/// Maps a ring again (after `unmap`, or in a child that needs its own look).
struct MapStep {
  Ref ring;
  Variable into;
};

enum class RegisterWhat : u8 { buffers, files, eventfd };
struct RegisterStep {
  Ref ring;
  RegisterWhat what = RegisterWhat::files;
  std::vector<Ref> files;
  std::optional<BufferSet> buffers;
  Ref eventfd;
  Expression result;  ///< what it has to return, 0 unless the error is the subject
  Variable into;      ///< with this, `result` is not tested
};
struct UnregisterStep {
  Ref ring;
  RegisterWhat what = RegisterWhat::files;
  Expression result;
  Variable into;
};

/// read(2), write(2), fsync(2) by the task itself.
struct ReadStep {
  Ref file;
  Bytes size{4096};
  std::optional<Expression> offset;  ///< pread
  std::optional<Expression> result;
  Variable into;
};
struct WriteStep {
  Ref file;
  Bytes size{4096};
  std::optional<Expression> offset;  ///< pwrite
  std::optional<u32> seed;
  std::optional<Expression> value;  ///< the eight bytes for an eventfd
  std::optional<Expression> result;
  Variable into;
};
/// poll(2) on a file or on the ring itself.
struct PollStep {
  Ref file, ring;
  Flags<PollEventNames> events{1};
  std::optional<Nanoseconds> timeout;  ///< none: for ever
  Variable into;                       ///< revents
};

enum class Signal : u8 { usr1, usr2, intr, term, alrm, kill };
struct SignalStep {
  Ref task;
  Signal signal = Signal::usr1;
};

}  // namespace uringsim::sim
