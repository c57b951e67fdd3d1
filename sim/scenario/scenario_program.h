// SPDX-License-Identifier: GPL-2.0-only
// A scenario as a program to explore: its world from the moment that every task's rings are set up, until nothing happens any
// more.
//
//     ScenarioProgram program(load_scenario("scenarios/races/handshake-none.json"));
//     ExploreResult result = explore(program, {.memory = Memory::tso});
//
// What happens before is no part of the search: files are made, rings set up and registered. A task that came to the end of its
// steps stays as it is, so teardown is explored only where a scenario asks for it: by a `close` step, or by an `exit` step, which
// ends the process.
//
// Checked in every execution, unless the scenario's `allow` takes it back: no CQE carries an error (`no-cqe-error`), and when
// nothing can happen any more no task is left in its steps (`no-hang`; `no-deadlock` where tasks wait for each other in a
// circle, `no-livelock` where it polls), and no SQE lies unseen beside a sleeping SQ thread (`no-lost-wakeup`). Of `expect`,
// numbers of CQEs taken from a ring and variables are looked at, too; what speaks of times or figures of a run is not. Every
// checker of sim/check watches, those that have to be asked for only where `expect` names them. The machine itself finds data
// races, uses after free, and sleeping or unbalanced locks.
#pragma once

#include <memory>
#include <string>

#include "sim/explore/explore.h"
#include "sim/explore/program.h"
#include "sim/scenario/model_devices.h"
#include "sim/scenario/model_run.h"
#include "sim/scenario/run_observer.h"
#include "sim/trace/recorder.h"

namespace uringsim::sim {

class ScenarioProgram final : public Program {
 public:
  /// `kernel`: instead of the scenario's own, unless empty. Throws InputError for what cannot be explored.
  explicit ScenarioProgram(Scenario scenario, const std::string& kernel = "");
  ~ScenarioProgram() override;
  ScenarioProgram(const ScenarioProgram&) = delete;
  ScenarioProgram& operator=(const ScenarioProgram&) = delete;

  [[nodiscard]] const char* name() const noexcept override { return scenario_.name.c_str(); }
  void set_up(arch::Machine& machine) override;
  [[nodiscard]] bool warm_up() const noexcept override { return true; }
  void keep() override {
    observer_->keep();
    if (recorder_ != nullptr) recorder_->keep();
  }
  void put_back() override {
    observer_->put_back();
    if (recorder_ != nullptr) recorder_->put_back();
  }
  /// From the next set-up on `recorder` holds the events of set-up and of the latest execution.
  void record(TraceRecorder& recorder) noexcept { recorder_ = &recorder; }
  [[nodiscard]] LockWatch* lock_watch() noexcept override { return observer_->checks().lock_watch(); }
  void check(Ending& ending) override;
  [[nodiscard]] std::string word_name(const void* at) const override;

  [[nodiscard]] const Scenario& scenario() const noexcept { return scenario_; }
  /// The profile's name.
  [[nodiscard]] const std::string& kernel() const noexcept { return kernel_; }
  /// What the scenario itself says that a search under `memory` finds; null if it says nothing.
  [[nodiscard]] const SearchExpectation* expected(uringsim::sim::Memory memory) const noexcept;

 private:
  [[nodiscard]] bool allowed(std::string_view check) const noexcept;
  /// The word's place in the machine's memory; null if it is not mapped any more.
  [[nodiscard]] const u8* place(u32 ring, uptr address) const noexcept;
  [[nodiscard]] u32 word_at(u32 ring, uptr address) const noexcept;
  bool check_stream(Ending& ending);
  bool check_tasks(Ending& ending);
  bool check_rings(Ending& ending);
  bool check_expectations(Ending& ending);

  Scenario scenario_;
  std::string kernel_;
  Plan plan_;
  TraceRecorder* recorder_ = nullptr;
  std::unique_ptr<RunObserver> observer_;
  std::unique_ptr<ModelDevices> devices_;
  std::unique_ptr<World> world_;
  std::unique_ptr<ModelRun> run_;
};

/// The scenario and the profile that a repro carries. Throws InputError or ReproError.
std::unique_ptr<ScenarioProgram> program_of(const Repro& repro);

}  // namespace uringsim::sim
