// SPDX-License-Identifier: GPL-2.0-only
// The tables of tasks and of their memory.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

template <>
const Table<BufferOptions>& table_of<BufferOptions>() {
  static const Table<BufferOptions> table{
      "buffer",
      "Memory of a task, page aligned; its name is its address in expressions.",
      {field<&BufferOptions::size>("size", "Of it (4KiB).", Need::optional, {1, 1u << 30}),
       field<&BufferOptions::content>("content", "At the start (zero); hole: mapped, but not yet backed by pages."),
       field<&BufferOptions::seed>("seed", "Of the pattern (0).")}};
  return table;
}

template <>
const Table<TaskOptions>& table_of<TaskOptions>() {
  static const Table<TaskOptions> table{
      "task",
      "An application's thread: its steps, one after the other.",
      {field<&TaskOptions::cpu>("cpu", "Bound to this processor.", Need::optional, {0, 63}),
       field<&TaskOptions::uid>("uid", "Its user (0: root with every capability; others have none)."),
       field<&TaskOptions::process>("process", "Tasks of the same process share memory and descriptors; without it, all of one."),
       field<&TaskOptions::count>("count", "So many such tasks; `self` is the number from 0 in expressions (1).", Need::optional,
                                  {1, 256}),
       field<&TaskOptions::start>("start", "The first step comes after this (0)."),
       field<&TaskOptions::memlock>("memlock", "RLIMIT_MEMLOCK of the process."),
       field<&TaskOptions::nofile>("nofile", "RLIMIT_NOFILE of the process."),
       field<&TaskOptions::fsize>("fsize", "RLIMIT_FSIZE of the process."),
       field<&TaskOptions::buffers>("buffers", "Memory of its own.", Need::optional, {0, 256}),
       field<&TaskOptions::handlers>("handlers", "Signals that it catches; others end it."),
       field<&TaskOptions::must_end>("must_end", "false: the run is over when all other tasks are (true)."),
       field<&TaskOptions::steps>("steps", "What it does.", Need::required)}};
  return table;
}

void Codec<TaskOptions>::decode(Decoder& decoder, const Json& at, TaskOptions& out, const Limits&) {
  // Steps name the task's buffers, wherever in the object those stand.
  Named<BufferOptions> buffers;
  if (at.kind == Json::Kind::object)
    if (const Json* const written = at.find("buffers")) {
      const Decoder::Down down(decoder, "buffers");
      Codec<Named<BufferOptions>>::decode(decoder, *written, buffers, {0, 256});
      for (std::size_t i = 0; i < buffers.size(); ++i)
        if (constant_named(buffers[i].name) || buffers[i].name == "self" || buffers[i].name.find('-') != std::string::npos) {
          const Decoder::Down name(decoder, buffers[i].name);
          decoder.fail(written->keys[i].at, "is no name for a buffer: letters, digits and \"_\", and no constant");
        }
    }
  decoder.enter_task(buffers);
  decode_object(decoder, at, out, table_of<TaskOptions>());
  out.variables = decoder.leave_task();
}
SchemaJson Codec<TaskOptions>::schema(SchemaBuilder& schema, const Limits&) {
  return schema.reference("task", [](SchemaBuilder& inner) { return object_schema(inner, table_of<TaskOptions>()); });
}

}  // namespace uringsim::sim
