// SPDX-License-Identifier: GPL-2.0-only
// The tables of requests: one SQE, or a submit of several.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

namespace {

Request& request_of(Request& request) { return request; }
Request& request_of(SubmitStep& step) { return step.request; }

/// A field of Request, in the table of Request or of the step that holds one.
template <class T, auto Member>
Field<T> request_field(std::string_view name, std::string_view about, Need need = Need::optional, Limits limits = {}) {
  return field_of<T, Member, static_cast<Request& (*)(T&)>(request_of)>(name, about, need, limits);
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

}  // namespace uringsim::sim
