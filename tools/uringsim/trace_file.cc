// SPDX-License-Identifier: GPL-2.0-only
#include "tools/uringsim/trace_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "sim/scenario/input_error.h"

namespace uringsim::tools {

namespace {

std::string suffix(const std::string& path) { return std::filesystem::path(path).extension().string(); }

}  // namespace

void check_trace_name(const std::string& path) {
  const std::string format = suffix(path);
  if (format == ".ftrace" || format == ".json") return;
  if (format == ".pftrace")
    throw sim::InputError(fmt::format(
        "--trace: {}: .pftrace (Perfetto's protobuf) is not part of this version; its viewer reads .json, too", path));
  throw sim::InputError(fmt::format("--trace: {}: the format goes by the suffix, and {} is none; .ftrace or .json would be right",
                                    path, format.empty() ? "no suffix" : format));
}

void write_trace(const std::string& path, const sim::TraceRecorder& recorder, const sim::TraceAbout& about) {
  const std::string text =
      suffix(path) == ".json" ? sim::to_chrome_json(recorder.events(), about) : sim::to_ftrace(recorder.events(), about);
  errno = 0;
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw sim::InputError(fmt::format("--trace: {}: cannot be written: {}", path, std::strerror(errno)));
}

}  // namespace uringsim::tools
