// SPDX-License-Identifier: GPL-2.0-only
// The table of the machine.
#include <algorithm>
#include <array>

#include "sim/fiber/costs.h"
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

namespace {

/// What a kernel of these releases can be configured with (kernel/Kconfig.hz).
constexpr std::array<u32, 4> possible_hz{100, 250, 300, 1000};

void decode_hz(Decoder& decoder, const Json& at, MachineSettings& out, const Limits&) {
  Codec<u32>::decode(decoder, at, out.hz, {});
  if (std::find(possible_hz.begin(), possible_hz.end(), out.hz) == possible_hz.end())
    decoder.fail(at.at, fmt::format("no kernel ticks {} times a second; 100, 250, 300 or 1000 would be possible", out.hz));
}

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
       Field<MachineSettings>{"hz",
                              "Jiffies a second, which sq_thread_idle is counted in: 100, 250, 300 or 1000 (250).",
                              Need::optional,
                              {},
                              decode_hz,
                              [](SchemaBuilder& schema, const Limits&) {
                                return schema.or_param({{"enum", SchemaJson(possible_hz)}});
                              }},
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

}  // namespace uringsim::sim
