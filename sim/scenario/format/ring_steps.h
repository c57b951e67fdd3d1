// SPDX-License-Identifier: GPL-2.0-only
// The low level: the ring itself, one access a step. Races are about those.
#pragma once

#include <optional>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/scenario/expression.h"
#include "sim/scenario/format/call_steps.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/format/variables.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

enum class Word : u8 {
  sq_head,
  sq_tail,
  sq_mask,
  sq_entries,
  sq_flags,
  sq_dropped,
  cq_head,
  cq_tail,
  cq_mask,
  cq_entries,
  cq_overflow
};
enum class LoadOrder : u8 { relaxed, acquire, plain };
enum class StoreOrder : u8 { relaxed, release, plain };
enum class FenceKind : u8 { none, full, read, write };
struct EnterFlagNames {};

/// Stores into an SQE, field by field, raw. Fields that are not named are set to 0 unless `keep`.
struct SqeStep {
  Ref ring;
  std::optional<Expression> slot;   ///< SQE index; none: the one after the last, modulo the ring
  std::optional<Expression> index;  ///< what goes into the SQ array at `slot`; none: slot itself
  bool keep = false;                ///< leave other fields as they are: to change an SQE under the kernel's eyes
  std::optional<Expression> opcode, flags, ioprio, fd, off, addr, len, rw_flags, user_data, buf_index;
  Ref file;  ///< instead of `fd`: the descriptor, or the index where `fixed`
  bool fixed = false;
};
struct LoadStep {
  Ref ring;
  Word word = Word::sq_head;
  LoadOrder order = LoadOrder::relaxed;
  Variable into;
};
struct StoreStep {
  Ref ring;
  Word word = Word::sq_tail;
  Expression value;
  StoreOrder order = StoreOrder::release;
};
/// Adds to a word that this side owns (SQ tail, CQ head), from the task's own copy.
struct AdvanceStep {
  Ref ring;
  Word word = Word::cq_head;
  Expression by{1};
  StoreOrder order = StoreOrder::release;
};
struct FenceStep {
  FenceKind kind = FenceKind::full;
};
/// io_uring_enter, argument by argument.
struct EnterStep {
  Ref ring;
  Expression to_submit, min_complete;
  Flags<EnterFlagNames> flags;
  std::optional<std::vector<Signal>> blocked;  ///< the sigmask while inside; none: no mask is passed
  std::optional<Expression> result;
  Variable into;
};
/// Reads one CQE, plainly.
struct CqeStep {
  Ref ring;
  Expression at;  ///< CQ index before masking
  Variable user_data, res, flags;
};
enum class Area : u8 { sqes, sq_array, sq_words, cq_words, cqes };
/// Writes over ring memory: `value` in each byte, or random bytes.
struct ScribbleStep {
  Ref ring;
  Area area = Area::sqes;
  Expression offset;
  Bytes size{64};
  std::optional<Expression> value;  ///< none: random
};
/// Fills one of the task's own buffers with a pattern or a byte.
struct FillStep {
  BufferSlot buffer;
  std::optional<u32> seed;
  std::optional<Expression> value;
};
/// Stores a number into one of the task's own buffers: an iovec, say.
struct PokeStep {
  BufferSlot buffer;
  Expression offset;
  u32 size = 8;
  Expression value;
};
/// Asserts that a buffer holds the pattern of `seed` from `offset` on.
struct CompareStep {
  BufferSlot buffer;
  u32 seed = 0;
  Bytes offset;               ///< where in the pattern the buffer starts
  std::optional<Bytes> size;  ///< none: all of it
};

}  // namespace uringsim::sim
