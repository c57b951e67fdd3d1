// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "sim/tape/names.h"

namespace uringsim::sim::tape {

namespace {

using namespace std::string_view_literals;
using T = FieldType;

constexpr u64 kU8 = 0xff, kU16 = 0xffff, kU32 = 0xffffffff, kU64 = ~u64{0};
constexpr u64 kMemory = 64u << 20;  // more than any tape needs; keeps a typing error from eating the machine
constexpr u64 kMilliseconds = 600'000;

constexpr FieldRule kRing{"ring", T::text};
constexpr FieldRule kName{"name", T::text, true};

constexpr std::array kFills = {"zero"sv, "pattern"sv};
constexpr std::array kKinds = {"devnull"sv, "devzero"sv, "dir"sv,     "regular"sv, "memfd"sv, "pipe"sv,  "socketpair"sv,
                               "socket"sv,  "listen"sv,  "eventfd"sv, "timerfd"sv, "epoll"sv, "closed"sv};
constexpr std::array kModes = {"rw"sv, "r"sv, "w"sv};
constexpr std::array kSocketTypes = {"stream"sv, "dgram"sv, "seqpacket"sv};
constexpr std::array kOrders = {"exact"sv, "any"sv};
constexpr std::array kConditions = {"need_wakeup"sv, "awake"sv, "drained"sv};
constexpr std::array kSilentKinds = {"buf"sv,   "mem"sv,   "file"sv,   "sqe"sv,    "submit"sv, "advance"sv,
                                     "sleep"sv, "later"sv, "signal"sv, "setuid"sv, "rlimit"sv};
constexpr std::array kLimits = {"memlock"sv, "nofile"sv};
constexpr std::array kStateFields = {"sq_head"sv, "sq_tail"sv, "sq_flags"sv,   "sq_dropped"sv,
                                     "cq_head"sv, "cq_tail"sv, "cq_overflow"sv};

constexpr FieldRule number(std::string_view name, u64 maximum, bool required = false, s64 minimum = 0) {
  return {name, T::number, required, minimum, maximum};
}

const std::array kBuf = {kName,
                         number("size", kMemory, true),
                         FieldRule{"fill", T::fill, false, 0, 0, kFills},
                         number("seed", kU32),
                         number("skew", 4095),
                         FieldRule{"file", T::boolean}};
const std::array kMem = {kName, FieldRule{"fields", T::structure, true}, number("size", kMemory)};
const std::array kCheck = {kName, number("off", kMemory), number("len", kMemory)};
const std::array kFile = {kName,
                          FieldRule{"kind", T::word, true, 0, 0, kKinds},
                          number("size", kMemory),
                          number("seed", kU32),
                          FieldRule{"mode", T::word, false, 0, 0, kModes},
                          FieldRule{"direct", T::boolean},
                          FieldRule{"append", T::boolean},
                          FieldRule{"nonblock", T::boolean},
                          number("perm", 07777),
                          FieldRule{"type", T::word, false, 0, 0, kSocketTypes},
                          number("backlog", 4096),
                          number("init", kU32),
                          FieldRule{"semaphore", T::boolean},
                          number("ms", kMilliseconds)};
const std::array kClose = {kName, FieldRule{"keep_map", T::boolean}};
const std::array kWrite = {kName, number("len", kMemory), number("seed", kU32), number("val", kU64)};
const std::array kRead = {kName, number("wait_ms", kMilliseconds), number("len", kMemory), FieldRule{"val", T::boolean}};
const std::array kNameOnly = {kName};
const std::array kLseek = {kName, number("set", kU32 >> 1)};
const std::array kStat = {FieldRule{"path", T::text, true}};
const std::array kPoll = {kName, FieldRule{"events", T::flags, false, 0, kU16, {}, kPollBits}, number("wait_ms", kMilliseconds)};
const std::array kEpollWait = {kName, number("wait_ms", kMilliseconds)};
const std::array kSetup = {kRing,
                           number("entries", kU32, true),
                           FieldRule{"flags", T::flags, false, 0, kU32, {}, kSetupFlags},
                           number("cq_entries", kU32),
                           number("sq_entries", kU32),
                           number("sq_thread_cpu", kU32),
                           number("sq_thread_idle", kU32),
                           number("features", kU32),
                           FieldRule{"resv", T::numbers, false, 0, 3},
                           FieldRule{"wq_fd", T::descriptor},
                           FieldRule{"params", T::value},
                           FieldRule{"full", T::boolean}};
const std::array kSqe = {kRing,
                         FieldRule{"op", T::code, true, 0, kU8, {}, kOperations},
                         FieldRule{"flags", T::flags, false, 0, kU8, {}, kSqeFlags},
                         number("ioprio", kU16),
                         FieldRule{"fd", T::descriptor},
                         FieldRule{"off", T::value},
                         FieldRule{"addr", T::value},
                         number("len", kU32),
                         number("op_flags", kU32),
                         number("ud", kU64),
                         number("buf_index", kU16),
                         number("personality", kU16),
                         FieldRule{"splice_fd_in", T::descriptor},
                         FieldRule{"addr3", T::value},
                         number("pad2", kU64),
                         number("index", kU32)};
const std::array kSubmit = {kRing, number("n", kU32)};
const std::array kEnter = {FieldRule{"ring", T::descriptor}, number("to_submit", kU32),
                           number("min_complete", kU32),     FieldRule{"flags", T::flags, false, 0, kU32, {}, kEnterFlags},
                           FieldRule{"arg", T::value},       number("argsz", kU64)};
const std::array kRegister = {FieldRule{"ring", T::descriptor}, FieldRule{"op", T::code, true, 0, kU32, {}, kRegisterOperations},
                              FieldRule{"arg", T::value}, number("nr_args", kU32)};
const std::array kReap = {kRing, number("max", kU32), FieldRule{"order", T::word, false, 0, 0, kOrders},
                          FieldRule{"bind", T::bindings}};
const std::array kState = {kRing, FieldRule{"fields", T::words, false, 0, 0, kStateFields}};
const std::array kAdvance = {kRing, number("n", kU32, true, -s64{kU32})};
const std::array kWaitCq = {kRing, number("n", kU32, true), number("ms", kMilliseconds)};
const std::array kWaitSq = {kRing, FieldRule{"cond", T::word, true, 0, 0, kConditions}, number("ms", kMilliseconds)};
const std::array kSleep = {number("ms", kMilliseconds, true)};
const std::array kLater = {number("ms", kMilliseconds, true), FieldRule{"step", T::step, true}};
const std::array kSetuid = {number("uid", kU32, true)};
const std::array kRlimit = {FieldRule{"which", T::word, true, 0, 0, kLimits}, number("value", kU64, true)};

const std::array kSteps = {StepRule{"buf", kBuf},
                           StepRule{"mem", kMem},
                           StepRule{"check", kCheck},
                           StepRule{"peek", kCheck},
                           StepRule{"file", kFile},
                           StepRule{"close", kClose},
                           StepRule{"write", kWrite},
                           StepRule{"read", kRead},
                           StepRule{"content", kNameOnly},
                           StepRule{"lseek", kLseek},
                           StepRule{"stat", kStat},
                           StepRule{"poll", kPoll},
                           StepRule{"epoll_wait", kEpollWait},
                           StepRule{"setup", kSetup},
                           StepRule{"sqe", kSqe},
                           StepRule{"submit", kSubmit},
                           StepRule{"enter", kEnter},
                           StepRule{"register", kRegister},
                           StepRule{"reap", kReap},
                           StepRule{"state", kState},
                           StepRule{"advance", kAdvance},
                           StepRule{"wait_cq", kWaitCq},
                           StepRule{"wait_sq", kWaitSq},
                           StepRule{"sleep", kSleep},
                           StepRule{"later", kLater},
                           StepRule{"signal", {}},
                           StepRule{"setuid", kSetuid},
                           StepRule{"rlimit", kRlimit}};

/// The types of a `mem`'s fields that are plain numbers, with their width in bytes.
constexpr std::array<std::pair<std::string_view, u32>, 8> kNumbers = {
    {{"u8", 1}, {"u16", 2}, {"u32", 4}, {"u64", 8}, {"s8", 1}, {"s16", 2}, {"s32", 4}, {"s64", 8}}};

[[noreturn]] void fail(const std::string& path, std::string what) { throw SchemaError{path, std::move(what)}; }

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string joined(std::span<const std::string_view> names) { return fmt::format("{}", fmt::join(names, ", ")); }

bool in_range(const Json& v, s64 minimum, u64 maximum) {
  if (!v.is_number_integer()) return false;
  if (v.is_number_unsigned()) return v.get<u64>() <= maximum;
  const s64 n = v.get<s64>();
  return n >= minimum && (n < 0 || static_cast<u64>(n) <= maximum);
}

/// Checks one tape from its first step to its last, keeping the names that the steps define.
class Checker {
 public:
  explicit Checker(const Tape& tape) : tape_(tape) {}

  void run() {
    // Descriptors may be named before their fixture exists (the step is then skipped), memory may not.
    for (const Step& step : tape_.steps) collect_descriptors(step.body);
    for (size_t i = 0; i < tape_.steps.size(); i++) check_step(tape_.steps[i].body, fmt::format("/steps/{}", i), false);
  }

 private:
  void collect_descriptors(const Json& step) {
    if (!step.is_object()) return;
    const auto text = [&](const char* key) -> std::string {
      return step.contains(key) && step[key].is_string() ? step[key].get<std::string>() : std::string();
    };
    const std::string what = text("do");
    if (what == "setup") descriptors_.insert(step.contains("ring") ? text("ring") : "r");
    if (what == "file") {
      const std::string name = text("name");
      descriptors_.insert({name, name + ".r", name + ".w", name + ".a", name + ".b"});
    }
    if (what == "reap" && step.contains("bind") && step["bind"].is_object())
      for (const Json& name : step["bind"])
        if (name.is_string()) descriptors_.insert(name.get<std::string>());
    if (what == "later" && step.contains("step")) collect_descriptors(step["step"]);
  }

  void check_step(const Json& step, const std::string& path, bool nested) {
    if (!step.is_object()) fail(path, "a step is an object");
    if (!step.contains("do") || !step["do"].is_string()) fail(path, "a step needs \"do\", the name of its kind");
    const std::string kind = step["do"];
    const auto rule = std::find_if(kSteps.begin(), kSteps.end(), [&](const StepRule& r) { return r.kind == kind; });
    if (rule == kSteps.end()) fail(path + "/do", fmt::format("unknown kind of step \"{}\"", kind));
    if (nested && kind == "later") fail(path + "/do", "a second thread cannot start another");
    for (const FieldRule& field : rule->fields)
      if (field.required && !step.contains(field.name)) fail(path, fmt::format("\"{}\" needs \"{}\"", kind, field.name));
    for (const auto& [key, value] : step.items()) {
      if (key == "do") continue;
      const auto field = std::find_if(rule->fields.begin(), rule->fields.end(),
                                      [&, k = std::string_view(key)](const FieldRule& f) { return f.name == k; });
      if (field == rule->fields.end()) fail(path + "/" + key, fmt::format("\"{}\" has no field of that name", kind));
      check_field(*field, value, path + "/" + key);
    }
    check_names(kind, step, path);
  }

  void check_field(const FieldRule& rule, const Json& v, const std::string& path) {
    switch (rule.type) {
      case T::boolean:
        if (!v.is_boolean()) fail(path, "true or false is expected");
        return;
      case T::number:
        if (!in_range(v, rule.minimum, rule.maximum))
          fail(path, fmt::format("a whole number from {} to {} is expected", rule.minimum, rule.maximum));
        return;
      case T::text:
        if (!v.is_string() || v.get_ref<const std::string&>().find('\0') != std::string::npos) fail(path, "a string is expected");
        return;
      case T::word:
        return check_word(rule, v, path);
      case T::value:
        return check_value(v, path);
      case T::descriptor:
        return check_descriptor(v, path);
      case T::flags:
        return check_flags(rule, v, path);
      case T::code:
        return check_code(rule, v, path);
      case T::fill:
        if (!in_range(v, 0, kU8)) check_word(rule, v, path);
        return;
      case T::numbers:
        return check_numbers(rule, v, path);
      case T::words:
        if (!v.is_array()) fail(path, "a list of names is expected");
        for (size_t i = 0; i < v.size(); i++) check_word(rule, v[i], fmt::format("{}/{}", path, i));
        return;
      case T::bindings:
        return check_bindings(v, path);
      case T::structure:
        return check_structure(v, path);
      case T::step:
        return check_step(v, path, true);
    }
  }

  static void check_word(const FieldRule& rule, const Json& v, const std::string& path) {
    if (!v.is_string() || !contains(rule.words, v.get_ref<const std::string&>()))
      fail(path, fmt::format("one of {} is expected", joined(rule.words)));
  }

  static void check_flags(const FieldRule& rule, const Json& v, const std::string& path) {
    if (in_range(v, 0, rule.maximum)) return;
    if (!v.is_array()) fail(path, "a number or a list of flag names is expected");
    for (size_t i = 0; i < v.size(); i++) check_code(rule, v[i], fmt::format("{}/{}", path, i));
  }

  static void check_code(const FieldRule& rule, const Json& v, const std::string& path) {
    if (in_range(v, 0, rule.maximum)) return;
    if (!v.is_string()) fail(path, fmt::format("a name or a number up to {} is expected", rule.maximum));
    if (!value_of(rule.names, v.get_ref<const std::string&>())) fail(path, fmt::format("unknown name {}", v.dump()));
  }

  static void check_numbers(const FieldRule& rule, const Json& v, const std::string& path) {
    if (!v.is_array() || v.size() > rule.maximum)
      fail(path, fmt::format("a list of at most {} numbers is expected", rule.maximum));
    for (size_t i = 0; i < v.size(); i++)
      if (!in_range(v[i], 0, kU32)) fail(fmt::format("{}/{}", path, i), "a 32-bit number is expected");
  }

  void check_descriptor(const Json& v, const std::string& path) const {
    if (in_range(v, INT32_MIN, kU32)) return;  // wq_fd is unsigned
    if (!v.is_string()) fail(path, "a descriptor is a number or the name of a fixture or ring");
    if (!descriptors_.count(v.get<std::string>())) fail(path, fmt::format("nothing in the tape makes a descriptor {}", v.dump()));
  }

  void check_value(const Json& v, const std::string& path) const {
    if (in_range(v, INT64_MIN, kU64)) return;
    if (v.is_string()) {
      const std::string name = v;
      if (name != "null" && name != "bad" && !memory_.count(name)) fail(path, fmt::format("unknown memory \"{}\"", name));
    } else if (v.is_array()) {
      if (v.size() != 2 || !v[0].is_string() || !in_range(v[1], INT64_MIN, INT64_MAX))
        fail(path, "[\"NAME\", offset] is expected");
      check_value(v[0], path + "/0");
    } else if (v.is_object()) {
      if (v.size() != 1 || !v.contains("fd")) fail(path, "{\"fd\": NAME} is expected");
      check_descriptor(v["fd"], path + "/fd");
    } else {
      fail(path, "a 64-bit value is expected");
    }
  }

  static void check_bindings(const Json& v, const std::string& path) {
    if (!v.is_object()) fail(path, "{user_data: name} is expected");
    for (const auto& [key, name] : v.items()) {
      if (key.empty() || key.size() > 20 || !std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; }))
        fail(path + "/" + key, "the key is a user_data, a number");
      if (!name.is_string()) fail(path + "/" + key, "the name of a descriptor is expected");
    }
  }

  void check_structure(const Json& v, const std::string& path) const {
    if (!v.is_array()) fail(path, "a list of [type, value] is expected");
    for (size_t i = 0; i < v.size(); i++) check_member(v[i], fmt::format("{}/{}", path, i));
  }

  void check_member(const Json& f, const std::string& path) const {
    if (!f.is_array() || f.size() < 2 || f.size() > 3 || !f[0].is_string()) fail(path, "[type, value] is expected");
    const std::string type = f[0];
    if (f.size() == 3 && (type != "ptr" || !f[1].is_string() || !in_range(f[2], INT64_MIN, INT64_MAX)))
      fail(path, "[\"ptr\", NAME, offset] is expected");
    if (type == "fd") return check_descriptor(f[1], path + "/1");
    if (type == "str") {
      if (!f[1].is_string()) fail(path + "/1", "a string is expected");
    } else if (type == "zero" || type == "mono") {
      if (!in_range(f[1], 0, type == "zero" ? kMemory : kMilliseconds)) fail(path + "/1", "a number is expected");
    } else {
      const bool known =
          type == "ptr" || std::any_of(kNumbers.begin(), kNumbers.end(), [&](const auto& n) { return n.first == type; });
      if (!known) fail(path + "/0", fmt::format("unknown type \"{}\"", type));
      check_value(f[1], path + "/1");
    }
  }

  static u64 structure_size(const Json& fields) {
    u64 size = 0;
    for (const Json& f : fields) {
      const std::string type = f[0];
      if (type == "ptr")
        size += 8;
      else if (type == "fd")
        size += 4;
      else if (type == "str")
        size += f[1].get_ref<const std::string&>().size() + 1;
      else if (type == "zero")
        size += f[1].get<u64>();
      else if (type == "mono")
        size += 16;
      else
        size += std::find_if(kNumbers.begin(), kNumbers.end(), [&](const auto& n) { return n.first == type; })->second;
    }
    return size;
  }

  /// What no single field can show: names that are defined or used, and combinations that make no sense.
  void check_names(const std::string& kind, const Json& step, const std::string& path) {
    if (kind == "buf") memory_[step["name"]] = step["size"];
    if (kind == "mem") {
      const u64 size = std::max(structure_size(step["fields"]), step.value("size", u64{0}));
      if (size > kMemory) fail(path + "/fields", "the structure is too large");
      memory_[step["name"]] = size;
    }
    if (kind == "check" || kind == "peek") {
      const auto found = memory_.find(step["name"].get<std::string>());
      if (found == memory_.end()) fail(path + "/name", fmt::format("unknown memory {}", step["name"].dump()));
      const u64 off = step.value("off", u64{0});
      if (off > found->second || step.value("len", u64{0}) > found->second - off)
        fail(path, "reaches past the end of the memory");
    }
    if (kind == "close" || kind == "write" || kind == "read" || kind == "poll" || kind == "lseek" || kind == "epoll_wait")
      check_descriptor(step["name"], path + "/name");
    if (kind == "write" && step.contains("val") == step.contains("len")) fail(path, "either \"len\" or \"val\" is needed");
    if (kind == "read" && step.value("val", false) == step.contains("len")) fail(path, "either \"len\" or \"val\" is needed");
    if (kind == "content" || kind == "file") {
      const std::string& name = step["name"].get_ref<const std::string&>();
      if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos)
        fail(path + "/name", "a name in the current directory is expected");
    }
  }

  const Tape& tape_;
  std::set<std::string> descriptors_;
  std::map<std::string, u64> memory_;
};

}  // namespace

std::span<const StepRule> step_rules() noexcept { return kSteps; }

bool always_answers(std::string_view kind) noexcept {
  return std::find(kSilentKinds.begin(), kSilentKinds.end(), kind) == kSilentKinds.end();
}

void check_tape(const Tape& tape) { Checker(tape).run(); }

}  // namespace uringsim::sim::tape
