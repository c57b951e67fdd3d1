// SPDX-License-Identifier: GPL-2.0-only
// The `workload` step: reads and writes in fio's terms, on top of the same requests that `submit` makes.
#include <algorithm>

#include "sim/scenario/step_failure.h"

namespace uringsim::sim {

namespace {

/// -ln(1 - x) for x = i/64, in 1/65536: arrival times of a Poisson process without libm, interpolated in between.
constexpr u32 exponential[65] = {0,      1032,   2081,   3146,   4230,   5331,   6451,   7591,   8751,   9932,   11135,
                                 12360,  13608,  14880,  16178,  17502,  18854,  20233,  21643,  23083,  24556,  26063,
                                 27605,  29184,  30802,  32461,  34164,  35911,  37707,  39553,  41453,  43409,  45426,
                                 47507,  49656,  51877,  54177,  56561,  59034,  61604,  64280,  67069,  69982,  73031,
                                 76228,  79590,  83133,  86879,  90852,  95082,  99603,  104460, 109706, 115408, 121654,
                                 128559, 136278, 145029, 155132, 167080, 181704, 200558, 227130, 272557, 454261};

u64 exponential_gap(u64 mean, u64 dice) {
  const u64 index = (dice >> 16) % 64;
  const u64 part = dice & 0xffff;
  const u64 scaled = exponential[index] + (((u64{exponential[index + 1]} - exponential[index]) * part) >> 16);
  return static_cast<u64>((static_cast<unsigned __int128>(mean) * scaled) >> 16);
}

/// What one workload keeps track of.
struct Course {
  u64 submitted = 0, completed = 0;
  u64 written_since_fsync = 0;
  u64 next_at = 0;  ///< offset of the next sequential request, from the start of the region
  u64 due = 0;      ///< when the next request may start
};

}  // namespace

bool StepRunner::act(const WorkloadStep& step) {
  u32 index = 0;
  if (!usable(step.ring, index)) return false;
  const u32 file = plan_.file(step.file.name);
  const u64 size = app_.file_size(file);
  const u64 region = step.size.count != 0 ? step.size.count : size - std::min(size, step.offset.count);
  const u64 places = region / step.bs.count;
  if (places == 0) return fail("the region of {} bytes holds no request of {}", region, step.bs.count);
  const bool random = step.rw == ReadWrite::randread || step.rw == ReadWrite::randwrite || step.rw == ReadWrite::randrw;
  const bool mixed = step.rw == ReadWrite::rw || step.rw == ReadWrite::randrw;
  const bool only_reads = step.rw == ReadWrite::read || step.rw == ReadWrite::randread;
  constexpr u64 second = 1'000'000'000;
  const u64 gap = step.rate != 0 ? second / step.rate : 0;
  const u64 start = app_.now();
  Course course;
  course.due = start;
  const auto over = [&] {
    return (step.ios != 0 && course.submitted >= step.ios) ||
           (step.runtime.count != 0 && app_.now() - start >= step.runtime.count);
  };
  const WorkloadRequests& requests = plan_.requests(step);
  const Library library = plan_.scenario.rings[index].value.library;

  for (bool ending = over(); !ending || course.completed < course.submitted; ending = ending || over()) {
    const u64 flying = course.submitted - course.completed;
    u32 batch = 0;
    if (!ending && flying + step.batch <= step.iodepth) {
      if (gap != 0) {
        const u64 now = app_.now();
        if (course.due > now && flying == 0) app_.sleep(course.due - now);
        if (course.due > app_.now()) goto complete;
      }
      AppRing ring = borrow(index);
      const u32 old_tail = ring.sq.sqe_head;
      for (; batch < step.batch && (step.ios == 0 || course.submitted + batch < step.ios); ++batch) {
        const bool read = only_reads || (mixed && app_.random() % 100 < step.rwmixread);
        const Request* request = read ? &requests.read : &requests.write;
        if (step.fsync != 0 && course.written_since_fsync >= step.fsync) {
          request = &requests.fsync;
          course.written_since_fsync = 0;
        } else if (!read) {
          ++course.written_since_fsync;
        }
        Moment moment;
        const u64 place = random ? app_.random() % places : course.next_at;
        if (request->op != Op::fsync) {
          if (!random) course.next_at = (course.next_at + 1) % places;
          moment.offset = step.offset.count + place * step.bs.count;
        }
        if (step.link > 1 && (batch + 1) % step.link != 0 && batch + 1 != step.batch) moment.flags |= uapi::IOSQE_IO_LINK;
        if (step.drain != 0 && (course.submitted + batch) % step.drain == step.drain - 1) moment.flags |= uapi::IOSQE_IO_DRAIN;
        const Prepared prepared = prepare_request(index, ring, *request, 0, true, moment);
        if (prepared == Prepared::failed) return false;
        if (prepared == Prepared::no_room) break;
        if (gap != 0) course.due += step.arrival == Arrival::poisson ? exponential_gap(gap, app_.random()) : gap;
      }
      if (batch != 0) {
        with_ring(shared_, index, [&](RingState& state) { state.ring.sq.sqe_tail = state.ring.sq.sqe_head = ring.sq.sqe_tail; });
        app_.sq_published(index, old_tail, ring.sq.sqe_tail);
        const int result = submit(ring, library, true, 0);
        if (result < 0) return fail("submit returned -{}", errno_name(-result).c_str());
        course.submitted += batch;
        if (step.thinktime.count != 0 &&
            course.submitted / step.thinktime_blocks != (course.submitted - batch) / step.thinktime_blocks)
          app_.sleep(step.thinktime.count);
      }
    }
  complete:
    const u64 out = course.submitted - course.completed;
    if (out == 0) continue;
    AppRing ring = borrow(index);
    const bool full = ending || out + step.batch > step.iodepth;
    if (full && step.completion == Completion::wait) {
      AppRing::Cqe cqe;
      const int result = ring.wait_cqe_nr(&cqe, static_cast<unsigned>(std::min<u64>(step.batch_complete, out)));
      if (result < 0 && result != -4) return fail("wait: -{}", errno_name(-result).c_str());  // -EINTR: look again
    } else if (batch == 0 && gap != 0 && !full) {
      // Between two arrivals: sleep to the next one, then look.
      const u64 now = app_.now();
      if (course.due > now) app_.sleep(course.due - now);
    }
    Taken last;
    const s64 taken = take(index, ring, ~u64{0}, std::nullopt, last);
    if (taken < 0) return false;
    course.completed += static_cast<u64>(taken);
    if (taken == 0 && full && step.completion == Completion::reap) app_.poll_pass();
  }
  return true;
}

}  // namespace uringsim::sim
