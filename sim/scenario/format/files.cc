// SPDX-License-Identifier: GPL-2.0-only
// The table of files.
#include <algorithm>

#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

namespace {

void check_file(Decoder& decoder, const Json& at, const FileOptions& file) {
  const FileType kind = file.kind();
  const auto only = [&](const char* name, std::initializer_list<FileType> kinds) {
    const Json* const value = at.find(name);
    if (value == nullptr || std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) return;
    std::string list;
    for (const FileType type : kinds) list += fmt::format("{}{}", list.empty() ? "" : ", ", name_of(type));
    const Decoder::Down down(decoder, name);
    decoder.fail(value->at, fmt::format("a {} has none; only for: {}", name_of(kind), list));
  };
  only("device", {FileType::regular, FileType::block});
  only("host", {FileType::host});
  only("size", {FileType::regular});
  only("content", {FileType::regular, FileType::block});
  only("seed", {FileType::regular, FileType::block});
  only("cached", {FileType::regular});
  only("capacity", {FileType::pipe});
  only("socket", {FileType::socketpair});
  only("initial", {FileType::eventfd});
  only("semaphore", {FileType::eventfd});
  only("expires", {FileType::timerfd});
  if ((kind == FileType::regular || kind == FileType::block) && file.device.empty())
    decoder.fail(at.at, fmt::format("\"device\" is missing: where a {} file lives", name_of(kind)));
  if (kind == FileType::host && file.host.empty()) decoder.fail(at.at, "\"host\" is missing: the path on the host");
}

}  // namespace

template <>
const Table<FileOptions>& table_of<FileOptions>() {
  static const Table<FileOptions> table{
      "file",
      "An open file. A pipe p is two, p.r and p.w; a socketpair s is s.a and s.b.",
      {field<&FileOptions::type>("type", "What it is; regular where there is a device, host where there is a host path."),
       field<&FileOptions::device>("device", "The device it lives on."),
       field<&FileOptions::host>("host", "A path on the host; live engine only.", Need::optional, {1, ~u64{0}}),
       field<&FileOptions::size>("size", "regular: its size (1MiB).", Need::optional, {0, u64{1} << 44}),
       field<&FileOptions::content>("content", "What it holds at the start (pattern)."),
       field<&FileOptions::seed>("seed", "Of the pattern: byte i is (i*31 + (i>>8)*17 + seed) mod 256 (0)."),
       field<&FileOptions::cached>("cached", "regular: its pages are in the page cache at the start (false)."),
       field<&FileOptions::open>("open", "Flags of open(2); O_RDWR unless another access mode is given."),
       field<&FileOptions::capacity>("capacity", "pipe: bytes it holds (64KiB).", Need::optional, {4096, 1u << 20}),
       field<&FileOptions::socket>("socket", "socketpair: its type (stream)."),
       field<&FileOptions::initial>("initial", "eventfd: first value (0).", Need::optional, {0, ~u64{0} - 1}),
       field<&FileOptions::semaphore>("semaphore", "eventfd: EFD_SEMAPHORE (false)."),
       field<&FileOptions::expires>("expires", "timerfd: fires once, this long after the start (0: disarmed).")},
      check_file};
  return table;
}

}  // namespace uringsim::sim
