// SPDX-License-Identifier: GPL-2.0-only
// Which steps there are: `verbs()` lists them all, with the table or the codec that each goes by.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

namespace {

struct Verb {
  std::string_view name;
  void (*decode)(Decoder&, const Json& object, const Json& payload, TaskStep&);
  SchemaJson (*schema)(SchemaBuilder&, std::string_view name);
};

/// {"wait": {...}}: nothing stands beside the payload.
template <class S>
Verb payload(std::string_view name) {
  return {name,
          [](Decoder& decoder, const Json& object, const Json& value, TaskStep& out) {
            for (std::size_t i = 0; i < object.keys.size(); ++i) {
              const Decoder::Down down(decoder, object.keys[i].text);
              if (&object.items[i] != &value)
                decoder.fail(object.keys[i].at,
                             "is one thing too many: a step does one thing, and its fields stand inside of it");
            }
            for (const Json::Key& key : object.keys) {
              const Decoder::Down down(decoder, key.text);
              Codec<S>::decode(decoder, value, out.action.emplace<S>(), Limits{});
            }
          },
          [](SchemaBuilder& schema, std::string_view verb) {
            return SchemaJson{{"type", "object"},
                              {"properties", {{std::string(verb), Codec<S>::schema(schema, Limits{})}}},
                              {"required", SchemaJson::array({verb})},
                              {"additionalProperties", false}};
          }};
}

/// {"repeat": 8, "steps": [...]}: the table describes the whole step.
template <class S>
Verb clause(std::string_view name) {
  return {name,
          [](Decoder& decoder, const Json& object, const Json&, TaskStep& out) {
            decode_object(decoder, object, out.action.emplace<S>(), table_of<S>());
          },
          [](SchemaBuilder& schema, std::string_view) { return object_schema(schema, table_of<S>()); }};
}

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all{payload<SubmitStep>("submit"),
                                     payload<WaitStep>("wait"),
                                     payload<ReapStep>("reap"),
                                     payload<WorkloadStep>("workload"),
                                     payload<SleepStep>("sleep"),
                                     payload<SpinStep>("spin"),
                                     payload<YieldStep>("yield"),
                                     clause<RepeatStep>("repeat"),
                                     clause<IfStep>("if"),
                                     clause<MistakeStep>("mistake"),
                                     clause<WhileStep>("while"),
                                     clause<AssertStep>("assert"),
                                     payload<SetStep>("set"),
                                     payload<ClockStep>("clock"),
                                     payload<PostStep>("post"),
                                     payload<AwaitStep>("await"),
                                     payload<JoinStep>("join"),
                                     payload<SetupStep>("setup"),
                                     payload<CloseStep>("close"),
                                     payload<UnmapStep>("unmap"),
                                     payload<MapStep>("map"),
                                     payload<RegisterStep>("register"),
                                     payload<UnregisterStep>("unregister"),
                                     payload<ReadStep>("read"),
                                     payload<WriteStep>("write"),
                                     payload<PollStep>("poll"),
                                     clause<ForkStep>("fork"),
                                     payload<ExitStep>("exit"),
                                     payload<SignalStep>("signal"),
                                     payload<SqeStep>("sqe"),
                                     payload<LoadStep>("load"),
                                     payload<StoreStep>("store"),
                                     payload<AdvanceStep>("advance"),
                                     payload<FenceStep>("fence"),
                                     payload<EnterStep>("enter"),
                                     payload<CqeStep>("cqe"),
                                     payload<ScribbleStep>("scribble"),
                                     payload<FillStep>("fill"),
                                     payload<PokeStep>("poke"),
                                     payload<CompareStep>("compare")};
  return all;
}

}  // namespace

void Codec<TaskStep>::decode(Decoder& decoder, const Json& at, TaskStep& out, const Limits&) {
  if (at.kind != Json::Kind::object)
    decoder.fail(at.at, fmt::format("is {}; a step is an object like {{\"sleep\": \"5ms\"}}", kind_name(at.kind)));
  out.where = decoder.where(at.at);
  for (const Verb& verb : verbs())
    if (const Json* const value = at.find(verb.name)) return verb.decode(decoder, at, *value, out);
  std::vector<std::string_view> names;
  for (const Verb& verb : verbs()) names.push_back(verb.name);
  if (at.keys.empty()) decoder.fail(at.at, "is an empty step; " + name_hint("", names));
  const Decoder::Down down(decoder, at.keys[0].text);
  decoder.fail(at.keys[0].at, fmt::format("unknown step {}; {}", in_quotes(at.keys[0].text), name_hint(at.keys[0].text, names)));
}

SchemaJson Codec<TaskStep>::schema(SchemaBuilder& schema, const Limits&) {
  return schema.reference("step", [](SchemaBuilder& inner) {
    SchemaJson kinds = SchemaJson::array();
    for (const Verb& verb : verbs()) kinds.push_back(verb.schema(inner, verb.name));
    return SchemaJson{{"description", "One thing that a task does."}, {"anyOf", kinds}};
  });
}

}  // namespace uringsim::sim
