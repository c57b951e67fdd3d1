// SPDX-License-Identifier: GPL-2.0-only
// The tables of expectations, and the key that tells their kinds apart.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

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
            if (dot == std::string::npos || dot == 0) decoder.fail(value.at, "needs \"task.variable\"");
            out.task = {value.text.substr(0, dot), decoder.where(value.at)};
            out.name = value.text.substr(dot + 1);
          },
          [](SchemaBuilder& schema, const Limits&) {
            return schema.or_param({{"type", "string"}, {"pattern", "^[^.]+\\."}});
          }}}),
      check_bounds<VariableExpectation>};
  return table;
}

template <>
const Table<SearchExpectation>& table_of<SearchExpectation>() {
  static const Table<SearchExpectation> table{
      "search_expectation",
      "What a search of all schedules finds.",
      {field<&SearchExpectation::verdict>(
           "explore", "Nothing (clean), or a violation: a single run may then meet it or not, and passes either way.",
           Need::required),
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

}  // namespace uringsim::sim
