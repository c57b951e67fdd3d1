// SPDX-License-Identifier: GPL-2.0-only
// The binary as scripts see it, and files to hand to it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace uringsim::tools {

/// The binary that stands beside this test.
inline std::string binary() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().string() + "/uringsim"; }

struct Result {
  int code;
  std::string out;  ///< both streams
};

/// Runs commands of a shell in a folder.
inline Result shell(const std::string& script, const std::string& folder) {
  std::FILE* const pipe = popen(("cd " + folder + " && { " + script + "; } 2>&1").c_str(), "r");
  Result result{-1, ""};
  std::array<char, 4096> chunk;
  while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), pipe)) result.out.append(chunk.data(), got);
  const int status = pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

/// Runs the binary in the root of the source tree.
inline Result uringsim(const std::string& arguments) { return shell(binary() + " " + arguments, URINGSIM_SOURCE_DIR); }

/// A file of this process that goes away with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content = {})
      : path_(testing::TempDir() + "uringsim-" + std::to_string(getpid()) + "-" + std::to_string(count_++)) {
    std::ofstream(path_) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  static inline int count_ = 0;
  std::string path_;
};

}  // namespace uringsim::tools
