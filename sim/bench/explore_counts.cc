// SPDX-License-Identifier: GPL-2.0-only
// How many executions a program has up to equivalence is known from other explorers: under sc from Nidhugg 0.4 (optimal), under
// tso from GenMC 0.10.3, which agree with each other wherever both finish. A search that takes more does something twice. Blocked
// executions, which assume() cuts off, are counted apart. Under weak there is no bound: its graphs are not those of RC11.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <stdexcept>

#include "sim/bench/explore_bench.h"
#include "sim/explore/programs/counting.h"
#include "sim/explore/programs/handshake.h"
#include "sim/explore/programs/litmus.h"

namespace uringsim::sim {

namespace {

using programs::Accesses;

struct Count {
  u64 complete = 0;
  u64 blocked = 0;
};

struct Counted {
  std::string name;  ///< as in explore-count-NAME-MODEL
  std::function<std::unique_ptr<Program>()> make;
  Count sc, tso;
};

struct HandshakeCount {
  int submissions;
  const char* variant;
  bool app_barrier, sq_barrier, second_look;
  Count sc, tso;
};

// At most N + 2 rounds of the SQ thread. Without the final assertion, so that the wrong variants have a whole tree, too.
constexpr HandshakeCount kHandshakes[] = {
    {1, "", true, true, true, {5, 1}, {5, 1}},
    {1, "-kernel-only", false, true, true, {5, 1}, {6, 1}},
    {1, "-app-only", true, false, true, {5, 1}, {6, 1}},
    {1, "-none", false, false, true, {5, 1}, {6, 1}},
    {1, "-v5.10", true, true, false, {3, 1}, {3, 1}},
    {2, "", true, true, true, {59, 20}, {71, 24}},
    {2, "-kernel-only", false, true, true, {59, 20}, {93, 38}},
    {2, "-app-only", true, false, true, {59, 20}, {93, 40}},
    {2, "-none", false, false, true, {59, 20}, {93, 40}},
    {2, "-v5.10", true, true, false, {17, 6}, {22, 8}},
    {3, "", true, true, true, {522, 406}, {770, 623}},
    {3, "-kernel-only", false, true, true, {522, 406}, {1212, 1014}},
    {3, "-app-only", true, false, true, {522, 406}, {1268, 1171}},
    {3, "-none", false, false, true, {522, 406}, {1268, 1171}},
    {3, "-v5.10", true, true, false, {106, 42}, {202, 102}},
    {4, "", true, true, true, {5401, 4271}, {9742, 8528}},
    {5, "", true, true, true, {49397, 51723}, {112258, 125097}},
};

struct LitmusCount {
  const char* name;
  const char* text;
  u64 sc, tso;
};

constexpr LitmusCount kLitmus[] = {
    {"sb-rlx", "x=1; a=y | y=1; b=x", 3, 4},
    {"sb-relacq", "x:=1; a=:y | y:=1; b=:x", 3, 4},
    {"sb-mb", "x=1; mb; a=y | y=1; mb; b=x", 3, 3},
    {"mp-rlx", "x=1; y=1 | a=y; b=x", 3, 3},
    {"mp-relacq", "x=1; y:=1 | a=:y; b=x", 3, 3},
    {"iriw-rlx", "x=1 | y=1 | a=x; b=y | c=y; d=x", 15, 15},
    {"iriw-relacq", "x:=1 | y:=1 | a=:x; b=:y | c=:y; d=:x", 15, 15},
    {"iriw-mb", "x=1 | y=1 | a=x; mb; b=y | c=y; mb; d=x", 15, 15},
    {"chain-rlx", "x=1; y=1 | a=y; if a; z=1 | b=z; if b; w=1 | c=w; d=x", 7, 7},
    {"chain-relacq", "x=1; y:=1 | a=:y; if a; z:=1 | b=:z; if b; w:=1 | c=:w; d=x", 7, 7},
};

template <class Of, class... Arguments>
std::function<std::unique_ptr<Program>()> maker(Arguments... arguments) {
  return [arguments...] { return std::make_unique<Of>(arguments...); };
}

std::vector<Counted> counted_programs() {
  std::vector<Counted> all;
  for (const HandshakeCount& row : kHandshakes) {
    programs::HandshakeOptions options;
    options.submissions = row.submissions;
    options.app_barrier = row.app_barrier;
    options.sq_barrier = row.sq_barrier;
    options.second_look = row.second_look;
    options.require_consumed = false;
    all.push_back(
        {fmt::format("handshake-n{}{}", row.submissions, row.variant), maker<programs::Handshake>(options), row.sc, row.tso});
  }
  const auto add = [&](const char* kind, unsigned n, std::function<std::unique_ptr<Program>()> make, u64 complete) {
    all.push_back({fmt::format("{}-{}", kind, n), std::move(make), {complete, 0}, {complete, 0}});
  };
  for (unsigned n = 11, complete = 1; n <= 15; n++, complete *= 8) {
    add("indexer", n, maker<programs::Indexer>(n), complete);
    add("indexer-mutex", n, maker<programs::Indexer>(n, true), complete);
  }
  for (const unsigned n : {14u, 16u, 18u, 22u, 24u}) add("filesystem", n, maker<programs::Filesystem>(n), u64{1} << (n - 13));
  for (const auto& [n, complete] : {std::pair{5u, u64{64}}, {10u, u64{3328}}, {15u, u64{147456}}})
    add("lastzero", n, maker<programs::LastZero>(n, Accesses::ordered), complete);
  for (const unsigned n : {8u, 10u, 13u, 16u}) add("readers", n, maker<programs::Readers>(n), u64{1} << n);
  for (unsigned n = 3, complete = 6; n <= 8; complete *= ++n) {
    add("nwriters", n, maker<programs::NWriters>(n), complete);
    if (n <= 7) add("nwriters-read", n, maker<programs::NWriters>(n, true), complete);
  }
  for (const LitmusCount& row : kLitmus)
    all.push_back({fmt::format("litmus-{}", row.name),
                   maker<programs::Litmus>(std::string(row.name), std::string_view(row.text)),
                   {row.sc, 0},
                   {row.tso, 0}});
  return all;
}

BenchFigure count(const std::string& name, Program& program, Memory memory, const std::optional<Count>& bound,
                  const BenchOptions& options) {
  ExploreOptions search;
  search.memory = memory;
  const ExploreResult result = explore(program, until_stopped(search, options));
  if (!result.error.empty()) throw std::runtime_error(fmt::format("{}: {}", name, result.error));
  BenchFigure figure{name, static_cast<double>(result.executions), "executions"};
  figure.note = fmt::format("{} blocked, {:.3f} s", result.blocked, result.seconds);
  if (!bound) return figure;
  figure.peer = memory == Memory::sc ? "Nidhugg, optimal" : "GenMC";
  figure.peer_value = static_cast<double>(bound->complete);
  if (bound->blocked != 0 || result.blocked != 0) figure.note += fmt::format(", at most {} blocked", bound->blocked);
  figure.pass = result.exhaustive && result.executions <= bound->complete && result.blocked <= bound->blocked;
  return figure;
}

}  // namespace

std::vector<Benchmark> explore_counts() {
  std::vector<Benchmark> all;
  for (const Counted& counted : counted_programs())
    for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
      const std::string name = fmt::format("explore-count-{}-{}", counted.name, to_string(memory));
      std::optional<Count> bound;
      if (memory != Memory::weak) bound = memory == Memory::sc ? counted.sc : counted.tso;
      all.push_back({name, "executions that dpor takes, beside those of optimal explorers",
                     [name, make = counted.make, memory, bound](const BenchOptions& options) {
                       return count(name, *make(), memory, bound, options);
                     }});
    }
  return all;
}

}  // namespace uringsim::sim
