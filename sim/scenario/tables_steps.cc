// SPDX-License-Identifier: GPL-2.0-only
// The tables of steps: what a task can do, high level and low level. `verbs()` lists them all.
#include <algorithm>

#include "sim/scenario/decoder.h"
#include "sim/scenario/tables.h"

namespace uringsim::sim {

namespace {

// ---- steps that are one value --------------------------------------------------------------------------------------------

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

}  // namespace

template <>
struct Codec<SleepStep> : Single<&SleepStep::time> {};
template <>
struct Codec<SpinStep> : Single<&SpinStep::time> {};
template <>
struct Codec<ClockStep> : Single<&ClockStep::into> {};
template <>
struct Codec<PostStep> : Single<&PostStep::event> {};
template <>
struct Codec<AwaitStep> : Single<&AwaitStep::event> {};
template <>
struct Codec<JoinStep> : Single<&JoinStep::task> {};
template <>
struct Codec<UnmapStep> : Single<&UnmapStep::ring> {};
template <>
struct Codec<ExitStep> : Single<&ExitStep::code> {};
template <>
struct Codec<FenceStep> : Single<&FenceStep::kind> {};
template <>
struct Codec<SetupStep> : NameOrObject<&SetupStep::ring> {};
template <>
struct Codec<MapStep> : NameOrObject<&MapStep::ring> {};

template <>
struct Codec<YieldStep> {
  static void decode(Decoder& decoder, const Json& at, YieldStep&, const Limits&) {
    if (at.kind != Json::Kind::boolean || !at.boolean) decoder.fail(at.at, "is written {\"yield\": true}");
  }
  static SchemaJson schema(SchemaBuilder&, const Limits&) { return {{"const", true}}; }
};

template <>
struct Codec<SetStep> {
  static void decode(Decoder& decoder, const Json& at, SetStep& out, const Limits&) {
    if (at.kind != Json::Kind::object || at.items.empty())
      decoder.fail(at.at, "needs an object of variables and values: {\"set\": {\"n\": \"n + 1\"}}");
    for (std::size_t i = 0; i < at.items.size(); ++i) {
      const Decoder::Down down(decoder, at.keys[i].text);
      Expression value = decoder.expression(at.items[i]);
      out.values.push_back({decoder.set_variable(at.keys[i].at, at.keys[i].text), std::move(value)});
    }
  }
  static SchemaJson schema(SchemaBuilder& schema, const Limits&) {
    return {{"type", "object"},
            {"minProperties", 1},
            {"propertyNames", {{"pattern", "^[A-Za-z_][A-Za-z0-9_]{0,63}$"}}},
            {"additionalProperties", Codec<Expression>::schema(schema, {})}};
  }
};

// ---- requests ------------------------------------------------------------------------------------------------------------

namespace {

Request& request_of(Request& request) { return request; }
Request& request_of(SubmitStep& step) { return step.request; }

/// A field of Request, in the table of Request or of the step that holds one.
template <class T, auto Member>
Field<T> request_field(std::string_view name, std::string_view about, Need need = Need::optional, Limits limits = {}) {
  using Type = typename detail::MemberTraits<decltype(Member)>::Type;
  return {name,
          about,
          need,
          limits,
          [](Decoder& decoder, const Json& at, T& out, const Limits& bounds) {
            Codec<Type>::decode(decoder, at, request_of(out).*Member, bounds);
          },
          [](SchemaBuilder& schema, const Limits& bounds) { return Codec<Type>::schema(schema, bounds); }};
}

template <class T>
std::vector<Field<T>> with_request(std::vector<Field<T>> fields, Need op) {
  const std::vector<Field<T>> more{
      request_field<T, &Request::op>("op", "Opcode, without IORING_OP_.", op),
      request_field<T, &Request::count>("count", "So many of them (1).", Need::optional, {1, 32'768}),
      request_field<T, &Request::file>("file", "The file it works on."),
      request_field<T, &Request::fixed>("fixed", "Address the file by its index (if the ring has registered it)."),
      request_field<T, &Request::offset>("offset", "Where in the file (sequential)."),
      request_field<T, &Request::size>("size", "Bytes of each transfer (4KiB).", Need::optional, {0, u64{1} << 30}),
      request_field<T, &Request::iovecs>("iovecs", "READV, WRITEV: pieces the transfer is split into (1).", Need::optional,
                                         {1, 1'024}),
      request_field<T, &Request::seed>("seed", "Pattern of the data written (the file's own)."),
      request_field<T, &Request::verify>("verify", "Compare what is read (where the content is known)."),
      request_field<T, &Request::link>("link", "IO_LINK on each but the last (false)."),
      request_field<T, &Request::drain>("drain", "IO_DRAIN on the first (false)."),
      request_field<T, &Request::flags>("flags", "IOSQE_ flags of each, by name or as numbers."),
      request_field<T, &Request::user_data>("user_data", "Of the first, counting up (numbers of the runner's own)."),
      request_field<T, &Request::events>("events", "POLL_ADD: what to wait for (IN)."),
      request_field<T, &Request::target>("target", "POLL_REMOVE: user_data of the poll."),
      request_field<T, &Request::datasync>("datasync", "FSYNC: IORING_FSYNC_DATASYNC (false)."),
      request_field<T, &Request::range>("range", "SYNC_FILE_RANGE: its flags."),
      request_field<T, &Request::message>("message", "SENDMSG, RECVMSG: MSG_ flags."),
      request_field<T, &Request::after>("after", "TIMEOUT: when."),
      request_field<T, &Request::absolute>("absolute", "TIMEOUT: `after` is a time of the clock (false)."),
      request_field<T, &Request::completions>("completions", "TIMEOUT: or after so many completions (0: time only).")};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

bool transfers(Op op) {
  return op == Op::readv || op == Op::writev || op == Op::read_fixed || op == Op::write_fixed || op == Op::sendmsg ||
         op == Op::recvmsg;
}

bool needs_file(Op op) { return op != Op::nop && op != Op::poll_remove && op != Op::timeout; }

/// A field that means nothing for this opcode is a mistake, not a decoration.
void check_request(Decoder& decoder, const Json& at, const Request& request) {
  const std::string_view op = name_of(request.op);
  const auto only = [&](const char* name, bool possible) {
    const Json* const value = at.find(name);
    if (value == nullptr || possible) return;
    const Decoder::Down down(decoder, name);
    decoder.fail(value->at, fmt::format("means nothing for {}", op));
  };
  const bool range = request.op == Op::sync_file_range || request.op == Op::fsync;
  const bool socket = request.op == Op::sendmsg || request.op == Op::recvmsg;
  only("file", needs_file(request.op));
  only("fixed", needs_file(request.op));
  only("offset", (transfers(request.op) && !socket) || range);
  only("size", transfers(request.op) || range);
  only("iovecs", request.op == Op::readv || request.op == Op::writev || socket);
  only("seed", request.op == Op::writev || request.op == Op::write_fixed || request.op == Op::sendmsg);
  only("verify", request.op == Op::readv || request.op == Op::read_fixed || request.op == Op::recvmsg);
  only("events", request.op == Op::poll_add);
  only("target", request.op == Op::poll_remove);
  only("datasync", request.op == Op::fsync);
  only("range", request.op == Op::sync_file_range);
  only("message", socket);
  only("after", request.op == Op::timeout);
  only("absolute", request.op == Op::timeout);
  only("completions", request.op == Op::timeout);
  if (needs_file(request.op) && request.file.empty()) decoder.fail(at.at, fmt::format("{} needs a \"file\"", op));
  if (request.op == Op::poll_remove && at.find("target") == nullptr) decoder.fail(at.at, "POLL_REMOVE needs a \"target\"");
  if (request.op == Op::timeout && at.find("after") == nullptr) decoder.fail(at.at, "TIMEOUT needs \"after\"");
}

void check_submit(Decoder& decoder, const Json& at, const SubmitStep& step) {
  const bool inline_request = at.find("op") != nullptr;
  if (inline_request && !step.sqes.empty()) decoder.fail(at.at, "either \"op\" and its fields, or \"sqes\", a list of such");
  if (!inline_request && at.find("sqes") == nullptr) decoder.fail(at.at, "\"op\" is missing (or \"sqes\", a list of requests)");
  if (inline_request) return check_request(decoder, at, step.request);
  for (const Json::Key& key : at.keys)
    if (key.text != "ring" && key.text != "sqes" && key.text != "wake" && key.text != "wait" && key.text != "into") {
      const Decoder::Down down(decoder, key.text);
      decoder.fail(key.at, "belongs into the elements of \"sqes\"");
    }
}

}  // namespace

template <>
const Table<Request>& table_of<Request>() {
  static const Table<Request> table{"request", "One request, or several equal ones.", with_request<Request>({}, Need::required),
                                    check_request};
  return table;
}

template <>
const Table<SubmitStep>& table_of<SubmitStep>() {
  static const Table<SubmitStep> table{
      "submit", "Fills SQEs, publishes them with one tail store, looks once at the flags, enters where needed.",
      with_request<SubmitStep>({field<&SubmitStep::ring>("ring", "Which ring.", Need::required),
                                field<&SubmitStep::sqes>("sqes", "Different requests in one submit.", Need::optional, {1, 4'096}),
                                field<&SubmitStep::wake>("wake", "false: published, but the kernel is not told (true)."),
                                field<&SubmitStep::wait>("wait", "Wait for so many CQEs in the same enter (0)."),
                                field<&SubmitStep::into>("into", "What submit returned.")},
                               Need::optional),
      check_submit};
  return table;
}

// ---- completions -----------------------------------------------------------------------------------------------------------

template <>
const Table<WaitStep>& table_of<WaitStep>() {
  static const Table<WaitStep> table{
      "wait",
      "Sleeps in enter(GETEVENTS) until the CQEs are there, then takes them.",
      {field<&WaitStep::ring>("ring", "Which ring.", Need::required), field<&WaitStep::cqes>("cqes", "So many (1)."),
       field<&WaitStep::take>("take", "false: leave them in the ring (true)."),
       field<&WaitStep::res>("res", "What each has to carry."),
       field<&WaitStep::user_data>("user_data", "What the first has to carry."),
       field<&WaitStep::into>("into", "How many were taken, or the error."),
       field<&WaitStep::into_res>("into_res", "res of the last one."),
       field<&WaitStep::into_user_data>("into_user_data", "user_data of the last one.")}};
  return table;
}

template <>
const Table<ReapStep>& table_of<ReapStep>() {
  static const Table<ReapStep> table{
      "reap",
      "Takes the CQEs that memory shows; never enters the kernel.",
      {field<&ReapStep::ring>("ring", "Which ring.", Need::required), field<&ReapStep::cqes>("cqes", "At most so many (all)."),
       field<&ReapStep::until>("until", "Look again until `cqes` were taken (false)."),
       field<&ReapStep::res>("res", "What each has to carry."), field<&ReapStep::into>("into", "How many were taken."),
       field<&ReapStep::into_res>("into_res", "res of the last one."),
       field<&ReapStep::into_user_data>("into_user_data", "user_data of the last one.")},
      [](Decoder& decoder, const Json& at, const ReapStep& step) {
        if (step.until && !step.cqes) decoder.fail(at.at, "\"until\" needs \"cqes\": how many");
      }};
  return table;
}

template <>
const Table<WorkloadStep>& table_of<WorkloadStep>() {
  static const Table<WorkloadStep> table{
      "workload",
      "A workload in fio's terms.",
      {field<&WorkloadStep::ring>("ring", "Which ring.", Need::required),
       field<&WorkloadStep::file>("file", "Which file.", Need::required),
       field<&WorkloadStep::rw>("rw", "Direction and order (randread)."),
       field<&WorkloadStep::rwmixread>("rwmixread", "rw, randrw: percent of reads (50).", Need::optional, {0, 100}),
       field<&WorkloadStep::bs>("bs", "Bytes of a request (4KiB).", Need::optional, {1, 1u << 30}),
       field<&WorkloadStep::offset>("offset", "Start of the region used (0)."),
       field<&WorkloadStep::size>("size", "Its length (to the end of the file)."),
       field<&WorkloadStep::iodepth>("iodepth", "Requests in flight (1).", Need::optional, {1, 65'536}),
       field<&WorkloadStep::batch>("batch", "Requests a submit (1).", Need::optional, {1, 32'768}),
       field<&WorkloadStep::batch_complete>("batch_complete", "Completions waited for at once (1).", Need::optional, {1, 65'536}),
       field<&WorkloadStep::ios>("ios", "Ends after so many requests.", Need::optional, {1, ~u64{0}}),
       field<&WorkloadStep::runtime>("runtime", "Ends after this time.", Need::optional, {1, ~u64{0}}),
       field<&WorkloadStep::rate>("rate", "Requests a second (as many as possible).", Need::optional, {1, 1'000'000'000}),
       field<&WorkloadStep::arrival>("arrival", "With a rate: evenly spaced, or at random times (fixed)."),
       field<&WorkloadStep::thinktime>("thinktime", "Pause."),
       field<&WorkloadStep::thinktime_blocks>("thinktime_blocks", "After so many requests (1).", Need::optional, {1, 0xffffffff}),
       field<&WorkloadStep::link>("link", "Chains of so many requests (1: none).", Need::optional, {1, 32'768}),
       field<&WorkloadStep::drain>("drain", "IO_DRAIN on every so manyth request (never).", Need::optional, {1, 0xffffffff}),
       field<&WorkloadStep::fsync>("fsync", "FSYNC after every so many writes (never).", Need::optional, {1, 0xffffffff}),
       field<&WorkloadStep::fixed_buffers>("fixed_buffers", "READ_FIXED and WRITE_FIXED (false)."),
       field<&WorkloadStep::fixed>("fixed", "Address the file by its index (if the ring has registered it)."),
       field<&WorkloadStep::verify>("verify", "Compare what is read (false)."),
       field<&WorkloadStep::completion>("completion", "wait: sleep in enter for completions; reap: look at memory only (wait).")},
      [](Decoder& decoder, const Json& at, const WorkloadStep& step) {
        if (step.ios == 0 && step.runtime.count == 0) decoder.fail(at.at, "never ends: add \"ios\" or \"runtime\"");
        if (step.batch > step.iodepth)
          decoder.fail(at.at, fmt::format("a batch of {} exceeds the iodepth of {}", step.batch, step.iodepth));
        if (step.batch_complete > step.iodepth)
          decoder.fail(at.at,
                       fmt::format("waits for {} completions where at most {} are in flight", step.batch_complete, step.iodepth));
        if (step.link > step.batch)
          decoder.fail(at.at,
                       fmt::format("a chain of {} does not fit a batch of {}: a submit ends a chain", step.link, step.batch));
        if (step.verify && step.rw != ReadWrite::read && step.rw != ReadWrite::randread)
          decoder.fail(at.at, "\"verify\" needs a workload that only reads");
      }};
  return table;
}

// ---- control ---------------------------------------------------------------------------------------------------------------

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

// ---- system calls ------------------------------------------------------------------------------------------------------------

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

// ---- the ring itself ---------------------------------------------------------------------------------------------------------

template <>
const Table<SqeStep>& table_of<SqeStep>() {
  static const Table<SqeStep> table{
      "sqe",
      "Stores into an SQE, field by field. The tail does not move.",
      {field<&SqeStep::ring>("ring", "Which ring.", Need::required),
       field<&SqeStep::slot>("slot", "Index of the SQE (behind the last one filled)."),
       field<&SqeStep::index>("index", "What goes into the SQ array there (the slot itself)."),
       field<&SqeStep::keep>(
           "keep",
           "Leave fields that are not named as they are, and the SQ array too: changes an SQE under the kernel's eyes (false)."),
       Field<SqeStep>{"opcode",
                      "A name without IORING_OP_, a number, or an expression.",
                      Need::optional,
                      {},
                      [](Decoder& decoder, const Json& at, SqeStep& out, const Limits&) {
                        if (at.kind == Json::Kind::string)
                          for (std::size_t i = 0; i < sqe_opcodes().size(); ++i)
                            if (sqe_opcodes()[i] == at.text) return void(out.opcode = Expression(static_cast<s64>(i)));
                        out.opcode = decoder.expression(at);
                      },
                      [](SchemaBuilder& schema, const Limits&) { return Codec<Expression>::schema(schema, {}); }},
       Field<SqeStep>{"flags",
                      "IOSQE_ flags by name or number, or an expression.",
                      Need::optional,
                      {},
                      [](Decoder& decoder, const Json& at, SqeStep& out, const Limits&) {
                        if (at.kind == Json::Kind::array)
                          out.flags = Expression(static_cast<s64>(decode_flags(decoder, at, words_of<SqeFlagNames>())));
                        else
                          out.flags = decoder.expression(at);
                      },
                      [](SchemaBuilder& schema, const Limits&) {
                        return SchemaJson{{"anyOf", SchemaJson::array({Codec<Flags<SqeFlagNames>>::schema(schema, {}),
                                                                       Codec<Expression>::schema(schema, {})})}};
                      }},
       field<&SqeStep::ioprio>("ioprio", "16 bits."), field<&SqeStep::fd>("fd", "32 bits."),
       field<&SqeStep::file>("file", "Instead of fd: this file's descriptor, or index."),
       field<&SqeStep::fixed>("fixed", "With `file`: its index, and FIXED_FILE (false)."),
       field<&SqeStep::off>("off", "64 bits."), field<&SqeStep::addr>("addr", "64 bits; a buffer's name is its address."),
       field<&SqeStep::len>("len", "32 bits."),
       field<&SqeStep::rw_flags>("rw_flags", "The 32 bits that mean rw_flags, fsync_flags, poll_events, timeout_flags ..."),
       field<&SqeStep::user_data>("user_data", "64 bits."), field<&SqeStep::buf_index>("buf_index", "16 bits.")},
      [](Decoder& decoder, const Json& at, const SqeStep& step) {
        if (step.fd && !step.file.empty()) decoder.fail(at.at, "\"fd\" and \"file\" exclude each other");
        if (step.fixed && step.file.empty())
          decoder.fail(at.at, "\"fixed\" needs a \"file\"; with a number, use \"fd\" and the flag FIXED_FILE");
        if (step.keep && step.index) decoder.fail(at.at, "\"keep\" leaves the SQ array alone; \"index\" would change it");
      }};
  return table;
}

template <>
const Table<LoadStep>& table_of<LoadStep>() {
  static const Table<LoadStep> table{
      "load",
      "Reads a word of the ring.",
      {field<&LoadStep::ring>("ring", "Which ring.", Need::required),
       field<&LoadStep::word>("word", "Which word.", Need::required),
       field<&LoadStep::order>("order", "relaxed, acquire, or plain: a data race if unordered (relaxed)."),
       field<&LoadStep::into>("into", "Variable.", Need::required)}};
  return table;
}

template <>
const Table<StoreStep>& table_of<StoreStep>() {
  static const Table<StoreStep> table{
      "store",
      "Writes a word of the ring.",
      {field<&StoreStep::ring>("ring", "Which ring.", Need::required),
       field<&StoreStep::word>("word", "Which word.", Need::required), field<&StoreStep::value>("value", "What.", Need::required),
       field<&StoreStep::order>("order", "relaxed, release, or plain (release).")}};
  return table;
}

template <>
const Table<AdvanceStep>& table_of<AdvanceStep>() {
  static const Table<AdvanceStep> table{
      "advance",
      "Adds to the SQ tail or the CQ head, the words that the application owns.",
      {field<&AdvanceStep::ring>("ring", "Which ring.", Need::required),
       field<&AdvanceStep::word>("word", "sq_tail or cq_head (cq_head)."),
       field<&AdvanceStep::by>("by", "So much, may be negative (1)."),
       field<&AdvanceStep::order>("order", "relaxed, release, or plain (release).")},
      [](Decoder& decoder, const Json& at, const AdvanceStep& step) {
        if (step.word != Word::sq_tail && step.word != Word::cq_head)
          decoder.fail(at.find("word")->at,
                       "only sq_tail and cq_head are the application's; use \"store\" to scribble over others");
      }};
  return table;
}

template <>
const Table<EnterStep>& table_of<EnterStep>() {
  static const Table<EnterStep> table{
      "enter",
      "io_uring_enter, argument by argument.",
      {field<&EnterStep::ring>("ring", "Which ring.", Need::required), field<&EnterStep::to_submit>("to_submit", "(0)"),
       field<&EnterStep::min_complete>("min_complete", "(0)"),
       field<&EnterStep::flags>("flags", "IORING_ENTER_ flags by name, or numbers."),
       field<&EnterStep::blocked>("blocked", "Pass a signal mask that blocks these (no mask)."),
       field<&EnterStep::result>("result", "What it has to return."), field<&EnterStep::into>("into", "What it returned.")}};
  return table;
}

template <>
const Table<CqeStep>& table_of<CqeStep>() {
  static const Table<CqeStep> table{
      "cqe",
      "Reads one CQE. The head does not move.",
      {field<&CqeStep::ring>("ring", "Which ring.", Need::required),
       field<&CqeStep::at>("at", "Its index, before masking.", Need::required),
       field<&CqeStep::user_data>("user_data", "Variable for it."), field<&CqeStep::res>("res", "Variable for it."),
       field<&CqeStep::flags>("flags", "Variable for it.")}};
  return table;
}

template <>
const Table<ScribbleStep>& table_of<ScribbleStep>() {
  static const Table<ScribbleStep> table{
      "scribble",
      "Writes over ring memory.",
      {field<&ScribbleStep::ring>("ring", "Which ring.", Need::required),
       field<&ScribbleStep::area>("area", "Which part.", Need::required),
       field<&ScribbleStep::offset>("offset", "From this byte of it (0)."),
       field<&ScribbleStep::size>("size", "So many bytes (64).", Need::optional, {1, 1u << 20}),
       field<&ScribbleStep::value>("value", "Each byte (random).")}};
  return table;
}

template <>
const Table<FillStep>& table_of<FillStep>() {
  static const Table<FillStep> table{
      "fill",
      "Fills a buffer of the task.",
      {field<&FillStep::buffer>("buffer", "Which.", Need::required),
       field<&FillStep::seed>("seed", "With the pattern of this seed."), field<&FillStep::value>("value", "Or with this byte.")},
      [](Decoder& decoder, const Json& at, const FillStep& step) {
        if (step.seed.has_value() == step.value.has_value()) decoder.fail(at.at, "needs a \"seed\" or a \"value\", one of them");
      }};
  return table;
}

template <>
const Table<PokeStep>& table_of<PokeStep>() {
  static const Table<PokeStep> table{
      "poke",
      "Stores a number into a buffer of the task.",
      {field<&PokeStep::buffer>("buffer", "Which.", Need::required),
       field<&PokeStep::offset>("offset", "Where in it, in bytes (0)."),
       field<&PokeStep::size>("size", "Bytes of the number: 1, 2, 4 or 8 (8).", Need::optional, {1, 8}),
       field<&PokeStep::value>("value", "The number.", Need::required)},
      [](Decoder& decoder, const Json& at, const PokeStep& step) {
        if ((step.size & (step.size - 1)) != 0) decoder.fail(at.at, "\"size\" is 1, 2, 4 or 8");
      }};
  return table;
}

template <>
const Table<CompareStep>& table_of<CompareStep>() {
  static const Table<CompareStep> table{
      "compare",
      "Fails the run unless a buffer holds a pattern.",
      {field<&CompareStep::buffer>("buffer", "Which.", Need::required), field<&CompareStep::seed>("seed", "Of the pattern (0)."),
       field<&CompareStep::offset>("offset", "Where in the pattern the buffer starts (0)."),
       field<&CompareStep::size>("size", "Only so many bytes (all).", Need::optional, {1, ~u64{0}})}};
  return table;
}

// ---- all of them -------------------------------------------------------------------------------------------------------------

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
