// SPDX-License-Identifier: GPL-2.0-only
// "lock-order": locks are taken in one order. Whoever takes a lock while holding another puts an edge between the two; if the
// edges come to form a circle, tasks could wait for each other, whether or not they did this time. An attempt that would not have
// waited puts no edge in front of its lock.
//
// As Linux's lockdep, with a difference: locks are told apart one by one, not by the place that initialised them. So there is
// nothing to annotate where several of a kind are taken in an order of their own (sockets by number), and what is never seen is
// what two objects of a kind would do that the run does not have.
//
// The live engine's threads do not tell of their locks: there this check hears nothing. Every other engine does, warm-up
// included.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>

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

/// The edges. A few are looked through one by one, and copied in no time; a world of thousands of processes, each with locks of
/// its own, gets an index.
class LockGraph {
 public:
  [[nodiscard]] bool empty() const noexcept { return edges_.size() == dead_; }

  [[nodiscard]] bool has(const LockWord* from, const LockWord* to) const {
    const auto same = [&](const Edge& edge) { return edge.from == from && edge.to == to; };
    if (index_.empty()) return std::any_of(edges_.begin(), edges_.end(), same);
    const auto start = index_.find(from), end = index_.find(to);
    if (start == index_.end() || end == index_.end()) return false;
    // One of the two may have thousands.
    const std::vector<u32>& leaving = start->second.leaving;
    const std::vector<u32>& arriving = end->second.arriving;
    const std::vector<u32>& fewer = leaving.size() < arriving.size() ? leaving : arriving;
    return std::any_of(fewer.begin(), fewer.end(), [&](u32 number) { return same(edges_[number]); });
  }

  void add(const Edge& edge) {
    edges_.push_back(edge);
    if (!index_.empty())
      list(static_cast<u32>(edges_.size() - 1));
    else if (edges_.size() > kFew)
      for (u32 number = 0; number < edges_.size(); number++) list(number);
  }

  /// What lies there is given back: no lock of it has edges any more.
  void forget(const char* begin, const char* end) {
    const auto inside = [&](const LockWord* lock) {
      const auto* const place = reinterpret_cast<const char*>(lock);
      return place >= begin && place < end;
    };
    if (index_.empty()) {
      std::erase_if(edges_, [&](const Edge& edge) { return inside(edge.from) || inside(edge.to); });
      return;
    }
    for (auto at = index_.lower_bound(reinterpret_cast<const LockWord*>(begin)); at != index_.end() && inside(at->first);) {
      for (const u32 number : at->second.leaving) kill(number);
      for (const u32 number : at->second.arriving) kill(number);
      at = index_.erase(at);
    }
    if (dead_ > edges_.size() / 2 && (dead_ > kFew || index_.empty())) compact();
  }

  /// The edges that lead from one lock to another, oldest first; the graph has no circle, so this ends.
  bool reaches(const LockWord* from, const LockWord* to, std::vector<const Edge*>& path) const {
    const auto leads_there = [&](const Edge& edge) {
      if (edge.from != from) return false;
      path.push_back(&edge);
      if (edge.to == to || reaches(edge.to, to, path)) return true;
      path.pop_back();
      return false;
    };
    if (index_.empty()) return std::any_of(edges_.begin(), edges_.end(), leads_there);
    const auto start = index_.find(from);
    return start != index_.end() && std::any_of(start->second.leaving.begin(), start->second.leaving.end(),
                                                [&](u32 number) { return leads_there(edges_[number]); });
  }

 private:
  static constexpr std::size_t kFew = 64;

  /// The edges of a lock, by their places in edges_; some may be dead.
  struct Node {
    std::vector<u32> leaving, arriving;
  };

  void list(u32 number) {
    index_[edges_[number].from].leaving.push_back(number);
    index_[edges_[number].to].arriving.push_back(number);
  }
  void kill(u32 number) {
    if (edges_[number].from == nullptr) return;
    edges_[number].from = edges_[number].to = nullptr;
    dead_++;
  }
  void compact() {
    std::erase_if(edges_, [](const Edge& edge) { return edge.from == nullptr; });
    dead_ = 0;
    index_.clear();
    if (edges_.size() > kFew)
      for (u32 number = 0; number < edges_.size(); number++) list(number);
  }

  std::vector<Edge> edges_;
  std::map<const LockWord*, Node> index_;  ///< empty while there are few; its order shows nowhere
  std::size_t dead_ = 0;
};

struct Locks {
  std::vector<Held> held;
  LockGraph graph;
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
    const auto* const begin = static_cast<const char*>(at);
    if (!state_.graph.empty()) state_.graph.forget(begin, begin + bytes);
  }

 private:
  void add(const Edge& edge) noexcept {
    if (state_.graph.has(edge.from, edge.to)) return;
    std::vector<const Edge*> path;
    if (state_.graph.reaches(edge.to, edge.from, path)) return tell(edge, path);  // and stays out of the graph
    state_.graph.add(edge);
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
