// SPDX-License-Identifier: GPL-2.0-only
#include "sim/devices/ram_device.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <new>

namespace uringsim::sim {

using kernel::bio;
using kernel::bio_op;
using kernel::blk_qc_t;
using kernel::SECTOR_SIZE;

namespace {

constexpr u64 kNever = ~u64{0};

// bio::driver: the next in a list, how it will end, its service time beyond the distribution's.
bio*& next_of(bio* bio) noexcept { return reinterpret_cast<kernel::bio*&>(bio->driver[0]); }
void set_next(bio* bio, kernel::bio* next) noexcept { bio->driver[0] = next; }
void set_status(bio* bio, int status) noexcept { bio->driver[1] = reinterpret_cast<void*>(static_cast<intptr_t>(status)); }
int status_of(const bio* bio) noexcept { return static_cast<int>(reinterpret_cast<intptr_t>(bio->driver[1])); }
void set_bytes(bio* bio, u64 bytes) noexcept { bio->driver[2] = reinterpret_cast<void*>(static_cast<uintptr_t>(bytes)); }
u64 bytes_of(const bio* bio) noexcept { return reinterpret_cast<uintptr_t>(bio->driver[2]); }
void set_delay(bio* bio, u64 delay) noexcept { bio->driver[3] = reinterpret_cast<void*>(static_cast<uintptr_t>(delay)); }
u64 delay_of(const bio* bio) noexcept { return reinterpret_cast<uintptr_t>(bio->driver[3]); }

bool applies(DeviceFaultOptions::Op op, const bio* bio) noexcept {
  switch (op) {
    case DeviceFaultOptions::Op::any:
      return true;
    case DeviceFaultOptions::Op::read:
      return bio->op == bio_op::read;
    case DeviceFaultOptions::Op::write:
      return bio->op == bio_op::write;
    case DeviceFaultOptions::Op::flush:
      return bio->op == bio_op::flush;
  }
  return false;
}

}  // namespace

// ---- making and unmaking ---------------------------------------------------------------------------------------------------

RamDevice* RamDevice::create(arch::Machine& machine, const char* name, const RamDeviceOptions& options) noexcept {
  void* const memory = machine.alloc(sizeof(RamDevice), alignof(RamDevice));
  if (memory == nullptr) return nullptr;
  auto* const device = new (memory) RamDevice;
  if (device->build(machine, name, options)) return device;
  destroy(device);
  return nullptr;
}

void RamDevice::destroy(RamDevice* device) noexcept {
  if (device == nullptr) return;
  arch::Machine& machine = *device->machine_;
  device->release();
  device->~RamDevice();
  machine.free(device, sizeof(RamDevice));
}

bool RamDevice::build(arch::Machine& machine, const char* device_name, const RamDeviceOptions& options) noexcept {
  machine_ = &machine;
  std::snprintf(name, sizeof(name), "%s", device_name);
  capabilities.logical_block = std::clamp(std::bit_ceil(options.block), u32{512}, u32{4096});
  capabilities.dma_alignment = capabilities.logical_block;
  capabilities.size = options.size - options.size % capabilities.logical_block;
  capabilities.max_transfer = std::max<u64>(options.max_transfer, capabilities.logical_block);
  capabilities.queue_depth = std::max(options.queue_depth, 1u);
  capabilities.poll_queues = options.poll_queues > 0;
  parallelism_ = std::clamp(options.parallelism, 1u, capabilities.queue_depth);
  reordering_ = options.reordering;
  bandwidth_ = options.bandwidth;
  timer_.function = &RamDevice::timer_function;
  timer_.device = this;
  const ServiceTimeOptions& write = options.write ? *options.write : options.read;
  const ServiceTimeOptions& flush = options.flush ? *options.flush : write;
  if (!times_[static_cast<int>(bio_op::read)].build(machine, options.read)) return false;
  if (!times_[static_cast<int>(bio_op::write)].build(machine, write)) return false;
  if (!times_[static_cast<int>(bio_op::flush)].build(machine, flush)) return false;
  for (Heap* const heap : {&interrupts_, &polled_}) {
    heap->entries = static_cast<Entry*>(machine.alloc(parallelism_ * sizeof(Entry), alignof(Entry)));
    if (heap->entries == nullptr) return false;
  }
  if (!options.faults.empty()) {
    faults_ = static_cast<Fault*>(machine.alloc(options.faults.size() * sizeof(Fault), alignof(Fault)));
    if (faults_ == nullptr) return false;
    for (const DeviceFaultOptions& from : options.faults)
      faults_[fault_count_++] = {.op = from.op,
                                 .has_offset = from.offset.has_value(),
                                 .has_at = from.at.has_value(),
                                 .has_transfer = from.transfer.has_value(),
                                 .offset = from.offset.value_or(0),
                                 .nth = from.nth,
                                 .every = from.every,
                                 .at = from.at.value_or(0),
                                 .times = from.times,
                                 .delay = from.delay,
                                 .transfer = from.transfer.value_or(0),
                                 .probability_ppm = from.probability_ppm,
                                 .error = from.error,
                                 .seen = 0,
                                 .struck = 0};
  }
  return contents_.build(machine, capabilities.size);
}

void RamDevice::release() noexcept {
  (void)machine_->timer_cancel(timer_);
  for (Heap* const heap : {&interrupts_, &polled_})
    if (heap->entries != nullptr) machine_->free(heap->entries, parallelism_ * sizeof(Entry));
  for (ServiceTime& time : times_) time.release(*machine_);
  if (faults_ != nullptr) machine_->free(faults_, fault_count_ * sizeof(Fault));
  contents_.release(*machine_);
}

// ---- a request's way -------------------------------------------------------------------------------------------------------

bool RamDevice::is_polled(const RamDevice& device, const bio* bio) noexcept {
  return device.capabilities.poll_queues && (bio->bi_opf & kernel::REQ_HIPRI) != 0;
}

blk_qc_t RamDevice::submit(bio* bio) noexcept {
  const u64 now = machine_->now();
  const bool polled = is_polled(*this, bio);
  kernel::spin_lock_irq(&lock_);
  if (statistics_.depth >= capabilities.queue_depth && (bio->bi_opf & kernel::REQ_NOWAIT) != 0) {
    statistics_.refused++;
    kernel::spin_unlock_irq(&lock_);
    kernel::bio_endio(bio, -EAGAIN);
    return kernel::BLK_QC_T_NONE;
  }
  account(now);
  statistics_.most_depth = std::max(statistics_.most_depth, ++statistics_.depth);
  set_next(bio, nullptr);
  set_status(bio, 0);
  set_bytes(bio, bio->bi_size);
  set_delay(bio, 0);
  statistics_.count(*bio);
  if (fault_count_ > 0) strike(bio, now);
  kernel::bio* over = nullptr;
  if (in_service_ == parallelism_) {
    (last_waiting_ != nullptr ? next_of(last_waiting_) : waiting_) = bio;
    last_waiting_ = bio;
  } else {
    serve(bio, now);
    if (!polled) over = take_due(interrupts_, now);
    arm();
  }
  kernel::spin_unlock_irq(&lock_);
  finish(over);
  return polled ? 0 : kernel::BLK_QC_T_NONE;
}

/// Looks which faults strike, and notes what they do to the request. lock_ is held.
void RamDevice::strike(bio* bio, u64 now) noexcept {
  if (now < faults_from_) return;
  const u64 start = bio->bi_sector * SECTOR_SIZE;
  for (u32 i = 0; i < fault_count_; i++) {
    Fault& fault = faults_[i];
    if (!applies(fault.op, bio)) continue;
    if (fault.has_offset && (fault.offset < start || fault.offset >= start + bio->bi_size)) continue;
    if (fault.has_at && now - faults_from_ < fault.at) continue;
    const u64 seen = ++fault.seen;
    if (fault.nth != 0 && seen != fault.nth) continue;
    if (fault.every != 0 && seen % fault.every != 0) continue;
    if (fault.times != 0 && fault.struck == fault.times) continue;
    if (fault.probability_ppm < 1'000'000 && machine_->random() % 1'000'000 >= fault.probability_ppm) continue;
    fault.struck++;
    statistics_.faults++;
    if (fault.error != 0) set_status(bio, -fault.error);
    if (fault.has_transfer) set_bytes(bio, std::min(bytes_of(bio), fault.transfer));
    set_delay(bio, delay_of(bio) + fault.delay);
  }
}

/// A channel is free for it from time `from` on. lock_ is held.
void RamDevice::serve(bio* bio, u64 from) noexcept {
  u64 due = from + times_[static_cast<int>(bio->op)].draw(*machine_) + delay_of(bio);
  if (bandwidth_ != 0 && bio->bi_size != 0) {
    __extension__ using u128 = unsigned __int128;
    bus_free_ = std::max(bus_free_, from) + static_cast<u64>(static_cast<u128>(bio->bi_size) * 1'000'000'000 / bandwidth_);
    due = std::max(due, bus_free_);
  }
  if (!reordering_) last_due_ = due = std::max(due, last_due_);
  in_service_++;
  (is_polled(*this, bio) ? polled_ : interrupts_).push({due, sequence_++, bio});
}

/// Takes out what is due, in that order, and puts those that wait into service. A list linked by driver[0]. lock_ is held.
bio* RamDevice::take_due(Heap& heap, u64 now) noexcept {
  bio* first = nullptr;
  bio* last = nullptr;
  while (heap.count > 0 && heap.entries[0].due <= now) {
    const Entry entry = heap.pop();
    set_next(entry.bio, nullptr);
    if (last != nullptr)
      set_next(last, entry.bio);
    else
      first = entry.bio;
    last = entry.bio;
    in_service_--;
    if (first == last) account(now);
    statistics_.depth--;
    if (waiting_ == nullptr) continue;
    bio* const next = waiting_;
    waiting_ = next_of(next);
    if (waiting_ == nullptr) last_waiting_ = nullptr;
    serve(next, entry.due);
  }
  return first;
}

/// lock_ is held.
void RamDevice::arm() noexcept {
  if (interrupts_.count == 0 || interrupts_.entries[0].due >= armed_for_) return;
  armed_for_ = interrupts_.entries[0].due;
  machine_->timer_start(timer_, armed_for_);
}

void RamDevice::timer_function(arch::Timer* timer) { static_cast<DeviceTimer*>(timer)->device->expire(); }

/// Interrupt context.
void RamDevice::expire() noexcept {
  kernel::spin_lock_irq(&lock_);
  armed_for_ = kNever;
  bio* const over = take_due(interrupts_, machine_->now());
  arm();
  kernel::spin_unlock_irq(&lock_);
  finish(over);
}

int RamDevice::poll(blk_qc_t, bool spin) noexcept {
  for (;;) {
    const u64 now = machine_->now();
    kernel::spin_lock_irq(&lock_);
    const bool none = polled_.count == 0;
    bio* const over = take_due(polled_, now);
    arm();
    kernel::spin_unlock_irq(&lock_);
    int found = 0;
    for (bio* at = over; at != nullptr; at = next_of(at)) found++;
    finish(over);
    if (found > 0 || !spin || none || machine_->need_resched()) return found;
    machine_->poll_pass(arch::Site::here());
  }
}

/// Moves the data and completes, one after the other; a bio is gone once it has completed.
void RamDevice::finish(bio* list) noexcept {
  while (list != nullptr) {
    bio* const done = list;
    list = next_of(done);
    int status = transfer(done, bytes_of(done));
    if (status_of(done) != 0) status = status_of(done);
    if (status == 0) done->bi_residual = done->bi_size - bytes_of(done);
    if (status != 0) __atomic_fetch_add(&statistics_.errors, 1, __ATOMIC_RELAXED);
    kernel::bio_endio(done, status);
  }
}

/// 0, or -ENOSPC when the machine's memory ran out.
int RamDevice::transfer(bio* bio, u64 bytes) noexcept {
  u64 offset = bio->bi_sector * SECTOR_SIZE;
  for (unsigned i = 0; i < bio->bi_vcnt && bytes > 0; i++) {
    const kernel::bio_vec& vec = bio->bi_io_vec[i];
    const u64 part = std::min<u64>(vec.bv_len, bytes);
    u8* const at = vec.bv_page->data + vec.bv_offset;
    if (bio->op == bio_op::read)
      contents_.read(offset, at, part);
    else if (!contents_.write(*machine_, offset, at, part))
      return -ENOSPC;
    offset += part;
    bytes -= part;
  }
  return 0;
}

// ---- counting --------------------------------------------------------------------------------------------------------------

/// Before depth changes. lock_ is held.
void RamDevice::account(u64 now) noexcept {
  if (now <= accounted_) return;
  const u64 span = now - accounted_;
  statistics_.depth_time += span * statistics_.depth;
  if (statistics_.depth > 0) statistics_.busy_time += span;
  accounted_ = now;
}

DeviceStatistics RamDevice::statistics() noexcept {
  kernel::spin_lock_irq(&lock_);
  account(machine_->now());
  const DeviceStatistics result = statistics_;
  kernel::spin_unlock_irq(&lock_);
  return result;
}

void RamDevice::Heap::push(const Entry& entry) noexcept {
  u32 at = count++;
  for (; at > 0 && entry.before(entries[(at - 1) / 2]); at = (at - 1) / 2) entries[at] = entries[(at - 1) / 2];
  entries[at] = entry;
}

RamDevice::Entry RamDevice::Heap::pop() noexcept {
  const Entry first = entries[0];
  const Entry last = entries[--count];
  u32 at = 0;
  for (u32 child = 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && entries[child + 1].before(entries[child])) child++;
    if (!entries[child].before(last)) break;
    entries[at] = entries[child];
    at = child;
  }
  entries[at] = last;
  return first;
}

}  // namespace uringsim::sim
