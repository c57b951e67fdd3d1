// SPDX-License-Identifier: GPL-2.0-only
#include "tools/uringsim/trace_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "sim/scenario/input_error.h"

namespace uringsim::tools {

namespace {

std::string suffix(const std::string& path) { return std::filesystem::path(path).extension().string(); }

[[noreturn]] void cannot_write(const std::string& path, int error) {
  throw sim::InputError(fmt::format("--trace: {}: cannot be written: {}", path, std::strerror(error)));
}

/// What would make writing fail is said before the run, not behind it. Makes nothing: a run may still be refused.
void check_place(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) cannot_write(path, EISDIR);
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const bool exists = access(path.c_str(), F_OK) == 0;
  const std::string& changed = exists ? path : parent;
  if (access(changed.empty() ? "." : changed.c_str(), W_OK) != 0) cannot_write(path, errno);
}

}  // namespace

void check_trace_name(const std::string& path) {
  const std::string format = suffix(path);
  if (format == ".ftrace" || format == ".json") return check_place(path);
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
  if (out) return;
  const int error = errno;
  // Half a trace looks like a whole one.
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) std::filesystem::remove(path, ignored);
  cannot_write(path, error);
}

}  // namespace uringsim::tools
