// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/story.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/explore/tasks.h"

namespace uringsim::sim {

namespace {

bool is_plain(OpKind kind) noexcept { return kind == OpKind::plain_read || kind == OpKind::plain_write; }
bool has_word(OpKind kind) noexcept {
  switch (kind) {
    case OpKind::load:
    case OpKind::store:
    case OpKind::rmw:
    case OpKind::lock:
    case OpKind::try_lock:
    case OpKind::unlock:
    case OpKind::drain:
      return true;
    default:
      return is_plain(kind);
  }
}

/// Store buffers as far as the steps tell.
class Buffers {
 public:
  struct Pending {
    u64 object;
    u64 value;
  };
  explicit Buffers(Memory memory) : tso_(memory == Memory::tso) {}
  void step(const Step& step) {
    if (!tso_ || step.task == kNobody) return;
    auto& buffer = pending_[step.task];
    switch (step.kind) {
      case OpKind::store:
      case OpKind::set_state:
      case OpKind::unlock:
        buffer.push_back({step.kind == OpKind::set_state ? ~u64{0} : step.object, step.after});
        break;
      case OpKind::drain:
        if (!buffer.empty()) buffer.erase(buffer.begin());
        break;
      case OpKind::fence:
        if (step.before == static_cast<u64>(arch::Fence::full) && step.after != 0) buffer.clear();
        break;
      case OpKind::rmw:
      case OpKind::lock:
      case OpKind::sleep:
      case OpKind::wake:
        buffer.clear();
        break;
      default:
        break;
    }
  }
  /// Whether a load of `object` now overtakes stores of its own task.
  [[nodiscard]] bool overtakes(const Step& step) const {
    const auto found = pending_.find(step.task);
    return step.kind == OpKind::load && found != pending_.end() && !found->second.empty();
  }
  /// Another task whose store of the word is still under way, or kNobody.
  [[nodiscard]] u32 withheld(const Step& step, u64& value) const {
    if (step.kind != OpKind::load) return kNobody;
    for (const auto& [task, buffer] : pending_)
      for (const Pending& store : buffer)
        if (task != step.task && store.object == step.object) {
          value = buffer.back().object == step.object ? buffer.back().value : store.value;
          return task;
        }
    return kNobody;
  }

 private:
  bool tso_;
  std::map<u32, std::vector<Pending>> pending_;
};

/// Words that more than one task touches, one of them changing them.
std::set<u64> shared_words(const Schedule& schedule) {
  struct Use {
    u32 task = kNobody;
    bool several = false;
    bool changed = false;
  };
  std::map<u64, Use> uses;
  for (const Step& step : schedule.steps) {
    if (!has_word(step.kind) || is_plain(step.kind)) continue;
    Use& use = uses[step.object];
    if (use.task == kNobody) use.task = step.task;
    use.several |= use.task != step.task;
    use.changed |= step.kind != OpKind::load;
  }
  std::set<u64> shared;
  for (const auto& [object, use] : uses)
    if (use.several && use.changed) shared.insert(object);
  return shared;
}

/// Tasks that take no part: they share no word with others, and nobody wakes them, waits for them or is woken by them.
std::set<u32> bystanders(const Schedule& schedule, const std::set<u64>& shared) {
  std::set<u32> all;
  std::set<u32> involved;
  for (const Step& step : schedule.steps) {
    if (step.task == kNobody) continue;
    all.insert(step.task);
    const bool with_another = step.kind == OpKind::wake || step.kind == OpKind::join || step.kind == OpKind::spawn;
    if (with_another) involved.insert(static_cast<u32>(step.object));
    if (with_another || step.kind == OpKind::raise || step.kind == OpKind::fire || step.kind == OpKind::choose ||
        step.kind == OpKind::poll || (has_word(step.kind) && !is_plain(step.kind) && shared.contains(step.object)))
      involved.insert(step.task);
  }
  for (const u32 task : involved) all.erase(task);
  return all;
}

struct Line {
  u32 task = kNobody;
  std::vector<size_t> steps;
  bool changes = false;  ///< one of them changes what others see
};

class Lines {
 public:
  explicit Lines(const Schedule& schedule)
      : schedule_(schedule), shared_(shared_words(schedule)), bystanders_(bystanders(schedule, shared_)) {
    for (size_t i = 0; i < schedule.steps.size(); i++) add(i);
    // What only its task can see is no step of the story.
    std::erase_if(lines_, [&](const Line& line) {
      return std::none_of(line.steps.begin(), line.steps.end(), [&](size_t step) { return visible(schedule.steps[step]); });
    });
  }
  [[nodiscard]] const std::vector<Line>& lines() const noexcept { return lines_; }
  [[nodiscard]] const std::set<u32>& bystanders_of() const noexcept { return bystanders_; }
  /// Others can notice it.
  [[nodiscard]] bool visible(const Step& step) const {
    if (is_plain(step.kind) || step.kind == OpKind::end || step.kind == OpKind::now) return false;
    if (step.kind == OpKind::fence) return step.barrier != nullptr || step.before == static_cast<u64>(arch::Fence::full);
    return !has_word(step.kind) || shared_.contains(step.object);
  }

 private:
  [[nodiscard]] bool changes(const Step& step) const {
    if (!visible(step) || step.kind == OpKind::fence || step.kind == OpKind::poll || step.kind == OpKind::choose) return false;
    if (step.kind == OpKind::set_state || step.kind == OpKind::unlock) return false;  // told with what it belongs to
    return step.kind != OpKind::load;
  }
  void add(size_t index) {
    const Step& step = schedule_.steps[index];
    if (step.kind == OpKind::end || bystanders_.contains(step.task)) return;  // nobody notices
    const bool change = changes(step);
    const bool own_line = (step.kind == OpKind::drain && visible(step)) || step.kind == OpKind::time;
    if (step.kind == OpKind::time && !lines_.empty() && lines_.back().task == kNobody) {
      lines_.back().steps.push_back(index);
      return;
    }
    if (own_line || lines_.empty() || lines_.back().task != step.task || (change && lines_.back().changes)) {
      // What nobody can tell needs no line: it waits for the next one of its task.
      lines_.push_back({step.task, {}, false});
    }
    lines_.back().steps.push_back(index);
    lines_.back().changes |= change || own_line;
  }

  const Schedule& schedule_;
  std::set<u64> shared_;
  std::set<u32> bystanders_;
  std::vector<Line> lines_;
};

std::string state_name(u64 state) {
  switch (state) {
    case arch::TASK_RUNNING:
      return "TASK_RUNNING";
    case arch::TASK_INTERRUPTIBLE:
      return "TASK_INTERRUPTIBLE";
    case arch::TASK_UNINTERRUPTIBLE:
      return "TASK_UNINTERRUPTIBLE";
    default:
      return fmt::format("{:#x}", state);
  }
}

class Teller {
 public:
  Teller(const Schedule& schedule, const Cast& cast) : schedule_(schedule), cast_(cast) {}

  std::string tell() {
    const Cost cost = cost_of(schedule_, cast_.memory);
    const auto plural = [](u32 n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); };
    std::string text = fmt::format("VIOLATION ({}): {}\n", cast_.violation.check, cast_.violation.text);
    if (!cast_.left_over.empty()) {
      text += "\nLeft over at the end:\n";
      for (const LeftOver& left : cast_.left_over) text += fmt::format("  {}\n", describe_left_over({left}));
    }
    text += fmt::format("\n{}{}, memory {}: {}, {}, {}\n\n", cast_.program, cast_.profile.empty() ? "" : " on " + cast_.profile,
                        to_string(cast_.memory), plural(cost.lines, "step"), plural(cost.preemptions, "preemption"),
                        plural(cost.reorderings, "reordering"));
    const Lines lines(schedule_);
    std::vector<u32> columns;
    for (const Line& line : lines.lines())
      if (line.task != kNobody && std::find(columns.begin(), columns.end(), line.task) == columns.end())
        columns.push_back(line.task);
    std::sort(columns.begin(), columns.end());
    text += "     ";
    for (const u32 task : columns) text += fmt::format("{:<{}}", name(task), kWidth);
    while (text.back() == ' ') text.pop_back();
    text += "\n";
    Buffers buffers(cast_.memory);
    u32 number = 0;
    for (const Line& line : lines.lines()) {
      std::string told;
      std::string last;
      const char* function = nullptr;
      for (const size_t index : line.steps) {
        const Step& step = schedule_.steps[index];
        if (lines.visible(step)) {
          std::string phrase = say(step, buffers);
          if (step.kind == OpKind::time) told.clear();  // only where it arrives
          if (phrase != last) {
            if (!told.empty()) told += "; ";
            told += phrase;
          }
          last = std::move(phrase);
        }
        if (step.scope != nullptr)
          function = step.scope;
        else if (function == nullptr && worth_naming(step.site))
          function = step.site.function;
        buffers.step(step);
      }
      if (told.empty())
        told = schedule_.steps[line.steps.back()].kind == OpKind::end ? "ends" : "goes on with what only it can see";
      if (function != nullptr) told = fmt::format("{}: {}", function, told);
      const auto column = static_cast<size_t>(std::find(columns.begin(), columns.end(), line.task) - columns.begin());
      text += column_of(++number, line.task == kNobody ? 0 : column, told);
    }
    for (const u32 task : lines.bystanders_of())
      text += fmt::format("     ({} runs beside this and takes no part)\n", name(task));
    return text;
  }

 private:
  /// A function of the program's own: not a lambda, nor what a ring library or a world is made of.
  static bool worth_naming(const arch::Site& site) {
    const std::string_view function = site.function != nullptr ? site.function : "";
    const std::string_view file = site.file != nullptr ? site.file : "";
    return !function.empty() && function != "operator()" && file.find("sim/world/") == std::string_view::npos &&
           file.find("uapi/") == std::string_view::npos;
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
  [[nodiscard]] std::string word(const Step& step) const {
    std::string name = cast_.word ? cast_.word(step.object) : std::string();
    return name.empty() ? fmt::format("[{:#x}]", step.object) : name;
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
    std::string text = fmt::format("reads {} = {}", word(step), step.before);
    u64 value = 0;
    if (step.choice > 0) {
      text += fmt::format(" (old: {}'s store of {} exists, but nothing orders this read after it)",
                          step.missed_task == kNobody ? "the last" : name(step.missed_task), step.missed_value);
    } else if (const u32 other = buffers.withheld(step, value); other != kNobody) {
      text += fmt::format(" (old: {}'s store of {} is still in its store buffer)", name(other), value);
    }
    if (buffers.overtakes(step)) text += " (ahead of its own store)";
    return text;
  }

  std::string say(const Step& step, const Buffers& buffers) const {
    switch (step.kind) {
      case OpKind::load:
        return say_load(step, buffers);
      case OpKind::store: {
        const char* where = cast_.memory == Memory::tso ? ", into its store buffer" : "";
        std::string text = fmt::format("writes {}: {} -> {}{}", word(step), step.before, step.after, where);
        if (step.choice > 0) text += " (in coherence order before a store that is already there)";
        return text;
      }
      case OpKind::rmw: {
        std::string text = step.before == step.after
                               ? fmt::format("{} stays {}", word(step), step.before)
                               : fmt::format("{}: {} -> {} atomically", word(step), step.before, step.after);
        if (step.choice > 0) text += " (acting on an old value)";
        return text;
      }
      case OpKind::fence: {
        const char* const kind = step.before == 0 ? "smp_mb" : step.before == 1 ? "smp_rmb" : "smp_wmb";
        const std::string barrier = step.barrier != nullptr ? fmt::format(" {}", step.barrier) : "";
        return fmt::format("{}{}{}", kind, barrier, step.left_out ? " (left out)" : "");
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
        return step.after == 0 ? "schedule(): sleeps" : "schedule(): does not sleep";
      case OpKind::wake:
        return fmt::format("{} {}", step.before == step.after ? "does not wake, as it sees it running:" : "wakes",
                           name(static_cast<u32>(step.object)));
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
        return fmt::format("its store {} = {} reaches memory", word(step), step.after);
      case OpKind::time:
        return fmt::format("time moves to {}", duration(step.after));
    }
    return {};
  }

  const Schedule& schedule_;
  const Cast& cast_;
};

}  // namespace

Cost cost_of(const Schedule& schedule, Memory memory) {
  Cost cost;
  Buffers buffers(memory);
  for (const Step& step : schedule.steps) {
    cost.preemptions += step.preempts ? 1 : 0;
    const bool memory_choice = step.choice > 0 && step.kind != OpKind::choose && step.kind != OpKind::poll;
    cost.reorderings += memory_choice || buffers.overtakes(step) ? 1 : 0;
    buffers.step(step);
  }
  cost.lines = static_cast<u32>(Lines(schedule).lines().size());
  return cost;
}

std::string tell_story(const Schedule& schedule, const Cast& cast) { return Teller(schedule, cast).tell(); }

}  // namespace uringsim::sim
