// SPDX-License-Identifier: GPL-2.0-only
// Checkers: invariants that watch from outside, one a file. They read the kernel's event stream and, once nothing moves any more,
// the kernel's state; they know nothing of how the model does what it does, so they fail where its own asserts are wrong.
//
//     CheckSet checks = all_checks();
//     WorldOptions options{.trace = &checks};
//     ... run ...
//     checks.finish(world.kernel());
//     if (const Finding* finding = checks.finding()) ...
//
// A checker hears the kinds of events that it asks for. Those marked `asked` speak of what a program may do on purpose: what they
// find counts only where a scenario names them.
//
// While exploring, what was seen during set-up is kept (keep()) and every execution goes on from there (put_back()).
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "kernel_model/core/kernel.h"
#include "kernel_model/trace/trace.h"
#include "sim/fiber/lock_watch.h"

namespace uringsim::sim {

struct Finding {
  std::string check;  ///< the checker's name
  std::string text;   ///< the invariant and how it is broken, in one sentence
};

/// How the world came to its end.
enum class Rest : u8 {
  still,    ///< nothing will happen any more
  cut_off,  ///< in the midst of something: by a limit, by hand, by a BUG
};

class Checker {
 public:
  virtual ~Checker() = default;
  /// As scenarios name it: "exactly-once".
  [[nodiscard]] virtual const char* name() const noexcept = 0;
  /// What it hears of.
  [[nodiscard]] virtual std::vector<kernel::EventKind> kinds() const = 0;
  /// True if a finding counts only for who asked for this check by name.
  [[nodiscard]] virtual bool asked() const noexcept { return false; }
  virtual void event(const kernel::TraceEvent& event) = 0;
  /// The run is over. Called outside of every task. Whoever judges what will never happen judges only worlds that are still.
  virtual void finish(kernel::Kernel&, Rest) {}
  /// Where the engine is to tell of locks; null: not here.
  [[nodiscard]] virtual LockWatch* lock_watch() noexcept { return nullptr; }
  virtual void keep() = 0;
  virtual void put_back() = 0;
  /// The first thing found, or null.
  [[nodiscard]] const Finding* finding() const noexcept { return found_ ? &finding_ : nullptr; }

 protected:
  void find(std::string text) {
    if (found_) return;
    found_ = true;
    finding_ = {name(), std::move(text)};
  }
  void forget() noexcept { found_ = false; }

 private:
  bool found_ = false;
  Finding finding_;
};

/// A checker whose memory is one copyable State.
template <class State>
class StateChecker : public Checker {
 public:
  void keep() final { kept_ = state_; }
  void put_back() final {
    state_ = kept_;
    forget();
  }

 protected:
  State state_{};

 private:
  State kept_{};
};

/// State of each ring by its id, in order of creation. Few; looked up from the end.
template <class Ring>
class PerRing {
 public:
  Ring& operator[](s64 id) {
    for (auto& [known, ring] : rings_)
      if (known == id) return ring;
    return rings_.emplace_back(id, Ring{}).second;
  }
  [[nodiscard]] auto begin() const noexcept { return rings_.begin(); }
  [[nodiscard]] auto end() const noexcept { return rings_.end(); }

 private:
  std::vector<std::pair<s64, Ring>> rings_;
};

/// Several checkers on one stream.
class CheckSet final : public kernel::TraceSink {
 public:
  CheckSet& add(std::unique_ptr<Checker> checker) {
    for (const kernel::EventKind kind : checker->kinds()) listeners_[static_cast<std::size_t>(kind)].push_back(checker.get());
    checkers_.push_back(std::move(checker));
    return *this;
  }
  void event(const kernel::TraceEvent& event) noexcept override {
    for (Checker* const checker : listeners_[static_cast<std::size_t>(event.kind)]) checker->event(event);
  }
  void finish(kernel::Kernel& kernel, Rest rest = Rest::still) {
    for (const auto& checker : checkers_) checker->finish(kernel, rest);
  }
  void keep() {
    for (const auto& checker : checkers_) checker->keep();
  }
  void put_back() {
    for (const auto& checker : checkers_) checker->put_back();
  }
  /// The first finding of the first checker that has one and needs not be asked for, or null.
  [[nodiscard]] const Finding* finding() const noexcept {
    for (const auto& checker : checkers_)
      if (const Finding* const finding = checker->finding(); finding != nullptr && !checker->asked()) return finding;
    return nullptr;
  }
  /// Who wants to hear of locks: the one checker that does, or null.
  [[nodiscard]] LockWatch* lock_watch() const noexcept {
    for (const auto& checker : checkers_)
      if (LockWatch* const watch = checker->lock_watch(); watch != nullptr) return watch;
    return nullptr;
  }
  [[nodiscard]] const std::vector<std::unique_ptr<Checker>>& checkers() const noexcept { return checkers_; }

 private:
  std::vector<std::unique_ptr<Checker>> checkers_;
  std::array<std::vector<Checker*>, static_cast<std::size_t>(kernel::EventKind::count_)> listeners_;
};

std::unique_ptr<Checker> check_buffer_stable();
std::unique_ptr<Checker> check_drain_order();
std::unique_ptr<Checker> check_exactly_once();
std::unique_ptr<Checker> check_iopoll_progress();
std::unique_ptr<Checker> check_link_order();
std::unique_ptr<Checker> check_lock_order();
std::unique_ptr<Checker> check_lost_wakeup();
std::unique_ptr<Checker> check_need_wakeup_barrier();
std::unique_ptr<Checker> check_no_leak();
std::unique_ptr<Checker> check_overflow();
std::unique_ptr<Checker> check_request_life();
std::unique_ptr<Checker> check_ring_words();
std::unique_ptr<Checker> check_sqe_stable();
std::unique_ptr<Checker> check_user_data_unique();

/// Every checker there is.
CheckSet all_checks();

}  // namespace uringsim::sim
