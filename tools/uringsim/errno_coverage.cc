// SPDX-License-Identifier: GPL-2.0-only
#include "tools/uringsim/errno_coverage.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <stdexcept>

namespace uringsim::tools {

namespace {

namespace fs = std::filesystem;

#ifdef URINGSIM_COVERAGE
constexpr bool kCounts = true;
#else
constexpr bool kCounts = false;
#endif
#ifndef URINGSIM_BUILD_DIR
#define URINGSIM_BUILD_DIR "."
#endif
#ifndef URINGSIM_SOURCE_DIR
#define URINGSIM_SOURCE_DIR "."
#endif

/// The standard output of a command; throws if it cannot be started.
std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string text;
  std::array<char, 65536> chunk;
  size_t got;
  while ((got = std::fread(chunk.data(), 1, chunk.size(), pipe.get())) > 0) text.append(chunk.data(), got);
  return text;
}

std::string quoted(const fs::path& path) {
  std::string text = "'";
  for (const char c : path.string())
    if (c == '\'')
      text += "'\\''";
    else
      text += c;
  return text + "'";
}

/// How often each line of each source file below kernel_model/ was executed, over all objects that it is part of.
std::map<std::string, std::map<u32, u64>> line_counts() {
  std::map<std::string, std::map<u32, u64>> counts;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(URINGSIM_BUILD_DIR)) {
    if (entry.path().extension() != ".gcno" || entry.path().string().find("kernel_model") == std::string::npos) continue;
    const nlohmann::json report =
        nlohmann::json::parse(output_of("gcov --json-format --stdout " + quoted(entry.path()) + " 2>/dev/null"), nullptr, false);
    if (report.is_discarded()) throw std::runtime_error("gcov gave no report for " + entry.path().string());
    for (const nlohmann::json& file : report.value("files", nlohmann::json::array())) {
      // Named as the compiler was told: from where it was started, often the build directory.
      const fs::path from = report.value("current_working_directory", std::string(URINGSIM_BUILD_DIR));
      const fs::path source = (from / file.at("file").get<std::string>()).lexically_normal();
      const std::string name = source.lexically_relative(fs::path(URINGSIM_SOURCE_DIR).lexically_normal()).string();
      if (name.compare(0, 13, "kernel_model/") != 0) continue;
      for (const nlohmann::json& line : file.at("lines"))
        counts[name][line.at("line_number").get<u32>()] += line.at("count").get<u64>();
    }
  }
  return counts;
}

}  // namespace

bool counts_lines() noexcept { return kCounts; }

ErrnoCoverage errno_coverage() {
  static const std::regex gives_errno(R"(-E[A-Z][A-Z0-9]+\b)");
  ErrnoCoverage coverage;
  for (const auto& [name, lines] : line_counts()) {
    std::ifstream source(std::string(URINGSIM_SOURCE_DIR) + "/" + name);
    u32 number = 0;
    for (std::string text; std::getline(source, text);) {
      number++;
      const auto count = lines.find(number);
      if (count == lines.end() || !std::regex_search(text.substr(0, text.find("//")), gives_errno)) continue;
      coverage.lines++;
      if (count->second == 0) coverage.unreached.push_back({name, number, text.substr(text.find_first_not_of(' '))});
    }
  }
  if (coverage.lines == 0) throw std::runtime_error("gcov found no counted line of kernel_model/ below " URINGSIM_BUILD_DIR);
  return coverage;
}

}  // namespace uringsim::tools
