// SPDX-License-Identifier: GPL-2.0-only
// The tables of faults: what tells their kinds apart, and when they strike.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

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

}  // namespace uringsim::sim
