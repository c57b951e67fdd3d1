// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/story.h"

#include <fmt/format.h>

#include <algorithm>
#include "sim/explore/replay.h"
#include "sim/explore/story_lines.h"
#include "sim/explore/tasks.h"

namespace uringsim::sim {

namespace {

std::string state_name(u64 state) {
  switch (state) {
    case arch::TASK_RUNNING:
      return "TASK_RUNNING";
    case arch::TASK_INTERRUPTIBLE:
      return "TASK_INTERRUPTIBLE";
    case arch::TASK_UNINTERRUPTIBLE:
      return "TASK_UNINTERRUPTIBLE";
    case arch::TASK_PARKED:
      return "TASK_PARKED";
    default:
      return fmt::format("{:#x}", state);
  }
}

class Teller {
 public:
  Teller(const Schedule& schedule, const Cast& cast) : schedule_(schedule), cast_(cast), lines_(schedule, cast.memory) {}

  std::string tell() {
    const Cost cost = cost_of(schedule_, cast_.memory);
    const auto plural = [](u32 n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); };
    std::string text = fmt::format("VIOLATION ({}): {}\n", cast_.violation.check, cast_.violation.text);
    text += left_over();
    text += fmt::format("\n{}{}, memory {}: {}, {}, {}\n\n", cast_.program, cast_.profile.empty() ? "" : " on " + cast_.profile,
                        to_string(cast_.memory), plural(cost.lines, "step"), plural(cost.preemptions, "preemption"),
                        plural(cost.reorderings, "reordering"));
    for (const Line& line : lines_.lines())
      if (line.task != kNobody && std::find(columns_.begin(), columns_.end(), line.task) == columns_.end())
        columns_.push_back(line.task);
    std::sort(columns_.begin(), columns_.end());
    text += "     ";
    for (const u32 task : columns_) text += fmt::format("{:<{}}", name(task), kWidth);
    while (text.back() == ' ') text.pop_back();
    text += "\n";
    size_t next = 0;
    u32 number = 0;
    Buffers buffers(cast_.memory);
    for (const Line& line : lines_.lines()) {
      const std::string told = tell_line(line, buffers, next);
      const auto column = static_cast<size_t>(std::find(columns_.begin(), columns_.end(), line.task) - columns_.begin());
      text += column_of(++number, line.task == kNobody ? 0 : column, told);
    }
    for (const u32 task : lines_.bystanders())
      if (task < cast_.tasks.size()) text += fmt::format("     ({} runs beside this and takes no part)\n", name(task));
    return text;
  }

 private:
  /// Who is left over at the end, and why; not idle workers, who always are.
  [[nodiscard]] std::string left_over() const {
    std::string text;
    for (const LeftOver& left : cast_.left_over) {
      const bool acted =
          std::any_of(schedule_.steps.begin(), schedule_.steps.end(), [&](const Step& step) { return step.task == left.task; });
      const bool idle = (!acted || lines_.bystanders().contains(left.task)) && std::string_view(left.name).starts_with("kworker");
      if (idle) continue;
      if (left.why == Blocked::lock && left.holder != kNobody)
        text += fmt::format("  {} waits{} for {}, which {} holds\n", left.name,
                            left.scope != nullptr ? fmt::format(" in {}()", left.scope) : "", word_at(left.object),
                            name(left.holder));
      else
        text += fmt::format("  {}\n", describe_left_over({left}));
    }
    return text.empty() ? text : "\nLeft over at the end:\n" + text;
  }

  /// One line: phrases by function, "f: a; b; g: c". `next` is the first step that `buffers` has not seen.
  std::string tell_line(const Line& line, Buffers& buffers, size_t& next) const {
    std::string told;
    std::string_view function;
    std::vector<std::string> phrases;  // of this line, since the task last changed something
    for (const size_t index : line.steps) {
      for (; next < index; next++) buffers.step(schedule_.steps[next], next);
      const Step& step = schedule_.steps[index];
      std::string phrase = say(step, index, buffers);
      if (step.kind == OpKind::time) told.clear();  // only where it arrives
      if (step.kind != OpKind::load) phrases.clear();
      if (std::find(phrases.begin(), phrases.end(), phrase) != phrases.end()) continue;
      const std::string_view here = function_of(step);
      if (!told.empty()) told += "; ";
      if (!here.empty() && here != function) told += fmt::format("{}: ", here);
      if (!here.empty()) function = here;
      told += phrase;
      phrases.push_back(std::move(phrase));
    }
    return told;
  }

  /// The kernel's or the program's own function, empty where a ring library or a scenario acts.
  static std::string_view function_of(const Step& step) noexcept {
    if (step.scope != nullptr) return step.scope;
    const std::string_view function = function_name(step.site.function);
    const std::string_view file = source_path(step.site.file);
    const bool ours = file.starts_with("sim/world/") || file.starts_with("sim/scenario/") || file.starts_with("uapi/") ||
                      file.starts_with("kernel_model/arch/");
    return function.empty() || function == "operator()" || ours ? std::string_view() : function;
  }
  static std::string duration(u64 ns) {
    if (ns != 0 && ns % 1'000'000 == 0) return fmt::format("{} ms", ns / 1'000'000);
    if (ns != 0 && ns % 1'000 == 0) return fmt::format("{} us", ns / 1'000);
    return fmt::format("{} ns", ns);
  }

  static constexpr size_t kWidth = 58;

  [[nodiscard]] std::string name(u32 task) const {
    return task < cast_.tasks.size() ? cast_.tasks[task] : fmt::format("task {}", task);
  }
  [[nodiscard]] std::string word_at(u64 object) const {
    std::string name = cast_.word ? cast_.word(object) : std::string();
    return name.empty() ? fmt::format("[word {}]", nameless_.of(object)) : name;  // where it lies is the build's business
  }
  [[nodiscard]] std::string word(const Step& step) const { return word_at(step.object); }
  [[nodiscard]] std::string value_of(u64 value) const {
    if (is_pointer(value)) return "&" + word_at(value - kPointer);
    return value >> 32 != 0 ? fmt::format("{:#x}", value) : fmt::format("{}", value);
  }

  static std::string column_of(u32 number, size_t column, const std::string& text) {
    const std::string indent(5 + column * kWidth, ' ');
    std::string out = fmt::format("{:>3}  {}", number, std::string(column * kWidth, ' '));
    size_t used = 0;
    std::string rest = text;
    while (!rest.empty()) {
      size_t length = rest.size();
      if (length > kWidth - 2) {
        length = rest.rfind(' ', kWidth - 2);
        if (length == std::string::npos || length == 0) length = std::min(rest.find(' '), rest.size());
      }
      if (used++ > 0) out += indent + "  ";
      out += rest.substr(0, length) + "\n";
      rest = length < rest.size() ? rest.substr(length + 1) : "";
    }
    return out;
  }

  std::string say_load(const Step& step, const Buffers& buffers) const {
    std::string text = fmt::format("reads {} = {}", word(step), value_of(step.before));
    u64 value = 0;
    if (step.choice > 0) {
      text += fmt::format(" (old: {}'s store of {} exists, but nothing orders this read after it)",
                          step.missed_task == kNobody ? "the last" : name(step.missed_task), value_of(step.missed_value));
    } else if (const u32 other = buffers.withheld(step, value); other != kNobody) {
      text += fmt::format(" (old: {}'s store of {} is still in its store buffer)", name(other), value_of(value));
    }
    const auto* const pending = buffers.of(step.task);
    if (pending == nullptr) return text;
    for (const Buffers::Pending& store : *pending) {
      if (!lines_.shared(store.object) || store.object == step.object) continue;
      text += fmt::format(" (ahead of its own store of {})", word(schedule_.steps[store.step]));
      break;
    }
    return text;
  }

  /// " (its store x = 1 reaches memory)" for what a barrier or a sleep drains.
  std::string arrivals(const Step& step, size_t index, const Buffers& buffers) const {
    std::string text;
    Buffers after = buffers;
    for (const Buffers::Pending& store : after.step(step, index)) {
      if (!lines_.shared(store.object) || lines_.immediate(store.step)) continue;
      text += fmt::format("{}its store {} = {}", text.empty() ? " (" : ", ", word(schedule_.steps[store.step]),
                          value_of(store.value));
    }
    return text.empty() ? text : text + " reaches memory)";
  }

  std::string say(const Step& step, size_t index, const Buffers& buffers) const {
    switch (step.kind) {
      case OpKind::load:
        return say_load(step, buffers);
      case OpKind::store: {
        const char* where = cast_.memory == Memory::tso && !lines_.immediate(index) ? ", into its store buffer" : "";
        std::string text = fmt::format("writes {}: {} -> {}{}", word(step), value_of(step.before), value_of(step.after), where);
        if (step.choice > 0) text += " (in coherence order before a store that is already there)";
        return text;
      }
      case OpKind::rmw: {
        std::string text = step.before == step.after
                               ? fmt::format("{} stays {}", word(step), value_of(step.before))
                               : fmt::format("{}: {} -> {} atomically", word(step), value_of(step.before), value_of(step.after));
        if (step.choice > 0) text += " (acting on an old value)";
        return text;
      }
      case OpKind::fence: {
        const char* const kind = step.before == 0 ? "smp_mb" : step.before == 1 ? "smp_rmb" : "smp_wmb";
        const std::string barrier = step.barrier != nullptr ? fmt::format(" {}", step.barrier) : "";
        return fmt::format("{}{}{}{}", kind, barrier, step.left_out ? " (left out)" : "", arrivals(step, index, buffers));
      }
      case OpKind::plain_read:
        return fmt::format("reads {}", word(step));
      case OpKind::plain_write:
        return fmt::format("fills {}", word(step));
      case OpKind::lock:
        return fmt::format("takes lock {}", word(step));
      case OpKind::try_lock:
        return fmt::format("{} lock {}", step.before == 0 ? "takes" : "does not get", word(step));
      case OpKind::unlock:
        return fmt::format("releases lock {}", word(step));
      case OpKind::spawn:
        return fmt::format("starts {}", name(static_cast<u32>(step.object)));
      case OpKind::end:
        return "ends";
      case OpKind::join:
        return fmt::format("sees the end of {}", name(static_cast<u32>(step.object)));
      case OpKind::set_state:
        return fmt::format("state = {}", state_name(step.after));
      case OpKind::sleep:
        return (step.after == 0 ? "schedule(): sleeps" : "schedule(): does not sleep") + arrivals(step, index, buffers);
      case OpKind::wake:
        return fmt::format("{} {}{}", step.before == step.after ? "does not wake, as it sees it running:" : "wakes",
                           name(static_cast<u32>(step.object)), step.left_out ? " (its full barrier left out)" : "");
      case OpKind::poll:
        return "polls again";
      case OpKind::now:
        return fmt::format("reads the clock: {}", duration(step.before));
      case OpKind::timer_start:
        return fmt::format("starts a timer for {}", duration(step.after));
      case OpKind::timer_cancel:
        return "cancels a timer";
      case OpKind::raise:
        return "raises an interrupt";
      case OpKind::fire:
        return "begins";
      case OpKind::choose:
        return fmt::format("the world chooses {} of {} ({})", step.choice, step.options, step.site.function);
      case OpKind::drain:
        return fmt::format("its store {} = {} reaches memory", word(step), value_of(step.after));
      case OpKind::time:
        return fmt::format("time moves to {}", duration(step.after));
    }
    return {};
  }

  const Schedule& schedule_;
  const Cast& cast_;
  mutable ArenaNumbers nameless_;  // words that have no name, in order of coming up
  const Lines lines_;
  std::vector<u32> columns_;
};

}  // namespace

Cost cost_of(const Schedule& schedule, Memory memory) {
  const Lines lines(schedule, memory);
  Cost cost;
  for (const Step& step : schedule.steps) {
    cost.preemptions += step.preempts ? 1 : 0;
    const bool memory_choice =
        step.choice > 0 && step.kind != OpKind::choose && step.kind != OpKind::poll && step.kind != OpKind::time;
    cost.reorderings += memory_choice ? 1 : 0;
  }
  cost.reorderings += lines.overtakings();
  cost.lines = static_cast<u32>(lines.lines().size());
  return cost;
}

std::string tell_story(const Schedule& schedule, const Cast& cast) { return Teller(schedule, cast).tell(); }

}  // namespace uringsim::sim
