// SPDX-License-Identifier: GPL-2.0-only
// Requests as an application prepares them, and their submission.
#pragma once

#include <optional>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/scenario/expression.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/format/variables.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

enum class Op : u8 {
  nop,
  readv,
  writev,
  fsync,
  read_fixed,
  write_fixed,
  poll_add,
  poll_remove,
  sync_file_range,
  sendmsg,
  recvmsg,
  timeout
};
/// Whether the opcode takes data from the application's memory.
[[nodiscard]] constexpr bool writes(Op op) noexcept { return op == Op::writev || op == Op::write_fixed || op == Op::sendmsg; }
struct SqeFlagNames {};
struct PollEventNames {};
struct SyncRangeNames {};
struct MessageFlagNames {};

/// Where a request starts in its file.
struct Offset {
  enum class Kind : u8 { at, sequential, random };
  Kind kind = Kind::sequential;
  Expression at;  ///< bytes, Kind::at; request i of the step starts i * size later
};

/// One request, or `count` equal ones, as an application prepares them with the ring library.
struct Request {
  Op op = Op::nop;
  u32 count = 1;
  Ref file;
  std::optional<bool> fixed;  ///< none: by index where the ring has registered the file
  Offset offset;
  Bytes size{4096};                     ///< of each transfer
  u32 iovecs = 1;                       ///< readv, writev: `size` is split among them
  std::optional<u32> seed;              ///< data written: pattern with this seed; none: the file's own
  std::optional<bool> verify;           ///< compare what is read; none: where the file's content is known
  bool link = false;                    ///< each with the next, the last of the step not
  bool drain = false;                   ///< the first of them
  Flags<SqeFlagNames> flags;            ///< more, for each
  std::optional<Expression> user_data;  ///< of the first, counting up; none: numbers of the runner's own
  Flags<PollEventNames> events{1};      ///< poll_add
  Expression target;                    ///< poll_remove: user_data of the poll
  bool datasync = false;                ///< fsync
  Flags<SyncRangeNames> range;          ///< sync_file_range
  Flags<MessageFlagNames> message;      ///< sendmsg, recvmsg
  Nanoseconds after;                    ///< timeout
  bool absolute = false;                ///< timeout: `after` is a time of the clock, not a span
  u32 completions = 0;                  ///< timeout: or after so many
};

/// Fills SQEs, publishes all of them with one tail store, looks once at the flags, and enters where the library would.
struct SubmitStep {
  Ref ring;
  Request request;  ///< the step's own, if `sqes` is empty
  std::vector<Request> sqes;
  bool wake = true;  ///< false: published, but the kernel is never told
  u32 wait = 0;      ///< submit_and_wait
  Variable into;     ///< what submit returned
};

}  // namespace uringsim::sim
