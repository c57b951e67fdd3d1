// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/dpor/dpor.h"

#include <algorithm>

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

namespace {

/// False if the program's executions have more events than sets of W words hold.
template <unsigned W>
bool search(Program& program, const Options& options, Result& result) {
  Search<W> search(program, options);
  result = search.run();
  return !search.outgrown();
}

}  // namespace

Result explore(Program& program, const Options& options) {
  Result result;
  if (search<2>(program, options, result)) return result;
  if (search<4>(program, options, result)) return result;
  if (search<8>(program, options, result)) return result;
  if (search<16>(program, options, result)) return result;
  if (search<64>(program, options, result)) return result;
  result.error = "an execution has more than 4092 events on shared words (random, pct and dfs search longer ones)";
  return result;
}

}  // namespace uringsim::sim::dpor
