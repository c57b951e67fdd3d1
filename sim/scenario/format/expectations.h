// SPDX-License-Identifier: GPL-2.0-only
// What has to come out.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/scenario/format/files.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

/// Where an expectation applies.
struct Scope {
  std::vector<Engine> engines;       ///< none: all
  std::vector<std::string> kernels;  ///< none: all
};
struct Bounds {
  std::optional<double> at_least, at_most, equals;
};
/// Number of CQEs that tasks have taken from a ring, all of them or those with a given res or user_data.
struct CqesExpectation {
  Ref ring;
  std::optional<s64> res, user_data;
  std::optional<u64> count, at_least, at_most;
};
struct CheckExpectation {
  Ref check;
};
struct MetricExpectation {
  Ref metric;  ///< path in the --json output
  Bounds bounds;
};
/// What a file holds at the end.
struct ContentExpectation {
  Ref file;
  u64 offset = 0;
  std::optional<Bytes> size;  ///< none: to the end
  Content content = Content::pattern;
  u32 seed = 0;
};
/// In which order CQEs were taken: `user_data` appear in this order; others may come between unless `exactly`.
struct OrderExpectation {
  Ref ring;
  std::vector<s64> user_data;
  bool exactly = false;
};
/// A task's variable at its end.
struct VariableExpectation {
  Ref task;
  std::string name;
  u32 slot = 0;
  Bounds bounds;
};
enum class Verdict : u8 { clean, violation };
enum class SearchMemory : u8 { sc, tso, weak };
/// What a search of the scenario finds (uringsim explore).
struct SearchExpectation {
  Verdict verdict = Verdict::clean;
  Ref check;                         ///< the violated invariant; none: any
  std::vector<SearchMemory> memory;  ///< none: all
};
struct Expectation {
  std::string where;
  Scope on;
  std::variant<CqesExpectation, CheckExpectation, MetricExpectation, ContentExpectation, OrderExpectation, VariableExpectation,
               SearchExpectation>
      what;
};

}  // namespace uringsim::sim
