// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/model_devices.h"

#include <fmt/format.h>

#include "sim/devices/device_error.h"
#include "sim/devices/file_device.h"
#include "sim/devices/ram_device.h"
#include "sim/scenario/input_error.h"
#include "sim/scenario/plan.h"

namespace uringsim::sim {

namespace {

ServiceTimeOptions service_time(const Latency& latency) {
  ServiceTimeOptions options;
  if (const auto* fixed = std::get_if<FixedLatency>(&latency)) {
    options.value = fixed->value.count;
  } else if (const auto* uniform = std::get_if<UniformLatency>(&latency)) {
    options.shape = ServiceTimeOptions::Shape::uniform;
    options.least = uniform->least.count;
    options.most = uniform->most.count;
  } else if (const auto* lognormal = std::get_if<LognormalLatency>(&latency)) {
    options.shape = ServiceTimeOptions::Shape::lognormal;
    options.value = lognormal->median.count;
    options.sigma_milli = lognormal->sigma_milli;
  } else {
    options.shape = ServiceTimeOptions::Shape::percentiles;
    for (const auto& point : std::get<PercentileLatency>(latency).points)
      options.points.push_back({point.share_ppm, point.value.count});
  }
  return options;
}

DeviceFaultOptions device_fault(const DeviceFault& fault) {
  DeviceFaultOptions options;
  options.op = static_cast<DeviceFaultOptions::Op>(fault.op);
  options.nth = fault.when.nth;
  options.every = fault.when.every;
  if (fault.when.at) options.at = fault.when.at->count;
  options.probability_ppm = fault.when.probability.count;
  options.times = fault.when.times;
  options.error = static_cast<int>(fault.error);
  options.delay = fault.delay.count;
  if (fault.transfer) options.transfer = fault.transfer->count;
  return options;
}

RamDeviceOptions ram_options(const Scenario& scenario, const Entry<DeviceOptions>& entry) {
  const DeviceOptions& device = entry.value;
  RamDeviceOptions options;
  options.size = device.size.count;
  options.block = static_cast<u32>(device.block.count);
  options.max_transfer = device.max_transfer.count;
  options.queue_depth = device.queue_depth;
  options.poll_queues = device.poll_queues;
  options.read = service_time(device.latency.read);
  if (device.latency.write) options.write = service_time(*device.latency.write);
  if (device.latency.flush) options.flush = service_time(*device.latency.flush);
  options.parallelism = device.parallelism;
  options.reordering = device.reordering;
  options.bandwidth = device.bandwidth.count;
  for (const Fault& fault : scenario.faults)
    if (const auto* const one = std::get_if<DeviceFault>(&fault); one != nullptr && one->device.name == entry.name)
      options.faults.push_back(device_fault(*one));
  return options;
}

}  // namespace

void ModelDevices::add(const Scenario& scenario, const Entry<DeviceOptions>& entry, arch::Machine& machine, LiveMachine* live) {
  if (entry.value.type == DeviceType::ram) {
    RamDevice* const device = RamDevice::create(machine, entry.name.c_str(), ram_options(scenario, entry));
    if (device == nullptr)
      throw InputError(fmt::format("{}: the machine has no memory for a device of {}", entry.where, to_text(entry.value.size)));
    device->begin_faults(~u64{0});  // the files are still to be made
    devices_.push_back({entry.name, device, true});
    return;
  }
  if (live == nullptr)
    throw InputError(fmt::format("{}: a device of type \"file\" works in real time only: --engine live", entry.where));
  FileDeviceOptions options;
  options.path = entry.value.path;
  options.create = entry.value.create;
  options.size = entry.value.size.count;
  options.queue_depth = entry.value.queue_depth;
  options.poll_queues = entry.value.poll_queues;
  options.backend = entry.value.backend == HostBackend::io_uring  ? FileBackend::io_uring
                    : entry.value.backend == HostBackend::threads ? FileBackend::threads
                                                                  : FileBackend::automatic;
  try {
    auto device = std::make_unique<FileDevice>(*live, entry.name.c_str(), options);
    if (!device->note().empty()) notes_.push_back(device->note());
    devices_.push_back({entry.name, device.get(), false});
    (void)device.release();
  } catch (const DeviceError& error) {
    throw InputError(fmt::format("{}: {}", entry.where, error.what()));
  }
}

ModelDevices::ModelDevices(const Scenario& scenario, arch::Machine& machine, LiveMachine* live)
    : root_name_(root_device(scenario)), mounted_(mounted_devices(scenario)) {
  for (const Entry<DeviceOptions>& entry : scenario.devices) {
    add(scenario, entry, machine, live);
    devices_.back().device->id = static_cast<u32>(devices_.size() - 1);
  }
  for (const Entry<FileOptions>& file : scenario.files) {
    if (file.value.kind() != FileType::host) continue;
    if (live == nullptr) throw InputError(file.where + ": a file of the host works in real time only: --engine live");
    try {
      if (host_files_ == nullptr) host_files_ = std::make_unique<HostFileSet>(*live);
      host_files_->add(file.name, file.value.host);
    } catch (const DeviceError& error) {
      throw InputError(fmt::format("{}: {}", file.where, error.what()));
    }
  }
}

kernel::BlockDevice* ModelDevices::find_device(std::string_view name) const noexcept {
  for (const Named& device : devices_)
    if (device.name == name) return device.device;
  return nullptr;
}

kernel::BlockDevice* ModelDevices::root() const noexcept { return find_device(root_name_); }

void ModelDevices::begin_faults(u64 start) const noexcept {
  for (const Named& device : devices_)
    if (device.ram) static_cast<RamDevice*>(device.device)->begin_faults(start);
}

void ModelDevices::attach(World& world) const {
  for (const Named& device : devices_) world.add_block_device(device.name.c_str(), *device.device);
  for (const std::string_view name : mounted_) world.mount_block_device(std::string(name).c_str(), *find_device(name));
}

ModelDevices::~ModelDevices() {
  for (const Named& one : devices_) {
    if (one.ram)
      RamDevice::destroy(static_cast<RamDevice*>(one.device));
    else
      delete static_cast<FileDevice*>(one.device);
  }
}

}  // namespace uringsim::sim
