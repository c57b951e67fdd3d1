// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/unchanged.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <vector>

#include "sim/tape/fields.h"

namespace uringsim::sim::tape {

namespace {

// Beyond these no release has got to yet, nor will soon: what is asked for there is unknown to both kernels.
constexpr u32 kUnknownOpcodes = 128, kUnknownSqeFlags = 0x80, kUnknownEnterFlags = 0xffff0000, kUnknownSetupFlags = 0xff000000;
constexpr u64 kUnknownRegisterOps = 1000, kMostRegistered = 1024, kLargestBuffer = u64{1} << 30;
constexpr u64 kMostToSubmit = 0x80000000;
// RWF_HIPRI to RWF_APPEND; the next one came with 6.9.
constexpr u32 kRwFlags = 0x1f;

bool is_number_to(const Json& value, u64 most) { return value.is_number_integer() && value >= 0 && value.get<u64>() <= most; }

bool is_zero(const Json& value) { return value == 0 || value == "null"; }

/// True if the SQE leaves every field at 0 that is neither in `used` nor in all requests.
bool uses_only(const Json& sqe, std::initializer_list<std::string_view> used) {
  constexpr std::array<std::string_view, 7> kAlways = {"do", "ring", "op", "flags", "ud", "fd", "index"};
  for (const auto& [key, value] : sqe.items()) {
    const std::string_view name = key;
    const bool meant = std::find(kAlways.begin(), kAlways.end(), name) != kAlways.end() ||
                       std::find(used.begin(), used.end(), name) != used.end();
    if (!meant && !is_zero(value)) return false;
  }
  return true;
}

u32 ring_flags(const Scene& scene, const Request& request) {
  const SceneRing* const ring = scene.ring(request.ring);
  return ring ? ring->flags : 0;
}

/// A ring that polls for its completions takes other requests in each release.
bool on_plain_ring(const Scene& scene, const Request& request) {
  return (ring_flags(scene, request) & uapi::IORING_SETUP_IOPOLL) == 0;
}

/// A file that the request may name: on SQPOLL rings a registered one; and no ring, which could not be read in each release.
bool names_file(const Scene& scene, const Request& request) {
  if (!on_plain_ring(scene, request)) return false;
  const auto fd = request.sqe->find("fd");
  if (fd != request.sqe->end() && fd->is_string() && scene.ring(fd->get<std::string>())) return false;
  return (ring_flags(scene, request) & uapi::IORING_SETUP_SQPOLL) == 0 || (request.flags & uapi::IOSQE_FIXED_FILE) != 0;
}

bool last_of_its_batch(const Scene& scene, const Request& request) {
  return request.behind == 0 || (ring_flags(scene, request) & uapi::IORING_SETUP_SQPOLL) != 0;
}

bool chained(const Scene& scene, const Request& request) {
  return (request.flags & uapi::IOSQE_IO_LINK) != 0 ||
         std::any_of(scene.requests().begin(), scene.requests().end(),
                     [&](const Request& other) { return other.chain == request.chain && &other != &request; });
}

u32 setup_flags(const Json& step) { return step.contains("flags") ? flag_word(kSetupFlags, step["flags"]) : 0; }

bool setup_is_plain(const Scene& scene, const Json& step, const Request*) {
  constexpr u32 kKnown = uapi::IORING_SETUP_IOPOLL | uapi::IORING_SETUP_SQPOLL | uapi::IORING_SETUP_SQ_AFF;
  const u32 flags = setup_flags(step);
  if ((flags & kUnknownSetupFlags) == 0 && (flags & ~kKnown) != 0) return false;  // one bit that nobody knows decides
  if (step.value("full", false)) return false;
  for (const char* const later : {"cq_entries", "features", "wq_fd"})
    if (step.contains(later) && !is_zero(step[later])) return false;
  const auto& steps = scene.tape().steps;
  return (flags & uapi::IORING_SETUP_SQPOLL) == 0 ||
         std::none_of(steps.begin(), steps.end(), [](const Step& s) { return s.body["do"] == "setuid"; });
}

bool setup_without_thread(const Scene& scene, const Json& step, const Request* request) {
  return setup_is_plain(scene, step, request) && (setup_flags(step) & uapi::IORING_SETUP_SQPOLL) == 0;
}

u32 enter_flags(const Json& step) { return step.contains("flags") ? flag_word(kEnterFlags, step["flags"]) : 0; }

bool enter_is_plain(const Scene& scene, const Json& step, const Request*) {
  constexpr u32 kKnown = uapi::IORING_ENTER_GETEVENTS | uapi::IORING_ENTER_SQ_WAKEUP;
  if ((enter_flags(step) & kUnknownEnterFlags) == 0 && (enter_flags(step) & ~kKnown) != 0) return false;
  const Json name = step.value("ring", Json("r"));
  const SceneRing* const ring = name.is_string() ? scene.ring(name.get<std::string>()) : nullptr;
  return !ring || (ring->flags & uapi::IORING_SETUP_SQPOLL) == 0 || number_or(step, "to_submit", 0) < kMostToSubmit;
}

bool enter_waits_for_nothing(const Scene& scene, const Json& step, const Request* request) {
  return enter_is_plain(scene, step, request) &&
         ((enter_flags(step) & uapi::IORING_ENTER_GETEVENTS) == 0 || number_or(step, "min_complete", 0) == 0);
}

/// The members of an array that registration is given; null if the tape does not lay one out.
const Json* array_of(const Scene& scene, const Json& step) {
  const u64 count = number_or(step, "nr_args", 0);
  if (count == 0 || count > kMostRegistered || !step.contains("arg")) return nullptr;
  const Json* const memory = scene.memory(step["arg"]);
  return memory && (*memory)["do"] == "mem" ? &(*memory)["fields"] : nullptr;
}

bool buffers_are_plain(const Scene& scene, const Json& step, const Request*) {
  const Json* const fields = array_of(scene, step);
  return fields && std::all_of(fields->begin(), fields->end(), [](const Json& field) {
           if (field[0] == "ptr") return !is_zero(field[1]);
           return is_number_to(field[1], kLargestBuffer);
         });
}

bool files_are_all_there(const Scene& scene, const Json& step, const Request*) {
  const Json* const fields = array_of(scene, step);
  return fields && std::all_of(fields->begin(), fields->end(), [](const Json& field) {
           return field[0] == "fd" ? field[1].is_string() || field[1] >= 0
                                   : field[0] == "s32" && field[1].is_number_integer() && field[1] >= 0;
         });
}

bool any_arguments(const Scene&, const Json&, const Request*) { return true; }

bool nop(const Scene& scene, const Json& step, const Request* r) { return on_plain_ring(scene, *r) && uses_only(step, {}); }

bool reads_or_writes(const Scene& scene, const Json& step, const Request* r) {
  const auto off = step.find("off");
  const bool at_position = off != step.end() && (*off == -1 || *off == ~u64{0});
  const bool fixed = r->opcode == uapi::IORING_OP_READ_FIXED || r->opcode == uapi::IORING_OP_WRITE_FIXED;
  return names_file(scene, *r) && !at_position && (number_or(step, "op_flags", 0) & ~u64{kRwFlags}) == 0 &&
         (fixed ? uses_only(step, {"off", "addr", "len", "op_flags", "buf_index"})
                : uses_only(step, {"off", "addr", "len", "op_flags"}));
}

/// Of a file that never makes its reader wait.
bool reads_or_writes_at_once(const Scene& scene, const Json& step, const Request* r) {
  constexpr std::array<std::string_view, 5> kAtOnce = {"regular", "memfd", "devnull", "devzero", "closed"};
  const auto fd = step.find("fd");
  const Json* const file = fd == step.end() ? nullptr : scene.file(*fd);
  return reads_or_writes(scene, step, r) &&
         (!file || std::find(kAtOnce.begin(), kAtOnce.end(), (*file)["kind"].get<std::string_view>()) != kAtOnce.end());
}

bool syncs(const Scene& scene, const Json& step, const Request* r) {
  return names_file(scene, *r) && uses_only(step, {"off", "len", "op_flags"});
}

bool messages(const Scene& scene, const Json& step, const Request* r) {
  return names_file(scene, *r) && uses_only(step, {"addr", "len", "op_flags"});
}

bool poll_add(const Scene& scene, const Json& step, const Request* r) {
  return (names_file(scene, *r) || (on_plain_ring(scene, *r) && (ring_flags(scene, *r) & uapi::IORING_SETUP_SQPOLL) == 0)) &&
         uses_only(step, {"op_flags"});
}

bool poll_remove(const Scene& scene, const Json& step, const Request* r) {
  return on_plain_ring(scene, *r) && uses_only(step, {"addr"});
}

/// A time that a clock can reach, or one that cannot be read.
bool is_time(const Scene& scene, const Json& step) {
  const auto addr = step.find("addr");
  if (addr == step.end() || is_zero(*addr) || *addr == "bad") return true;
  const Json* const memory = addr->is_string() ? scene.memory(*addr) : nullptr;
  if (!memory || (*memory)["do"] != "mem" || (*memory)["fields"].size() != 2) return false;
  const auto whole = [&](size_t i, u64 most) {
    const Json& field = (*memory)["fields"][i];
    return (field[0] == "s64" || field[0] == "u64") && is_number_to(field[1], most);
  };
  return whole(0, 1u << 30) && whole(1, 999'999'999);
}

bool timeout(const Scene& scene, const Json& step, const Request* r) {
  if (!on_plain_ring(scene, *r) || !is_time(scene, step) || !uses_only(step, {"addr", "len", "off"})) return false;
  const auto off = step.find("off");
  const u64 asked = off != step.end() && is_number_to(*off, ~u64{0}) ? off->get<u64>() : 0;
  // Of the requests that the ring ever takes, would enough complete? Then the count matters, and when it is looked at.
  const auto of_ring = [&](const Request& other) { return other.ring == r->ring; };
  const auto others = static_cast<u64>(std::count_if(scene.requests().begin(), scene.requests().end(), of_ring)) - 1;
  if (std::max<u64>(asked, 1) > others) return true;
  return asked != 0 && std::all_of(scene.requests().begin(), scene.requests().end(),
                                   [&](const Request& other) { return !of_ring(other) || other.behind == 0; });
}

bool unknown_and_last(const Scene& scene, const Json&, const Request* r) {
  return on_plain_ring(scene, *r) && last_of_its_batch(scene, *r);
}

bool index_is_inside(const Scene& scene, const Json& step, const Request* r) {
  const SceneRing* const ring = scene.ring(r->ring);
  return !ring || number_or(step, "index", 0) < ring->completions / 2;
}

bool index_is_inside_or_last(const Scene& scene, const Json& step, const Request* r) {
  return index_is_inside(scene, step, r) || last_of_its_batch(scene, *r);
}

bool drains_alone(const Scene& scene, const Json&, const Request* r) { return !chained(scene, *r); }

bool completions_fit(const Scene& scene, const Json&, const Request* r) {
  const SceneRing* const ring = scene.ring(r->ring);
  return !ring || r->owed <= ring->completions;
}

constexpr uapi::Release k51{5, 1}, k52{5, 2}, k53{5, 3}, k54{5, 4};
constexpr const char* kPlainSqe = "the other fields 0, on a ring that does not poll for completions";

constexpr const char* kAtOffset =
    "regular files, not at the file's own position; RWF_HIPRI to RWF_APPEND; registered files on SQPOLL rings";

constexpr std::array kRows = {
    Unchanged{"setup", "IOPOLL, SQ_AFF, flags that nobody knows; no features, CQ size or workqueue asked for", k51,
              "the limits, the rounding and the refusal of the unknown have stayed", setup_without_thread},
    Unchanged{"setup", "SQPOLL as root, too", k52,
              "the SQ thread sleeps after its idle time; 5.1's begins asleep and takes other turns", setup_is_plain},
    Unchanged{"enter", "SQ_WAKEUP, or flags that nobody knows; waiting for nothing; fewer than 2^31 entries on an SQPOLL ring",
              k51, "it takes at most what is in the SQ ring", enter_waits_for_nothing},
    Unchanged{"enter", "GETEVENTS too", k52, "it waits for as much as the CQ ring can hold; 5.1 waited even after an error",
              enter_is_plain},
    Unchanged{"REGISTER_BUFFERS", "1 to 1024 buffers with an address, to 1 GiB", k51, "pages are pinned and counted",
              buffers_are_plain},
    Unchanged{"REGISTER_FILES", "1 to 1024 descriptors, none of them -1", k51, "all have to be open", files_are_all_there},
    Unchanged{"UNREGISTER_BUFFERS", "any", k51, "ENXIO where there are none", any_arguments},
    Unchanged{"UNREGISTER_FILES", "any", k51, "ENXIO where there are none", any_arguments},
    Unchanged{"REGISTER_EVENTFD", "any", k52, "one a ring, EBUSY for a second", any_arguments},
    Unchanged{"UNREGISTER_EVENTFD", "any", k52, "ENXIO where there is none", any_arguments},
    Unchanged{"register of an unknown op", "1000 to 2^31 - 1", k51, "EINVAL, once the descriptor is a ring", any_arguments},
    Unchanged{"NOP", kPlainSqe, k51, "it completes at once, in order", nop},
    Unchanged{"READV", kAtOffset, k51, "what readv(2) says", reads_or_writes_at_once},
    Unchanged{"READV", "of any file, as far as that", k52,
              "what readv(2) says; 5.1 asks some files wrongly, and blocks on others", reads_or_writes},
    Unchanged{"WRITEV", kAtOffset, k51, "what writev(2) says", reads_or_writes_at_once},
    Unchanged{"WRITEV", "of any file, as far as that", k52,
              "what writev(2) says; 5.1 asks some files wrongly, and blocks on others", reads_or_writes},
    Unchanged{"READ_FIXED", kAtOffset, k51, "the same into a registered buffer", reads_or_writes_at_once},
    Unchanged{"READ_FIXED", "of any file, as far as that", k52,
              "the same into a registered buffer; 5.1 asks some files wrongly, and blocks on others", reads_or_writes},
    Unchanged{"WRITE_FIXED", kAtOffset, k51, "the same out of a registered buffer", reads_or_writes_at_once},
    Unchanged{"WRITE_FIXED", "of any file, as far as that", k52,
              "the same out of a registered buffer; 5.1 asks some files wrongly, and blocks on others", reads_or_writes},
    Unchanged{"FSYNC", kPlainSqe, k51, "what fsync(2) says", syncs},
    Unchanged{"SYNC_FILE_RANGE", kPlainSqe, k52, "what sync_file_range(2) says", syncs},
    Unchanged{"SENDMSG", kPlainSqe, k53, "what sendmsg(2) says", messages},
    Unchanged{"RECVMSG", kPlainSqe, k53, "what recvmsg(2) says", messages},
    Unchanged{"POLL_ADD", "once, the other fields 0", k51, "what is there is reported, and what is not is waited for", poll_add},
    Unchanged{"POLL_REMOVE", "by user_data, the other fields 0", k51, "it finds the poll or says ENOENT", poll_remove},
    Unchanged{"TIMEOUT", "relative, not negative; its count unreachable, or every request of the ring in a batch of its own", k54,
              "ETIME when its time is over, 0 when its count is reached", timeout},
    Unchanged{"an unknown opcode", "128 and above, last of its batch", k51, "EINVAL", unknown_and_last},
    Unchanged{"an unknown SQE flag", "128, last of its batch", k51, "EINVAL", unknown_and_last},
    Unchanged{"FIXED_FILE", "any", k51, "the descriptor is an index", any_arguments},
    Unchanged{"IO_LINK", "any", k53, "a member begins when the one before has succeeded", any_arguments},
    Unchanged{"IO_DRAIN", "on no member of a chain", k52, "it waits for all before it, all behind wait for it", drains_alone},
    Unchanged{"the SQ array", "an index inside the ring", k51, "that SQE is taken", index_is_inside},
    Unchanged{"the SQ array", "an index outside, last of its batch", k52,
              "what is outside is dropped and counted; to 5.1 the ring ended there", index_is_inside_or_last},
    Unchanged{"the CQ ring", "room for every completion", k51, "each is posted; what happens without room has changed",
              completions_fit},
};

/// The names under which rows know what `body` asks for; of an SQE its opcode, its flags, its place in both rings.
std::vector<std::string> calls_of(const Json& body) {
  const std::string kind = body["do"];
  if (kind == "setup" || kind == "enter" || kind == "advance") return {kind};
  if (kind == "register") {
    const u32 op = code(kRegisterOperations, body["op"]);
    if (op >= kUnknownRegisterOps && op < kMostToSubmit) return {"register of an unknown op"};
    const std::string_view name = uapi::name_of(kRegisterOperations, op);
    return {name.empty() ? fmt::format("register op {}", op) : std::string(name)};
  }
  if (kind != "sqe") return {};
  const u32 opcode = code(kOperations, body["op"]);
  const std::string_view name = uapi::name_of(kOperations, opcode);
  std::vector<std::string> calls{!name.empty()               ? std::string(name)
                                 : opcode >= kUnknownOpcodes ? "an unknown opcode"
                                                             : fmt::format("opcode {}", opcode)};
  const u32 flags = body.contains("flags") ? flag_word(kSqeFlags, body["flags"]) : 0;
  for (const std::string& flag : bit_names(kSqeFlags, flags & ~kUnknownSqeFlags)) calls.push_back(flag);
  if (flags & kUnknownSqeFlags) calls.emplace_back("an unknown SQE flag");
  calls.emplace_back("the SQ array");
  calls.emplace_back("the CQ ring");
  return calls;
}

}  // namespace

std::span<const Unchanged> unchanged() noexcept { return kRows; }

uapi::Release release_of(std::string_view kernel) noexcept {
  unsigned major = 0, minor = 0;
  if (!kernel.empty() && kernel.front() == 'v') kernel.remove_prefix(1);
  const auto dot = std::from_chars(kernel.data(), kernel.data() + kernel.size(), major).ptr;
  if (dot != kernel.data() + kernel.size()) std::from_chars(dot + 1, kernel.data() + kernel.size(), minor);
  return {static_cast<u16>(major), static_cast<u16>(minor)};
}

std::optional<std::string> changed(const Tape& tape, std::string_view kernel) {
  const Scene scene(tape);
  const uapi::Release release = release_of(kernel);
  for (size_t i = 0; i < tape.steps.size(); i++) {
    const Json& written = tape.steps[i].body;
    const Json& body = written["do"] == "later" ? written["step"] : written;
    const Request* const request = body["do"] == "sqe" ? scene.written_by(i) : nullptr;
    for (const std::string& call : calls_of(body)) {
      std::string_view arguments;
      const bool same = std::any_of(kRows.begin(), kRows.end(), [&](const Unchanged& row) {
        if (row.call != call || release < row.since) return false;
        arguments = row.arguments;
        return row.covers(scene, body, request);
      });
      if (same) continue;
      return arguments.empty() ? fmt::format("step {}: {} has no row in the table of what did not change", i, call)
                               : fmt::format("step {}: {} did not change for \"{}\" only", i, call, arguments);
    }
  }
  return std::nullopt;
}

}  // namespace uringsim::sim::tape
