// SPDX-License-Identifier: GPL-2.0-only
// Every table of the format, and the codecs of structs that are not an object with fields: what one part needs of another.
#pragma once

#include "sim/scenario/decoder.h"

namespace uringsim::sim {

template <>
const Table<MachineSettings>& table_of<MachineSettings>();
template <>
const Table<LognormalLatency>& table_of<LognormalLatency>();
template <>
const Table<LatencyOptions>& table_of<LatencyOptions>();
template <>
const Table<DeviceOptions>& table_of<DeviceOptions>();
template <>
const Table<FileOptions>& table_of<FileOptions>();
template <>
const Table<BufferSet>& table_of<BufferSet>();
template <>
const Table<RingOptions>& table_of<RingOptions>();
template <>
const Table<BufferOptions>& table_of<BufferOptions>();
template <>
const Table<TaskOptions>& table_of<TaskOptions>();
template <>
const Table<DeviceFault>& table_of<DeviceFault>();
template <>
const Table<AllocationFault>& table_of<AllocationFault>();
template <>
const Table<SignalFault>& table_of<SignalFault>();
template <>
const Table<DeathFault>& table_of<DeathFault>();
template <>
const Table<CqesExpectation>& table_of<CqesExpectation>();
template <>
const Table<CheckExpectation>& table_of<CheckExpectation>();
template <>
const Table<MetricExpectation>& table_of<MetricExpectation>();
template <>
const Table<ContentExpectation>& table_of<ContentExpectation>();
template <>
const Table<OrderExpectation>& table_of<OrderExpectation>();
template <>
const Table<VariableExpectation>& table_of<VariableExpectation>();
template <>
const Table<SearchExpectation>& table_of<SearchExpectation>();
template <>
const Table<Scope>& table_of<Scope>();
template <>
const Table<Scenario>& table_of<Scenario>();

template <>
const Table<Request>& table_of<Request>();
template <>
const Table<SubmitStep>& table_of<SubmitStep>();
template <>
const Table<WaitStep>& table_of<WaitStep>();
template <>
const Table<ReapStep>& table_of<ReapStep>();
template <>
const Table<WorkloadStep>& table_of<WorkloadStep>();
template <>
const Table<RepeatStep>& table_of<RepeatStep>();
template <>
const Table<IfStep>& table_of<IfStep>();
template <>
const Table<MistakeStep>& table_of<MistakeStep>();
template <>
const Table<WhileStep>& table_of<WhileStep>();
template <>
const Table<AssertStep>& table_of<AssertStep>();
template <>
const Table<ForkStep>& table_of<ForkStep>();
template <>
const Table<SetupStep>& table_of<SetupStep>();
template <>
const Table<MapStep>& table_of<MapStep>();
template <>
const Table<CloseStep>& table_of<CloseStep>();
template <>
const Table<RegisterStep>& table_of<RegisterStep>();
template <>
const Table<UnregisterStep>& table_of<UnregisterStep>();
template <>
const Table<ReadStep>& table_of<ReadStep>();
template <>
const Table<WriteStep>& table_of<WriteStep>();
template <>
const Table<PollStep>& table_of<PollStep>();
template <>
const Table<SignalStep>& table_of<SignalStep>();
template <>
const Table<SqeStep>& table_of<SqeStep>();
template <>
const Table<LoadStep>& table_of<LoadStep>();
template <>
const Table<StoreStep>& table_of<StoreStep>();
template <>
const Table<AdvanceStep>& table_of<AdvanceStep>();
template <>
const Table<EnterStep>& table_of<EnterStep>();
template <>
const Table<CqeStep>& table_of<CqeStep>();
template <>
const Table<ScribbleStep>& table_of<ScribbleStep>();
template <>
const Table<FillStep>& table_of<FillStep>();
template <>
const Table<PokeStep>& table_of<PokeStep>();
template <>
const Table<CompareStep>& table_of<CompareStep>();

template <>
struct Codec<TaskOptions> {
  static void decode(Decoder& decoder, const Json& at, TaskOptions& out, const Limits& limits);
  static SchemaJson schema(SchemaBuilder& schema, const Limits& limits);
};

// ---- steps that are one value --------------------------------------------------------------------------------------------

namespace detail {

/// {"sleep": "5ms"}: the payload is the struct's only member.
template <auto Member>
struct Single {
  using Owner = typename detail::MemberTraits<decltype(Member)>::Owner;
  using Type = typename detail::MemberTraits<decltype(Member)>::Type;
  static void decode(Decoder& decoder, const Json& at, Owner& out, const Limits& limits) {
    Codec<Type>::decode(decoder, at, out.*Member, limits);
  }
  static SchemaJson schema(SchemaBuilder& schema, const Limits& limits) { return Codec<Type>::schema(schema, limits); }
};

/// {"setup": "r0"} or {"setup": {"ring": "r0", "into": "x"}}.
template <auto Member>
struct NameOrObject {
  using Owner = typename detail::MemberTraits<decltype(Member)>::Owner;
  static void decode(Decoder& decoder, const Json& at, Owner& out, const Limits& limits) {
    if (at.kind == Json::Kind::string) return Codec<Ref>::decode(decoder, at, out.*Member, limits);
    decode_object(decoder, at, out, table_of<Owner>());
  }
  static SchemaJson schema(SchemaBuilder& schema, const Limits& limits) {
    SchemaJson object =
        schema.reference(table_of<Owner>().name, [](SchemaBuilder& inner) { return object_schema(inner, table_of<Owner>()); });
    return {{"anyOf", SchemaJson::array({Codec<Ref>::schema(schema, limits), object})}};
  }
};

}  // namespace detail

template <>
struct Codec<SleepStep> : detail::Single<&SleepStep::time> {};
template <>
struct Codec<SpinStep> : detail::Single<&SpinStep::time> {
  /// Shorter than what counts as polling for ever.
  static void decode(Decoder& decoder, const Json& at, SpinStep& out, const Limits&) {
    constexpr u64 longest = 300'000'000'000;
    Single::decode(decoder, at, out, {0, longest});
  }
};
template <>
struct Codec<ClockStep> : detail::Single<&ClockStep::into> {};
template <>
struct Codec<PostStep> : detail::Single<&PostStep::event> {};
template <>
struct Codec<AwaitStep> : detail::Single<&AwaitStep::event> {};
template <>
struct Codec<JoinStep> : detail::Single<&JoinStep::task> {};
template <>
struct Codec<UnmapStep> : detail::Single<&UnmapStep::ring> {};
template <>
struct Codec<ExitStep> : detail::Single<&ExitStep::code> {};
template <>
struct Codec<FenceStep> : detail::Single<&FenceStep::kind> {};
template <>
struct Codec<SetupStep> : detail::NameOrObject<&SetupStep::ring> {};
template <>
struct Codec<MapStep> : detail::NameOrObject<&MapStep::ring> {};

template <>
struct Codec<YieldStep> {
  static void decode(Decoder& decoder, const Json& at, YieldStep&, const Limits&);
  static SchemaJson schema(SchemaBuilder& schema, const Limits&);
};
template <>
struct Codec<SetStep> {
  static void decode(Decoder& decoder, const Json& at, SetStep& out, const Limits&);
  static SchemaJson schema(SchemaBuilder& schema, const Limits&);
};

}  // namespace uringsim::sim
