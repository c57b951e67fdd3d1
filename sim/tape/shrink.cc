// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/shrink.h"

#include <algorithm>

#include "sim/tape/schema.h"

namespace uringsim::sim::tape {

namespace {

class Shrinker {
 public:
  Shrinker(Tape tape, const std::function<bool(const Tape&)>& differs, unsigned most)
      : best_(std::move(tape)), differs_(differs), left_(most) {}

  Tape run() {
    for (size_t before = ~size_t{0}; before > best_.steps.size();) {
      before = best_.steps.size();
      for (size_t chunk = std::max<size_t>(before / 2, 1); chunk > 0; chunk /= 2) drop_steps(chunk);
    }
    drop_fields();
    return std::move(best_);
  }

 private:
  /// Keeps `candidate` if it is a tape that still differs.
  bool try_out(Tape candidate) {
    if (left_ == 0) return false;
    try {
      check_tape(candidate);
    } catch (const SchemaError&) {
      return false;
    }
    left_--;
    if (!differs_(candidate)) return false;
    best_ = std::move(candidate);
    return true;
  }

  void drop_steps(size_t chunk) {
    // From the end: what comes last is needed by nothing.
    for (size_t end = best_.steps.size(); end > 0;) {
      const size_t begin = end > chunk ? end - chunk : 0;
      Tape candidate = best_;
      candidate.steps.erase(candidate.steps.begin() + static_cast<std::ptrdiff_t>(begin),
                            candidate.steps.begin() + static_cast<std::ptrdiff_t>(end));
      try_out(std::move(candidate));
      end = std::min(begin, best_.steps.size());
    }
  }

  void drop_fields() {
    for (size_t i = 0; i < best_.steps.size(); i++) {
      std::vector<std::string> keys;
      for (const auto& [key, value] : best_.steps[i].body.items())
        if (key != "do") keys.push_back(key);
      for (const std::string& key : keys) {
        Tape candidate = best_;
        candidate.steps[i].body.erase(key);
        try_out(std::move(candidate));
      }
    }
  }

  Tape best_;
  const std::function<bool(const Tape&)>& differs_;
  unsigned left_;
};

}  // namespace

Tape shrink(const Tape& tape, const std::function<bool(const Tape&)>& differs, unsigned most) {
  return Shrinker(tape, differs, most).run();
}

}  // namespace uringsim::sim::tape
