// SPDX-License-Identifier: GPL-2.0-only
// The tables of everything but steps: machine, devices, files, rings, tasks, faults, expectations, and the file as a whole.
#include <algorithm>

#include "sim/fiber/costs.h"
#include "sim/scenario/decoder.h"
#include "sim/scenario/tables.h"

namespace uringsim::sim {

// ---- machine -----------------------------------------------------------------------------------------------------------

namespace {

/// The cost model's own reader says what is wrong with an entry.
void decode_costs(Decoder& decoder, const Json& at, MachineSettings& out, const Limits&) {
  if (at.kind != Json::Kind::object)
    decoder.fail(at.at,
                 fmt::format("is {}; an object like {{\"syscall\": {{\"value\": \"300ns\"}}}} is needed", kind_name(at.kind)));
  out.costs = to_text(at);
  Costs trial = Costs::standard();
  const std::string error = read_costs(out.costs, "costs", trial);
  if (!error.empty()) decoder.fail(at.at, error);
}

SchemaJson costs_schema(SchemaBuilder&, const Limits&) {
  const SchemaJson values = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
  const SchemaJson entry = {{"type", "object"},
                            {"properties",
                             {{"value", {{"type", "string"}}},
                              {"per", {{"type", "string"}}},
                              {"about", {{"type", "string"}}},
                              {"default", {{"type", "string"}}},
                              {"values", values}}},
                            {"additionalProperties", false}};
  return {{"type", "object"}, {"propertyNames", {{"enum", known_costs()}}}, {"additionalProperties", entry}};
}

}  // namespace

template <>
const Table<MachineSettings>& table_of<MachineSettings>() {
  static const Table<MachineSettings> table{
      "machine",
      "Processors, clock and memory of the simulated machine.",
      {field<&MachineSettings::cpus>("cpus", "Number of processors (2).", Need::optional, {1, 64}),
       field<&MachineSettings::hz>("hz", "Jiffies a second (250): what sq_thread_idle is counted in.", Need::optional,
                                   {24, 10'000}),
       field<&MachineSettings::time_slice>("time_slice", "timed: how long a task runs while others wait for its processor (4ms).",
                                           Need::optional, {1'000, 10'000'000'000}),
       field<&MachineSettings::memory>("memory", "Page frames for user memory and page cache together (1GiB).", Need::optional,
                                       {16u << 20, u64{1} << 40}),
       Field<MachineSettings>{"costs",
                              "timed: entries of the cost model to replace, as in sim/fiber/costs.json.",
                              Need::optional,
                              {},
                              decode_costs,
                              costs_schema}}};
  return table;
}

// ---- devices -----------------------------------------------------------------------------------------------------------

namespace {

void decode_percentiles(Decoder& decoder, const Json& at, PercentileLatency& out) {
  const Decoder::Down down(decoder, "percentiles");
  if (at.kind != Json::Kind::object || at.items.empty())
    decoder.fail(at.at, "needs an object like {\"50\": \"80us\", \"99\": \"300us\"}");
  for (std::size_t i = 0; i < at.items.size(); ++i) {
    const Decoder::Down key(decoder, at.keys[i].text);
    const auto share = parse_probability(at.keys[i].text + "%");
    if (!share) decoder.fail(at.keys[i].at, fmt::format("{} is no percentile from 0 to 100", in_quotes(at.keys[i].text)));
    Nanoseconds value;
    Codec<Nanoseconds>::decode(decoder, at.items[i], value, {});
    if (!out.points.empty() && (share->count <= out.points.back().share_ppm || value.count < out.points.back().value.count))
      decoder.fail(at.keys[i].at, "percentiles and their times have to ascend");
    out.points.push_back({share->count, value});
  }
}

/// A distribution other than a plain time.
void decode_distribution(Decoder& decoder, const Json& at, Latency& out) {
  const std::vector<std::string_view> shapes{"fixed", "uniform", "lognormal", "percentiles"};
  if (at.kind != Json::Kind::object || at.keys.size() != 1)
    decoder.fail(at.at,
                 "needs a time or one of {\"fixed\": time}, {\"uniform\": [least, most]}, {\"lognormal\": {...}}, "
                 "{\"percentiles\": {...}}");
  const std::string& shape = at.keys[0].text;
  const Json& value = at.items[0];
  if (shape == "fixed") {
    const Decoder::Down down(decoder, shape);
    Codec<Nanoseconds>::decode(decoder, value, out.emplace<FixedLatency>().value, {});
  } else if (shape == "uniform") {
    const Decoder::Down down(decoder, shape);
    std::vector<Nanoseconds> ends;
    Codec<std::vector<Nanoseconds>>::decode(decoder, value, ends, {2, 2});
    if (ends[0].count > ends[1].count) decoder.fail(value.at, "the first is the least, the second the most");
    out = UniformLatency{ends[0], ends[1]};
  } else if (shape == "lognormal") {
    const Decoder::Down down(decoder, shape);
    decode_object(decoder, value, out.emplace<LognormalLatency>(), table_of<LognormalLatency>());
  } else if (shape == "percentiles") {
    decode_percentiles(decoder, value, out.emplace<PercentileLatency>());
  } else {
    const Decoder::Down down(decoder, shape);
    decoder.fail(at.keys[0].at, fmt::format("unknown distribution {}; {}", in_quotes(shape), name_hint(shape, shapes)));
  }
}

/// A plain time in the shape that `spread` asks for.
Latency shaped(Nanoseconds center, const LatencyOptions& options) {
  switch (options.spread) {
    case Spread::fixed:
      break;
    case Spread::lognormal:
      return LognormalLatency{center, options.sigma_milli};
    case Spread::uniform: {
      const u64 swing = static_cast<u64>(static_cast<unsigned __int128>(center.count) * options.jitter.count / 1'000'000);
      return UniformLatency{{center.count - swing}, {center.count + swing}};
    }
  }
  return FixedLatency{center};
}

}  // namespace

template <>
const Table<LognormalLatency>& table_of<LognormalLatency>() {
  static const Table<LognormalLatency> table{
      "lognormal",
      "A lognormal distribution.",
      {field<&LognormalLatency::median>("median", "Half of the requests take at most this.", Need::required),
       field<&LognormalLatency::sigma_milli>("sigma_milli", "Standard deviation of the logarithm, in thousandths (250).",
                                             Need::optional, {0, 3'000})}};
  return table;
}

void Codec<Latency>::decode(Decoder& decoder, const Json& at, Latency& out, const Limits& limits) {
  if (at.kind == Json::Kind::object) return decode_distribution(decoder, at, out);
  Codec<Nanoseconds>::decode(decoder, at, out.emplace<FixedLatency>().value, limits);
}
SchemaJson Codec<Latency>::schema(SchemaBuilder& schema, const Limits&) {
  return schema.reference("distribution", [](SchemaBuilder& inner) {
    const SchemaJson time = Codec<Nanoseconds>::schema(inner, {});
    const auto one = [](const char* name, SchemaJson value) {
      return SchemaJson{{"type", "object"},
                        {"properties", {{name, value}}},
                        {"required", SchemaJson::array({name})},
                        {"additionalProperties", false}};
    };
    const SchemaJson pair = inner.or_param({{"type", "array"}, {"items", time}, {"minItems", 2}, {"maxItems", 2}});
    const SchemaJson percentiles = {{"type", "object"},
                                    {"minProperties", 1},
                                    {"propertyNames", {{"pattern", "^[0-9]+(\\.[0-9]+)?$"}}},
                                    {"additionalProperties", time}};
    return SchemaJson{{"description", "A time (in the shape of `spread`), or a distribution."},
                      {"anyOf", SchemaJson::array({time, one("fixed", time), one("uniform", pair),
                                                   one("lognormal", Codec<LognormalLatency>::schema(inner, {})),
                                                   one("percentiles", percentiles)})}};
  });
}

template <>
const Table<LatencyOptions>& table_of<LatencyOptions>() {
  static const Table<LatencyOptions> table{
      "latency",
      "Service times of a ram device.",
      {field<&LatencyOptions::read>("read", "Of reads (80us)."), field<&LatencyOptions::write>("write", "Of writes (as reads)."),
       field<&LatencyOptions::flush>("flush", "Of flushes (as writes)."),
       field<&LatencyOptions::spread>("spread", "Shape of times given as a plain value (fixed)."),
       field<&LatencyOptions::sigma_milli>("sigma_milli", "lognormal: standard deviation of the logarithm, in thousandths (250).",
                                           Need::optional, {0, 3'000}),
       field<&LatencyOptions::jitter>("jitter", "uniform: plus and minus this share (25%).")}};
  return table;
}

void decode_latency(Decoder& decoder, const Json& at, LatencyOptions& out) {
  if (at.kind != Json::Kind::object) return Codec<Latency>::decode(decoder, at, out.read, {});
  decode_object(decoder, at, out, table_of<LatencyOptions>());
  const auto shape = [&](const char* key, Latency& latency) {
    const Json* const written = at.find(key);
    if (written == nullptr || written->kind != Json::Kind::object)
      if (const auto* plain = std::get_if<FixedLatency>(&latency)) latency = shaped(plain->value, out);
  };
  shape("read", out.read);
  if (out.write) shape("write", *out.write);
  if (out.flush) shape("flush", *out.flush);
}

namespace {

void check_device(Decoder& decoder, const Json& at, const DeviceOptions& device) {
  const auto only = [&](std::initializer_list<const char*> fields, const char* type) {
    for (const char* const name : fields)
      if (const Json* const value = at.find(name)) {
        const Decoder::Down down(decoder, name);
        decoder.fail(value->at, fmt::format("is for devices of type \"{}\"", type));
      }
  };
  if (device.type == DeviceType::file) {
    only({"latency", "parallelism", "reordering", "bandwidth", "block", "max_transfer"}, "ram");
    if (device.path.empty()) decoder.fail(at.at, "\"path\" is missing: the host's file or block device");
    if (device.create && device.size.count == 0) decoder.fail(at.at, "\"create\" needs a \"size\"");
    return;
  }
  only({"path", "create", "backend"}, "file");
  if ((device.block.count & (device.block.count - 1)) != 0 || device.block.count < 512 || device.block.count > 4096) {
    const Decoder::Down down(decoder, "block");
    decoder.fail(at.find("block")->at, "has to be 512, 1024, 2048 or 4096");
  }
  if (device.size.count % device.block.count != 0) {
    const Decoder::Down down(decoder, "size");
    decoder.fail(at.find("size") != nullptr ? at.find("size")->at : at.at,
                 fmt::format("is no multiple of the block of {} bytes", device.block.count));
  }
}

}  // namespace

template <>
const Table<DeviceOptions>& table_of<DeviceOptions>() {
  static const Table<DeviceOptions> table{
      "device",
      "A block device.",
      {field<&DeviceOptions::type>("type",
                                   "ram: memory with modelled service times, in both engines. file: a file or block device of "
                                   "the host, opened O_DIRECT, live engine only.",
                                   Need::required),
       field<&DeviceOptions::size>("size", "Capacity (64MiB).", Need::optional, {4096, u64{1} << 44}),
       field<&DeviceOptions::block>("block", "ram: logical block, what O_DIRECT has to be aligned to (512)."),
       field<&DeviceOptions::max_transfer>("max_transfer", "ram: largest request; longer ones are split (1MiB).", Need::optional,
                                           {4096, 64u << 20}),
       field<&DeviceOptions::queue_depth>("queue_depth", "Requests that the device holds (1024).", Need::optional, {1, 65'536}),
       field<&DeviceOptions::poll_queues>("poll_queues", "Queues without interrupts, for IOPOLL (0).", Need::optional, {0, 64}),
       Field<DeviceOptions>{
           "latency",
           "ram: service times.",
           Need::optional,
           {},
           [](Decoder& decoder, const Json& at, DeviceOptions& out, const Limits&) { decode_latency(decoder, at, out.latency); },
           [](SchemaBuilder& schema, const Limits&) {
             return SchemaJson{{"anyOf", SchemaJson::array({Codec<Nanoseconds>::schema(schema, {}),
                                                            Codec<LatencyOptions>::schema(schema, {})})}};
           }},
       field<&DeviceOptions::parallelism>("parallelism", "ram: requests in service at the same time (32).", Need::optional,
                                          {1, 65'536}),
       field<&DeviceOptions::reordering>(
           "reordering", "ram: completions come as their service ends (true), or in the order of submission (false)."),
       field<&DeviceOptions::bandwidth>("bandwidth", "ram: bytes a second of all transfers together (0: unlimited)."),
       field<&DeviceOptions::path>("path", "file: path on the host."),
       field<&DeviceOptions::create>("create", "file: make it, of `size`, if it is not there (false)."),
       field<&DeviceOptions::backend>("backend", "file: how the host is asked (auto: io_uring, else threads).")},
      check_device};
  return table;
}

// ---- files -------------------------------------------------------------------------------------------------------------

namespace {

void check_file(Decoder& decoder, const Json& at, const FileOptions& file) {
  const FileType kind = file.kind();
  const auto only = [&](const char* name, std::initializer_list<FileType> kinds) {
    const Json* const value = at.find(name);
    if (value == nullptr || std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) return;
    std::string list;
    for (const FileType type : kinds) list += fmt::format("{}{}", list.empty() ? "" : ", ", name_of(type));
    const Decoder::Down down(decoder, name);
    decoder.fail(value->at, fmt::format("a {} has none; only for: {}", name_of(kind), list));
  };
  only("device", {FileType::regular, FileType::block});
  only("host", {FileType::host});
  only("size", {FileType::regular});
  only("content", {FileType::regular, FileType::block});
  only("seed", {FileType::regular, FileType::block});
  only("cached", {FileType::regular});
  only("capacity", {FileType::pipe});
  only("socket", {FileType::socketpair});
  only("initial", {FileType::eventfd});
  only("semaphore", {FileType::eventfd});
  only("expires", {FileType::timerfd});
  if ((kind == FileType::regular || kind == FileType::block) && file.device.empty())
    decoder.fail(at.at, fmt::format("\"device\" is missing: where a {} file lives", name_of(kind)));
  if (kind == FileType::host && file.host.empty()) decoder.fail(at.at, "\"host\" is missing: the path on the host");
}

}  // namespace

template <>
const Table<FileOptions>& table_of<FileOptions>() {
  static const Table<FileOptions> table{
      "file",
      "An open file. A pipe p is two, p.r and p.w; a socketpair s is s.a and s.b.",
      {field<&FileOptions::type>("type", "What it is; regular where there is a device, host where there is a host path."),
       field<&FileOptions::device>("device", "The device it lives on."),
       field<&FileOptions::host>("host", "A path on the host; live engine only.", Need::optional, {1, ~u64{0}}),
       field<&FileOptions::size>("size", "regular: its size (1MiB).", Need::optional, {0, u64{1} << 44}),
       field<&FileOptions::content>("content", "What it holds at the start (pattern)."),
       field<&FileOptions::seed>("seed", "Of the pattern: byte i is (i*31 + (i>>8)*17 + seed) mod 256 (0)."),
       field<&FileOptions::cached>("cached", "regular: its pages are in the page cache at the start (false)."),
       field<&FileOptions::open>("open", "Flags of open(2); O_RDWR unless another access mode is given."),
       field<&FileOptions::capacity>("capacity", "pipe: bytes it holds (64KiB).", Need::optional, {4096, 1u << 20}),
       field<&FileOptions::socket>("socket", "socketpair: its type (stream)."),
       field<&FileOptions::initial>("initial", "eventfd: first value (0).", Need::optional, {0, ~u64{0} - 1}),
       field<&FileOptions::semaphore>("semaphore", "eventfd: EFD_SEMAPHORE (false)."),
       field<&FileOptions::expires>("expires", "timerfd: fires once, this long after the start (0: disarmed).")},
      check_file};
  return table;
}

// ---- rings -------------------------------------------------------------------------------------------------------------

template <>
const Table<BufferSet>& table_of<BufferSet>() {
  static const Table<BufferSet> table{"buffer_set",
                                      "Buffers of equal size, page aligned.",
                                      {field<&BufferSet::count>("count", "How many.", Need::required, {1, 2'048}),
                                       field<&BufferSet::size>("size", "Of each (4KiB).", Need::optional, {1, u64{2} << 30})}};
  return table;
}

template <>
const Table<RingOptions>& table_of<RingOptions>() {
  static const Table<RingOptions> table{
      "ring",
      "A ring: the arguments of io_uring_setup, and what is registered right after it. What Linux would refuse, Linux refuses: "
      "see `result`.",
      {field<&RingOptions::entries>("entries", "SQ entries asked for (64)."),
       field<&RingOptions::cq_entries>("cq_entries", "CQ entries, with the flag CQSIZE."),
       field<&RingOptions::flags>("flags", "IORING_SETUP_ flags by name, or numbers."),
       field<&RingOptions::sq_thread_idle>(
           "sq_thread_idle", "How long the SQ thread spins after its last work; whole milliseconds. 0 means one second in Linux.",
           Need::optional, {0, 4'294'967'295'000'000}),
       field<&RingOptions::sq_thread_cpu>("sq_thread_cpu", "Its processor, with the flag SQ_AFF."),
       field<&RingOptions::attach>("attach", "Ring whose workers are shared, with the flag ATTACH_WQ."),
       field<&RingOptions::owner>("owner", "Task that calls setup (the first task that uses the ring)."),
       field<&RingOptions::register_files>("register_files", "Files that steps then address by index.", Need::optional,
                                           {1, 32'768}),
       field<&RingOptions::register_buffers>("register_buffers", "Buffers for READ_FIXED and WRITE_FIXED."),
       field<&RingOptions::register_eventfd>("register_eventfd", "An eventfd that counts completions."),
       field<&RingOptions::library>(
           "library", "liburing whose submit is used: up to 2.1 there is no full barrier before the flags are read (2.2)."),
       field<&RingOptions::result>("result", "What setup returns: 0, or \"-EPERM\" where that is the subject.")}};
  return table;
}

// ---- tasks -------------------------------------------------------------------------------------------------------------

template <>
const Table<BufferOptions>& table_of<BufferOptions>() {
  static const Table<BufferOptions> table{
      "buffer",
      "Memory of a task, page aligned; its name is its address in expressions.",
      {field<&BufferOptions::size>("size", "Of it (4KiB).", Need::optional, {1, 1u << 30}),
       field<&BufferOptions::content>("content", "At the start (zero); hole: mapped, but not yet backed by pages."),
       field<&BufferOptions::seed>("seed", "Of the pattern (0).")}};
  return table;
}

template <>
const Table<TaskOptions>& table_of<TaskOptions>() {
  static const Table<TaskOptions> table{
      "task",
      "An application's thread: its steps, one after the other.",
      {field<&TaskOptions::cpu>("cpu", "Bound to this processor.", Need::optional, {0, 63}),
       field<&TaskOptions::uid>("uid", "Its user (0: root with every capability; others have none)."),
       field<&TaskOptions::process>("process", "Tasks of the same process share memory and descriptors; without it, all of one."),
       field<&TaskOptions::count>("count", "So many such tasks; `self` is the number from 0 in expressions (1).", Need::optional,
                                  {1, 256}),
       field<&TaskOptions::start>("start", "The first step comes after this (0)."),
       field<&TaskOptions::memlock>("memlock", "RLIMIT_MEMLOCK of the process."),
       field<&TaskOptions::nofile>("nofile", "RLIMIT_NOFILE of the process."),
       field<&TaskOptions::fsize>("fsize", "RLIMIT_FSIZE of the process."),
       field<&TaskOptions::buffers>("buffers", "Memory of its own.", Need::optional, {0, 256}),
       field<&TaskOptions::handlers>("handlers", "Signals that it catches; others end it."),
       field<&TaskOptions::must_end>("must_end", "false: the run is over when all other tasks are (true)."),
       field<&TaskOptions::steps>("steps", "What it does.", Need::required)}};
  return table;
}

void Codec<TaskOptions>::decode(Decoder& decoder, const Json& at, TaskOptions& out, const Limits&) {
  // Steps name the task's buffers, wherever in the object those stand.
  Named<BufferOptions> buffers;
  if (at.kind == Json::Kind::object)
    if (const Json* const written = at.find("buffers")) {
      const Decoder::Down down(decoder, "buffers");
      Codec<Named<BufferOptions>>::decode(decoder, *written, buffers, {0, 256});
      for (std::size_t i = 0; i < buffers.size(); ++i)
        if (constant_named(buffers[i].name) || buffers[i].name == "self" || buffers[i].name.find('-') != std::string::npos) {
          const Decoder::Down name(decoder, buffers[i].name);
          decoder.fail(written->keys[i].at, "is no name for a buffer: letters, digits and \"_\", and no constant");
        }
    }
  decoder.enter_task(buffers);
  decode_object(decoder, at, out, table_of<TaskOptions>());
  out.variables = decoder.leave_task();
}
SchemaJson Codec<TaskOptions>::schema(SchemaBuilder& schema, const Limits&) {
  return schema.reference("task", [](SchemaBuilder& inner) { return object_schema(inner, table_of<TaskOptions>()); });
}

// ---- faults ------------------------------------------------------------------------------------------------------------

namespace {

When& when_of(DeviceFault& fault) { return fault.when; }
When& when_of(AllocationFault& fault) { return fault.when; }

/// A field of `When`, lifted into the fault that holds it.
template <class T, auto Member>
Field<T> when_field(std::string_view name, std::string_view about, Limits limits = {}) {
  using Type = typename detail::MemberTraits<decltype(Member)>::Type;
  return {name,
          about,
          Need::optional,
          limits,
          [](Decoder& decoder, const Json& at, T& fault, const Limits& bounds) {
            Codec<Type>::decode(decoder, at, when_of(fault).*Member, bounds);
          },
          [](SchemaBuilder& schema, const Limits& bounds) { return Codec<Type>::schema(schema, bounds); }};
}

template <class T>
std::vector<Field<T>> with_when(std::vector<Field<T>> fields) {
  fields.push_back(when_field<T, &When::nth>("nth", "Only the nth occurrence, from 1.", {1, ~u64{0}}));
  fields.push_back(when_field<T, &When::every>("every", "Each so many.", {1, ~u64{0}}));
  fields.push_back(when_field<T, &When::at>("at", "From this time on."));
  fields.push_back(when_field<T, &When::probability>("probability", "By chance: the run's own random numbers."));
  fields.push_back(when_field<T, &When::times>("times", "No more than so often.", {1, ~u64{0}}));
  return fields;
}

template <class T>
void check_when(Decoder& decoder, const Json& at, const T& fault) {
  if (fault.when.nth != 0 && fault.when.every != 0) decoder.fail(at.at, "\"nth\" and \"every\" exclude each other");
}

void check_device_fault(Decoder& decoder, const Json& at, const DeviceFault& fault) {
  check_when(decoder, at, fault);
  if (fault.error == 0 && fault.delay.count == 0 && !fault.transfer)
    decoder.fail(at.at, "does nothing: name an \"error\", a \"delay\" or a \"transfer\"");
  if (fault.error != 0 && fault.transfer) decoder.fail(at.at, "a request fails or is short, not both");
}

void check_death(Decoder& decoder, const Json& at, const DeathFault& fault) {
  if (fault.at.has_value() == (fault.nth != 0))
    decoder.fail(at.at, "needs \"at\" (a time) or \"nth\" (a step of the task), one of them");
}

}  // namespace

template <>
const Table<DeviceFault>& table_of<DeviceFault>() {
  static const Table<DeviceFault> table{
      "device_fault", "Something goes wrong with a device's requests.",
      with_when<DeviceFault>(
          {field<&DeviceFault::device>("device", "Which device.", Need::required),
           field<&DeviceFault::op>("op", "Of which requests (any)."),
           Field<DeviceFault>{"error",
                              "They end with this errno: \"EIO\".",
                              Need::optional,
                              {},
                              [](Decoder& decoder, const Json& value, DeviceFault& out, const Limits&) {
                                Codec<s64>::decode(decoder, value, out.error, {});
                                if (out.error < 0) out.error = -out.error;
                                constexpr s64 last_errno = 133;
                                if (out.error == 0 || out.error > last_errno)
                                  decoder.fail(value.at, "is no errno; \"EIO\" would be one");
                              },
                              [](SchemaBuilder& schema, const Limits&) { return Codec<s64>::schema(schema, {}); }},
           field<&DeviceFault::delay>("delay", "They take so much longer."),
           field<&DeviceFault::transfer>("transfer", "They end after so many bytes.")}),
      check_device_fault};
  return table;
}

template <>
const Table<AllocationFault>& table_of<AllocationFault>() {
  static const Table<AllocationFault> table{
      "allocation_fault", "An allocation of the kernel fails.",
      with_when<AllocationFault>(
          {field<&AllocationFault::site>("allocation", "Kernel function that allocates (\"io_get_req\"), or \"any\".",
                                         Need::required, {1, ~u64{0}}),
           field<&AllocationFault::task>("task", "Only on behalf of this task.")}),
      check_when<AllocationFault>};
  return table;
}

template <>
const Table<SignalFault>& table_of<SignalFault>() {
  static const Table<SignalFault> table{
      "signal_fault",
      "A signal comes from outside.",
      {field<&SignalFault::signal>("signal", "Which.", Need::required),
       field<&SignalFault::task>("task", "To whom.", Need::required), field<&SignalFault::at>("at", "When.", Need::required)}};
  return table;
}

template <>
const Table<DeathFault>& table_of<DeathFault>() {
  static const Table<DeathFault> table{
      "death_fault",
      "A task is killed on its way.",
      {field<&DeathFault::task>("die", "Which task.", Need::required), field<&DeathFault::at>("at", "At this time."),
       field<&DeathFault::nth>("nth", "Before its nth step, from 1.", Need::optional, {1, ~u64{0}})},
      check_death};
  return table;
}

void Codec<Fault>::decode(Decoder& decoder, const Json& at, Fault& out, const Limits&) {
  if (at.kind != Json::Kind::object) decoder.fail(at.at, fmt::format("is {}; an object is needed", kind_name(at.kind)));
  const std::vector<std::string_view> kinds{"device", "allocation", "signal", "die"};
  if (at.find("device") != nullptr)
    decode_object(decoder, at, out.emplace<DeviceFault>(), table_of<DeviceFault>());
  else if (at.find("allocation") != nullptr)
    decode_object(decoder, at, out.emplace<AllocationFault>(), table_of<AllocationFault>());
  else if (at.find("signal") != nullptr)
    decode_object(decoder, at, out.emplace<SignalFault>(), table_of<SignalFault>());
  else if (at.find("die") != nullptr)
    decode_object(decoder, at, out.emplace<DeathFault>(), table_of<DeathFault>());
  else
    decoder.fail(at.at, "is no fault that is known; one of these keys says what it is: device, allocation, signal, die");
}
SchemaJson Codec<Fault>::schema(SchemaBuilder& schema, const Limits&) {
  return {{"anyOf", SchemaJson::array({Codec<DeviceFault>::schema(schema, {}), Codec<AllocationFault>::schema(schema, {}),
                                       Codec<SignalFault>::schema(schema, {}), Codec<DeathFault>::schema(schema, {})})}};
}

// ---- expectations ------------------------------------------------------------------------------------------------------

namespace {

Bounds& bounds_of(MetricExpectation& expectation) { return expectation.bounds; }
Bounds& bounds_of(VariableExpectation& expectation) { return expectation.bounds; }

template <class T, auto Member>
Field<T> bounds_field(std::string_view name, std::string_view about) {
  return {name,
          about,
          Need::optional,
          {},
          [](Decoder& decoder, const Json& at, T& out, const Limits&) {
            // Bounds may be times and sizes as well as numbers; metrics are nanoseconds and bytes.
            auto& bound = bounds_of(out).*Member;
            bound.emplace();
            if (at.kind == Json::Kind::string) {
              if (const auto time = parse_duration(at.text)) return void(bound = static_cast<double>(time->count));
              if (const auto bytes = parse_bytes(at.text)) return void(bound = static_cast<double>(bytes->count));
              s64 value = 0;
              Codec<s64>::decode(decoder, at, value, {});
              return void(bound = static_cast<double>(value));
            }
            Codec<double>::decode(decoder, at, *bound, {});
          },
          [](SchemaBuilder& schema, const Limits&) {
            return schema.reference("bound", [](SchemaBuilder&) {
              return SchemaJson{{"description", "A number, a time (\"2ms\") or a size (\"4KiB\")."},
                                {"type", SchemaJson::array({"number", "string"})}};
            });
          }};
}

template <class T>
std::vector<Field<T>> with_bounds(std::vector<Field<T>> fields) {
  fields.push_back(bounds_field<T, &Bounds::at_least>("at_least", "At least this."));
  fields.push_back(bounds_field<T, &Bounds::at_most>("at_most", "At most this."));
  fields.push_back(bounds_field<T, &Bounds::equals>("equals", "Exactly this."));
  return fields;
}

template <class T>
void check_bounds(Decoder& decoder, const Json& at, const T& expectation) {
  const Bounds& bounds = expectation.bounds;
  if (!bounds.at_least && !bounds.at_most && !bounds.equals)
    decoder.fail(at.at, "expects nothing: add \"at_least\", \"at_most\" or \"equals\"");
  if (bounds.equals && (bounds.at_least || bounds.at_most)) decoder.fail(at.at, "\"equals\" and a bound exclude each other");
  if (bounds.at_least && bounds.at_most && *bounds.at_least > *bounds.at_most)
    decoder.fail(at.at, "\"at_least\" is above \"at_most\": nothing can hold");
}

void check_cqes(Decoder& decoder, const Json& at, const CqesExpectation& cqes) {
  if (!cqes.count && !cqes.at_least && !cqes.at_most)
    decoder.fail(at.at, "expects nothing: add \"count\", \"at_least\" or \"at_most\"");
  if (cqes.count && (cqes.at_least || cqes.at_most)) decoder.fail(at.at, "\"count\" and a bound exclude each other");
  if (cqes.at_least && cqes.at_most && *cqes.at_least > *cqes.at_most)
    decoder.fail(at.at, "\"at_least\" is above \"at_most\": nothing can hold");
}

}  // namespace

template <>
const Table<CqesExpectation>& table_of<CqesExpectation>() {
  static const Table<CqesExpectation> table{"cqes_expectation",
                                            "How many CQEs tasks take from a ring.",
                                            {field<&CqesExpectation::ring>("ring", "Which ring.", Need::required),
                                             field<&CqesExpectation::res>("res", "Only those with this result: \"-EAGAIN\"."),
                                             field<&CqesExpectation::user_data>("user_data", "Only those with this user_data."),
                                             field<&CqesExpectation::count>("count", "Exactly so many."),
                                             field<&CqesExpectation::at_least>("at_least", "At least so many."),
                                             field<&CqesExpectation::at_most>("at_most", "At most so many.")},
                                            check_cqes};
  return table;
}

template <>
const Table<MetricExpectation>& table_of<MetricExpectation>() {
  static const Table<MetricExpectation> table{
      "metric_expectation", "A figure of the run.",
      with_bounds<MetricExpectation>({field<&MetricExpectation::metric>(
          "metric", "Its path in the output of --json: \"rings.r0.enter_calls\".", Need::required)}),
      check_bounds<MetricExpectation>};
  return table;
}

template <>
const Table<ContentExpectation>& table_of<ContentExpectation>() {
  static const Table<ContentExpectation> table{
      "content_expectation",
      "What a file holds at the end.",
      {field<&ContentExpectation::file>("file", "Which file.", Need::required),
       field<&ContentExpectation::offset>("offset", "From here (0)."),
       field<&ContentExpectation::size>("size", "So much (to the end)."),
       field<&ContentExpectation::content>("content", "zero or pattern (pattern)."),
       field<&ContentExpectation::seed>("seed", "Of the pattern, which starts at `offset` (0).")}};
  return table;
}

template <>
const Table<OrderExpectation>& table_of<OrderExpectation>() {
  static const Table<OrderExpectation> table{
      "order_expectation",
      "In which order CQEs come.",
      {field<&OrderExpectation::ring>("ring", "Which ring.", Need::required),
       field<&OrderExpectation::user_data>("user_data", "These, one after the other.", Need::required, {2, 4'096}),
       field<&OrderExpectation::exactly>("exactly", "And no others between them (false).")}};
  return table;
}

template <>
const Table<VariableExpectation>& table_of<VariableExpectation>() {
  static const Table<VariableExpectation> table{
      "variable_expectation", "A task's variable at its end.",
      with_bounds<VariableExpectation>({Field<VariableExpectation>{
          "variable",
          "\"task.variable\".",
          Need::required,
          {},
          [](Decoder& decoder, const Json& value, VariableExpectation& out, const Limits&) {
            const std::size_t dot = value.kind == Json::Kind::string ? value.text.find('.') : std::string::npos;
            if (dot == std::string::npos) decoder.fail(value.at, "needs \"task.variable\"");
            out.task = {value.text.substr(0, dot), decoder.where(value.at)};
            out.name = value.text.substr(dot + 1);
          },
          [](SchemaBuilder& schema, const Limits&) {
            return schema.or_param({{"type", "string"}, {"pattern", "\\."}});
          }}}),
      check_bounds<VariableExpectation>};
  return table;
}

template <>
const Table<SearchExpectation>& table_of<SearchExpectation>() {
  static const Table<SearchExpectation> table{
      "search_expectation",
      "What a search of all schedules finds.",
      {field<&SearchExpectation::verdict>("explore", "Nothing (clean), or a violation.", Need::required),
       field<&SearchExpectation::check>("check", "The invariant that is violated."),
       field<&SearchExpectation::memory>("memory", "Under these memory models (all).", Need::optional, {1, 3})}};
  return table;
}

template <>
const Table<Scope>& table_of<Scope>() {
  static const Table<Scope> table{"scope",
                                  "Where an expectation applies.",
                                  {field<&Scope::engines>("on", "Only on these engines.", Need::optional, {1, 2}),
                                   field<&Scope::kernels>("kernels", "Only under these releases.", Need::optional, {1, 64})}};
  return table;
}

namespace {

/// The kinds of expectation, by the key that tells them; `explore` before `check`, which it may hold too.
struct ExpectationKind {
  std::string_view key;
  void (*decode)(Decoder&, const Json& object, const Json& payload, Expectation&);
  SchemaJson (*schema)(SchemaBuilder&);
};

/// {"cqes": {...}}: the payload is an object of its own.
template <class T>
ExpectationKind nested(std::string_view key) {
  return {key,
          [](Decoder& decoder, const Json& object, const Json& payload, Expectation& out) {
            for (const Json::Key& other : object.keys)
              if (&payload != object.find(other.text)) {
                const Decoder::Down down(decoder, other.text);
                decoder.fail(other.at,
                             "is one thing too many in this expectation; only \"on\" and \"kernels\" may stand beside it");
              }
            for (const Json::Key& only : object.keys) {
              const Decoder::Down down(decoder, only.text);
              decode_object(decoder, payload, out.what.emplace<T>(), table_of<T>());
            }
          },
          [](SchemaBuilder& schema) { return Codec<T>::schema(schema, {}); }};
}

/// {"metric": ..., "at_least": ...}: the object itself.
template <class T>
ExpectationKind flat(std::string_view key) {
  return {key,
          [](Decoder& decoder, const Json& object, const Json&, Expectation& out) {
            decode_object(decoder, object, out.what.emplace<T>(), table_of<T>());
          },
          nullptr};
}

const std::vector<ExpectationKind>& expectation_kinds() {
  static const std::vector<ExpectationKind> kinds{flat<SearchExpectation>("explore"), nested<CqesExpectation>("cqes"),
                                                  flat<MetricExpectation>("metric"),  nested<ContentExpectation>("content"),
                                                  nested<OrderExpectation>("order"),  flat<VariableExpectation>("variable"),
                                                  flat<CheckExpectation>("check")};
  return kinds;
}

/// An expectation's schema with `on` and `kernels` added.
SchemaJson scoped(SchemaBuilder& schema, SchemaJson object) {
  const SchemaJson scope = object_schema(schema, table_of<Scope>());
  for (const auto& [key, value] : scope["properties"].items()) object["properties"][key] = value;
  return object;
}

}  // namespace

template <>
const Table<CheckExpectation>& table_of<CheckExpectation>() {
  static const Table<CheckExpectation> table{
      "check_expectation",
      "An invariant holds.",
      {field<&CheckExpectation::check>("check", "Which: `uringsim list checks`.", Need::required)}};
  return table;
}

void Codec<Expectation>::decode(Decoder& decoder, const Json& at, Expectation& out, const Limits&) {
  if (at.kind != Json::Kind::object) decoder.fail(at.at, fmt::format("is {}; an object is needed", kind_name(at.kind)));
  out.where = decoder.where(at.at);
  Json scope, rest;
  scope.kind = rest.kind = Json::Kind::object;
  scope.at = rest.at = at.at;
  for (std::size_t i = 0; i < at.keys.size(); ++i) {
    Json& side = at.keys[i].text == "on" || at.keys[i].text == "kernels" ? scope : rest;
    side.keys.push_back(at.keys[i]);
    side.items.push_back(at.items[i]);
  }
  decode_object(decoder, scope, out.on, table_of<Scope>());
  std::vector<std::string_view> names;
  for (const ExpectationKind& kind : expectation_kinds()) {
    if (const Json* const payload = rest.find(kind.key)) return kind.decode(decoder, rest, *payload, out);
    names.push_back(kind.key);
  }
  const std::string_view first = rest.keys.empty() ? std::string_view() : std::string_view(rest.keys[0].text);
  decoder.fail(at.at, fmt::format("is no expectation that is known ({}); {}", in_quotes(first), name_hint(first, names)));
}

SchemaJson Codec<Expectation>::schema(SchemaBuilder& schema, const Limits&) {
  return schema.reference("expectation", [](SchemaBuilder& inner) {
    SchemaJson kinds = SchemaJson::array();
    for (const ExpectationKind& kind : expectation_kinds()) {
      if (kind.schema == nullptr) continue;
      SchemaJson object = {{"type", "object"},
                           {"properties", {{std::string(kind.key), kind.schema(inner)}}},
                           {"required", SchemaJson::array({kind.key})},
                           {"additionalProperties", false}};
      kinds.push_back(scoped(inner, object));
    }
    kinds.push_back(scoped(inner, object_schema(inner, table_of<MetricExpectation>())));
    kinds.push_back(scoped(inner, object_schema(inner, table_of<VariableExpectation>())));
    kinds.push_back(scoped(inner, object_schema(inner, table_of<CheckExpectation>())));
    kinds.push_back(scoped(inner, object_schema(inner, table_of<SearchExpectation>())));
    return SchemaJson{{"description", "What has to come out."}, {"anyOf", kinds}};
  });
}

// ---- the file ----------------------------------------------------------------------------------------------------------

namespace {

void decode_about(Decoder& decoder, const Json& at, Scenario& out, const Limits&) {
  if (at.kind == Json::Kind::string) return void(out.about = at.text);
  std::vector<std::string> lines;
  Codec<std::vector<std::string>>::decode(decoder, at, lines, {});
  for (const std::string& line : lines) out.about += (out.about.empty() ? "" : "\n") + line;
}

void decode_params(Decoder& decoder, const Json& at, Scenario&, const Limits&) {
  if (at.kind != Json::Kind::object)
    decoder.fail(at.at, fmt::format("is {}; an object of names and values is needed", kind_name(at.kind)));
  for (const Json::Key& key : at.keys) {
    const Decoder::Down down(decoder, key.text);
    if (!is_name(key.text)) decoder.fail(key.at, "is no name: letters, digits, \"_\" and \"-\", the first a letter or \"_\"");
    for (const auto& field : table_of<Scenario>().fields)
      if (field.name == key.text)
        decoder.fail(key.at, "is the name of a field of the file: --set could mean either; choose another");
  }
}

void decode_sweep(Decoder&, const Json&, Scenario&, const Limits&) {}  // sweep_points() has read it

void check_scenario(Decoder& decoder, const Json& at, const Scenario& scenario) {
  std::string name = scenario.name;
  std::erase(name, '.');  // "v5.10-lost-wakeup"
  if (!is_name(name)) {
    const Decoder::Down down(decoder, "name");
    decoder.fail(at.find("name")->at,
                 fmt::format("{} is no name: letters, digits, \"_\", \"-\" and \".\", at most 64", in_quotes(scenario.name)));
  }
  for (std::size_t i = 0; i < scenario.engines.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (scenario.engines[i] == scenario.engines[j]) {
        const Decoder::Down down(decoder, "engines");
        decoder.fail(at.find("engines")->at, fmt::format("{} is there twice", name_of(scenario.engines[i])));
      }
}

}  // namespace

template <>
const Table<Scenario>& table_of<Scenario>() {
  static const Table<Scenario> table{
      "scenario",
      "A scenario of uringsim.",
      {Field<Scenario>{"$schema",
                       "Path of this schema, for editors.",
                       Need::optional,
                       {},
                       [](Decoder& decoder, const Json& at, Scenario&, const Limits&) {
                         std::string ignored;
                         Codec<std::string>::decode(decoder, at, ignored, {});
                       },
                       [](SchemaBuilder&, const Limits&) {
                         return SchemaJson{{"type", "string"}};
                       }},
       field<&Scenario::name>("name", "Short name: letters, digits, \"_\" and \"-\".", Need::required, {1, ~u64{0}}),
       Field<Scenario>{"about",
                       "What it shows: one string, or a list of lines.",
                       Need::optional,
                       {},
                       decode_about,
                       [](SchemaBuilder&, const Limits&) {
                         return SchemaJson{{"anyOf", SchemaJson::array({{{"type", "string"}},
                                                                        {{"type", "array"}, {"items", {{"type", "string"}}}}})}};
                       }},
       field<&Scenario::kernel>("kernel", "Release that is modelled (v5.4)."),
       field<&Scenario::engines>("engines", "Engines it runs on, the first is the default (timed, live).", Need::optional,
                                 {1, 2}),
       field<&Scenario::seed>("seed", "Of the run's random numbers (1)."),
       field<&Scenario::limit>("limit", "The run fails after this time of its own clock.", Need::optional, {1, ~u64{0}}),
       field<&Scenario::machine>("machine", "Processors, clock, memory."),
       Field<Scenario>{"params",
                       "Variables of the file: `${name}` anywhere else, --set and sweep change them.",
                       Need::optional,
                       {},
                       decode_params,
                       [](SchemaBuilder&, const Limits&) {
                         return SchemaJson{{"type", "object"}, {"propertyNames", {{"pattern", name_pattern}}}};
                       }},
       field<&Scenario::devices>("devices", "Block devices by name.", Need::optional, {0, 64}),
       field<&Scenario::files>("files", "Files by name, open when the tasks start.", Need::optional, {0, 4'096}),
       field<&Scenario::rings>("rings", "Rings by name.", Need::optional, {0, 256}),
       field<&Scenario::tasks>("tasks", "Tasks by name.", Need::required, {1, 256}),
       field<&Scenario::faults>("faults", "What goes wrong.", Need::optional, {0, 1'024}),
       field<&Scenario::expect>("expect", "What has to come out, beside no-cqe-error, tasks-end, no-leak and no-hang."),
       field<&Scenario::allow>("allow", "Expectations made without being asked that do not apply: \"no-cqe-error\"."),
       field<&Scenario::bugs>("bugs", "Variants of the kernel to put in: `uringsim list bugs`."),
       field<&Scenario::fixes>("fixes", "Bugs of the release to take out."),
       Field<Scenario>{"sweep",
                       "Lists of values by param or path; `uringsim sweep` runs every combination.",
                       Need::optional,
                       {},
                       decode_sweep,
                       [](SchemaBuilder&, const Limits&) {
                         return SchemaJson{{"type", "object"},
                                           {"minProperties", 1},
                                           {"additionalProperties", {{"type", "array"}, {"minItems", 1}}}};
                       }}},
      check_scenario};
  return table;
}

}  // namespace uringsim::sim
