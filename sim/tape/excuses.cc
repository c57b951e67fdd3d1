// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/excuses.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "sim/tape/fields.h"
#include "sim/tape/unchanged.h"

namespace uringsim::sim::tape {

namespace {

const Json& body_at(const Scene& scene, const Difference& d) {
  static const Json kNothing = Json::object();
  return d.step < scene.tape().steps.size() ? scene.tape().steps[d.step].body : kNothing;
}

bool is_kind(const Scene& scene, const Difference& d, std::string_view kind) {
  const Json& body = body_at(scene, d);
  return body.contains("do") && body["do"] == kind;
}

std::string ring_at(const Json& body) { return body.value("ring", std::string("r")); }

s64 number(const Json& value) { return value.is_number_integer() ? value.get<s64>() : 0; }

/// The field of a completion that differs ("res"), empty where the difference is none of that.
std::string_view cqe_field(const Difference& d) {
  const std::string_view field = d.field;
  const size_t dot = field.rfind("].");
  return field.substr(0, 5) == "cqes[" && dot != std::string_view::npos ? field.substr(dot + 2) : std::string_view{};
}

/// The request whose completion differs, as the newer kernel posted it; null if that is not what differs.
const Request* completed(const Scene& scene, const Difference& d) {
  if (!is_kind(scene, d, "reap") || cqe_field(d).empty()) return nullptr;
  const Json& step = body_at(scene, d);
  Json cqes = scene.tape().steps[d.step].out.value("cqes", Json::array());
  if (step.value("order", "exact") == "any")
    std::sort(cqes.begin(), cqes.end(),
              [](const Json& a, const Json& b) { return a[0] != b[0] ? a[0] < b[0] : a.dump() < b.dump(); });
  const size_t index = std::stoul(d.field.substr(5));
  return index < cqes.size() ? scene.completed(ring_at(step), cqes[index][0].get<u64>(), d.step) : nullptr;
}

/// True if the request was refused while it was prepared: an unknown opcode or flag, or an answer that says as much.
bool refused(const Request& request) {
  if (request.opcode > uapi::IORING_OP_TIMEOUT || (request.flags & 0x80) != 0) return true;
  return std::any_of(request.said.begin(), request.said.end(),
                     [](s64 res) { return res == -EINVAL || res == -EFAULT || res == -EBADF || res == -EOVERFLOW; });
}

// ---- the rows ---------------------------------------------------------------------------------------------------------

/// enter says how many it took: the newer kernel ends with the one it refuses, the older one goes on.
bool batch_goes_on(const Scene& scene, const Difference& d) {
  if (!is_kind(scene, d, "enter") || d.field != "ret") return false;
  const s64 newer = number(d.expected), older = number(d.got);
  if (newer < 1 || older <= newer) return false;
  const std::string ring = ring_at(body_at(scene, d));
  s64 taken = newer;
  for (size_t i = 0; i < d.step; i++) {
    const Step& before = scene.tape().steps[i];
    if (before.body["do"] == "enter" && ring_at(before.body) == ring)
      taken += std::max<s64>(number(before.out.value("ret", Json(0))), 0);
  }
  const auto last = std::find_if(scene.requests().begin(), scene.requests().end(),
                                 [&](const Request& r) { return r.ring == ring && r.number + 1 == static_cast<u64>(taken); });
  return last != scene.requests().end() && refused(*last);
}

/// The chain that a refused request belongs to: cancelled as a whole, or run without it.
bool chain_with_a_refused_member(const Scene& scene, const Difference& d) {
  const Request* const newer = completed(scene, d);
  if (!newer) return false;
  const auto broken = [&](const Request* request) {
    if (!request) return false;
    const auto of_chain = [&](const Request& r) { return r.chain == request->chain; };
    const auto requests = scene.requests();
    return std::count_if(requests.begin(), requests.end(), of_chain) > 1 &&
           std::any_of(requests.begin(), requests.end(), [&](const Request& r) { return of_chain(r) && refused(r); });
  };
  if (broken(newer)) return cqe_field(d) == "user_data" || number(d.expected) == -ECANCELED;
  if (cqe_field(d) != "user_data" || !d.got.is_number()) return false;
  return broken(scene.completed(ring_at(body_at(scene, d)), d.got.get<u64>(), d.step));
}

bool unknown_opcode_with_a_bad_descriptor(const Scene& scene, const Difference& d) {
  const Request* const request = completed(scene, d);
  return request && request->opcode >= 128 && number(d.expected) == -EINVAL && number(d.got) == -EBADF;
}

bool woken_poll(const Scene& scene, const Difference& d) {
  const Request* const request = completed(scene, d);
  return request && request->opcode == uapi::IORING_OP_POLL_ADD && cqe_field(d) == "res" && number(d.expected) > 0 &&
         (number(d.expected) & number(d.got)) != 0 && number(d.got) > 0;
}

bool removed_poll(const Scene& scene, const Difference& d) {
  const Request* const request = completed(scene, d);
  if (!request || request->opcode != uapi::IORING_OP_POLL_ADD || number(d.expected) != -ECANCELED || d.got != 0) return false;
  return std::any_of(scene.requests().begin(), scene.requests().end(), [&](const Request& r) {
    return r.opcode == uapi::IORING_OP_POLL_REMOVE && r.ring == request->ring &&
           number_or(*r.sqe, "addr", 0) == request->user_data;
  });
}

/// A member of a chain that comes after a POLL_REMOVE of nothing.
bool chain_after_a_poll_remove(const Scene& scene, const Difference& d) {
  const Request* const request = completed(scene, d);
  if (!request || number(d.expected) != -ECANCELED || cqe_field(d) != "res") return false;
  return std::any_of(scene.requests().begin(), scene.requests().end(), [&](const Request& r) {
    return r.opcode == uapi::IORING_OP_POLL_REMOVE && r.chain == request->chain && r.step < request->step &&
           std::find(r.said.begin(), r.said.end(), -ENOENT) != r.said.end();
  });
}

bool timeout_with_flags(const Scene& scene, const Difference& d) {
  const Request* const request = completed(scene, d);
  return request && request->opcode == uapi::IORING_OP_TIMEOUT && request->flags != 0 && cqe_field(d) == "res" &&
         number(d.got) == -EINVAL;
}

bool eventfd_counts_batches(const Scene& scene, const Difference& d) {
  if (!is_kind(scene, d, "read") || d.field != "val" || number(d.expected) < 1 || number(d.got) <= number(d.expected))
    return false;
  const Json& step = body_at(scene, d);
  const Json* const file = scene.file(step["name"]);
  const auto& steps = scene.tape().steps;
  return file && (*file)["kind"] == "eventfd" && std::any_of(steps.begin(), steps.end(), [](const Step& s) {
           return s.body["do"] == "register" && s.body["op"] == "REGISTER_EVENTFD";
         });
}

bool fsync_from_below_zero(const Scene& scene, const Difference& d) {
  const Request* const request = completed(scene, d);
  return request && request->opcode == uapi::IORING_OP_FSYNC && number(d.expected) == -EINVAL && d.got == 0 &&
         request->sqe->contains("off") && number((*request->sqe)["off"]) < 0;
}

bool more_to_receive(const Scene& scene, const Difference& d) {
  const Request* const request = completed(scene, d);
  return request && request->opcode == uapi::IORING_OP_RECVMSG && cqe_field(d) == "flags" &&
         d.expected == uapi::IORING_CQE_F_SOCK_NONEMPTY && d.got == 0;
}

bool second_vector_faults(const Scene& scene, const Difference& d) {
  const Request* const request = completed(scene, d);
  return request && request->opcode == uapi::IORING_OP_WRITEV && cqe_field(d) == "res" && number(d.expected) > 0 &&
         number(d.got) == -EFAULT && number_or(*request->sqe, "len", 0) > 1;
}

bool nowait_on_a_pipe(const Scene& scene, const Difference& d) {
  constexpr u64 kNowait = 8;
  const Request* const request = completed(scene, d);
  if (!request || number(d.got) != -EOPNOTSUPP || (number_or(*request->sqe, "op_flags", 0) & kNowait) == 0) return false;
  const Json* const file = request->sqe->contains("fd") ? scene.file((*request->sqe)["fd"]) : nullptr;
  return file && (*file)["kind"] == "pipe";
}

constexpr std::array kExcuses = {
    Excuse{"io_submit_sqes",
           {5, 10},
           "enter",
           "an SQE that is refused while it is prepared, with others behind it",
           "takes those too -> ends with the refused one",
           batch_goes_on},
    Excuse{"io_submit_sqe",
           {5, 15},
           "IO_LINK",
           "a member of the chain is refused while it is prepared",
           "the chain goes on without it -> is cancelled as a whole",
           chain_with_a_refused_member},
    Excuse{"io_req_set_file",
           {5, 10},
           "an unknown opcode",
           "a descriptor that is not open",
           "EBADF -> EINVAL",
           unknown_opcode_with_a_bad_descriptor},
    Excuse{"io_poll_wake",
           {5, 15},
           "POLL_ADD",
           "a file that becomes ready later",
           "the waker's whole key -> the file's state, as far as it was asked for",
           woken_poll},
    Excuse{"io_poll_remove_one", {5, 10}, "POLL_ADD", "one that POLL_REMOVE takes away", "0 -> ECANCELED", removed_poll},
    Excuse{"io_poll_remove",
           {5, 10},
           "IO_LINK",
           "behind a POLL_REMOVE that finds nothing",
           "goes on -> ECANCELED",
           chain_after_a_poll_remove},
    Excuse{"io_timeout", {5, 10}, "TIMEOUT", "with an SQE flag", "EINVAL -> as without", timeout_with_flags},
    Excuse{"io_cqring_ev_posted",
           {5, 10},
           "the ring's eventfd",
           "several completions of one batch",
           "signalled for each -> signalled once",
           eventfd_counts_batches},
    Excuse{"io_fsync", {6, 1}, "FSYNC", "a range that begins below 0", "taken -> EINVAL", fsync_from_below_zero},
    Excuse{
        "io_send_recvmsg", {6, 18}, "RECVMSG", "more is there than was asked for", "no flag -> SOCK_NONEMPTY", more_to_receive},
    Excuse{"generic_perform_write",
           {6, 1},
           "WRITEV",
           "several vectors, a later one not readable",
           "EFAULT -> the bytes before it",
           second_vector_faults},
    Excuse{"kiocb_set_rw_flags", {6, 12}, "READV, WRITEV", "RWF_NOWAIT on a pipe", "EOPNOTSUPP -> understood", nowait_on_a_pipe},
};
static_assert(kExcuses.size() <= 20);

}  // namespace

std::span<const Excuse> excuses() noexcept { return kExcuses; }

std::optional<size_t> excuse_for(const Tape& answered, const Difference& difference, std::string_view kernel) {
  const Scene scene(answered);
  for (size_t i = 0; i < kExcuses.size(); i++)
    if (release_of(kernel) < kExcuses[i].release && kExcuses[i].covers(scene, difference)) return i;
  return std::nullopt;
}

}  // namespace uringsim::sim::tape
