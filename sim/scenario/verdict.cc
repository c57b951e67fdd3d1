// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/step_runner.h"
#include "sim/scenario/vocabulary.h"

namespace uringsim::sim {

namespace {

/// "at least 1 and at most 1000"
template <class Number>
std::string bounds_text(const std::optional<Number>& equals, const std::optional<Number>& least,
                        const std::optional<Number>& most) {
  if (equals) return fmt::format("{}", *equals);
  std::string text;
  if (least) text = fmt::format("at least {}", *least);
  if (most) text += fmt::format("{}at most {}", text.empty() ? "" : " and ", *most);
  return text;
}

template <class Number>
bool within(Number value, const std::optional<Number>& equals, const std::optional<Number>& least,
            const std::optional<Number>& most) {
  return (!equals || value == *equals) && (!least || value >= *least) && (!most || value <= *most);
}

class Judge {
 public:
  Judge(const RunOutcome& outcome, const RunReport& report) : outcome_(outcome), report_(report), json_(to_json(report)) {}

  ExpectationReport operator()(const CqesExpectation& one) const {
    const RingFigures* const ring = outcome_.metrics->ring(one.ring.name);
    u64 count = 0;
    if (ring != nullptr && !one.res && !one.user_data) {
      count = ring->reaped;
    } else if (ring != nullptr) {
      for (const ReapedCqe& cqe : ring->taken)
        count += (!one.res || cqe.res == *one.res) && (!one.user_data || cqe.user_data == static_cast<u64>(*one.user_data));
    }
    std::string what = fmt::format("CQEs taken from {}", one.ring.name);
    if (one.user_data) what += fmt::format(", user_data {}", *one.user_data);
    if (one.res)
      what +=
          *one.res < 0 ? fmt::format(", res -{}", errno_name(static_cast<int>(-*one.res))) : fmt::format(", res {}", *one.res);
    return {what + ": " + bounds_text(one.count, one.at_least, one.at_most), "",
            within(count, one.count, one.at_least, one.at_most), std::to_string(count)};
  }

  ExpectationReport operator()(const CheckExpectation& one) const { return check(one.check.name); }

  ExpectationReport operator()(const MetricExpectation& one) const {
    const auto value = metric_at(json_, one.metric.name);
    const Bounds& bounds = one.bounds;
    return {one.metric.name + ": " + bounds_text(bounds.equals, bounds.at_least, bounds.at_most), "",
            value.has_value() && within(*value, bounds.equals, bounds.at_least, bounds.at_most),
            value ? fmt::format("{}", *value) : "no such figure in this run"};
  }

  ExpectationReport operator()(const ContentExpectation& one) const {
    const std::string name = one.content == Content::pattern ? fmt::format("the pattern of seed {}", one.seed) : "zeroes";
    ExpectationReport result{fmt::format("{} holds {} from byte {} on", one.file.name, name, one.offset), "", true, ""};
    const u64 bytes = one.size ? one.size->count : ~u64{0};
    const std::vector<u8> held = outcome_.content ? outcome_.content(one.file.name, one.offset, bytes) : std::vector<u8>();
    if (held.empty() || (one.size && held.size() < bytes)) {
      result.holds = false;
      result.got = fmt::format("{} bytes that can be read there", held.size());
      return result;
    }
    for (u64 i = 0; i < held.size(); ++i) {
      const u8 wanted = one.content == Content::pattern ? pattern_byte(one.offset + i, one.seed) : u8{0};
      if (held[i] == wanted) continue;
      result.holds = false;
      result.got =
          fmt::format("0x{:02x} at byte {}, where 0x{:02x} is expected", unsigned{held[i]}, one.offset + i, unsigned{wanted});
      break;
    }
    return result;
  }

  ExpectationReport operator()(const OrderExpectation& one) const {
    std::string list;
    for (const s64 user_data : one.user_data) list += fmt::format("{}{}", list.empty() ? "" : ", ", user_data);
    ExpectationReport result{
        fmt::format("CQEs taken from {} in the order {}{}", one.ring.name, list, one.exactly ? ", none between" : ""), "", true,
        ""};
    const RingFigures* const ring = outcome_.metrics->ring(one.ring.name);
    std::vector<s64> seen;
    if (ring != nullptr)
      for (const ReapedCqe& cqe : ring->taken) {
        const auto wanted = static_cast<s64>(cqe.user_data);
        if (one.exactly || std::find(one.user_data.begin(), one.user_data.end(), wanted) != one.user_data.end())
          seen.push_back(wanted);
      }
    result.holds = one.exactly ? std::search(seen.begin(), seen.end(), one.user_data.begin(), one.user_data.end()) != seen.end()
                               : seen == one.user_data;
    constexpr std::size_t shown = 32;
    for (std::size_t i = 0; i < std::min(seen.size(), shown); ++i) result.got += fmt::format("{}{}", i ? ", " : "", seen[i]);
    if (seen.size() > shown) result.got += fmt::format(" and {} more", seen.size() - shown);
    if (seen.empty()) result.got = "none of them";
    return result;
  }

  ExpectationReport operator()(const VariableExpectation& one) const {
    const auto found = outcome_.variables.find(one.task.name);
    const bool known = found != outcome_.variables.end() && one.slot < found->second.size();
    const double value = known ? static_cast<double>(found->second[one.slot]) : 0;
    const Bounds& bounds = one.bounds;
    return {fmt::format("{}.{}: {}", one.task.name, one.name, bounds_text(bounds.equals, bounds.at_least, bounds.at_most)), "",
            known && within(value, bounds.equals, bounds.at_least, bounds.at_most),
            known ? fmt::format("{}", value) : "a task that never came so far"};
  }

  ExpectationReport operator()(const SearchExpectation&) const { return {}; }

  [[nodiscard]] ExpectationReport check(const std::string& name) const {
    ExpectationReport result{fmt::format("{}: {}", name, about_check(name)), "", true, ""};
    const auto violated = outcome_.violations.find(name);
    if (violated != outcome_.violations.end()) {
      result.holds = false;
      result.got = violated->second;
    } else if (std::find(outcome_.watched.begin(), outcome_.watched.end(), name) == outcome_.watched.end()) {
      result.holds = false;
      result.got = "nothing: nobody watches this in this engine";
    }
    return result;
  }

  [[nodiscard]] bool applies(const Scope& scope) const {
    const auto among = [](const auto& list, const auto& value) {
      return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
    };
    std::vector<std::string> engines;
    for (const Engine engine : scope.engines) engines.emplace_back(name_of(engine));
    return among(engines, report_.engine) && among(scope.kernels, report_.kernel);
  }

 private:
  const RunOutcome& outcome_;
  const RunReport& report_;
  nlohmann::ordered_json json_;
};

}  // namespace

void judge(const Scenario& scenario, const RunOutcome& outcome, RunReport& report) {
  std::vector<ExpectationReport> results;
  const Judge judge(outcome, report);
  const auto allowed = [&](const std::string& check) {
    return std::any_of(scenario.allow.begin(), scenario.allow.end(), [&](const Ref& name) { return name.name == check; });
  };
  const bool seeks = std::any_of(scenario.expect.begin(), scenario.expect.end(), [&](const Expectation& one) {
    const auto* const search = std::get_if<SearchExpectation>(&one.what);
    return search != nullptr && search->verdict == Verdict::violation && judge.applies(one.on);
  });
  for (const char* const always : {"no-cqe-error", "tasks-end", "no-leak", "no-hang"})
    if (!allowed(always)) results.push_back(judge.check(always));
  // The others are told only where they are broken, or asked for below.
  for (const std::string& name : outcome.unasked)
    if (name != "no-leak" && outcome.violations.count(name) != 0 && !allowed(name)) results.push_back(judge.check(name));
  for (ExpectationReport& one : results) one.sought = seeks && outcome.executed && !one.holds;
  for (const Expectation& expectation : scenario.expect) {
    if (!judge.applies(expectation.on) || std::holds_alternative<SearchExpectation>(expectation.what)) continue;
    ExpectationReport result = std::visit(judge, expectation.what);
    result.where = expectation.where;
    results.push_back(std::move(result));
  }
  const bool steps_seek = seeks && outcome.executed;
  report.pass = report.failures.empty() || steps_seek;
  report.sought = steps_seek && !report.failures.empty();
  for (ExpectationReport& result : results) {
    if (result.holds) result.got.clear();
    report.pass = report.pass && (result.holds || result.sought);
    report.sought = report.sought || result.sought;
  }
  report.sought = report.sought && report.pass;
  report.expectations = std::move(results);
}

std::vector<std::string> remarks(const Scenario& scenario) {
  std::vector<std::string> notes;
  constexpr u32 sqpoll = 2;
  for (const auto& [name, where, ring] : scenario.rings) {
    if ((ring.flags.bits & sqpoll) == 0) continue;
    const u64 jiffy = 1'000'000'000 / scenario.machine.hz;
    if (ring.sq_thread_idle.count == 0)
      notes.push_back(fmt::format("ring {}: sq_thread_idle of 0 means one second in Linux", name));
    else if (ring.sq_thread_idle.count < jiffy)
      notes.push_back(fmt::format("ring {}: sq_thread_idle of {} is below a jiffy and becomes one ({} at {} Hz)", name,
                                  to_text(ring.sq_thread_idle), to_text(Nanoseconds{jiffy}), scenario.machine.hz));
    constexpr u64 millisecond = 1'000'000;
    if (ring.sq_thread_idle.count % millisecond != 0)
      notes.push_back(fmt::format("ring {}: sq_thread_idle of {} is rounded up to whole milliseconds, the system call's unit",
                                  name, to_text(ring.sq_thread_idle)));
  }
  return notes;
}

}  // namespace uringsim::sim
