// SPDX-License-Identifier: GPL-2.0-only
#include "sim/bench/bench.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "sim/bench/bench_worlds.h"
#include "sim/bench/explore_bench.h"
#include "sim/devices/device_error.h"

namespace uringsim::sim {

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

Medians medians(const BenchOptions& options, const std::function<double()>& measure, const std::function<double()>& peer) {
  std::vector<double> values, peers;
  for (unsigned i = 0; i < std::max(options.repeats, 1u); i++) {
    values.push_back(measure());
    if (options.span().stopped()) break;
    if (peer) peers.push_back(peer());
  }
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  return {median_of(values), median_of(peers), *lowest, *highest};
}

BenchFigure figure_of(const BenchOptions& options, std::string name, std::string unit, const std::function<double()>& measure,
                      std::string peer_name, const std::function<double()>& peer) {
  const Medians both = medians(options, measure, options.peer ? options.peer : peer);
  BenchFigure figure{std::move(name), both.value, std::move(unit)};
  if (options.peer || peer) {
    figure.peer = options.peer ? options.peer_name : std::move(peer_name);
    figure.peer_value = both.peer;
  }
  figure.lowest = both.lowest;
  figure.highest = both.highest;
  return figure;
}

namespace {

constexpr u32 kBatch = 32;
constexpr u32 kDepth = 32;

/// The rate, or what went wrong.
double rate_of(const Measured& measured, const char* what) {
  if (measured.error != 0) throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(-measured.error)));
  return measured.rate();
}

/// In a process of a world: a ring of its own, `work` on it, and the ring is gone.
template <class Work>
Measured with_ring(u32 entries, Work work) {
  ApplicationRing ring;
  if (const int error = ring.queue_init(entries, 0); error != 0) return {.error = error};
  const Measured measured = work(ring);
  ring.queue_exit();
  return measured;
}

template <class Options>
double world_nops(const Options& machine, const Span& span, Time time) {
  BenchWorld world(machine);
  Measured measured;
  world.world().add_process({},
                            [&] { measured = with_ring(kBatch, [&](auto& ring) { return nops(ring, kBatch, span, time); }); });
  world.run();
  return rate_of(measured, "NOPs on the model");
}

BenchFigure timed_nop_b32(const BenchOptions& options) {
  const auto measure = [&] { return world_nops(TimedOptions{.cpus = 1}, options.span(), Time::processor); };
  return figure_of(options, "timed-nop-b32", "ops/s", measure);
}

BenchFigure live_nop_b32(const BenchOptions& options) {
  const auto measure = [&] { return world_nops(LiveOptions{}, options.span(), Time::elapsed); };
  const auto host = [&] { return rate_of(native_nops(kBatch, options.span()), "NOPs on the host"); };
  return figure_of(options, "live-nop-b32", "ops/s", measure, "host's io_uring", host);
}

/// NOPs of `rings` processes, each on a processor of its own, all at the same time.
double live_rings(unsigned rings, const Span& span) {
  BenchWorld world(LiveOptions{.cpus = 2});
  std::vector<Measured> measured(rings);
  for (unsigned i = 0; i < rings; i++)
    world.world().add_process({.cpu = static_cast<int>(i)}, [&measured, i, span] {
      measured[i] = with_ring(kBatch, [&](auto& ring) { return nops(ring, kBatch, span); });
    });
  world.run();
  double sum = 0;
  for (const Measured& one : measured) sum += rate_of(one, "NOPs on the model");
  return sum;
}

BenchFigure live_two_rings(const BenchOptions& options) {
  const auto rings = [&](unsigned count) { return [&options, count] { return live_rings(count, options.span()); }; };
  BenchFigure figure = figure_of(options, "live-two-rings", "ops/s", rings(2), "one ring", rings(1));
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) figure.note = "the host has one processor";
  return figure;
}

BenchFigure timed_randread_qd32(const BenchOptions& options) {
  constexpr u64 kBytes = u64{4} << 20;  // the host's caches hold it: the model is measured, not the host's memory
  const auto measure = [&] {
    BenchWorld world(TimedOptions{.cpus = 1});
    world.add_ram({.size = kBytes});
    std::vector<u8> content(kBytes);
    for (u64 i = 0; i < kBytes; i++) content[i] = static_cast<u8>(i * 31 + (i >> 12));
    if (!world.ram()->contents().write(world.machine(), 0, content.data(), kBytes)) throw std::runtime_error("no memory");
    Measured measured;
    world.world().add_process({}, [&] {
      const int fd = open_in_world("/dev/disk", O_RDONLY | O_DIRECT);
      const ReadTargets targets = targets_in_world(fd, kBytes, kDepth);
      measured = with_ring(kDepth, [&](auto& ring) { return random_reads(ring, targets, options.span(), Time::processor); });
    });
    world.run();
    return rate_of(measured, "reads on the model");
  };
  return figure_of(options, "timed-randread-qd32", "ops/s", measure);
}

/// A file with content, for as long as the object lives.
class ScratchFile {
 public:
  ScratchFile(const std::string& directory, u64 bytes, const Span& span)
      : path_(fmt::format("{}/uringsim-bench-{}.data", directory, getpid())) {
    std::ofstream out(path_, std::ios::binary | std::ios::trunc);
    std::vector<char> content(1 << 20);
    for (u64 at = 0; at < bytes && !span.stopped(); at += content.size()) {
      for (u64 i = 0; i < content.size(); i++) content[i] = static_cast<char>((at + i) * 31 >> 3);
      out.write(content.data(), static_cast<std::streamsize>(content.size()));
    }
    out.close();
    if (out) return;
    const int error = errno;
    unlink(path_.c_str());
    throw DeviceError(fmt::format("{}: cannot be written: {}", path_, std::strerror(error)));
  }
  ~ScratchFile() { unlink(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

BenchFigure live_odirect_qd32(const BenchOptions& options) {
  const ScratchFile file(options.directory, options.file_bytes, options.span());
  if (options.span().stopped()) return {"live-odirect-qd32", 0, "ops/s"};
  const auto measure = [&] {
    BenchWorld world(LiveOptions{});
    world.add_file({.path = file.path()});
    Measured measured;
    world.world().add_process({}, [&] {
      const int fd = open_in_world("/dev/disk", O_RDONLY | O_DIRECT);
      const ReadTargets targets = targets_in_world(fd, options.file_bytes, kDepth);
      measured = with_ring(kDepth, [&](auto& ring) { return random_reads(ring, targets, options.span()); });
    });
    world.run();
    return rate_of(measured, "reads on the model");
  };
  const auto host = [&] {
    return rate_of(native_random_reads(file.path(), options.file_bytes, kDepth, options.span()), "reads on the host");
  };
  return figure_of(options, "live-odirect-qd32", "ops/s", measure, "host's io_uring", host);
}

/// One world: an application and the SQ thread that takes its NOP.
void handshake(Arena& arena) {
  TimedMachine machine(arena, {});
  World world(machine, {});
  bool seen = false;
  world.add_process({}, [&] {
    ApplicationRing ring;
    if (ring.queue_init(4, uapi::IORING_SETUP_SQPOLL) != 0) return;
    ring.get_sqe().prep_nop();
    (void)ring.submit();
    ApplicationRing::Cqe cqe;
    seen = ring.wait_cqe(&cqe) == 0;
  });
  if (machine.run(world.tasks()).end != RunEnd::finished || !seen) throw std::runtime_error("the handshake did not end");
}

BenchFigure world_handshake(const BenchOptions& options) {
  Arena arena;
  const auto measure = [&] {
    u64 worlds = 0;
    const Stopwatch watch(Time::processor);
    do {
      handshake(arena);
      worlds++;
    } while (!options.span().over(watch.seconds()));
    return watch.seconds() * 1e6 / static_cast<double>(worlds);
  };
  return figure_of(options, "world-handshake", "us", measure);
}

/// Kernel memory and heap that are in use with `count` reads under way.
double bytes_with(u32 count) {
  BenchWorld world(LiveOptions{});
  world.add_ram({.size = u64{4} << 20, .read = {.value = u64{1} << 50}, .parallelism = 1024});
  s64 before = 0, after = 0;
  world.world().add_process({}, [&] {
    const int fd = open_in_world("/dev/disk", O_RDONLY | O_DIRECT);
    const ReadTargets targets = targets_in_world(fd, u64{4} << 20, 256);
    ApplicationRing ring;
    if (ring.queue_init(256, 0) != 0) return;
    for (u32 i = 0; i < count; i++) ring.get_sqe().prep_readv(fd, targets.iovecs + i * 16, 1, u64{i} * 4096);
    const auto in_use = [&] { return world.live().live_bytes() + static_cast<s64>(mallinfo2().uordblks); };
    before = in_use();
    (void)ring.submit();
    after = in_use();
    arch::machine().exit();  // the requests never end
  });
  world.run();
  return static_cast<double>(after - before);
}

BenchFigure bytes_per_request(const BenchOptions&) {
  constexpr u32 kMany = 256;
  return {"bytes-per-request", (bytes_with(kMany) - bytes_with(1)) / (kMany - 1), "bytes"};
}

}  // namespace

const std::vector<Benchmark>& benchmarks() {
  static const std::vector<Benchmark> all = [] {
    std::vector<Benchmark> list = {
        {"timed-nop-b32", "timed engine, NOPs in batches of 32, one core", timed_nop_b32},
        {"timed-randread-qd32", "timed engine, 4 KiB O_DIRECT random reads on ram, depth 32", timed_randread_qd32},
        {"world-handshake", "build, run and destroy the world of a two-task SQPOLL handshake", world_handshake},
        {"live-odirect-qd32", "live engine, 4 KiB O_DIRECT random reads of a host file, depth 32", live_odirect_qd32},
        {"live-nop-b32", "live engine, NOPs through enter in batches of 32", live_nop_b32},
        {"live-two-rings", "two rings on two cores", live_two_rings},
        {"bytes-per-request", "heap and kernel memory for one more request in flight", bytes_per_request},
    };
    for (const auto& more : {explore_benchmarks(), explore_counts()}) list.insert(list.end(), more.begin(), more.end());
    return list;
  }();
  return all;
}

}  // namespace uringsim::sim
