// SPDX-License-Identifier: GPL-2.0-only
#include "sim/check/deadlock.h"

#include <fmt/format.h>

#include <algorithm>

namespace uringsim::sim {

namespace {

const LeftOver* find_task(const std::vector<LeftOver>& all, u64 task) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const LeftOver& one) { return one.task == task; });
  return found == all.end() ? nullptr : &*found;
}

/// Whom it waits for; null if it is nobody, or somebody who is not left over.
const LeftOver* behind(const std::vector<LeftOver>& all, const LeftOver& one) {
  if (one.why == Blocked::lock) return find_task(all, one.holder);
  if (one.why == Blocked::join) return find_task(all, one.object);
  return nullptr;
}

std::string clause(const std::vector<LeftOver>& all, const LeftOver& one) {
  const std::string where = one.scope != nullptr ? fmt::format("in {}()", one.scope) : "in its program";
  const LeftOver* const next = behind(all, one);
  switch (one.why) {
    case Blocked::lock:
      return fmt::format("{} waits {} for a lock that {} holds", one.name, where, next != nullptr ? next->name : "nobody left");
    case Blocked::join:
      return fmt::format("{} waits {} for the end of {}", one.name, where, next != nullptr ? next->name : "nobody left");
    case Blocked::polling:
      return fmt::format("{} polls {}", one.name, where);
    default:
      return fmt::format("{} sleeps {}", one.name, where);
  }
}

/// The walk from `from` along the graph, until it ends or comes to a task that it has met; that one's place in the walk, or -1.
std::ptrdiff_t walk(const std::vector<LeftOver>& all, const LeftOver& from, std::vector<const LeftOver*>& path) {
  for (const LeftOver* at = &from; at != nullptr; at = behind(all, *at)) {
    const auto met = std::find(path.begin(), path.end(), at);
    if (met != path.end()) return met - path.begin();
    path.push_back(at);
  }
  return -1;
}

std::string told(const std::vector<LeftOver>& all, const std::vector<const LeftOver*>& path) {
  std::string text;
  for (const LeftOver* const one : path) text += (text.empty() ? "" : "; ") + clause(all, *one);
  return text;
}

}  // namespace

std::string deadlock(const std::vector<LeftOver>& left_over) {
  for (const LeftOver& from : left_over) {
    std::vector<const LeftOver*> path;
    const std::ptrdiff_t begin = walk(left_over, from, path);
    if (begin < 0) continue;
    path.erase(path.begin(), path.begin() + begin);
    const auto first = std::min_element(path.begin(), path.end(), [](auto* a, auto* b) { return a->task < b->task; });
    std::rotate(path.begin(), first, path.end());
    return told(left_over, path);
  }
  return {};
}

std::string wait_for_graph(const std::vector<LeftOver>& left_over, u32 task) {
  const LeftOver* const from = find_task(left_over, task);
  if (from == nullptr) return {};
  std::vector<const LeftOver*> path;
  (void)walk(left_over, *from, path);
  return told(left_over, path);
}

}  // namespace uringsim::sim
