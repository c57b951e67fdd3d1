// SPDX-License-Identifier: GPL-2.0-only
// Steps about rings: the three system calls, and the shared memory between them.
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "sim/tape/fields.h"
#include "sim/tape/interpreter.h"
#include "uapi/abi.h"

namespace uringsim::sim::tape {

namespace {

u32 word(const Json& step, const char* key) { return static_cast<u32>(number_or(step, key, 0)); }

}  // namespace

Json Interpreter::setup(const Json& s) {
  uapi::io_uring_params p{};
  p.flags = flag_word(kSetupFlags, s.value("flags", Json::array()));
  p.cq_entries = word(s, "cq_entries");
  p.sq_entries = word(s, "sq_entries");
  p.sq_thread_cpu = word(s, "sq_thread_cpu");
  p.sq_thread_idle = word(s, "sq_thread_idle");
  p.features = word(s, "features");
  if (s.contains("wq_fd")) p.wq_fd = static_cast<u32>(descriptor(s["wq_fd"]));
  if (s.contains("resv"))
    for (size_t i = 0; i < s["resv"].size(); i++) p.resv[i] = s["resv"][i].get<u32>();

  s64 fd;
  {
    const Scratch argument(system_, &p, sizeof(p));
    fd = system_.call(uapi::NR_io_uring_setup, s.at("entries").get<u64>(),
                      s.contains("params") ? value(s["params"]) : argument.at());
    if (fd < 0) return {{"ret", fd}};
    system_.load(&p, argument.at(), sizeof(p));
  }
  Json out = {{"ret", 0}, {"sq_entries", p.sq_entries}, {"cq_entries", p.cq_entries}};
  if (s.value("full", false)) {
    out["flags"] = bit_list(kSetupFlags, p.flags);
    out["features"] = bit_list(kFeatures, p.features);
    out["sq_off"] = {p.sq_off.head,  p.sq_off.tail,    p.sq_off.ring_mask, p.sq_off.ring_entries,
                     p.sq_off.flags, p.sq_off.dropped, p.sq_off.array};
    out["cq_off"] = {p.cq_off.head,     p.cq_off.tail, p.cq_off.ring_mask, p.cq_off.ring_entries,
                     p.cq_off.overflow, p.cq_off.cqes, p.cq_off.flags};
  }
  TapeRing ring;
  ring.sq_entries = p.sq_entries;
  ring.cq_entries = p.cq_entries;
  ring.at = {p.sq_off.head, p.sq_off.tail, p.sq_off.ring_mask, p.sq_off.flags,    p.sq_off.dropped, p.sq_off.array,
             p.cq_off.head, p.cq_off.tail, p.cq_off.ring_mask, p.cq_off.overflow, p.cq_off.cqes};
  ring.sqe_bytes = p.flags & uapi::IORING_SETUP_SQE128 ? 128 : 64;
  ring.cqe_bytes = p.flags & uapi::IORING_SETUP_CQE32 ? 32 : 16;
  ring.has_array = !(p.flags & uapi::IORING_SETUP_NO_SQARRAY);
  ring.sq_bytes = p.sq_off.array + (ring.has_array ? u64{p.sq_entries} * 4 : 64);
  ring.cq_bytes = p.cq_off.cqes + u64{p.cq_entries} * ring.cqe_bytes;
  ring.sqes_bytes = u64{p.sq_entries} * ring.sqe_bytes;
  const std::string name = s.value("ring", "r");
  name_descriptor(name, fd);
  if (Json error = map_ring(ring, static_cast<int>(fd)); !error.is_null()) out["mmap"] = std::move(error);
  const std::lock_guard lock(names_);
  rings_[name] = ring;
  return out;
}

/// Maps the three areas. Returns null, or the error of the first that failed.
Json Interpreter::map_ring(TapeRing& ring, int fd) {
  const auto map = [&](uptr& at, u64 bytes, u64 offset) {
    const s64 ret =
        system_.call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, static_cast<u64>(fd), offset);
    if (ret > 0) at = static_cast<uptr>(ret);
    return ret;
  };
  s64 ret = map(ring.sq, ring.sq_bytes, uapi::IORING_OFF_SQ_RING);
  if (ret > 0) ret = map(ring.cq, ring.cq_bytes, uapi::IORING_OFF_CQ_RING);
  if (ret > 0) ret = map(ring.sqes, ring.sqes_bytes, uapi::IORING_OFF_SQES);
  ring.mapped = ret > 0;
  return ring.mapped ? Json(nullptr) : Json(ret);
}

void Interpreter::unmap_ring(TapeRing& ring) {
  if (ring.sq) system_.call(SYS_munmap, ring.sq, ring.sq_bytes);
  if (ring.cq) system_.call(SYS_munmap, ring.cq, ring.cq_bytes);
  if (ring.sqes) system_.call(SYS_munmap, ring.sqes, ring.sqes_bytes);
  ring.sq = ring.cq = ring.sqes = 0;
  ring.mapped = false;
}

Json Interpreter::sqe(const Json& s) {
  TapeRing* const r = ring(s);
  if (!r) return no_ring();
  uapi::io_uring_sqe e{};
  e.opcode = static_cast<u8>(code(kOperations, s.at("op")));
  e.flags = static_cast<u8>(flag_word(kSqeFlags, s.value("flags", Json(0))));
  e.ioprio = static_cast<u16>(word(s, "ioprio"));
  e.fd = s.contains("fd") ? descriptor(s["fd"]) : 0;
  e.off = s.contains("off") ? value(s["off"]) : 0;
  e.addr = s.contains("addr") ? value(s["addr"]) : 0;
  e.len = word(s, "len");
  e.op_flags = word(s, "op_flags");
  e.user_data = number_or(s, "ud", 0);
  e.buf_index = static_cast<u16>(word(s, "buf_index"));
  e.personality = static_cast<u16>(word(s, "personality"));
  e.splice_fd_in = s.contains("splice_fd_in") ? descriptor(s["splice_fd_in"]) : 0;
  e.addr3 = s.contains("addr3") ? value(s["addr3"]) : 0;
  e.pad2_ = number_or(s, "pad2", 0);
  const u32 slot = r->prepared & system_.load_acquire(r->sq + r->at.sq_mask);
  const uptr where = r->sqes + u64{slot} * r->sqe_bytes;
  std::array<u8, 128> bytes{};
  std::memcpy(bytes.data(), &e, sizeof(e));
  system_.store(where, bytes.data(), r->sqe_bytes);
  if (r->has_array) {
    const auto index = static_cast<u32>(number_or(s, "index", slot));
    system_.store(r->sq + r->at.sq_array + u64{slot} * 4, &index, sizeof(index));
  }
  r->prepared++;
  return nullptr;
}

Json Interpreter::submit(const Json& s) {
  TapeRing* const r = ring(s);
  if (!r) return no_ring();
  const u32 tail = system_.load_acquire(r->sq + r->at.sq_tail);
  system_.store_release(r->sq + r->at.sq_tail, s.contains("n") ? tail + word(s, "n") : r->prepared);
  return nullptr;
}

Json Interpreter::enter(const Json& s) {
  const u64 argument = s.contains("arg") ? value(s["arg"]) : 0;
  const int fd = descriptor(s.value("ring", Json("r")));
  if (fd == kNoDescriptor) return no_ring();
  return {{"ret", system_.call(uapi::NR_io_uring_enter, static_cast<u64>(s64{fd}), number_or(s, "to_submit", 0),
                               number_or(s, "min_complete", 0), flag_word(kEnterFlags, s.value("flags", Json::array())), argument,
                               number_or(s, "argsz", 8))}};
}

Json Interpreter::do_register(const Json& s) {
  const int fd = descriptor(s.value("ring", Json("r")));
  if (fd == kNoDescriptor) return no_ring();
  const u64 argument = s.contains("arg") ? value(s["arg"]) : 0;
  return {{"ret", system_.call(uapi::NR_io_uring_register, static_cast<u64>(s64{fd}), code(kRegisterOperations, s.at("op")),
                               argument, number_or(s, "nr_args", 0))}};
}

Json Interpreter::reap(const Json& s) {
  TapeRing* const r = ring(s);
  if (!r) return no_ring();
  u32 head = system_.load_acquire(r->cq + r->at.cq_head);
  const u32 tail = system_.load_acquire(r->cq + r->at.cq_tail);
  if (tail - head > r->cq_entries) return {{"cqes", Json::array()}, {"ready", tail - head}};  // a hostile head: nothing to trust
  const u32 mask = system_.load_acquire(r->cq + r->at.cq_mask);
  const Json bind = s.value("bind", Json::object());
  std::vector<Json> list;
  for (const u64 most = number_or(s, "max", ~u32{0}); head != tail && list.size() < most; head++) {
    uapi::io_uring_cqe c{};
    system_.load(&c, r->cq + r->at.cqes + u64{head & mask} * r->cqe_bytes, sizeof(c));
    Json result = c.res;
    // A new descriptor has no stable number: it gets a name instead.
    if (const auto name = bind.find(std::to_string(c.user_data)); name != bind.end() && c.res >= 0) {
      name_descriptor(name->get<std::string>(), c.res);
      result = "fd";
    }
    list.push_back(Json::array({c.user_data, std::move(result), c.flags}));
  }
  system_.store_release(r->cq + r->at.cq_head, head);
  if (s.value("order", "exact") == "any")
    std::sort(list.begin(), list.end(), [](const Json& a, const Json& b) {
      return a[0] != b[0] ? a[0].get<u64>() < b[0].get<u64>() : a.dump() < b.dump();
    });
  return {{"cqes", std::move(list)}};
}

Json Interpreter::state(const Json& s) {
  TapeRing* const r = ring(s);
  if (!r) return no_ring();
  const Json all = {{"sq_head", system_.load_acquire(r->sq + r->at.sq_head)},
                    {"sq_tail", system_.load_acquire(r->sq + r->at.sq_tail)},
                    {"sq_flags", bit_list(kSqRingFlags, system_.load_acquire(r->sq + r->at.sq_flags))},
                    {"sq_dropped", system_.load_acquire(r->sq + r->at.sq_dropped)},
                    {"cq_head", system_.load_acquire(r->cq + r->at.cq_head)},
                    {"cq_tail", system_.load_acquire(r->cq + r->at.cq_tail)},
                    {"cq_overflow", system_.load_acquire(r->cq + r->at.cq_overflow)}};
  if (!s.contains("fields")) return all;
  Json out = Json::object();
  for (const Json& field : s["fields"]) out[field.get<std::string>()] = all.at(field.get<std::string>());
  return out;
}

Json Interpreter::advance(const Json& s) {
  TapeRing* const r = ring(s);
  if (!r) return no_ring();
  const uptr head = r->cq + r->at.cq_head;
  system_.store_release(head, system_.load_acquire(head) + static_cast<u32>(s.at("n").get<s64>()));
  return nullptr;
}

/// Looks at memory until `condition` holds or `ms` milliseconds are over. Returns whether it held.
template <class Condition>
bool Interpreter::watch(u64 ms, Condition condition) {
  for (const u64 end = system_.now() + ms * kMillisecond;;) {
    if (condition()) return true;
    const u64 now = system_.now();
    if (now >= end) return condition();
    system_.sleep_until(std::min(now + system_.watch_interval(), end));
  }
}

Json Interpreter::wait_cq(const Json& s) {
  TapeRing* const r = ring(s);
  if (!r) return no_ring();
  const u32 wanted = word(s, "n");
  return {{"ok", watch(number_or(s, "ms", 300), [&] {
             return system_.load_acquire(r->cq + r->at.cq_tail) - system_.load_acquire(r->cq + r->at.cq_head) >= wanted;
           })}};
}

Json Interpreter::wait_sq(const Json& s) {
  TapeRing* const r = ring(s);
  if (!r) return no_ring();
  const std::string& condition = s.at("cond").get_ref<const std::string&>();
  return {{"ok", watch(number_or(s, "ms", 1000), [&] {
             if (condition == "drained")
               return system_.load_acquire(r->sq + r->at.sq_head) == system_.load_acquire(r->sq + r->at.sq_tail);
             const bool asleep = system_.load_acquire(r->sq + r->at.sq_flags) & uapi::IORING_SQ_NEED_WAKEUP;
             return condition == "need_wakeup" ? asleep : !asleep;
           })}};
}

}  // namespace uringsim::sim::tape
