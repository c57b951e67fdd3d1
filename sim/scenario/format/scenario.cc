// SPDX-License-Identifier: GPL-2.0-only
// The table of the file as a whole.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

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
