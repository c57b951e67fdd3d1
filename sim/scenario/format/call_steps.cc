// SPDX-License-Identifier: GPL-2.0-only
// The tables of system calls that a task makes by itself.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

template <>
const Table<SetupStep>& table_of<SetupStep>() {
  static const Table<SetupStep> table{
      "setup",
      "Sets a ring up now instead of at the start.",
      {field<&SetupStep::ring>("ring", "Which ring.", Need::required), field<&SetupStep::into>("into", "0, or the error.")}};
  return table;
}

template <>
const Table<MapStep>& table_of<MapStep>() {
  static const Table<MapStep> table{
      "map",
      "Maps a ring's memory again.",
      {field<&MapStep::ring>("ring", "Which ring.", Need::required), field<&MapStep::into>("into", "0, or the error.")}};
  return table;
}

template <>
const Table<CloseStep>& table_of<CloseStep>() {
  static const Table<CloseStep> table{
      "close",
      "close(2).",
      {field<&CloseStep::ring>("ring", "A ring; its memory is unmapped first."), field<&CloseStep::file>("file", "Or a file."),
       field<&CloseStep::keep_map>("keep_map", "ring: leave its memory mapped (false)."),
       field<&CloseStep::into>("into", "What close returned.")},
      [](Decoder& decoder, const Json& at, const CloseStep& step) {
        if (step.ring.empty() == step.file.empty()) decoder.fail(at.at, "needs a \"ring\" or a \"file\", one of them");
      }};
  return table;
}

template <>
const Table<RegisterStep>& table_of<RegisterStep>() {
  static const Table<RegisterStep> table{
      "register",
      "io_uring_register.",
      {field<&RegisterStep::ring>("ring", "Which ring.", Need::required),
       field<&RegisterStep::what>("what", "What is registered.", Need::required),
       field<&RegisterStep::files>("files", "Files, by name.", Need::optional, {1, 32'768}),
       field<&RegisterStep::buffers>("buffers", "Buffers."), field<&RegisterStep::eventfd>("eventfd", "An eventfd."),
       field<&RegisterStep::result>("result", "What it has to return (0), unless it goes `into`."),
       field<&RegisterStep::into>("into", "What it returned.")},
      [](Decoder& decoder, const Json& at, const RegisterStep& step) {
        const bool right = (step.what == RegisterWhat::files) == !step.files.empty() &&
                           (step.what == RegisterWhat::buffers) == step.buffers.has_value() &&
                           (step.what == RegisterWhat::eventfd) == !step.eventfd.empty();
        if (!right)
          decoder.fail(at.at, fmt::format("registering {0} needs {1} and nothing else", name_of(step.what),
                                          in_quotes(name_of(step.what))));
      }};
  return table;
}

template <>
const Table<UnregisterStep>& table_of<UnregisterStep>() {
  static const Table<UnregisterStep> table{
      "unregister",
      "io_uring_register, to undo.",
      {field<&UnregisterStep::ring>("ring", "Which ring.", Need::required),
       field<&UnregisterStep::what>("what", "What.", Need::required),
       field<&UnregisterStep::result>("result", "What it has to return (0), unless it goes `into`."),
       field<&UnregisterStep::into>("into", "What it returned.")}};
  return table;
}

template <>
const Table<ReadStep>& table_of<ReadStep>() {
  static const Table<ReadStep> table{
      "read",
      "read(2) or pread(2) by the task itself.",
      {field<&ReadStep::file>("file", "Which file.", Need::required),
       field<&ReadStep::size>("size", "So many bytes (4KiB).", Need::optional, {0, 1u << 30}),
       field<&ReadStep::offset>("offset", "From here (the file's position)."),
       field<&ReadStep::result>("result", "What it has to return."), field<&ReadStep::into>("into", "What it returned.")}};
  return table;
}

template <>
const Table<WriteStep>& table_of<WriteStep>() {
  static const Table<WriteStep> table{
      "write",
      "write(2) or pwrite(2) by the task itself.",
      {field<&WriteStep::file>("file", "Which file.", Need::required),
       field<&WriteStep::size>("size", "So many bytes (4KiB).", Need::optional, {0, 1u << 30}),
       field<&WriteStep::offset>("offset", "To here (the file's position)."),
       field<&WriteStep::seed>("seed", "Pattern of the data (0)."),
       field<&WriteStep::value>("value", "Eight bytes instead, as for an eventfd."),
       field<&WriteStep::result>("result", "What it has to return."), field<&WriteStep::into>("into", "What it returned.")},
      [](Decoder& decoder, const Json& at, const WriteStep& step) {
        if (step.value && (at.find("size") != nullptr || step.seed))
          decoder.fail(at.at, "\"value\" is eight bytes; no \"size\" or \"seed\" beside it");
      }};
  return table;
}

template <>
const Table<PollStep>& table_of<PollStep>() {
  static const Table<PollStep> table{"poll",
                                     "poll(2).",
                                     {field<&PollStep::file>("file", "A file."), field<&PollStep::ring>("ring", "Or a ring."),
                                      field<&PollStep::events>("events", "What to wait for (IN)."),
                                      field<&PollStep::timeout>("timeout", "At most so long (for ever)."),
                                      field<&PollStep::into>("into", "revents, 0 after the timeout.")},
                                     [](Decoder& decoder, const Json& at, const PollStep& step) {
                                       if (step.ring.empty() == step.file.empty())
                                         decoder.fail(at.at, "needs a \"ring\" or a \"file\", one of them");
                                     }};
  return table;
}

template <>
const Table<SignalStep>& table_of<SignalStep>() {
  static const Table<SignalStep> table{
      "signal",
      "Sends a signal to a task.",
      {field<&SignalStep::task>("task", "To whom.", Need::required), field<&SignalStep::signal>("signal", "Which (SIGUSR1).")}};
  return table;
}

}  // namespace uringsim::sim
