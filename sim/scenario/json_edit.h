// SPDX-License-Identifier: GPL-2.0-only
// What happens to a scenario's JSON between reading and decoding: --set, `sweep` and `${param}`.
//
//   apply_set(document, "idle=20ms", fields);                 // a param, or a path: "devices.nvme0.size=2GiB", "bugs=[]"
//   for (const SweepPoint& point : sweep_points(document)) ...
//   substitute_params(document);                         // last: every "${idle}" becomes the value of params.idle
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/scenario/json_reader.h"

namespace uringsim::sim {

/// Applies one `NAME=VALUE`. NAME is a param of the file, else a path of keys and list indices separated by dots
/// ("tasks.app.steps.0.repeat") or a JSON pointer ("/tasks/app/steps/0/repeat"). VALUE is JSON, or else a plain string. A path's
/// last key may be new, its parents must exist; a path of one key is one of the file's `fields`. Throws InputError.
void apply_set(Document& document, std::string_view assignment, const std::vector<std::string_view>& fields);

/// One combination of a `sweep`: the assignments, in the order of the file, ready for apply_point().
struct SweepPoint {
  std::vector<std::pair<std::string, Json>> values;
  /// "idle=4ms entries=64"
  [[nodiscard]] std::string name() const;
};

/// All combinations of the document's `sweep`, the last key varying fastest; none if there is no sweep. At most 10,000.
/// Throws InputError where `sweep` is malformed, or names nothing.
[[nodiscard]] std::vector<SweepPoint> sweep_points(const Document& document);
/// Sets what `point` says.
void apply_point(Document& document, const SweepPoint& point);

/// Replaces `${name}` in every string below `root` except in `params` and `sweep` themselves. A string that is nothing but one
/// `${name}` becomes the value itself, of whatever type; inside a longer string the value's text is inserted. Params may use
/// params that stand before them. Throws InputError for an unknown name, or an unfinished "${".
void substitute_params(Document& document);

}  // namespace uringsim::sim
