// SPDX-License-Identifier: GPL-2.0-only
// --trace OUT: the event stream of a run, in the format that the name asks for.
#pragma once

#include <string>

#include "sim/trace/export.h"
#include "sim/trace/recorder.h"

namespace uringsim::tools {

/// What --help says of the option.
inline constexpr const char* kTraceHelp =
    "writes the events: .ftrace (the kernel's trace file) or .json (Chrome, Perfetto's viewer)";

/// Refuses a name whose format there is none of (InputError), before anything runs.
void check_trace_name(const std::string& path);
/// Writes what was recorded. Throws InputError if the file cannot be written whole.
void write_trace(const std::string& path, const sim::TraceRecorder& recorder, const sim::TraceAbout& about);

}  // namespace uringsim::tools
