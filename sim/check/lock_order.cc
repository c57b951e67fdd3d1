// SPDX-License-Identifier: GPL-2.0-only
// "lock-order": locks are taken in one order. Whoever takes a lock while holding another puts an edge between the two; if the
// edges come to form a circle, tasks could wait for each other, whether or not they did this time. An attempt that would not have
// waited puts no edge in front of its lock.
//
// As Linux's lockdep, with a difference: locks are told apart one by one, not by the place that initialised them. So there is
// nothing to annotate where several of a kind are taken in an order of their own (sockets by number), and what is never seen is
// what two objects of a kind would do that the run does not have.
//
// Searches with dpor do not hear of locks: they come to every deadlock itself.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "sim/check/checker.h"
#include "sim/fiber/source_path.h"

namespace uringsim::sim {

namespace {

using arch::LockWord;

struct Held {
  u32 task;
  const LockWord* lock;
  arch::Site site;
};

/// `from` was held at `from_site` when `to` was taken at `to_site`.
struct Edge {
  const LockWord* from;
  const LockWord* to;
  arch::Site from_site, to_site;
};

struct Locks {
  std::vector<Held> held;
  std::vector<Edge> edges;
};

class LockOrder final : public StateChecker<Locks>, public LockWatch {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "lock-order"; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override { return {}; }
  void event(const kernel::TraceEvent&) override {}
  [[nodiscard]] LockWatch* lock_watch() noexcept override { return this; }

  void on_lock(u32 task, const LockWord& lock, bool tried, arch::Site site) noexcept override {
    if (!tried)
      for (const Held& held : state_.held)
        if (held.task == task && held.lock != &lock) add({held.lock, &lock, held.site, site});
    state_.held.push_back({task, &lock, site});
  }

  void on_unlock(u32 task, const LockWord& lock) noexcept override {
    std::vector<Held>& held = state_.held;
    for (std::size_t i = held.size(); i-- > 0;) {
      if (held[i].lock != &lock || held[i].task != task) continue;
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }

  void on_free(const void* at, u64 bytes) noexcept override {
    if (state_.edges.empty()) return;
    const auto* const begin = static_cast<const char*>(at);
    const auto inside = [&](const LockWord* lock) {
      const auto* const place = reinterpret_cast<const char*>(lock);
      return place >= begin && place < begin + bytes;
    };
    std::erase_if(state_.edges, [&](const Edge& edge) { return inside(edge.from) || inside(edge.to); });
  }

 private:
  void add(const Edge& edge) noexcept {
    for (const Edge& known : state_.edges)
      if (known.from == edge.from && known.to == edge.to) return;
    std::vector<const Edge*> path;
    if (reaches(edge.to, edge.from, path)) return tell(edge, path);  // and stays out of the graph
    state_.edges.push_back(edge);
  }

  /// The edges that lead from one lock to another; the graph has no circle, so this ends.
  bool reaches(const LockWord* from, const LockWord* to, std::vector<const Edge*>& path) const noexcept {
    for (const Edge& edge : state_.edges) {
      if (edge.from != from) continue;
      path.push_back(&edge);
      if (edge.to == to || reaches(edge.to, to, path)) return true;
      path.pop_back();
    }
    return false;
  }

  void tell(const Edge& edge, const std::vector<const Edge*>& path) {
    std::string text = "locks are taken in one order: one is taken " + place(edge.to_site) +
                       " with another held that was taken " + place(edge.from_site);
    for (const Edge* const other : path)
      text += ", and the other way round " + place(other->to_site) + " with one held since " + place(other->from_site);
    find(std::move(text));
  }

  static std::string place(const arch::Site& site) {
    return fmt::format("at {}() ({}:{})", site.function, source_path(site.file), site.line);
  }
};

}  // namespace

std::unique_ptr<Checker> check_lock_order() { return std::make_unique<LockOrder>(); }

}  // namespace uringsim::sim
