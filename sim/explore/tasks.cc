// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/tasks.h"

#include <fmt/format.h>

namespace uringsim::sim {

std::string describe_left_over(const std::vector<LeftOver>& left_over) {
  std::string text;
  for (const LeftOver& left : left_over) {
    if (!text.empty()) text += "; ";
    const std::string where = left.scope != nullptr ? fmt::format(" in {}()", left.scope) : "";
    switch (left.why) {
      case Blocked::sleeping:
        text += fmt::format("{} sleeps{} and nobody will wake it", left.name, where);
        break;
      case Blocked::lock:
        text += fmt::format("{} waits{} for a lock that task {} holds (wanted at {} ({}:{}))", left.name, where, left.holder,
                            left.site.function, source_path(left.site.file), left.site.line);
        break;
      case Blocked::join:
        text += fmt::format("{} waits{} for the end of task {}", left.name, where, left.object);
        break;
      case Blocked::polling:
        text += fmt::format("{} polls{} for what nobody will do", left.name, where);
        if (const std::string_view file = source_path(left.site.file); !file.starts_with("sim/") && !file.starts_with("uapi/"))
          text += fmt::format(" ({}:{})", file, left.site.line);
        break;
      default:
        text += fmt::format("{} is not done", left.name);
        break;
    }
  }
  return text;
}

const char* check_of(const std::vector<LeftOver>& left_over) noexcept {
  const char* check = "livelock";
  for (const LeftOver& left : left_over) {
    if (left.why == Blocked::lock) return "deadlock";
    if (left.why == Blocked::sleeping) check = "lost-wakeup";
  }
  return check;
}

}  // namespace uringsim::sim
