// SPDX-License-Identifier: GPL-2.0-only
// Steps about the process itself: its memory, its time, its threads, its identity and limits.
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "sim/tape/fields.h"
#include "sim/tape/interpreter.h"

namespace uringsim::sim::tape {

namespace {

u32 number_width(const std::string& type) {
  return type == "ptr" ? 8 : static_cast<u32>(std::stoul(type.substr(1))) / 8;  // u8 ... s64
}

}  // namespace

Json Interpreter::buf(const Json& s) {
  const Memory m = allocate(s.at("name"), s.at("size").get<u64>(), number_or(s, "skew", 0), s.value("file", false));
  const Json fill = s.value("fill", Json("zero"));
  if (fill == "zero") return nullptr;
  const std::vector<u8> content =
      fill == "pattern" ? pattern(m.bytes, number_or(s, "seed", 0)) : std::vector<u8>(m.bytes, fill.get<u8>());
  system_.store(m.base, content.data(), content.size());
  return nullptr;
}

Json Interpreter::mem(const Json& s) {
  std::vector<u8> bytes;
  const auto put = [&](u64 v, u32 width) {
    for (u32 i = 0; i < width; i++) bytes.push_back(static_cast<u8>(v >> 8 * i));
  };
  for (const Json& f : s.at("fields")) {
    const std::string& type = f.at(0).get_ref<const std::string&>();
    if (type == "fd") {
      put(static_cast<u64>(s64{descriptor(f.at(1))}), 4);
    } else if (type == "str") {
      for (const char c : f.at(1).get_ref<const std::string&>()) put(static_cast<u8>(c), 1);
      put(0, 1);
    } else if (type == "zero") {
      bytes.resize(bytes.size() + f.at(1).get<u64>());
    } else if (type == "mono") {  // a timespec: now, in whole milliseconds, plus so many
      const u64 ms = system_.now() / kMillisecond + f.at(1).get<u64>();
      put(ms / 1000, 8);
      put(ms % 1000 * kMillisecond, 8);
    } else {
      put(f.size() > 2 ? value(Json::array({f.at(1), f.at(2)})) : value(f.at(1)), number_width(type));
    }
  }
  const Memory m = allocate(s.at("name"), std::max<u64>(bytes.size(), number_or(s, "size", 0)), 0, false);
  if (!bytes.empty()) system_.store(m.base, bytes.data(), bytes.size());
  return nullptr;
}

Json Interpreter::check(const Json& s) {
  const Memory m = memory(s.at("name"));
  const u64 off = number_or(s, "off", 0);
  std::vector<u8> content(number_or(s, "len", m.bytes - off));
  system_.load(content.data(), m.base + off, content.size());
  return {{"sum", fnv1a(content.data(), content.size())}};
}

Json Interpreter::peek(const Json& s) {
  const Memory m = memory(s.at("name"));
  const u64 off = number_or(s, "off", 0);
  std::vector<u8> content(number_or(s, "len", m.bytes - off));
  system_.load(content.data(), m.base + off, content.size());
  std::string hex;
  for (const u8 byte : content) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return {{"hex", hex}};
}

Json Interpreter::sleep(const Json& s) {
  system_.sleep_until(system_.now() + s.at("ms").get<u64>() * kMillisecond);
  return nullptr;
}

Json Interpreter::later(const Json& s) {
  const u64 due = system_.now() + s.at("ms").get<u64>() * kMillisecond;
  system_.start_thread([this, due, step = s.at("step")] {
    system_.sleep_until(due);
    play(step);
  });
  return nullptr;
}

Json Interpreter::signal(const Json&) {
  system_.interrupt_first_thread();
  return nullptr;
}

Json Interpreter::setuid(const Json& s) {
  const u64 uid = s.at("uid").get<u64>();
  s64 ret = system_.call(SYS_setgroups, 0, 0);
  if (ret >= 0) ret = system_.call(SYS_setresgid, uid, uid, uid);
  if (ret >= 0) ret = system_.call(SYS_setresuid, uid, uid, uid);
  return ret < 0 ? Json{{"ret", ret}} : Json(nullptr);
}

Json Interpreter::rlimit(const Json& s) {
  const u64 value = s.at("value").get<u64>();
  const std::array<u64, 2> limit = {value, value};
  const Scratch argument(system_, limit.data(), sizeof(limit));
  const s64 ret =
      system_.call(SYS_setrlimit, s.at("which") == "memlock" ? u64{RLIMIT_MEMLOCK} : u64{RLIMIT_NOFILE}, argument.at());
  return ret < 0 ? Json{{"ret", ret}} : Json(nullptr);
}

}  // namespace uringsim::sim::tape
