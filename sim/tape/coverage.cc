// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/coverage.h"

#include <fmt/format.h>

#include <cstring>

#include "sim/tape/fields.h"
#include "sim/tape/names.h"

namespace uringsim::sim::tape {

namespace {

std::string name_or_number(Names names, const Json& code_value) {
  const u32 number = code(names, code_value);
  const std::string_view name = uapi::name_of(names, number);
  return name.empty() ? std::to_string(number) : std::string(name);
}

std::string flag_text(Names names, const Json& step) {
  const auto list = bit_names(names, step.contains("flags") ? flag_word(names, step["flags"]) : 0);
  return list.empty() ? "-" : fmt::format("{}", fmt::join(list, "+"));
}

std::string result_text(const Json& result) {
  if (!result.is_number() || result.get<s64>() >= 0) return "ok";
  return errno_name(static_cast<int>(-result.get<s64>()));
}

}  // namespace

void Coverage::add(const Tape& tape, const Played& played) {
  // An SQE is known to its completion by user_data; tapes give each request its own.
  std::map<u64, std::pair<std::string, std::string>> requests;
  for (size_t i = 0; i < tape.steps.size() && i < played.outs.size(); i++) {
    const Json& step = tape.steps[i].body;
    const Json& out = played.outs[i];
    const std::string& kind = step.at("do").get_ref<const std::string&>();
    if (kind == "sqe") requests[number_or(step, "ud", 0)] = {name_or_number(kOperations, step["op"]), flag_text(kSqeFlags, step)};
    if (out.is_null()) continue;
    if (kind == "setup" && out.contains("ret"))
      seen_[{"io_uring_setup", flag_text(kSetupFlags, step), result_text(out["ret"])}]++;
    if (kind == "enter" && out.contains("ret"))
      seen_[{"io_uring_enter", flag_text(kEnterFlags, step), result_text(out["ret"])}]++;
    if (kind == "register" && out.contains("ret"))
      seen_[{"io_uring_register", name_or_number(kRegisterOperations, step["op"]), result_text(out["ret"])}]++;
    if (kind != "reap" || !out.contains("cqes")) continue;
    for (const Json& cqe : out["cqes"])
      if (const auto request = requests.find(cqe.at(0).get<u64>()); request != requests.end())
        seen_[{request->second.first, request->second.second, result_text(cqe.at(1))}]++;
  }
}

std::string errno_name(int number) {
  const char* const name = strerrorname_np(number);
  return name ? name : fmt::format("errno {}", number);
}

}  // namespace uringsim::sim::tape
