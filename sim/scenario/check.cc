// SPDX-License-Identifier: GPL-2.0-only
// What no single field shows: that every name leads somewhere, and that the parts of a scenario fit together.
//
// What Linux itself would answer (bad flags, unprivileged SQPOLL, more buffers than a limit allows) is never refused here: the
// kernel's errors are a legitimate subject. Refused is what the world could not even be built from.
#include <algorithm>

#include "kernel_model/core/mm.h"
#include "sim/report/run_report.h"
#include "sim/scenario/application_mistakes.h"
#include "sim/scenario/decoder.h"
#include "sim/scenario/load.h"
#include "sim/scenario/plan.h"
#include "sim/scenario/step_runner.h"
#include "uapi/abi/setup.h"

namespace uringsim::sim {

namespace {

constexpr u64 most_contents = u64{3} << 29;  ///< bytes, of a heap of 2 GiB

template <class T>
std::vector<std::string_view> names_of_entries(const Named<T>& entries) {
  std::vector<std::string_view> names;
  for (const auto& entry : entries) names.push_back(entry.name);
  return names;
}

[[noreturn]] void fail(const std::string& where, const std::string& what) { throw InputError(where + ": " + what); }

void require_known(const Ref& ref, std::string_view kind, const std::vector<std::string_view>& names) {
  if (ref.empty() || std::find(names.begin(), names.end(), ref.name) != names.end()) return;
  fail(ref.where, fmt::format("no {} {}; {}", kind, in_quotes(ref.name), name_hint(ref.name, names)));
}

class References {
 public:
  explicit References(const Scenario& scenario)
      : scenario_(scenario), ends_(file_ends(scenario.files)), rings_(names_of_entries(scenario.rings)) {
    tasks_ = names_of_entries(scenario.tasks);
    for (const FileEnd& end : ends_) files_.push_back(end.name);
    for (const auto& task : scenario.tasks) collect(task.value.steps);
  }

  void run() {
    require_known(scenario_.kernel, "kernel", known_kernels());
    for (const auto& file : scenario_.files) check_file(file);
    for (const auto& device : scenario_.devices) check_room(device);
    check_contents();
    for (const auto& ring : scenario_.rings) check_ring(ring);
    for (const auto& task : scenario_.tasks) {
      if (task.value.cpu && *task.value.cpu >= scenario_.machine.cpus)
        fail(task.where, fmt::format("is bound to processor {}, but the machine has {} (numbered from 0)", *task.value.cpu,
                                     scenario_.machine.cpus));
      children_.clear();
      steps(task.value.steps);
    }
    for (const Fault& fault : scenario_.faults) std::visit([this](const auto& one) { check(one); }, fault);
    for (const Expectation& expectation : scenario_.expect) check_expectation(expectation);
    for (const Ref& name : scenario_.allow) require_known(name, "check", known_checks());
    for (const Ref& name : scenario_.bugs) require_known(name, "bug", known_bugs());
    for (const Ref& name : scenario_.fixes) require_known(name, "bug of the kernel", known_kernel_bugs());
    for (const Ref& bug : scenario_.bugs)
      for (const Ref& fix : scenario_.fixes)
        if (bug.name == fix.name)
          fail(fix.where, fmt::format("{} is put in by \"bugs\" and taken out by \"fixes\"", in_quotes(fix.name)));
    check_engines();
  }

 private:
  /// What steps anywhere provide: posted events, rings with a step that sets them up.
  void collect(const Steps& list) {
    for (const TaskStep& step : list) {
      if (std::holds_alternative<RegisterStep>(step.action)) registers_later_ = true;
      if (const auto* post = std::get_if<PostStep>(&step.action)) posted_.push_back(post->event.name);
      if (const auto* fork = std::get_if<ForkStep>(&step.action)) collect(fork->steps);
      if (const auto* repeat = std::get_if<RepeatStep>(&step.action)) collect(repeat->steps);
      if (const auto* loop = std::get_if<WhileStep>(&step.action)) collect(loop->steps);
      if (const auto* branch = std::get_if<IfStep>(&step.action)) {
        collect(branch->then);
        collect(branch->otherwise);
      }
      if (const auto* mistake = std::get_if<MistakeStep>(&step.action)) {
        collect(mistake->steps);
        collect(mistake->instead);
      }
    }
  }

  void ring(const Ref& ref) const { require_known(ref, "ring", rings_); }
  void file(const Ref& ref) const { require_known(ref, "file", files_); }
  void task(const Ref& ref) const { require_known(ref, "task", tasks_); }
  /// A task, or a child that this one has forked by now: of another's children nobody knows when there is one.
  void task_or_child(const Ref& ref) const {
    std::vector<std::string_view> names = tasks_;
    names.insert(names.end(), children_.begin(), children_.end());
    require_known(ref, "such task, nor a child that this one forked before:", names);
  }
  void eventfd(const Ref& ref) const {
    if (ref.empty()) return;
    file(ref);
    if (find(scenario_.files, ref.name)->kind() != FileType::eventfd)
      fail(ref.where, fmt::format("{} is no eventfd", in_quotes(ref.name)));
  }

  void check_file(const Entry<FileOptions>& entry) const {
    require_known(entry.value.device, "device", names_of_entries(scenario_.devices));
    if (entry.value.kind() != FileType::regular) return;
    for (const char* const directory : {"dev", "host", "mnt", "tmp"})
      if (entry.name == directory)
        fail(entry.where, fmt::format("is the name of a directory of the file system (/{}); choose another", directory));
  }

  /// Whether the regular files that start with data fit their device, in blocks of the file system.
  void check_room(const Entry<DeviceOptions>& device) const {
    if (device.value.type != DeviceType::ram) return;
    u64 taken = 0;
    for (const auto& file : scenario_.files) {
      if (file.value.kind() != FileType::regular || file.value.device.name != device.name) continue;
      if (file.value.content != Content::hole) taken += (file.value.size.count + kernel::PAGE_SIZE - 1) / kernel::PAGE_SIZE;
      if (taken > device.value.size.count / kernel::PAGE_SIZE)
        fail(file.where, fmt::format("its {} do not fit the {} of device {}{}", to_text(file.value.size),
                                     to_text(device.value.size), in_quotes(device.name),
                                     file.value.size.count > device.value.size.count ? "" : " beside the files before it"));
    }
  }

  /// Whether there is memory for all that files start with, whatever their devices.
  void check_contents() const {
    u64 bytes = 0;
    for (const auto& file : scenario_.files) {
      if (file.value.kind() != FileType::regular || file.value.content == Content::hole) continue;
      bytes += file.value.size.count;  // each at most 16 TiB, and few
      if (bytes > most_contents)
        fail(file.where,
             fmt::format("the contents of files are kept in memory, at most {} of them; \"content\": \"hole\" makes a "
                         "file of any size that is read as zeros",
                         to_text(Bytes{most_contents})));
    }
  }

  void check_ring(const Entry<RingOptions>& entry) const {
    const RingOptions& options = entry.value;
    for (const Ref& name : options.register_files) file(name);
    eventfd(options.register_eventfd);
    ring(options.attach);
    require_known(options.owner, "task", tasks_);
    if (!options.attach.empty() && options.attach.name == entry.name)
      fail(options.attach.where, "a ring cannot attach to itself");
  }

  void steps(const Steps& list) {
    for (const TaskStep& step : list) {
      where_ = &step.where;
      std::visit([this](const auto& one) { check(one); }, step.action);
    }
  }

  void check(const Request& request) const { file(request.file); }
  void check(const SubmitStep& step) const {
    ring(step.ring);
    const RingOptions* const options = find(scenario_.rings, step.ring.name);
    check_fixed(*options, step.request);
    check(step.request);
    for (const Request& request : step.sqes) {
      check(request);
      check_fixed(*options, request);
    }
  }
  void check_fixed(const RingOptions& options, const Request& request) const {
    const bool registers = std::any_of(options.register_files.begin(), options.register_files.end(),
                                       [&](const Ref& name) { return name.name == request.file.name; });
    if (request.fixed.value_or(false) && !registers && !registers_later_)
      fail(request.file.where, fmt::format("\"fixed\": the ring never registers {}", in_quotes(request.file.name)));
  }
  void check(const WaitStep& step) const { ring(step.ring); }
  void check(const ReapStep& step) const { ring(step.ring); }
  void check(const WorkloadStep& step) const {
    ring(step.ring);
    file(step.file);
    const FileOptions* const options = find(scenario_.files, step.file.name);
    if (options == nullptr ||
        (options->kind() != FileType::regular && options->kind() != FileType::block && options->kind() != FileType::host))
      fail(step.file.where, fmt::format("a workload needs a file with offsets; {} has none", in_quotes(step.file.name)));
    if (options->kind() == FileType::regular &&
        step.offset.count + std::max(step.size.count, step.bs.count) > options->size.count)
      fail(step.file.where, fmt::format("the region ends behind the file's {}", to_text(options->size)));
  }
  void check(const SleepStep&) const {}
  void check(const SpinStep&) const {}
  void check(const YieldStep&) const {}
  /// A number of rounds that only the run knows is limited there.
  void check(const RepeatStep& step) {
    const u64 outer = rounds_;
    if (step.times.is_constant()) {
      const s64 times = step.times.value();
      if (times < 0) fail(*where_, fmt::format("\"repeat\": {} is not an integer from 0 to {}", times, most_steps));
      if (times != 0 && static_cast<u64>(times) > most_steps / rounds_)
        fail(*where_, fmt::format("\"repeat\": {} rounds{} are more than a run can do; at most {} are possible", times,
                                  rounds_ == 1 ? "" : fmt::format(" in each of {}", rounds_), most_steps));
      rounds_ *= std::max<u64>(1, static_cast<u64>(times));
    }
    steps(step.steps);
    rounds_ = outer;
  }
  void check(const IfStep& step) {
    steps(step.then);
    steps(step.otherwise);
  }
  void check(const MistakeStep& step) {
    require_known(step.mistake, "application mistake", known_mistakes());
    steps(step.steps);
    steps(step.instead);
  }
  void check(const WhileStep& step) { steps(step.steps); }
  void check(const AssertStep&) const {}
  void check(const SetStep&) const {}
  void check(const ClockStep&) const {}
  void check(const PostStep&) const {}
  void check(const AwaitStep& step) const {
    require_known(step.event, "step that posts", std::vector<std::string_view>(posted_.begin(), posted_.end()));
  }
  void check(const JoinStep& step) const { task_or_child(step.task); }
  void check(const SetupStep& step) const { ring(step.ring); }
  void check(const CloseStep& step) const {
    ring(step.ring);
    file(step.file);
  }
  void check(const UnmapStep& step) const { ring(step.ring); }
  void check(const MapStep& step) const { ring(step.ring); }
  void check(const RegisterStep& step) const {
    ring(step.ring);
    for (const Ref& name : step.files) file(name);
    eventfd(step.eventfd);
  }
  void check(const UnregisterStep& step) const { ring(step.ring); }
  void check(const ReadStep& step) const { file(step.file); }
  void check(const WriteStep& step) const { file(step.file); }
  void check(const PollStep& step) const {
    file(step.file);
    ring(step.ring);
  }
  void check(const ForkStep& step) {
    std::vector<std::string_view> siblings = std::move(children_);
    children_.clear();
    steps(step.steps);
    children_ = std::move(siblings);
    children_.push_back(step.name);
  }
  void check(const ExitStep&) const {}
  void check(const SignalStep& step) const { task_or_child(step.task); }
  void check(const SqeStep& step) const {
    ring(step.ring);
    file(step.file);
  }
  void check(const LoadStep& step) const { ring(step.ring); }
  void check(const StoreStep& step) const { ring(step.ring); }
  void check(const AdvanceStep& step) const { ring(step.ring); }
  void check(const FenceStep&) const {}
  void check(const EnterStep& step) const { ring(step.ring); }
  void check(const CqeStep& step) const { ring(step.ring); }
  void check(const ScribbleStep& step) const { ring(step.ring); }
  void check(const FillStep&) const {}
  void check(const PokeStep&) const {}
  void check(const CompareStep&) const {}

  void check(const DeviceFault& fault) const {
    require_known(fault.device, "device", names_of_entries(scenario_.devices));
    if (find(scenario_.devices, fault.device.name)->type != DeviceType::ram)
      fail(fault.device.where,
           fmt::format("faults strike devices of type \"ram\"; {} is a file of the host", in_quotes(fault.device.name)));
  }
  void check(const AllocationFault& fault) const { task(fault.task); }
  void check(const SignalFault& fault) const { task(fault.task); }
  void check(const DeathFault& fault) const { task(fault.task); }

  void check_expectation(const Expectation& expectation) {
    for (const std::string& kernel : expectation.on.kernels)
      require_known({kernel, expectation.where}, "kernel", known_kernels());
    for (const Engine engine : expectation.on.engines)
      if (std::find(scenario_.engines.begin(), scenario_.engines.end(), engine) == scenario_.engines.end())
        fail(expectation.where, fmt::format("is for engine {}, which the scenario does not declare", name_of(engine)));
    std::visit([this](const auto& one) { expected(one); }, expectation.what);
  }
  void expected(const CqesExpectation& one) const { ring(one.ring); }
  void expected(const CheckExpectation& one) const { require_known(one.check, "check", known_checks()); }
  void expected(const ContentExpectation& one) const {
    file(one.file);
    const FileOptions* const options = find(scenario_.files, one.file.name);
    if (options == nullptr || options->kind() != FileType::regular)
      fail(one.file.where, fmt::format("{} is no regular file: only those are read at the end", in_quotes(one.file.name)));
  }
  void expected(const OrderExpectation& one) const { ring(one.ring); }
  void expected(const SearchExpectation& one) const { require_known(one.check, "check", known_checks()); }
  void expected(const VariableExpectation& one) const {
    require_known(one.task, "task", tasks_);
    const auto& variables = find(scenario_.tasks, one.task.name)->variables;
    require_known({one.name, one.task.where}, "variable", std::vector<std::string_view>(variables.begin(), variables.end()));
  }
  void expected(const MetricExpectation& one) const {
    const std::string& path = one.metric.name;
    nlohmann::ordered_json at = figures();
    for (std::size_t start = 0; start <= path.size();) {
      const std::size_t end = std::min(path.find('.', start), path.size());
      const std::string key = path.substr(start, end - start);
      std::vector<std::string> names;
      if (at.is_array())
        for (std::size_t i = 0; i < at.size(); ++i) names.push_back(std::to_string(i));
      for (const auto& item : at.items())
        if (at.is_object()) names.push_back(item.key());
      const std::string parent =
          start == 0 ? "figures of a run" : fmt::format("figures {}", in_quotes(path.substr(0, start - 1)));
      if (names.empty()) fail(one.metric.where, fmt::format("there is nothing below {}", parent));
      if (std::find(names.begin(), names.end(), key) == names.end())
        fail(one.metric.where, fmt::format("no {} among the {}; {}", in_quotes(key), parent,
                                           name_hint(key, std::vector<std::string_view>(names.begin(), names.end()))));
      at = at.is_array() ? nlohmann::ordered_json(at[std::stoul(key)]) : nlohmann::ordered_json(at[key]);
      start = end + 1;
    }
    if (!at.is_number() && !at.is_boolean())
      fail(one.metric.where, fmt::format("{} is a group of figures; add the name of one", in_quotes(path)));
  }

  /// The figures that a run of this scenario has, all of them zero.
  [[nodiscard]] nlohmann::ordered_json figures() const {
    RunReport report;
    for (const auto& entry : scenario_.rings) {
      report.rings.emplace_back(entry.name, RingReport{});
      if ((entry.value.flags.bits & uapi::IORING_SETUP_SQPOLL) != 0) report.sq_threads.emplace_back(entry.name, SqThreadReport{});
    }
    for (const auto& entry : scenario_.devices) report.devices.emplace_back(entry.name, DeviceReport{});
    for (const auto& entry : scenario_.tasks) report.tasks.emplace_back(entry.name, TaskReport{});
    report.cpus.resize(scenario_.machine.cpus);
    nlohmann::ordered_json all = to_json(report);
    nlohmann::ordered_json kept;
    for (const char* const group : {"rings", "sq_threads", "devices", "tasks", "cpus", "time_ns"}) kept[group] = all[group];
    return kept;
  }

  /// Something that only the live engine can reach needs it among the engines declared.
  void check_engines() const {
    const bool live = std::find(scenario_.engines.begin(), scenario_.engines.end(), Engine::live) != scenario_.engines.end();
    if (live) return;
    for (const auto& device : scenario_.devices)
      if (device.value.type == DeviceType::file)
        fail(device.where, "a device of type \"file\" works in real time only: declare the engine \"live\"");
    for (const auto& entry : scenario_.files)
      if (entry.value.kind() == FileType::host)
        fail(entry.where, "a file of the host works in real time only: declare the engine \"live\"");
  }

  const Scenario& scenario_;
  std::vector<FileEnd> ends_;
  std::vector<std::string_view> files_, rings_, tasks_;
  std::vector<std::string_view> children_;  ///< forked so far by the task that is looked at
  std::vector<std::string> posted_;
  const std::string* where_ = nullptr;  ///< the step that is looked at
  u64 rounds_ = 1;                      ///< how often the loops around it run it, as far as the file says
  bool registers_later_ = false;        ///< some step registers files: who knows when
};

}  // namespace

void check_references(const Scenario& scenario) { References(scenario).run(); }

}  // namespace uringsim::sim
