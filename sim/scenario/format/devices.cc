// SPDX-License-Identifier: GPL-2.0-only
// The tables of devices and of their service times.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

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
       field<&DeviceOptions::path>(
           "path", "file: path on the host. What it holds is overwritten where the scenario writes, or has files there."),
       field<&DeviceOptions::create>("create", "file: make it, of `size`, if it is not there (false)."),
       field<&DeviceOptions::backend>("backend", "file: how the host is asked (auto: io_uring, else threads).")},
      check_device};
  return table;
}

}  // namespace uringsim::sim
