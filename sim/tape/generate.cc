// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace uringsim::sim::tape {

namespace {

using namespace std::string_view_literals;

constexpr std::array kSubjects = {"nops"sv, "links"sv, "drain"sv, "timeout"sv, "flow"sv, "setup"sv, "hostile"sv};
constexpr u32 kFuzzLimitMs = 2000;

/// SplitMix64 (Steele, Lea, Flood 2014): every seed gives an independent stream.
class Random {
 public:
  explicit Random(u64 seed) noexcept : state_(seed) {}
  u64 next() noexcept {
    u64 z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// low..high, both included.
  u64 between(u64 low, u64 high) noexcept { return low + next() % (high - low + 1); }
  bool one_in(u64 n) noexcept { return next() % n == 0; }
  template <class List>
  auto pick(const List& list) noexcept {
    return list[next() % std::size(list)];
  }

 private:
  u64 state_;
};

/// Writes a tape around one ring, keeping account of what is prepared and what may have completed.
class Author {
 public:
  explicit Author(u64 seed) : random_(seed) {}

  std::vector<Step> take() { return std::move(steps_); }
  Random& random() { return random_; }

  void add(Json step) { steps_.push_back({std::move(step), nullptr}); }

  void make_ring(u32 most = 16) {
    entries_ = static_cast<u32>(random_.between(1, most));
    add({{"do", "setup"}, {"entries", entries_}});
    for (room_ = 1; room_ < entries_; room_ *= 2) {
    }
    completions_ = 2 * room_;
  }
  [[nodiscard]] u32 room() const { return room_; }
  /// Completions that could be in the CQ ring, and how many more fit.
  [[nodiscard]] u32 owed() const { return owed_; }
  [[nodiscard]] u32 free_completions() const { return completions_ - owed_; }

  /// An SQE; `fields` go over op, ud and fd.
  void sqe(const char* op, Json fields = Json::object()) {
    Json step = {{"do", "sqe"}, {"op", op}, {"ud", ++user_data_}, {"fd", -1}};
    step.update(fields);
    add(std::move(step));
    owed_++;
  }
  void publish() { add({{"do", "submit"}}); }
  void enter(u64 to_submit, u64 min_complete = 0, bool events = false) {
    Json step = {{"do", "enter"}, {"to_submit", to_submit}};
    if (min_complete) step["min_complete"] = min_complete;
    if (events) step["flags"] = {"GETEVENTS"};
    add(std::move(step));
  }
  void wait(u32 count, u32 ms) { add({{"do", "wait_cq"}, {"n", count}, {"ms", ms}}); }
  /// Takes everything that can be there.
  void reap_all(bool any_order = false) {
    Json step = {{"do", "reap"}};
    if (any_order) step["order"] = "any";
    add(std::move(step));
    owed_ = 0;
  }
  void reap_some() {
    const u64 most = random_.between(1, 4);
    add({{"do", "reap"}, {"max", most}});
    // How many there were is the kernel's business: owed_ stays what it could be at most.
  }
  void look() { add({{"do", "state"}}); }
  [[nodiscard]] u64 last_user_data() const { return user_data_; }

 private:
  Random random_;
  std::vector<Step> steps_;
  u32 entries_ = 0, room_ = 0, completions_ = 0, owed_ = 0;
  u64 user_data_ = 0;
};

/// The fields of a structure.
Json fields_of(std::initializer_list<std::pair<const char*, Json>> members) {
  Json list = Json::array();
  for (const auto& [type, value] : members) list.push_back(Json::array({type, value}));
  return list;
}

/// The fields of a struct timespec.
Json timespec_fields(u64 ms) { return fields_of({{"s64", 0}, {"s64", ms * 1'000'000}}); }

/// Looks that change nothing, in random amount.
void glance(Author& a) {
  if (a.random().one_in(3)) a.look();
  if (a.random().one_in(6)) a.add({{"do", "poll"}, {"name", "r"}, {"events", Json{"IN"}}});
}

/// NOPs in batches, submitted whole, in parts, or asked for in excess.
void nops(Author& a) {
  a.make_ring();
  for (u64 rounds = a.random().between(1, 6); rounds > 0; rounds--) {
    if (a.free_completions() < a.room()) a.reap_all();
    const u64 batch = a.random().between(1, a.room());
    for (u64 i = 0; i < batch; i++) a.sqe("NOP");
    a.publish();
    u64 left = batch;
    while (left > 0) {
      const u64 asked = a.random().one_in(3) ? a.random().between(1, left + 2) : left;
      const bool events = a.random().one_in(3);
      a.enter(asked, events ? a.random().between(0, std::min(asked, left)) : 0, events);
      left -= std::min(asked, left);
      glance(a);
    }
    if (a.random().one_in(4)) a.enter(0, 0, true);
    if (a.random().one_in(2)) a.reap_some();
    if (a.random().one_in(3)) a.reap_all();
  }
  a.reap_all();
  a.look();
}

/// What a member of a chain fails with: a file with nothing in it.
void empty_file(Author& a) {
  a.add({{"do", "file"}, {"name", "f"}, {"kind", "regular"}});
  a.add({{"do", "buf"}, {"name", "b"}, {"size", 8}});
  a.add({{"do", "mem"}, {"name", "v"}, {"fields", fields_of({{"ptr", "b"}, {"u64", 8}})}});
}

/// A member of a chain: a NOP, or at times a read that comes out short, and takes the rest of its chain with it. (Most other
/// failures do so in some releases only.)
void member(Author& a, bool linked, u64 fails_one_in) {
  const bool fails = a.random().one_in(fails_one_in);
  Json more = fails ? Json{{"fd", "f"}, {"addr", "v"}, {"len", 1}} : Json::object();
  if (linked) more["flags"] = Json{"IO_LINK"};
  a.sqe(fails ? "READV" : "NOP", std::move(more));
}

/// Chains of NOPs, in some of which a request fails.
void links(Author& a) {
  empty_file(a);
  a.make_ring();
  for (u64 rounds = a.random().between(1, 4); rounds > 0; rounds--) {
    if (a.free_completions() < a.room()) a.reap_all(true);
    const u64 batch = a.random().between(1, a.room());
    for (u64 i = 0; i < batch; i++) {
      const bool last = i + 1 == batch;
      if (last && a.random().one_in(4))
        a.sqe("POLL_REMOVE", {{"addr", 100000}});
      else
        member(a, !last && a.random().one_in(2), 10);
    }
    a.publish();
    a.enter(batch);
    a.wait(a.owed(), 100);  // a chain's members may run in a worker, in any order with what stands behind them
    glance(a);
    if (a.random().one_in(2)) a.reap_all(true);
  }
  a.reap_all(true);
  a.look();
}

/// A chain of up to three behind what drains, whose members have to wait for it as one.
u64 chain_behind(Author& a, u64 room) {
  const u64 members = std::min<u64>(a.random().between(2, 3), room);
  for (u64 i = 0; i < members; i++) member(a, i + 1 < members, 4);
  return members;
}

/// NOPs behind a timeout, some of which drain. What waited for the drain may run anywhere and in any order: so wait for it.
void drain(Author& a) {
  const bool pending = a.random().one_in(4);
  empty_file(a);
  if (pending) a.add({{"do", "mem"}, {"name", "t"}, {"fields", timespec_fields(30)}});
  a.make_ring();
  for (u64 rounds = a.random().between(1, 4); rounds > 0; rounds--) {
    if (a.free_completions() < a.room()) a.reap_all(true);
    const u64 batch = a.random().between(1, a.room());
    for (u64 i = 0; i < batch; i++) {
      if (pending && rounds == 1 && i == 0)
        a.sqe("TIMEOUT", {{"addr", "t"}, {"len", 1}, {"off", 1000}});
      else if (batch - i > 1 && a.random().one_in(5))
        i += chain_behind(a, batch - i) - 1;
      else if (a.random().one_in(3))
        a.sqe("NOP", {{"flags", Json{"IO_DRAIN"}}});
      else
        a.sqe("NOP");
    }
    a.publish();
    a.enter(batch);
    a.wait(a.owed(), pending && rounds == 1 ? 200 : 100);
    glance(a);
    if (a.random().one_in(2) && rounds > 1) a.reap_all(true);
  }
  a.reap_all(true);
  a.look();
}

/// Timeouts that fire after some milliseconds, or earlier by their count of completions.
void timeout(Author& a) {
  constexpr std::array<u64, 2> kMs = {20, 50};
  for (u64 i = 0; i < kMs.size(); i++)
    a.add({{"do", "mem"}, {"name", fmt::format("t{}", i)}, {"fields", timespec_fields(kMs[i])}});
  a.make_ring(8);
  const u64 timeouts = a.random().between(1, std::min<u64>(2, a.room()));
  for (u64 i = 0; i < timeouts; i++) {
    const u64 count = a.random().one_in(2) ? a.random().between(1, 3) : 1000;
    a.sqe("TIMEOUT", {{"addr", fmt::format("t{}", i)}, {"len", a.random().one_in(8) ? 2 : 1}, {"off", count}});
    a.publish();
    a.enter(1);  // alone: whether a refused SQE ends its batch has changed
  }
  glance(a);
  if (a.random().one_in(2)) {
    const u64 batch = a.random().between(1, std::min<u64>(4, a.free_completions()));
    for (u64 i = 0; i < std::min<u64>(batch, a.room()); i++) {
      a.sqe("NOP");
      a.publish();
      a.enter(1);
      glance(a);
    }
  }
  if (a.random().one_in(2)) a.enter(0, 1, true);
  a.wait(a.owed(), 120);
  a.reap_all();
  a.look();
}

/// Requests on files whose answer is there at once or is given by the tape itself: what flows through without overflow.
void flow(Author& a) {
  constexpr u64 kFileBytes = 3000, kBufferBytes = 1024;
  Random& random = a.random();
  a.add({{"do", "file"}, {"name", "f"}, {"kind", "regular"}, {"size", kFileBytes}, {"seed", 5}});
  a.add({{"do", "file"}, {"name", "p"}, {"kind", "pipe"}});
  a.add({{"do", "file"}, {"name", "e"}, {"kind", "eventfd"}, {"init", random.between(0, 2)}});
  a.add({{"do", "buf"}, {"name", "b"}, {"size", kBufferBytes}, {"fill", "pattern"}, {"seed", 9}});
  a.add({{"do", "mem"}, {"name", "v"}, {"fields", fields_of({{"ptr", "b"}, {"u64", random.between(1, kBufferBytes)}})}});
  a.make_ring(8);
  const bool fixed_buffer = random.one_in(2), fixed_file = random.one_in(3);
  if (fixed_buffer) a.add({{"do", "register"}, {"op", "REGISTER_BUFFERS"}, {"arg", "v"}, {"nr_args", 1}});
  if (fixed_file) {
    a.add({{"do", "mem"}, {"name", "s"}, {"fields", fields_of({{"fd", "f"}})}});
    a.add({{"do", "register"}, {"op", "REGISTER_FILES"}, {"arg", "s"}, {"nr_args", 1}});
  }
  const auto on_file = [&](const char* op, Json fields) {
    fields["fd"] = fixed_file && random.one_in(2) ? Json(0) : Json("f");
    if (fields["fd"] == 0) fields["flags"] = Json{"FIXED_FILE"};
    fields["off"] = random.between(0, kFileBytes + 500);
    a.sqe(op, std::move(fields));
  };
  const auto vector = [] { return Json{{"addr", "v"}, {"len", 1}}; };
  const auto buffer = [&] {
    return Json{{"addr", "b"}, {"len", random.between(0, kBufferBytes)}, {"buf_index", random.one_in(8) ? 1 : 0}};
  };
  for (u64 rounds = random.between(2, 8); rounds > 0; rounds--) {
    if (a.free_completions() == 0) a.reap_all(true);
    switch (random.between(0, 8)) {
      case 0:
      case 1:
        on_file("READV", vector());
        break;
      case 2:
        on_file("WRITEV", vector());
        break;
      case 3:
        on_file("READ_FIXED", buffer());
        break;
      case 4:
        on_file("WRITE_FIXED", buffer());
        break;
      case 5:
        a.sqe("FSYNC", {{"fd", "f"}, {"op_flags", random.between(0, 2)}});
        break;
      case 6:
        a.sqe("SYNC_FILE_RANGE", {{"fd", random.one_in(4) ? "p.r" : "f"}, {"len", 100}, {"op_flags", random.between(0, 8)}});
        break;
      case 7:
        a.sqe("POLL_ADD", {{"fd", random.pick(std::array{"f"sv, "p.w"sv, "e"sv})}, {"op_flags", 4}});
        break;
      default:
        a.add({{"do", "write"}, {"name", "p.w"}, {"len", random.between(1, 64)}});
        a.sqe("READV", {{"fd", "p.r"}, {"addr", "v"}, {"len", 1}});
        break;
    }
    a.publish();
    a.enter(1);
    a.wait(a.owed(), 300);  // each alone: what two requests do to one file at a time is for the processors to say
    glance(a);
    if (random.one_in(3)) a.add({{"do", "check"}, {"name", "b"}});
    if (random.one_in(3)) a.reap_all(true);
  }
  a.reap_all(true);
  a.add({{"do", "content"}, {"name", "f"}});
  a.look();
}

/// What io_uring_setup refuses, and what it rounds.
void setup(Author& a) {
  Random& random = a.random();
  constexpr std::array<u64, 12> kEntries = {0, 1, 2, 3, 5, 33, 64, 1000, 32769, 65536, 0x80000000, 0xffffffff};
  constexpr std::array<u64, 6> kUnknownFlags = {1u << 24, 1u << 27, 1u << 30, 1u << 31, 0xff000000, 0xffffffff};
  constexpr std::array kParams = {"null"sv, "bad"sv};
  for (u64 i = random.between(1, 4); i > 0; i--) {
    Json step = {{"do", "setup"}, {"ring", fmt::format("r{}", i)}, {"entries", random.pick(kEntries)}};
    if (random.one_in(3))
      step["flags"] = Json::array({random.pick(kUnknownFlags)});
    else if (random.one_in(4))
      step["flags"] = {"SQ_AFF"};
    if (random.one_in(6)) step["params"] = random.pick(kParams);
    if (random.one_in(6)) step["resv"] = {random.between(0, 1), random.between(0, 1), 1};
    a.add(std::move(step));
    a.add({{"do", "state"}, {"ring", fmt::format("r{}", i)}});
    if (random.one_in(2)) a.add({{"do", "enter"}, {"ring", fmt::format("r{}", i)}, {"to_submit", random.between(0, 2)}});
  }
}

/// Calls and rings that no sane program makes: wrong descriptors and flags, indices outside, a tail that lies.
void hostile(Author& a) {
  Random& random = a.random();
  a.add({{"do", "file"}, {"name", "c"}, {"kind", "closed"}});
  a.add({{"do", "file"}, {"name", "n"}, {"kind", "devnull"}});
  a.make_ring(8);
  constexpr std::array<u64, 4> kUnknownEnterFlags = {1u << 20, 1u << 24, 1u << 31, 0xfffffff0};
  constexpr std::array kRings = {"c"sv, "n"sv};
  for (u64 rounds = random.between(1, 6); rounds > 0; rounds--) {
    if (a.free_completions() < a.room()) a.reap_all();
    switch (random.between(0, 6)) {
      case 0:
        a.add({{"do", "enter"}, {"ring", random.pick(kRings)}, {"to_submit", random.between(0, 4)}});
        break;
      case 1:
        a.add({{"do", "enter"}, {"to_submit", 1}, {"flags", Json::array({random.pick(kUnknownEnterFlags)})}});
        break;
      case 2:
        a.add({{"do", "register"}, {"op", random.between(1000, 0x7fffffff)}, {"nr_args", random.between(0, 9)}});
        break;
      case 3:
        a.add({{"do", "register"},
               {"op", random.pick(std::array{"UNREGISTER_BUFFERS"sv, "UNREGISTER_FILES"sv, "UNREGISTER_EVENTFD"sv})}});
        break;
      case 4:
        a.sqe("NOP", {{"index", random.one_in(2) ? random.between(0, a.room() - 1) : random.between(a.room(), 0xffffffff)}});
        a.publish();
        a.enter(random.between(1, 3));
        break;
      case 5:
        a.sqe("NOP", {{"flags", Json::array({128})}});
        a.publish();
        a.enter(1);
        break;
      default:
        a.sqe("NOP");
        a.publish();
        a.enter(random.one_in(2) ? 0xffffffff : 1);
        break;
    }
    glance(a);
  }
  a.reap_all();
  a.look();
}

constexpr std::array<void (*)(Author&), kSubjects.size()> kWriters = {nops, links, drain, timeout, flow, setup, hostile};

}  // namespace

std::span<const std::string_view> random_subjects() noexcept { return kSubjects; }

Tape random_tape(u64 seed, u64 index) {
  Author author(seed * 0x100000001b3 + index);
  const size_t subject = index % kSubjects.size();
  kWriters[subject](author);
  Tape tape;
  tape.name = fmt::format("fuzz/{}/{}-{}", kSubjects[subject], seed, index);
  tape.group = "fuzz";
  tape.limit_ms = kFuzzLimitMs;
  tape.limited = true;
  tape.steps = author.take();
  return tape;
}

}  // namespace uringsim::sim::tape
