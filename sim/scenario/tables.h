// SPDX-License-Identifier: GPL-2.0-only
// Tables that one part of the format needs of another, and the codecs of structs that do more than their table.
#pragma once

#include "sim/scenario/decoder.h"

namespace uringsim::sim {

template <>
struct Codec<TaskOptions> {
  static void decode(Decoder& decoder, const Json& at, TaskOptions& out, const Limits& limits);
  static SchemaJson schema(SchemaBuilder& schema, const Limits& limits);
};

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

}  // namespace uringsim::sim
