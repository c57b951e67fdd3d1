// SPDX-License-Identifier: GPL-2.0-only
// Requests as an application prepares them, and what becomes of them: user memory for their data, and the comparison of what
// was read with what the file holds.
#include <algorithm>
#include <bit>
#include <new>

#include "kernel_model/core/prelude.h"
#include "sim/scenario/step_failure.h"

namespace uringsim::sim {

namespace {

constexpr u64 header_room = 64;                ///< for a msghdr, in front of the iovecs
constexpr u64 first_user_data = u64{1} << 48;  ///< numbers of the runner's own; people write small ones

struct Iovec {
  u64 base, length;
};
struct Msghdr {
  u64 name;
  u32 name_length, pad;
  u64 iov, iov_length, control, control_length;
  u32 flags, pad2;
};
struct Timespec {
  s64 seconds, nanoseconds;
};

u32 size_class(u64 bytes) {
  if (bytes == 0) return 0;
  return 1 + static_cast<u32>(std::bit_width((bytes + kernel::PAGE_SIZE - 1) / kernel::PAGE_SIZE - 1));
}
u64 class_bytes(u32 number) { return number == 0 ? 0 : kernel::PAGE_SIZE << (number - 1); }

u32 bucket(u64 user_data) { return static_cast<u32>((user_data * 0x9e3779b97f4a7c15ull) >> 54) % SharedState::buckets; }

bool reads(Op op) { return op == Op::readv || op == Op::read_fixed || op == Op::recvmsg; }
bool fixed_buffer(Op op) { return op == Op::read_fixed || op == Op::write_fixed; }
/// Bytes that the kernel reads beside the data: iovecs, a msghdr in front of them, a timespec.
bool vectored(Op op) { return op == Op::readv || op == Op::writev || op == Op::sendmsg || op == Op::recvmsg; }
u64 control_bytes(const Request& request) {
  if (request.op == Op::timeout) return sizeof(Timespec);
  return vectored(request.op) ? header_room + request.iovecs * sizeof(Iovec) : 0;
}

}  // namespace

// ---- slots -------------------------------------------------------------------------------------------------------------

/// One whose memory, if it has any, is this process's.
RequestSlot* StepRunner::take_slot(u64 bytes) {
  const u32 wanted = size_class(bytes);
  if (wanted >= SharedState::classes) {
    (void)fail("a request of {} bytes is beyond what the runner has memory for", bytes);
    return nullptr;
  }
  RequestSlot* slot = nullptr;
  {
    const u32 process = app_.process();
    const Locked locked(shared_);
    u32* at = &shared_.free[wanted][process % SharedState::owners];
    while (*at != no_slot && shared_.slot(*at).process != process) at = &shared_.slot(*at).next;
    if (*at != no_slot) {
      slot = &shared_.slot(*at);
      *at = slot->next;
    } else if (shared_.slots < SharedState::chunk * SharedState::most_chunks) {
      const u32 chunk = shared_.slots / SharedState::chunk;
      if (shared_.chunks[chunk] == nullptr)
        shared_.chunks[chunk] = static_cast<RequestSlot*>(app_.alloc(SharedState::chunk * sizeof(RequestSlot)));
      slot = new (&shared_.chunks[chunk][shared_.slots++ % SharedState::chunk]) RequestSlot;
      slot->process = process;
    }
  }
  if (slot == nullptr) {
    (void)fail("more than {} requests in flight or lost", SharedState::chunk * SharedState::most_chunks);
    return nullptr;
  }
  if (slot->capacity < class_bytes(wanted)) {
    slot->data = map_memory(class_bytes(wanted));
    if (slot->data == 0) return nullptr;
    slot->capacity = class_bytes(wanted);
  }
  slot->at = slot->data;
  slot->verify = false;
  slot->file = no_slot;
  return slot;
}

u32 StepRunner::index_of(const RequestSlot& slot) const noexcept {
  for (u32 i = 0;; ++i)
    if (shared_.chunks[i] <= &slot && &slot < shared_.chunks[i] + SharedState::chunk)
      return i * SharedState::chunk + static_cast<u32>(&slot - shared_.chunks[i]);
}

void StepRunner::in_flight(RequestSlot& slot) {
  const Locked locked(shared_);
  u32& head = shared_.in_flight[bucket(slot.user_data)];
  slot.next = head;
  head = index_of(slot);
}

void StepRunner::give_back(u32 index) {
  const Locked locked(shared_);
  RequestSlot& slot = shared_.slot(index);
  u32& head = shared_.free[size_class(slot.capacity)][slot.process % SharedState::owners];
  slot.next = head;
  head = index;
}

// ---- preparing ---------------------------------------------------------------------------------------------------------

u64 StepRunner::request_offset(const Request& request, u32 file, u32 i) {
  const u64 size = std::max<u64>(request.size.count, 1);
  const u64 places = app_.file_size(file) / size;
  switch (request.offset.kind) {
    case Offset::Kind::at:
      return static_cast<u64>(value(request.offset.at)) + i * request.size.count;
    case Offset::Kind::random:
      return places == 0 ? 0 : app_.random() % places * size;
    case Offset::Kind::sequential:
      break;
  }
  if (places == 0) return 0;  // pipes, sockets and their kin have no offsets
  const u64 offset = task_->positions[file];
  task_->positions[file] = (offset / size + 1) % places * size;
  return offset;
}

void StepRunner::fill_data(RequestSlot& slot, u32 seed) {
  const u64 key = slot.offset * 256 + seed % 256;
  if (slot.filled == key && slot.at == slot.data) return;
  u8 bytes[kernel::PAGE_SIZE];
  for (u64 at = 0; at < slot.size; at += kernel::PAGE_SIZE) {
    const u64 part = std::min(kernel::PAGE_SIZE, slot.size - at);
    for (u64 j = 0; j < part; ++j) bytes[j] = pattern_byte(slot.offset + at + j, seed);
    app_.copy_out(slot.at + at, bytes, part);
  }
  slot.filled = key;
}

void StepRunner::write_iovecs(RequestSlot& slot, u64 size, u32 count) {
  const u64 piece = size / count;
  for (u32 i = 0; i < count; ++i) {
    const Iovec iovec{slot.at + i * piece, i + 1 == count ? size - i * piece : piece};
    app_.copy_out(slot.control + header_room + i * sizeof iovec, &iovec, sizeof iovec);
  }
}

StepRunner::Prepared StepRunner::prepare_request(u32 ring_index, AppRing& ring, const Request& request, u32 i, bool last,
                                                 const Moment& moment) {
  if (ring.sq_space_left() == 0) return Prepared::no_room;
  const bool transfers = reads(request.op) || writes(request.op);
  RequestSlot* const slot = take_slot(transfers && !fixed_buffer(request.op) ? request.size.count : 0);
  if (slot == nullptr) return Prepared::failed;
  if (const u64 wanted = control_bytes(request); wanted > slot->control_bytes) {
    slot->control = map_memory(wanted);
    if (slot->control == 0) return Prepared::failed;
    slot->control_bytes = (wanted + kernel::PAGE_SIZE - 1) / kernel::PAGE_SIZE * kernel::PAGE_SIZE;
  }
  slot->ring = ring_index;
  slot->op = request.op;
  slot->size = request.size.count;
  int fd = -1;
  u32 flags = request.flags.bits | moment.flags;
  if (!request.file.empty()) {
    slot->file = plan_.file(request.file.name);
    const int registered = plan_.registered_index(ring_index, slot->file);
    const bool fixed = request.fixed.value_or(registered >= 0);
    fd = fixed && registered >= 0 ? registered : app_.descriptor(slot->file);
    if (fixed) flags |= uapi::IOSQE_FIXED_FILE;
  }
  if (transfers || request.op == Op::fsync || request.op == Op::sync_file_range)
    slot->offset = moment.offset ? *moment.offset : request_offset(request, slot->file, i);
  if (request.link && !last) flags |= uapi::IOSQE_IO_LINK;
  if (request.drain && i == 0) flags |= uapi::IOSQE_IO_DRAIN;

  u16 buffer = 0;
  if (fixed_buffer(request.op)) {
    u32 turn = i;
    const BufferRange buffers = with_ring(shared_, ring_index, [&](RingState& state) {
      if (request.count <= 1 && state.buffers.count != 0) turn = state.next_buffer++;
      return state.buffers;
    });
    if (buffers.count == 0) {
      (void)fail("{} needs registered buffers; the ring has none", request.op == Op::read_fixed ? "READ_FIXED" : "WRITE_FIXED");
      return Prepared::failed;
    }
    buffer = static_cast<u16>(turn % buffers.count);
    slot->at = buffers.at + buffer * buffers.stride;
  }
  if (writes(request.op)) {
    const FileOptions& file = plan_.scenario.files[plan_.files[slot->file].file].value;
    slot->seed = request.seed.value_or(file.seed);
    fill_data(*slot, slot->seed);
  }
  if (reads(request.op)) {
    const FileEnd& end = plan_.files[slot->file];
    const FileOptions& file = plan_.scenario.files[end.file].value;
    slot->seed = file.seed;
    slot->verify = request.verify.value_or(end.known);
    slot->filled = ~u64{0};
  }
  if (vectored(request.op)) write_iovecs(*slot, request.size.count, request.iovecs);

  const u32 next = ring.sq.sqe_tail & ring.sq.ring_mask;
  app_.note(kernel::EventKind::sqe_written, ring_index, {next, next, next});
  const auto sqe = ring.get_sqe();
  if (!sqe) {  // other tasks use the ring, too, without a lock, and have moved its head past what this one knew
    give_back(index_of(*slot));
    return Prepared::no_room;
  }
  const auto size = static_cast<unsigned>(request.size.count);
  switch (request.op) {
    case Op::nop:
      sqe.prep_nop();
      break;
    case Op::readv:
      sqe.prep_readv(fd, slot->control + header_room, request.iovecs, slot->offset);
      break;
    case Op::writev:
      sqe.prep_writev(fd, slot->control + header_room, request.iovecs, slot->offset);
      break;
    case Op::fsync: {
      const bool ranged = request.offset.kind == Offset::Kind::at;
      uapi::io_uring_sqe whole = uapi::make_sqe(uapi::IORING_OP_FSYNC, fd, 0, ranged ? size : 0, ranged ? slot->offset : 0,
                                                request.datasync ? uapi::IORING_FSYNC_DATASYNC : 0);
      sqe.write(whole);
      break;
    }
    case Op::read_fixed:
      sqe.prep_read_fixed(fd, slot->at, size, slot->offset, buffer);
      break;
    case Op::write_fixed:
      sqe.prep_write_fixed(fd, slot->at, size, slot->offset, buffer);
      break;
    case Op::poll_add:
      sqe.prep_poll_add(fd, request.events.bits);
      break;
    case Op::poll_remove:
      sqe.prep_poll_remove(static_cast<u64>(value(request.target)));
      break;
    case Op::sync_file_range:
      sqe.prep_sync_file_range(fd, size, slot->offset, request.range.bits);
      break;
    case Op::sendmsg:
    case Op::recvmsg: {
      const Msghdr header{0, 0, 0, slot->control + header_room, request.iovecs, 0, 0, 0, 0};
      app_.copy_out(slot->control, &header, sizeof header);
      if (request.op == Op::sendmsg)
        sqe.prep_sendmsg(fd, slot->control, request.message.bits);
      else
        sqe.prep_recvmsg(fd, slot->control, request.message.bits);
      break;
    }
    case Op::timeout: {
      constexpr u64 second = 1'000'000'000;
      const Timespec time{static_cast<s64>(request.after.count / second), static_cast<s64>(request.after.count % second)};
      app_.copy_out(slot->control, &time, sizeof time);
      sqe.prep_timeout(slot->control, request.completions, request.absolute ? uapi::IORING_TIMEOUT_ABS : 0);
      break;
    }
  }
  if (flags != 0) sqe.set_flags(flags);
  if (request.user_data) {
    slot->user_data = static_cast<u64>(value(*request.user_data)) + i;
  } else {
    const Locked locked(shared_);
    slot->user_data = first_user_data + shared_.next_user_data++;
  }
  sqe.set_data64(slot->user_data);
  if (transfers)
    app_.note(
        kernel::EventKind::buffer_lent, ring_index,
        {static_cast<s64>(slot->user_data), static_cast<s64>(slot->at), static_cast<s64>(slot->size), reads(request.op) ? 1 : 0});
  in_flight(*slot);
  return Prepared::done;
}

// ---- completing ----------------------------------------------------------------------------------------------------------

bool StepRunner::compare_pattern(uptr at, u64 bytes, u64 offset, u32 seed) {
  u8 chunk[kernel::PAGE_SIZE];
  for (u64 done = 0; done < bytes; done += kernel::PAGE_SIZE) {
    const u64 part = std::min(kernel::PAGE_SIZE, bytes - done);
    app_.peek(chunk, at + done, part);
    for (u64 j = 0; j < part; ++j)
      if (chunk[j] != pattern_byte(offset + done + j, seed))
        return wrong_data("wrong data: byte {} of the file is 0x{:02x}, expected 0x{:02x}", offset + done + j, unsigned{chunk[j]},
                          unsigned{pattern_byte(offset + done + j, seed)});
  }
  return true;
}

bool StepRunner::verify(const RequestSlot& slot, s32 res) {
  if (!slot.verify || res <= 0) return true;
  const FileOptions& file = plan_.scenario.files[plan_.files[slot.file].file].value;
  if (file.content == Content::pattern) return compare_pattern(slot.at, static_cast<u64>(res), slot.offset, slot.seed);
  u8 chunk[kernel::PAGE_SIZE];
  for (u64 done = 0; done < static_cast<u64>(res); done += kernel::PAGE_SIZE) {
    const u64 part = std::min(kernel::PAGE_SIZE, static_cast<u64>(res) - done);
    app_.peek(chunk, slot.at + done, part);
    for (u64 j = 0; j < part; ++j)
      if (chunk[j] != 0)
        return wrong_data("wrong data: byte {} of the file is 0x{:02x}, expected 0", slot.offset + done + j, unsigned{chunk[j]});
  }
  return true;
}

bool StepRunner::finish_request(u32 ring_index, const uapi::io_uring_cqe& cqe) {
  RequestSlot done;
  u32 index = no_slot;
  {
    const Locked locked(shared_);
    for (u32* link = &shared_.in_flight[bucket(cqe.user_data)]; *link != no_slot; link = &shared_.slot(*link).next) {
      RequestSlot& slot = shared_.slot(*link);
      if (slot.user_data != cqe.user_data || slot.ring != ring_index) continue;
      index = *link;
      *link = slot.next;
      done = slot;
      break;
    }
  }
  if (index == no_slot) return true;  // of a low-level step, which knows nothing of slots
  const bool good = verify(done, cqe.res);
  give_back(index);
  return good;
}

s64 StepRunner::take(u32 ring_index, AppRing& ring, u64 most, const std::optional<Expression>& res, Taken& last) {
  u64 taken = 0;
  const u32 head = ring.system.load_plain<u32>(ring.cq.khead);
  for (auto cqe_at : ring.for_each_cqe()) {
    if (taken == most || taken == ring.cq.ring_entries) break;
    const uapi::io_uring_cqe cqe = *cqe_at;
    app_.cqe_reaped(ring_index, head + static_cast<u32>(taken), cqe.user_data, cqe.res, cqe.flags);
    ++taken;
    last = {cqe.user_data, cqe.res};
    if (!finish_request(ring_index, cqe)) return -1;
    if (res && cqe.res != value(*res)) {
      (void)fail("the CQE of user_data {} carries {}, expected {}", cqe.user_data, cqe.res, value(*res));
      return -1;
    }
  }
  ring.cq_advance(static_cast<unsigned>(taken));
  return static_cast<s64>(taken);
}

}  // namespace uringsim::sim
