// SPDX-License-Identifier: GPL-2.0-only
// The tables of steps that decide what comes next: loops, branches, assertions, variables, children.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

void Codec<YieldStep>::decode(Decoder& decoder, const Json& at, YieldStep&, const Limits&) {
  if (at.kind != Json::Kind::boolean || !at.boolean) decoder.fail(at.at, "is written {\"yield\": true}");
}
SchemaJson Codec<YieldStep>::schema(SchemaBuilder&, const Limits&) { return {{"const", true}}; }

void Codec<SetStep>::decode(Decoder& decoder, const Json& at, SetStep& out, const Limits&) {
  if (at.kind != Json::Kind::object || at.items.empty())
    decoder.fail(at.at, "needs an object of variables and values: {\"set\": {\"n\": \"n + 1\"}}");
  for (std::size_t i = 0; i < at.items.size(); ++i) {
    const Decoder::Down down(decoder, at.keys[i].text);
    Expression value = decoder.expression(at.items[i]);
    out.values.push_back({decoder.set_variable(at.keys[i].at, at.keys[i].text), std::move(value)});
  }
}
SchemaJson Codec<SetStep>::schema(SchemaBuilder& schema, const Limits&) {
  return {{"type", "object"},
          {"minProperties", 1},
          {"propertyNames", {{"pattern", "^[A-Za-z_][A-Za-z0-9_]{0,63}$"}}},
          {"additionalProperties", Codec<Expression>::schema(schema, {})}};
}

template <>
const Table<RepeatStep>& table_of<RepeatStep>() {
  static const Table<RepeatStep> table{"repeat",
                                       "Steps over and over.",
                                       {field<&RepeatStep::times>("repeat", "So often.", Need::required),
                                        field<&RepeatStep::index>("index", "Variable that counts the rounds from 0."),
                                        field<&RepeatStep::steps>("steps", "What.", Need::required)}};
  return table;
}

template <>
const Table<IfStep>& table_of<IfStep>() {
  static const Table<IfStep> table{
      "if",
      "Steps under a condition.",
      {field<&IfStep::condition>("if", "Other than 0.", Need::required), field<&IfStep::then>("then", "Then.", Need::required),
       field<&IfStep::otherwise>("else", "Otherwise.")}};
  return table;
}

template <>
const Table<MistakeStep>& table_of<MistakeStep>() {
  static const Table<MistakeStep> table{"mistake",
                                        "A mistake of the application, made where \"bugs\" names it.",
                                        {field<&MistakeStep::mistake>("mistake", "Which: `uringsim list bugs`.", Need::required),
                                         field<&MistakeStep::steps>("steps", "With the mistake.", Need::required),
                                         field<&MistakeStep::instead>("instead", "As it should be.")}};
  return table;
}

template <>
const Table<WhileStep>& table_of<WhileStep>() {
  static const Table<WhileStep> table{
      "while",
      "Steps as long as a condition holds.",
      {field<&WhileStep::condition>("while", "Other than 0.", Need::required),
       field<&WhileStep::limit>("limit", "More rounds fail the run (0: none).", Need::optional, {1, ~u64{0}}),
       field<&WhileStep::steps>("steps", "What.", Need::required)}};
  return table;
}

template <>
const Table<AssertStep>& table_of<AssertStep>() {
  static const Table<AssertStep> table{
      "assert",
      "Fails the run unless a condition holds.",
      {Field<AssertStep>{"assert",
                         "Other than 0.",
                         Need::required,
                         {},
                         [](Decoder& decoder, const Json& at, AssertStep& out, const Limits&) {
                           out.condition = decoder.expression(at);
                           out.text = at.kind == Json::Kind::string ? at.text : to_text(at);
                         },
                         [](SchemaBuilder& schema, const Limits&) { return Codec<Expression>::schema(schema, {}); }},
       field<&AssertStep::message>("message", "What it means if not.")}};
  return table;
}

template <>
const Table<ForkStep>& table_of<ForkStep>() {
  static const Table<ForkStep> table{"fork",
                                     "A child process: copies of memory and descriptors, the same rings.",
                                     {Field<ForkStep>{"fork",
                                                      "Name of the child.",
                                                      Need::required,
                                                      {},
                                                      [](Decoder& decoder, const Json& at, ForkStep& out, const Limits&) {
                                                        Codec<std::string>::decode(decoder, at, out.name, {});
                                                        if (!is_name(out.name))
                                                          decoder.fail(at.at, fmt::format("{} is no name", in_quotes(out.name)));
                                                      },
                                                      [](SchemaBuilder& schema, const Limits&) {
                                                        return schema.or_param({{"type", "string"}, {"pattern", name_pattern}});
                                                      }},
                                      field<&ForkStep::steps>("steps", "What the child does.", Need::required)}};
  return table;
}

}  // namespace uringsim::sim
