// SPDX-License-Identifier: GPL-2.0-only
// Steps on rings: submit, wait and reap by the library, and the low-level ones, each a single access.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "kernel_model/core/prelude.h"
#include "sim/scenario/step_failure.h"

namespace uringsim::sim {

namespace {

/// The same ring in the hands of the older library.
OldAppRing as_old(const AppRing& ring) {
  OldAppRing old(ring.system);
  const auto& from = ring.sq;
  old.sq = {from.khead,    from.ktail,   from.kflags,    from.kdropped,     from.array,    from.sqes,
            from.ring_ptr, from.ring_sz, from.ring_mask, from.ring_entries, from.sqe_head, from.sqe_tail};
  const auto& cq = ring.cq;
  old.cq = {cq.khead, cq.ktail, cq.koverflow, cq.kflags, cq.cqes, cq.ring_ptr, cq.ring_sz, cq.ring_mask, cq.ring_entries};
  old.flags = ring.flags;
  old.features = ring.features;
  old.ring_fd = ring.ring_fd;
  return old;
}

uptr word_address(const AppRing& ring, Word word) {
  switch (word) {
    case Word::sq_head:
      return ring.sq.khead;
    case Word::sq_tail:
      return ring.sq.ktail;
    case Word::sq_flags:
      return ring.sq.kflags;
    case Word::sq_dropped:
      return ring.sq.kdropped;
    case Word::cq_head:
      return ring.cq.khead;
    case Word::cq_tail:
      return ring.cq.ktail;
    case Word::cq_overflow:
      return ring.cq.koverflow;
    default:
      return 0;
  }
}

}  // namespace

AppRing StepRunner::borrow(u32 index) {
  AppRing ring = with_ring(shared_, index, [](const RingState& state) { return state.ring; });
  ring.system = AppSystem{&app_, task_->scratch};
  return ring;
}

void StepRunner::publish(u32 index, const AppRing& ring, u32 old_tail) {
  with_ring(shared_, index, [&](RingState& state) {
    state.ring.sq.sqe_head = ring.sq.sqe_head;
    state.ring.sq.sqe_tail = ring.sq.sqe_tail;
  });
  if (ring.sq.sqe_head != old_tail) app_.sq_published(index, old_tail, ring.sq.sqe_head);
}

bool StepRunner::usable(const Ref& name, u32& index) {
  index = plan_.ring(name.name);
  if (with_ring(shared_, index, [](const RingState& state) { return state.up; })) return true;
  return fail("ring {} is not set up, or closed", name.name.c_str());
}

// ---- the library ---------------------------------------------------------------------------------------------------------

int StepRunner::submit(AppRing& ring, Library library, bool wake, u32 wait) {
  if (!wake) return static_cast<int>(ring.flush_sq());
  if (library == Library::v2_2) return wait != 0 ? ring.submit_and_wait(wait) : ring.submit();
  OldAppRing old = as_old(ring);
  const int result = wait != 0 ? old.submit_and_wait(wait) : old.submit();
  ring.sq.sqe_head = old.sq.sqe_head;
  ring.sq.sqe_tail = old.sq.sqe_tail;
  return result;
}

bool StepRunner::act(const SubmitStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const Library library = plan_.scenario.rings[index].value.library;
  AppRing ring = borrow(index);
  const u32 old_tail = ring.sq.sqe_head;
  const Request* const requests = step.sqes.empty() ? &step.request : step.sqes.data();
  const std::size_t kinds = step.sqes.empty() ? 1 : step.sqes.size();
  for (std::size_t kind = 0; kind < kinds; ++kind)
    for (u32 i = 0; i < requests[kind].count; ++i) {
      const Prepared prepared = prepare_request(index, ring, requests[kind], i, i + 1 == requests[kind].count, {});
      if (prepared == Prepared::failed) return false;
      if (prepared == Prepared::no_room)
        return fail("the SQ of {} entries is full: only {} fit into this submit", ring.sq.ring_entries, i);
    }
  // What others see of the library's state changes before the kernel is entered: a submit may sleep.
  const u32 new_tail = ring.sq.sqe_tail;
  with_ring(shared_, index, [&](RingState& state) { state.ring.sq.sqe_tail = state.ring.sq.sqe_head = new_tail; });
  app_.sq_published(index, old_tail, new_tail);
  const int result = submit(ring, library, step.wake, step.wait);
  assign(step.into, result);
  if (result < 0 && !step.into) return fail("submit returned -{}", errno_name(-result).c_str());
  return true;
}

bool StepRunner::act(const WaitStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const s64 wanted = value(step.cqes);
  Taken last;
  s64 taken = 0;
  bool first = true;
  while (taken < wanted) {
    AppRing ring = borrow(index);
    AppRing::Cqe cqe;
    const int result = ring.wait_cqe_nr(&cqe, static_cast<unsigned>(wanted - taken));
    if (result < 0) {
      assign(step.into, result);
      return step.into || fail("wait: -{} after {} of {} CQEs", errno_name(-result).c_str(), taken, wanted);
    }
    if (first && step.user_data && cqe && cqe.user_data() != static_cast<u64>(value(*step.user_data)))
      return fail("the first CQE is of user_data {}, expected {}", cqe.user_data(), value(*step.user_data));
    first = false;
    if (!step.take) {
      taken = std::min<s64>(wanted, ring.cq_ready());
      break;
    }
    const s64 now = take(index, ring, static_cast<u64>(wanted - taken), step.res, last);
    if (now < 0) return false;
    taken += now;
    if (step.into) break;
  }
  assign(step.into, taken);
  assign(step.into_res, last.res);
  assign(step.into_user_data, static_cast<s64>(last.user_data));
  return true;
}

bool StepRunner::act(const ReapStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const u64 wanted = step.cqes ? static_cast<u64>(value(*step.cqes)) : ~u64{0};
  AppRing ring = borrow(index);
  Taken last;
  u64 taken = 0;
  for (;;) {
    const s64 now = take(index, ring, wanted - taken, step.res, last);
    if (now < 0) return false;
    taken += static_cast<u64>(now);
    if (!step.until || taken >= wanted) break;
    app_.poll_pass();
  }
  assign(step.into, static_cast<s64>(taken));
  assign(step.into_res, last.res);
  assign(step.into_user_data, static_cast<s64>(last.user_data));
  return true;
}

// ---- setting up ------------------------------------------------------------------------------------------------------------

s64 StepRunner::setup_ring(u32 index) {
  const RingOptions& options = plan_.scenario.rings[index].value;
  constexpr u64 millisecond = 1'000'000;
  uapi::io_uring_params params{};
  params.flags = options.flags.bits;
  params.cq_entries = options.cq_entries.value_or(0);
  params.sq_thread_cpu = options.sq_thread_cpu.value_or(0);
  params.sq_thread_idle = static_cast<u32>((options.sq_thread_idle.count + millisecond - 1) / millisecond);
  if (!options.attach.empty()) params.wq_fd = static_cast<u32>(borrow(plan_.ring(options.attach.name)).ring_fd);
  AppRing ring{AppSystem{&app_, task_->scratch}};
  app_.naming_ring(index);
  const int error = ring.queue_init_params(options.entries, params);
  if (error < 0) return error;
  const u32 offsets[4] = {params.sq_off.ring_mask, params.sq_off.ring_entries, params.cq_off.ring_mask,
                          params.cq_off.ring_entries};
  with_ring(shared_, index, [&](RingState& state) {
    state.ring = ring;
    state.up = true;
    state.next_slot = 0;
    std::copy(offsets, offsets + 4, state.mask_offsets);
  });
  return 0;
}

bool StepRunner::start_ring(u32 index) {
  const Entry<RingOptions>& entry = plan_.scenario.rings[index];
  const RingOptions& options = entry.value;
  where_ = entry.where.c_str();
  const s64 result = setup_ring(index);
  if (result != options.result.value()) return fail("io_uring_setup returned {}, expected {}", result, options.result.value());
  if (result < 0) return true;
  if (!options.register_files.empty())
    if (const s64 error = register_files(index, options.register_files); error < 0)
      return fail("registering files: -{}", errno_name(static_cast<int>(-error)).c_str());
  if (options.register_buffers)
    if (const s64 error = register_buffers(index, *options.register_buffers); error < 0)
      return fail("registering buffers: -{}", errno_name(static_cast<int>(-error)).c_str());
  if (!options.register_eventfd.empty()) {
    AppRing ring = borrow(index);
    const int error = ring.register_eventfd(app_.descriptor(plan_.file(options.register_eventfd.name)));
    if (error < 0) return fail("registering the eventfd: -{}", errno_name(-error).c_str());
  }
  return true;
}

s64 StepRunner::register_files(u32 index, const std::vector<Ref>& files) {
  if (!io_memory(files.size() * sizeof(s32))) return -12;
  const uptr table = task_->io;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const s32 fd = app_.descriptor(plan_.file(files[i].name));
    app_.copy_out(table + i * sizeof fd, &fd, sizeof fd);
  }
  AppRing ring = borrow(index);
  return ring.register_files(table, static_cast<unsigned>(files.size()));
}

s64 StepRunner::register_buffers(u32 index, const BufferSet& set) {
  const u64 stride = (set.size.count + kernel::PAGE_SIZE - 1) / kernel::PAGE_SIZE * kernel::PAGE_SIZE;
  const u64 bytes = stride * set.count;
  const uptr memory = take_spare(bytes);
  if (memory == 0 || !io_memory(set.count * 16)) return -12;
  const uptr table = task_->io;
  for (u32 i = 0; i < set.count; ++i) {
    const u64 iovec[2] = {memory + i * stride, set.size.count};
    app_.copy_out(table + i * sizeof iovec, iovec, sizeof iovec);
  }
  AppRing ring = borrow(index);
  const int result = ring.register_buffers(table, set.count);
  if (result < 0) {
    keep_spare(memory, bytes);
    return result;
  }
  const BufferRange now{.owner = task_, .at = memory, .stride = stride, .count = set.count};
  const BufferRange before = with_ring(shared_, index, [&](RingState& state) { return std::exchange(state.buffers, now); });
  // Those of an earlier ring of that name, which was closed with them.
  if (before.owner == task_) keep_spare(before.at, before.stride * before.count);
  return result;
}

uptr StepRunner::take_spare(u64 bytes) {
  if (task_->spare_bytes != bytes) {
    keep_spare(0, 0);
    return map_memory(bytes);
  }
  task_->spare_bytes = 0;
  return std::exchange(task_->spare, 0);
}

void StepRunner::keep_spare(uptr memory, u64 bytes) {
  if (task_->spare != 0) app_.call(SYS_munmap, task_->spare, task_->spare_bytes);
  task_->spare = memory;
  task_->spare_bytes = bytes;
}

bool StepRunner::act(const SetupStep& step) {
  const u32 index = plan_.ring(step.ring.name);
  const s64 result = setup_ring(index);
  assign(step.into, result);
  const s64 wanted = plan_.scenario.rings[index].value.result.value();
  return step.into || result == wanted || fail("io_uring_setup returned {}, expected {}", result, wanted);
}

bool StepRunner::act(const RegisterStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  s64 result = 0;
  switch (step.what) {
    case RegisterWhat::files:
      result = register_files(index, step.files);
      break;
    case RegisterWhat::buffers:
      result = register_buffers(index, *step.buffers);
      break;
    case RegisterWhat::eventfd:
      result = borrow(index).register_eventfd(app_.descriptor(plan_.file(step.eventfd.name)));
      break;
  }
  assign(step.into, result);
  return step.into || result == value(step.result) ||
         fail("io_uring_register returned {}, expected {}", result, value(step.result));
}

bool StepRunner::act(const UnregisterStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  AppRing ring = borrow(index);
  s64 result = 0;
  switch (step.what) {
    case RegisterWhat::files:
      result = ring.unregister_files();
      break;
    case RegisterWhat::buffers:
      result = ring.unregister_buffers();
      break;
    case RegisterWhat::eventfd:
      result = ring.unregister_eventfd();
      break;
  }
  if (step.what == RegisterWhat::buffers && result >= 0) {
    const BufferRange before = with_ring(shared_, index, [](RingState& state) { return std::exchange(state.buffers, {}); });
    if (before.owner == task_) keep_spare(before.at, before.stride * before.count);
  }
  assign(step.into, result);
  return step.into || result == value(step.result) ||
         fail("io_uring_register returned {}, expected {}", result, value(step.result));
}

bool StepRunner::act(const CloseStep& step) {
  s64 result = 0;
  if (!step.file.empty()) {
    result = app_.call(SYS_close, static_cast<u64>(app_.descriptor(plan_.file(step.file.name))));
  } else {
    u32 index = 0;
    if (!usable(step.ring, index)) return false;
    AppRing ring = borrow(index);
    if (step.keep_map) {
      result = ring.system.close(ring.ring_fd);
      with_ring(shared_, index, [](RingState& state) { state.ring.ring_fd = -1; });
    } else {
      with_ring(shared_, index, [](RingState& state) { state.up = false; });
      ring.queue_exit();
    }
  }
  assign(step.into, result);
  return step.into || result >= 0 || fail("close: -{}", errno_name(static_cast<int>(-result)).c_str());
}

bool StepRunner::act(const UnmapStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const AppRing ring = borrow(index);
  with_ring(shared_, index, [](RingState& state) { state.up = false; });
  ring.system.munmap(ring.sq.sqes, u64{ring.sq.ring_entries} * sizeof(uapi::io_uring_sqe));
  ring.system.munmap(ring.sq.ring_ptr, ring.sq.ring_sz);
  if (ring.cq.ring_ptr != ring.sq.ring_ptr) ring.system.munmap(ring.cq.ring_ptr, ring.cq.ring_sz);
  return true;
}

bool StepRunner::act(const MapStep& step) {
  const u32 index = plan_.ring(step.ring.name);
  const RingState state = with_ring(shared_, index, [](const RingState& now) { return now; });
  AppRing ring = borrow(index);
  const u32 head = ring.sq.sqe_head, tail = ring.sq.sqe_tail, features = ring.features;
  uapi::io_uring_params params{};
  params.flags = ring.flags;
  params.features = features;
  params.sq_entries = ring.sq.ring_entries;
  params.cq_entries = ring.cq.ring_entries;
  // Offsets as setup gave them: the words' places relative to the old mapping.
  const auto offset = [](uptr at, uptr base) { return static_cast<u32>(at - base); };
  params.sq_off.head = offset(ring.sq.khead, ring.sq.ring_ptr);
  params.sq_off.tail = offset(ring.sq.ktail, ring.sq.ring_ptr);
  params.sq_off.flags = offset(ring.sq.kflags, ring.sq.ring_ptr);
  params.sq_off.dropped = offset(ring.sq.kdropped, ring.sq.ring_ptr);
  params.sq_off.array = offset(ring.sq.array, ring.sq.ring_ptr);
  params.sq_off.ring_mask = state.mask_offsets[0];
  params.sq_off.ring_entries = state.mask_offsets[1];
  params.cq_off.head = offset(ring.cq.khead, ring.cq.ring_ptr);
  params.cq_off.tail = offset(ring.cq.ktail, ring.cq.ring_ptr);
  params.cq_off.overflow = offset(ring.cq.koverflow, ring.cq.ring_ptr);
  params.cq_off.cqes = offset(ring.cq.cqes, ring.cq.ring_ptr);
  params.cq_off.ring_mask = state.mask_offsets[2];
  params.cq_off.ring_entries = state.mask_offsets[3];
  const int result = ring.queue_mmap(ring.ring_fd, params);
  assign(step.into, result);
  if (result < 0) return step.into || fail("mapping the ring: -{}", errno_name(-result).c_str());
  ring.features = features;
  ring.sq.sqe_head = head;
  ring.sq.sqe_tail = tail;
  with_ring(shared_, index, [&](RingState& mapped) {
    mapped.ring = ring;
    mapped.up = true;
  });
  return true;
}

// ---- low level -------------------------------------------------------------------------------------------------------------

bool StepRunner::act(const SqeStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const AppRing ring = borrow(index);
  const u32 slot = step.slot ? static_cast<u32>(value(*step.slot))
                             : with_ring(shared_, index, [](RingState& state) { return state.next_slot++; });
  const uptr at = ring.sq.sqes + u64{slot & ring.sq.ring_mask} * sizeof(uapi::io_uring_sqe);
  s64 fd = step.fd ? value(*step.fd) : 0;
  s64 flags = step.flags ? value(*step.flags) : 0;
  if (!step.file.empty()) {
    const u32 file = plan_.file(step.file.name);
    fd = step.fixed ? plan_.registered_index(index, file) : app_.descriptor(file);
    if (step.fixed) flags |= uapi::IOSQE_FIXED_FILE;
  }
  const auto number = [&](const std::optional<Expression>& field) { return field ? value(*field) : s64{0}; };
  if (!step.keep) {
    uapi::io_uring_sqe sqe{};
    sqe.opcode = static_cast<u8>(number(step.opcode));
    sqe.flags = static_cast<u8>(flags);
    sqe.ioprio = static_cast<u16>(number(step.ioprio));
    sqe.fd = static_cast<s32>(fd);
    sqe.off = static_cast<u64>(number(step.off));
    sqe.addr = static_cast<u64>(number(step.addr));
    sqe.len = static_cast<u32>(number(step.len));
    sqe.op_flags = static_cast<u32>(number(step.rw_flags));
    sqe.user_data = static_cast<u64>(number(step.user_data));
    sqe.buf_index = static_cast<u16>(number(step.buf_index));
    const u32 entry = step.index ? static_cast<u32>(value(*step.index)) : slot & ring.sq.ring_mask;
    app_.note(kernel::EventKind::sqe_written, index, {slot & ring.sq.ring_mask, slot & ring.sq.ring_mask, entry});
    app_.write_sqe(at, sqe);
    if (ring.sq.array != 0)
      app_.store(ring.sq.array + u64{slot & ring.sq.ring_mask} * sizeof(u32), sizeof(u32), entry, StoreOrder::plain, nullptr);
    return true;
  }
  app_.note(kernel::EventKind::sqe_written, index, {slot & ring.sq.ring_mask, -1});
  const auto put = [&](bool given, std::size_t offset, unsigned size, s64 what) {
    if (given) app_.store(at + offset, size, static_cast<u64>(what), StoreOrder::plain, nullptr);
  };
  put(step.opcode.has_value(), offsetof(uapi::io_uring_sqe, opcode), 1, number(step.opcode));
  put(step.flags || step.fixed, offsetof(uapi::io_uring_sqe, flags), 1, flags);
  put(step.ioprio.has_value(), offsetof(uapi::io_uring_sqe, ioprio), 2, number(step.ioprio));
  put(step.fd || !step.file.empty(), offsetof(uapi::io_uring_sqe, fd), 4, fd);
  put(step.off.has_value(), offsetof(uapi::io_uring_sqe, off), 8, number(step.off));
  put(step.addr.has_value(), offsetof(uapi::io_uring_sqe, addr), 8, number(step.addr));
  put(step.len.has_value(), offsetof(uapi::io_uring_sqe, len), 4, number(step.len));
  put(step.rw_flags.has_value(), offsetof(uapi::io_uring_sqe, op_flags), 4, number(step.rw_flags));
  put(step.user_data.has_value(), offsetof(uapi::io_uring_sqe, user_data), 8, number(step.user_data));
  put(step.buf_index.has_value(), offsetof(uapi::io_uring_sqe, buf_index), 2, number(step.buf_index));
  return true;
}

bool StepRunner::act(const LoadStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const AppRing ring = borrow(index);
  if (step.word == Word::sq_mask || step.word == Word::sq_entries)
    assign(step.into, step.word == Word::sq_mask ? ring.sq.ring_mask : ring.sq.ring_entries);
  else if (step.word == Word::cq_mask || step.word == Word::cq_entries)
    assign(step.into, step.word == Word::cq_mask ? ring.cq.ring_mask : ring.cq.ring_entries);
  else
    assign(step.into, static_cast<s64>(app_.load(word_address(ring, step.word), sizeof(u32), step.order, "step.load")));
  return true;
}

bool StepRunner::act(const StoreStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const AppRing ring = borrow(index);
  const uptr at = word_address(ring, step.word);
  if (at == 0) return fail("this word is scribbled over with \"scribble\"");
  const u64 number = static_cast<u32>(value(step.value));
  if (step.word == Word::sq_tail)
    app_.sq_published(index, static_cast<u32>(app_.load(at, sizeof(u32), LoadOrder::plain, nullptr)), static_cast<u32>(number));
  app_.store(at, sizeof(u32), number, step.order, "step.store");
  return true;
}

bool StepRunner::act(const AdvanceStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  AppRing ring = borrow(index);
  const uptr at = word_address(ring, step.word);
  const u32 old = static_cast<u32>(app_.load(at, sizeof(u32), LoadOrder::plain, nullptr));
  const u32 next = old + static_cast<u32>(value(step.by));
  if (step.word == Word::sq_tail) {
    // The library's own copies follow, so that high and low steps can be mixed.
    with_ring(shared_, index, [&](RingState& state) { state.ring.sq.sqe_head = state.ring.sq.sqe_tail = next; });
    app_.sq_published(index, old, next);
  } else if (step.word == Word::cq_head) {
    app_.note(kernel::EventKind::cq_head, index, {old, next});
  }
  app_.store(at, sizeof(u32), next, step.order, "step.advance");
  return true;
}

bool StepRunner::act(const FenceStep& step) {
  if (step.kind != FenceKind::none) app_.fence(step.kind, "step.fence");
  return true;
}

bool StepRunner::act(const EnterStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const AppRing ring = borrow(index);
  uptr mask_at = 0;
  if (step.blocked) {
    constexpr int numbers[] = {10, 12, 2, 15, 14, 9};  // as enum Signal
    u64 mask = 0;
    for (const Signal signal : *step.blocked) mask |= u64{1} << (numbers[static_cast<unsigned>(signal)] - 1);
    mask_at = ring.system.publish_argument(mask);
  }
  const s64 result =
      ring.system.io_uring_enter(ring.ring_fd, static_cast<u32>(value(step.to_submit)),
                                 static_cast<u32>(value(step.min_complete)), step.flags.bits, mask_at, sizeof(u64));
  assign(step.into, result);
  if (step.result) return expect(result, step.result, "io_uring_enter");
  return step.into || result >= 0 || fail("io_uring_enter returned {}", result);
}

bool StepRunner::act(const CqeStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const AppRing ring = borrow(index);
  const uptr at = ring.cq.cqes + u64{static_cast<u32>(value(step.at)) & ring.cq.ring_mask} * sizeof(uapi::io_uring_cqe);
  uapi::io_uring_cqe cqe{};
  app_.copy_in(&cqe, at, sizeof cqe);
  assign(step.user_data, static_cast<s64>(cqe.user_data));
  assign(step.res, cqe.res);
  assign(step.flags, cqe.flags);
  return true;
}

bool StepRunner::act(const ScribbleStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const AppRing ring = borrow(index);
  uptr base = 0;
  u64 bytes = 0;
  switch (step.area) {
    case Area::sqes:
      base = ring.sq.sqes, bytes = u64{ring.sq.ring_entries} * sizeof(uapi::io_uring_sqe);
      break;
    case Area::sq_array:
      base = ring.sq.array, bytes = u64{ring.sq.ring_entries} * sizeof(u32);
      break;
    case Area::sq_words:
      base = ring.sq.ring_ptr, bytes = 64;
      break;
    case Area::cq_words:
      base = ring.cq.ring_ptr + 64, bytes = 192;
      break;
    case Area::cqes:
      base = ring.cq.cqes, bytes = u64{ring.cq.ring_entries} * sizeof(uapi::io_uring_cqe);
      break;
  }
  const u64 offset = static_cast<u64>(value(step.offset));
  if (offset >= bytes || step.size.count > bytes - offset)
    return fail("scribbles over bytes {} to {} of an area of {}", offset, offset + step.size.count, bytes);
  for (u64 i = 0; i < step.size.count; ++i)
    app_.store(base + offset + i, 1, step.value ? static_cast<u64>(value(*step.value)) : app_.random(), StoreOrder::relaxed,
               nullptr);
  return true;
}

}  // namespace uringsim::sim
