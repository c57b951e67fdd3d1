// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/plan.h"

#include <algorithm>

namespace uringsim::sim {

namespace {

constexpr u32 nobody = ~u32{0};

/// Walks all steps of one task.
class Survey {
 public:
  Survey(Plan& plan, u32 task) : plan_(plan), task_(task) {}

  void steps(const Steps& list) {
    for (const TaskStep& step : list) std::visit([this](const auto& one) { visit(one); }, step.action);
  }

 private:
  void use(const Ref& ring) {
    if (ring.empty()) return;
    RingPlan& plan = plan_.rings[plan_.ring(ring.name)];
    if (plan.owner == nobody) plan.owner = task_;
  }
  void written(const Ref& file) {
    if (!file.empty()) plan_.files[plan_.file(file.name)].known = false;
  }
  void event(const Ref& name) {
    if (std::find(plan_.events.begin(), plan_.events.end(), name.name) == plan_.events.end()) plan_.events.push_back(name.name);
  }

  void visit(const SubmitStep& step) {
    use(step.ring);
    if (writes(step.request.op)) written(step.request.file);
    for (const Request& request : step.sqes)
      if (writes(request.op)) written(request.file);
  }
  void visit(const WorkloadStep& step) {
    use(step.ring);
    if (step.rw != ReadWrite::read && step.rw != ReadWrite::randread) written(step.file);
    WorkloadRequests requests{&step, {}, {}, {}};
    requests.read.op = step.fixed_buffers ? Op::read_fixed : Op::readv;
    requests.write.op = step.fixed_buffers ? Op::write_fixed : Op::writev;
    requests.fsync.op = Op::fsync;
    for (Request* const request : {&requests.read, &requests.write, &requests.fsync}) {
      request->file = step.file;
      request->fixed = step.fixed;
      request->size = step.bs;
    }
    requests.read.verify = step.verify;
    plan_.workloads.push_back(std::move(requests));
  }
  void visit(const WriteStep& step) { written(step.file); }
  void visit(const SqeStep& step) {
    use(step.ring);
    written(step.file);  // whatever its opcode will be
  }
  void visit(const SetupStep& step) {
    use(step.ring);
    plan_.rings[plan_.ring(step.ring.name)].at_start = false;
  }
  void visit(const PostStep& step) { event(step.event); }
  void visit(const AwaitStep& step) { event(step.event); }
  void visit(const RepeatStep& step) { steps(step.steps); }
  void visit(const WhileStep& step) { steps(step.steps); }
  void visit(const ForkStep& step) { steps(step.steps); }
  void visit(const MistakeStep& step) {
    steps(step.steps);
    steps(step.instead);
  }
  void visit(const IfStep& step) {
    steps(step.then);
    steps(step.otherwise);
  }
  template <class Other>
  void visit(const Other& step) {
    if constexpr (requires { step.ring; }) use(step.ring);
  }

  Plan& plan_;
  u32 task_;
};

}  // namespace

std::vector<FileEnd> file_ends(const Named<FileOptions>& files) {
  std::vector<FileEnd> ends;
  for (u32 i = 0; i < files.size(); ++i) {
    const FileOptions& file = files[i].value;
    const char* const suffixes = file.kind() == FileType::pipe ? "rw" : file.kind() == FileType::socketpair ? "ab" : "";
    if (*suffixes == 0)
      ends.push_back({files[i].name, i, 0, file.kind() == FileType::regular && file.host.empty()});
    else
      for (u32 end = 0; end < 2; ++end) ends.push_back({files[i].name + "." + suffixes[end], i, end, false});
  }
  return ends;
}

std::string_view root_device(const Scenario& scenario) noexcept {
  for (const Entry<FileOptions>& file : scenario.files)
    if (file.value.kind() == FileType::regular) return file.value.device.name;
  return {};
}

std::vector<std::string_view> mounted_devices(const Scenario& scenario) {
  std::vector<std::string_view> names;
  for (const Entry<DeviceOptions>& device : scenario.devices)
    if (device.name != root_device(scenario) &&
        std::any_of(scenario.files.begin(), scenario.files.end(), [&](const Entry<FileOptions>& file) {
          return file.value.kind() == FileType::regular && file.value.device.name == device.name;
        }))
      names.push_back(device.name);
  return names;
}

std::string regular_path(const Scenario& scenario, const Entry<FileOptions>& file) {
  const std::string& device = file.value.device.name;
  return device == root_device(scenario) ? "/" + file.name : "/mnt/" + device + "/" + file.name;
}

Plan::Plan(const Scenario& from) : scenario(from), files(file_ends(from.files)), rings(from.rings.size()) {
  for (u32 i = 0; i < rings.size(); ++i) {
    rings[i].owner = nobody;
    for (u32 task = 0; task < from.tasks.size(); ++task)
      if (from.tasks[task].name == from.rings[i].value.owner.name) rings[i].owner = task;
  }
  for (u32 task = 0; task < from.tasks.size(); ++task) Survey(*this, task).steps(from.tasks[task].value.steps);
  // Used by no step: there for its set-up alone, by the first task.
  for (RingPlan& ring : rings)
    if (ring.owner == nobody) ring.owner = 0;
  for (FileEnd& end : files) {
    const FileOptions& file = from.files[end.file].value;
    const DeviceOptions* const device = find(from.devices, file.device.name);
    // What a host's file holds is the host's, unless the run makes it.
    if (device != nullptr && device->type == DeviceType::file && !device->create) end.known = false;
  }
}

u32 Plan::file(std::string_view name) const noexcept {
  u32 index = 0;
  while (index < files.size() && files[index].name != name) ++index;
  return index;
}

u32 Plan::ring(std::string_view name) const noexcept {
  u32 index = 0;
  while (index < rings.size() && scenario.rings[index].name != name) ++index;
  return index;
}

u32 Plan::event(std::string_view name) const noexcept {
  u32 index = 0;
  while (index < events.size() && events[index] != name) ++index;
  return index;
}

const WorkloadRequests& Plan::requests(const WorkloadStep& step) const noexcept {
  return *std::find_if(workloads.begin(), workloads.end(), [&](const WorkloadRequests& one) { return one.step == &step; });
}

int Plan::registered_index(u32 ring, u32 file) const noexcept {
  const std::vector<Ref>& registered = scenario.rings[ring].value.register_files;
  for (std::size_t i = 0; i < registered.size(); ++i)
    if (registered[i].name == files[file].name) return static_cast<int>(i);
  return -1;
}

}  // namespace uringsim::sim
