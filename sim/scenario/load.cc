// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/load.h"

#include "sim/scenario/application_mistakes.h"
#include "sim/scenario/decoder.h"
#include "sim/scenario/format/tables.h"
#include "sim/scenario/input_error.h"

namespace uringsim::sim {

namespace {

Document edited(Document document, const std::vector<std::string>& sets) {
  if (document.root.kind != Json::Kind::object)
    throw InputError(document.where(document.root.at) + ": /: a scenario is an object, not " +
                     std::string(kind_name(document.root.kind)));
  std::vector<std::string_view> fields;
  for (const Field<Scenario>& field : table_of<Scenario>().fields) fields.push_back(field.name);
  for (const std::string& set : sets) apply_set(document, set, fields);
  return document;
}

Scenario load_document(Document document) {
  // Points are decoded one by one and dropped: only their mistakes matter here.
  for (const SweepPoint& point : sweep_points(document)) {
    Document copy = document;
    apply_point(copy, point);
    (void)decode_scenario(std::move(copy));
  }
  return decode_scenario(std::move(document));
}

}  // namespace

Scenario decode_scenario(Document document) {
  Scenario scenario;
  scenario.file = document.sources.empty() ? std::string() : document.sources.front();
  substitute_params(document);
  Decoder decoder(document);
  decode_object(decoder, document.root, scenario, table_of<Scenario>());
  scenario.text = to_text(document.root);
  const Json* const engines = document.root.find("engines");
  scenario.engines_where = document.where(engines != nullptr ? engines->at : document.root.at) + ": /engines";
  for (Entry<TaskOptions>& task : scenario.tasks)
    for (Expectation& expectation : scenario.expect)
      if (auto* const variable = std::get_if<VariableExpectation>(&expectation.what);
          variable != nullptr && variable->task.name == task.name)
        for (u32 slot = 0; slot < task.value.variables.size(); ++slot)
          if (task.value.variables[slot] == variable->name) variable->slot = slot;
  check_references(scenario);
  settle_mistakes(scenario);
  return scenario;
}

Scenario load_scenario(const std::string& path, const std::vector<std::string>& sets) {
  return load_document(edited(read_json_file(path), sets));
}

Scenario load_scenario_text(std::string_view text, const std::string& name, const std::vector<std::string>& sets) {
  return load_document(edited(read_json(text, name), sets));
}

std::vector<SweptScenario> load_sweep(const std::string& path, const std::vector<std::string>& sets) {
  const Document document = edited(read_json_file(path), sets);
  std::vector<SweptScenario> scenarios;
  for (SweepPoint& point : sweep_points(document)) {
    Document copy = document;
    apply_point(copy, point);
    Scenario scenario = decode_scenario(std::move(copy));
    scenarios.push_back({std::move(point), std::move(scenario)});
  }
  if (scenarios.empty())
    throw InputError(document.where(document.root.at) +
                     ": /sweep: is missing: the lists of values to run with, as in {\"idle\": [\"4ms\", \"8ms\"]}");
  return scenarios;
}

std::string scenario_schema() {
  SchemaBuilder builder;
  SchemaJson schema = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "uringsim scenario"}};
  const SchemaJson root = object_schema(builder, table_of<Scenario>());
  schema.update(root);
  schema["definitions"] = builder.definitions;
  return schema.dump(1) + "\n";
}

}  // namespace uringsim::sim
