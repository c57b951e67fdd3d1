// SPDX-License-Identifier: GPL-2.0-only
// The benchmarks that the README quotes: whole worlds on an engine, each beside its peer in the same run.
//
// Every figure is the median of `repeats` measurements; a benchmark and its peer are measured in turn, so that a host that slows
// down slows down both. The workload is one template over the ring library: the peer on the host's io_uring runs the same code.
#pragma once

#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/bench/workloads.h"

namespace uringsim::sim {

struct BenchOptions {
  unsigned repeats = 5;
  u64 measure_ns = 300'000'000;                      ///< how long one measurement takes, about
  const volatile std::sig_atomic_t* stop = nullptr;  ///< ends what is under way once it is set; the figure means nothing then
  std::string directory = ".";                       ///< where the file of live-odirect-qd32 is made, and removed
  u64 file_bytes = u64{256} << 20;                   ///< its size
  std::function<double()> peer{};                    ///< one measurement of a peer from outside, instead of the benchmark's own
  std::string peer_name{};
  [[nodiscard]] Span span() const noexcept { return {measure_ns, stop}; }
};

struct BenchFigure {
  std::string name;
  double value = 0;
  std::string unit;
  std::string peer{};  ///< what `peer_value` measures; empty if there is none
  std::optional<double> peer_value{};
  std::string note{};                         ///< why there is no figure, or what to know of it
  std::optional<double> lowest{}, highest{};  ///< of the measurements that `value` is the median of
  std::optional<bool> pass{};                 ///< where the peer's value is a bound: whether it is kept
  [[nodiscard]] std::optional<double> ratio() const {
    return peer_value && *peer_value != 0 ? std::optional(value / *peer_value) : std::nullopt;
  }
};

struct Benchmark {
  std::string name;
  std::string about;
  std::function<BenchFigure(const BenchOptions& options)> run;
};

/// All of them, in the order in which they are printed. The group of a benchmark is the first word of its name.
[[nodiscard]] const std::vector<Benchmark>& benchmarks();

/// 0 of none.
[[nodiscard]] double median_of(std::vector<double> values);

/// The median of what `measure` returns; `peer`, if given, is measured in turn with it.
struct Medians {
  double value = 0;
  double peer = 0;
  double lowest = 0, highest = 0;  ///< of what the value is the median of
};
[[nodiscard]] Medians medians(const BenchOptions& options, const std::function<double()>& measure,
                              const std::function<double()>& peer = {});

/// The figure of options.repeats measurements, in turn with those of the peer: the user's if there is one, else the given one.
[[nodiscard]] BenchFigure figure_of(const BenchOptions& options, std::string name, std::string unit,
                                    const std::function<double()>& measure, std::string peer_name = {},
                                    const std::function<double()>& peer = {});

}  // namespace uringsim::sim
