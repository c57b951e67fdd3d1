// SPDX-License-Identifier: GPL-2.0-only
// Tapes and recordings: small programs of raw io_uring calls, one JSON object a line, and what a kernel answered to them.
//
// A tape is a list of steps. Each step is an object whose `do` names its kind; the other keys are its arguments. A recording is a
// header line that names the kernel, then the same tapes with every answer filled in: `out` in a step, `end` in the tape. What
// the steps mean is the business of interpreter.h, which fields they have that of schema.h. Here lives the reading and writing.
//
// Reading is strict: an unknown key, a value out of range or a name that nothing defines is an error of one line that says where,
// so that whoever plays a tape may rely on its shape.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim::tape {

using Json = nlohmann::ordered_json;

/// What is wrong with a file of tapes, and where: "FILE:LINE: /steps/3/flags: ...".
class TapeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Step {
  Json body;  ///< the step as written, without `out`
  Json out;   ///< what was observed; null where nothing was, or where the tape has not been played
};

struct Tape {
  std::string name;                ///< unique within its file: group/subject/variant
  std::string group;               ///< first part of the name
  std::vector<std::string> needs;  ///< of "root", "ext4", "disk"
  u32 limit_ms = 5000;             ///< time that the whole tape may take
  std::vector<Step> steps;
  std::string agree;     ///< "K/N" where one of N runs differed, else empty
  Json end;              ///< how it ended; null where it has not been played
  bool limited = false;  ///< limit_ms was given
  u32 line = 0;          ///< where it stands in its file, from 1

  [[nodiscard]] bool needs_the(std::string_view what) const;
  /// True if this tape took the recorded kernel down: it has no results, and none are expected.
  [[nodiscard]] bool without_result() const { return end.is_object() && end.contains("kernel"); }
};

struct Recording {
  std::string file;  ///< where it was read from
  Json header;       ///< the header line; null if there is none (a corpus)
  std::vector<Tape> tapes;
};

/// Reads FILE, which may be compressed with gzip. Throws TapeError.
[[nodiscard]] Recording read_recording(const std::string& file);

/// Decodes `text`, JSON lines or one JSON array; `file` is used in messages only. Throws TapeError.
[[nodiscard]] Recording parse_recording(std::string_view text, const std::string& file);

/// The path of what a recording of `tape` should say and does not: how it ended, or the result of the first step that was
/// executed and must have one. Empty if it says everything, or if the tape took the kernel down.
[[nodiscard]] std::string unanswered(const Tape& tape);

/// The tape as one JSON object, with results where there are some.
[[nodiscard]] Json to_json(const Tape& tape);

}  // namespace uringsim::sim::tape
