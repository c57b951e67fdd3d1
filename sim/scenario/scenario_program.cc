// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/scenario_program.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernel_model/core/completion.h"
#include "sim/check/deadlock.h"
#include "sim/check/livelock.h"
#include "sim/explore/kernel_words.h"
#include "sim/scenario/allocation_faults.h"
#include "sim/scenario/application_mistakes.h"
#include "sim/scenario/input_error.h"
#include "sim/scenario/load.h"
#include "sim/scenario/model_environment.h"
#include "sim/scenario/nearest.h"
#include "sim/scenario/vocabulary.h"

namespace uringsim::sim {

ScenarioProgram::ScenarioProgram(Scenario scenario, const std::string& kernel)
    : scenario_(std::move(scenario)),
      kernel_(kernel.empty() ? scenario_.kernel.name : kernel),
      plan_(scenario_),
      observer_(std::make_unique<RunObserver>(nullptr, true)) {
  if (kernel::find_profile(kernel_) == nullptr)
    throw InputError(
        fmt::format("{}: /kernel: no kernel {}; {}", scenario_.file, in_quotes(kernel_), name_hint(kernel_, known_kernels())));
  for (const Fault& fault : scenario_.faults) {
    const auto* const death = std::get_if<DeathFault>(&fault);
    if (std::holds_alternative<SignalFault>(fault) || (death != nullptr && death->at))
      throw InputError(
          fmt::format("{}: /faults: a search chooses the order of events, so a signal or death at a given time is not "
                      "part of one; a task's \"signal\" step or a death before a step is",
                      scenario_.file));
  }
  for (const Entry<DeviceOptions>& device : scenario_.devices)
    if (device.value.type != DeviceType::ram) throw InputError(device.where + ": devices of the host cannot be explored");
  for (const Entry<FileOptions>& file : scenario_.files)
    if (file.value.kind() == FileType::host) throw InputError(file.where + ": files of the host cannot be explored");
}

ScenarioProgram::~ScenarioProgram() {
  if (devices_ != nullptr) devices_->forget();
}

void ScenarioProgram::set_up(arch::Machine& machine) {
  // The world before may have lain in the memory of a machine that is gone by now.
  if (devices_ != nullptr) devices_->forget();
  run_.reset();
  world_.reset();
  devices_ = std::make_unique<ModelDevices>(scenario_, machine, nullptr);
  WorldOptions options;
  options.kernel = kernel::find_profile(kernel_);
  options.options.hz = scenario_.machine.hz;
  options.options.rcu_grace_ns = 0;  // nothing of a world sees a grace period; waiting for one only makes executions long
  options.options.memory_pages = scenario_.machine.memory.count / kernel::PAGE_SIZE;
  options.bugs = kernel_bugs(scenario_.bugs);
  options.fixes = kernel_bugs(scenario_.fixes);
  observer_ = std::make_unique<RunObserver>(recorder_, true);
  options.trace = observer_.get();
  world_ = std::make_unique<World>(machine, options, devices_->root());
  devices_->attach(*world_);
  run_ = std::make_unique<ModelRun>(plan_, *world_, *observer_);
  run_->explored = true;
  run_->allow_errors = allowed("no-cqe-error");
  if (plan_.files.empty()) {
    devices_->begin_faults(0);
    world_->as_kernel([&] { kernel::complete_all(run_->completions.built); });
  } else {
    world_->add_process({"set-up"}, [run = run_.get(), devices = devices_.get()] {
      run->set_up_files();
      devices->begin_faults(0);
      kernel::complete_all(run->completions.built);
    });
  }
  run_->add_tasks();
  (void)AllocationFaults(scenario_, *run_);
}

// ---- what is wrong with an end

bool ScenarioProgram::allowed(std::string_view check) const noexcept {
  return std::any_of(scenario_.allow.begin(), scenario_.allow.end(), [&](const Ref& one) { return one.name == check; });
}

void ScenarioProgram::check(Ending& ending) {
  if (!run_->failures.empty()) return ending.violation("set-up", run_->failures.front());
  if (check_rings(ending) && check_stream(ending) && check_tasks(ending)) check_expectations(ending);
}

bool ScenarioProgram::check_stream(Ending& ending) {
  observer_->finish(world_->kernel());
  for (const auto& checker : observer_->checks().checkers()) {
    const Finding* const finding = checker->finding();
    if (finding == nullptr || allowed(checker->name())) continue;
    const bool named = std::any_of(scenario_.expect.begin(), scenario_.expect.end(), [&](const Expectation& one) {
      const auto* const check = std::get_if<CheckExpectation>(&one.what);
      return check != nullptr && check->check.name == finding->check;
    });
    if (checker->asked() && !named) continue;
    ending.violation(finding->check.c_str(), finding->text);
    return false;
  }
  return true;
}

namespace {

const ApplicationTask* application(const kernel::task_struct* task) noexcept {
  return static_cast<const ApplicationTask*>(task->application);
}

}  // namespace

const u8* ScenarioProgram::place(u32 ring, uptr address) const noexcept {
  if (run_ == nullptr || run_->shared == nullptr || address == 0) return nullptr;
  const u32 owner = plan_.rings[ring].owner;
  for (const ModelTask& task : run_->tasks)
    if (task.index == owner && task.task != nullptr && task.task->mm != nullptr)
      return kernel::mm_translate(task.task->mm, address, 1, false);
  return nullptr;
}

u32 ScenarioProgram::word_at(u32 ring, uptr address) const noexcept {
  const u8* const at = place(ring, address);
  return at == nullptr ? 0 : *reinterpret_cast<const u32*>(at);
}

bool ScenarioProgram::check_rings(Ending& ending) {
  if (run_->shared == nullptr || allowed("no-lost-wakeup")) return true;
  const kernel::RunAs as(world_->kernel().swapper);
  for (u32 i = 0; i < plan_.rings.size(); ++i) {
    const RingState& state = run_->shared->rings[i];
    if (!state.up || (state.ring.flags & uapi::IORING_SETUP_SQPOLL) == 0) continue;
    const u32 head = word_at(i, state.ring.sq.khead), tail = word_at(i, state.ring.sq.ktail);
    if (head == tail) continue;
    ending.violation("no-lost-wakeup",
                     fmt::format("the SQ thread of ring {} sleeps although {} published SQE{} {} in the SQ (head {}, tail {})",
                                 plan_.scenario.rings[i].name, tail - head, tail - head == 1 ? "" : "s",
                                 tail - head == 1 ? "lies" : "lie", head, tail));
    return false;
  }
  return true;
}

bool ScenarioProgram::check_tasks(Ending& ending) {
  if (ending.all_ended() || allowed("no-hang")) return true;
  const std::vector<LeftOver>& all = ending.left_over();
  // Kernel threads alone may be the circle, with nobody who waits for them.
  if (const std::string text = deadlock(all); !text.empty() && !allowed("no-deadlock")) {
    ending.violation("no-deadlock", text);
    return false;
  }
  bool waits = false;
  for (const ModelTask& model : run_->tasks) {
    const ApplicationTask* const task = application(model.task);
    if (scenario_.tasks[model.index].value.must_end && (task == nullptr || !task->finished)) waits = true;
  }
  if (!waits) return true;
  for (const ModelTask& model : run_->tasks) {
    if (!scenario_.tasks[model.index].value.must_end) continue;
    const auto left = std::find_if(all.begin(), all.end(), [&](const LeftOver& one) { return one.task == model.id; });
    if (left == all.end()) continue;  // it has ended
    const ApplicationTask* const task = application(model.task);
    if (task != nullptr && task->finished) continue;
    if (const std::string text = livelock(*left); !text.empty())
      ending.violation("no-livelock", text);
    else
      ending.violation("no-hang", wait_for_graph(all, left->task) + ", and nobody will end that");
    return false;
  }
  return true;
}

bool ScenarioProgram::check_expectations(Ending& ending) {
  for (const Expectation& expectation : scenario_.expect) {
    if (!expectation.on.engines.empty()) continue;
    if (!expectation.on.kernels.empty() &&
        std::find(expectation.on.kernels.begin(), expectation.on.kernels.end(), kernel_) == expectation.on.kernels.end())
      continue;
    if (const auto* const cqes = std::get_if<CqesExpectation>(&expectation.what)) {
      if (cqes->res || cqes->user_data) continue;
      const u64 got = run_->reaped[plan_.ring(cqes->ring.name)];
      if ((cqes->count && got != *cqes->count) || (cqes->at_least && got < *cqes->at_least) ||
          (cqes->at_most && got > *cqes->at_most)) {
        ending.violation("expectation", fmt::format("{} CQEs were taken from {} ({})", got, cqes->ring.name, expectation.where));
        return false;
      }
    } else if (const auto* const variable = std::get_if<VariableExpectation>(&expectation.what)) {
      for (const ModelTask& task : run_->tasks) {
        if (task.name != variable->task.name || task.state == nullptr) continue;
        const auto got = static_cast<double>(task.state->variables[variable->slot]);
        const Bounds& bounds = variable->bounds;
        if ((bounds.equals && got != *bounds.equals) || (bounds.at_least && got < *bounds.at_least) ||
            (bounds.at_most && got > *bounds.at_most)) {
          ending.violation("expectation", fmt::format("{}.{} is {} ({})", task.name, variable->name, got, expectation.where));
          return false;
        }
      }
    }
  }
  return true;
}

// ---- telling ------------------------------------------------------------------------------------------------------------------

std::string ScenarioProgram::word_name(const void* at) const {
  if (run_ == nullptr || run_->shared == nullptr) return {};
  const kernel::RunAs as(world_->kernel().swapper);
  for (u32 i = 0; i < plan_.rings.size(); ++i) {
    const AppRing& ring = run_->shared->rings[i].ring;
    if (!run_->shared->rings[i].up) continue;
    const std::string prefix = plan_.rings.size() == 1 ? "" : scenario_.rings[i].name + ".";
    const std::pair<const char*, uptr> words[] = {{"sq.head", ring.sq.khead},        {"sq.tail", ring.sq.ktail},
                                                  {"sq.flags", ring.sq.kflags},      {"sq.dropped", ring.sq.kdropped},
                                                  {"cq.head", ring.cq.khead},        {"cq.tail", ring.cq.ktail},
                                                  {"cq.overflow", ring.cq.koverflow}};
    for (const auto& [name, address] : words)
      if (place(i, address) == at) return prefix + name;
    const auto inside = [&](uptr base, u64 size, u32 count) -> s64 {
      for (u32 n = 0; base != 0 && n < count; ++n) {
        const u8* const first = place(i, base + n * size);
        if (first != nullptr && at >= first && at < first + size) return n;
      }
      return -1;
    };
    if (const s64 n = inside(ring.sq.sqes, sizeof(uapi::io_uring_sqe), ring.sq.ring_entries); n >= 0)
      return fmt::format("{}sqes[{}]", prefix, n);
    if (const s64 n = inside(ring.sq.array, sizeof(u32), ring.sq.ring_entries); n >= 0)
      return fmt::format("{}sq.array[{}]", prefix, n);
    if (const s64 n = inside(ring.cq.cqes, sizeof(uapi::io_uring_cqe), ring.cq.ring_entries); n >= 0)
      return fmt::format("{}cqes[{}]", prefix, n);
  }
  return kernel_word(world_->kernel(), at);
}

const SearchExpectation* ScenarioProgram::expected(uringsim::sim::Memory memory) const noexcept {
  for (const Expectation& expectation : scenario_.expect) {
    const auto* const search = std::get_if<SearchExpectation>(&expectation.what);
    const auto& kernels = expectation.on.kernels;
    if (search == nullptr) continue;
    if (!kernels.empty() && std::find(kernels.begin(), kernels.end(), kernel_) == kernels.end()) continue;
    if (search->memory.empty()) return search;
    for (const auto one : search->memory)
      if (static_cast<unsigned>(one) == static_cast<unsigned>(memory)) return search;
  }
  return nullptr;
}

std::unique_ptr<ScenarioProgram> program_of(const Repro& repro) {
  if (repro.scenario.empty()) throw ReproError("/scenario: is missing: this repro is of a program in C++, its test replays it");
  return std::make_unique<ScenarioProgram>(load_scenario_text(repro.scenario, repro.program), repro.profile);
}

}  // namespace uringsim::sim
