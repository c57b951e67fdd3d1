// SPDX-License-Identifier: GPL-2.0-only OR MIT
// The ring library: liburing's names and semantics, over a compile-time `System` (uapi/system.h).
//
//     Ring<Native> ring;                                   // io_uring_queue_init(8, &ring, 0)
//     if (int error = ring.queue_init(8, 0); error < 0) ...
//     auto sqe = ring.get_sqe();
//     sqe.prep_nop();
//     ring.submit();
//     cqe_ref<Native> cqe;
//     if (ring.wait_cqe(&cqe) == 0) use(cqe->res);
//     ring.cqe_seen(cqe);
//     ring.queue_exit();
//
// Every call returns -errno on failure. As in liburing nothing is thread safe, nothing is closed by a destructor, and a
// caller that keeps submitting and reaping apart may use one task for each.
//
// Who writes the shared words, and the barriers, each by its name in `barriers`:
//
//   word      written by                     read by              order
//   SQ tail   flush_sq                       kernel               release flush_sq.tail: the SQEs are there first
//   SQ head   kernel                         get_sqe, sq_ready    acquire get_sqe.head: the kernel has read the SQE
//   SQ flags  kernel                         sq_ring_needs_enter  full barrier after the store to the tail
//   CQ tail   kernel                         peek, for_each       acquire cq.tail: the CQE is there
//   CQ head   cq_advance                     kernel               release cq.head: the CQE has been read
//
// The full barrier is the store-buffer shape. Without it both may read the old value, and nobody wakes the SQ thread:
//
//   application                        SQ thread
//   SQ tail = n                        SQ flags |= NEED_WAKEUP
//   full barrier                       full barrier
//   read SQ flags: NEED_WAKEUP?        read SQ tail: anything new?
//
// liburing up to 2.1 lacked the application's; LiburingVersion::v2_1 is that library.
#pragma once

#include <errno.h>

#include <cstddef>
#include <cstdint>

#include "uapi/abi.h"
#include "uapi/cqe.h"
#include "uapi/sqe.h"
#include "uapi/system.h"

namespace uringsim::uapi {

/// Which liburing's ways to follow.
enum class LiburingVersion : std::uint8_t {
  v2_1,  ///< no full barrier between the store to the SQ tail and the look at the SQ flags; see get_cqe() for the rest
  v2_2,  ///< with it
};

/// user_data of the timeout that wait_cqes() submits where the kernel lacks EXT_ARG. Not for the application's own use there.
inline constexpr std::uint64_t LIBURING_UDATA_TIMEOUT = ~std::uint64_t{0};

/// The library's barriers. A policy can leave out any of them by name.
namespace barriers {
inline constexpr const char* get_sqe_head = "liburing.get_sqe.head";
inline constexpr const char* sq_ready_head = "liburing.sq_ready.head";
inline constexpr const char* flush_sq_tail = "liburing.flush_sq.tail";
inline constexpr const char* sq_ring_needs_enter = "liburing.sq_ring_needs_enter";
inline constexpr const char* cq_tail = "liburing.cq.tail";
inline constexpr const char* cq_head = "liburing.cq.head";
/// All of them.
inline constexpr const char* all[] = {get_sqe_head, sq_ready_head, flush_sq_tail, sq_ring_needs_enter, cq_tail, cq_head};
}  // namespace barriers

/// One ring. Copying it copies the view, not the ring, as with liburing's struct.
template <System S, LiburingVersion V = LiburingVersion::v2_2>
class Ring {
 public:
  using Sqe = sqe_ref<S>;
  using Cqe = cqe_ref<S>;

  explicit Ring(S policy = S{}) noexcept : system(policy) {}

  // ---- setting up and tearing down -------------------------------------------------------------------------------------

  /// Sets up and maps a ring of `entries` SQEs with IORING_SETUP_* `setup_flags`.
  int queue_init(unsigned entries, std::uint32_t setup_flags) {
    io_uring_params params{};
    params.flags = setup_flags;
    return queue_init_params(entries, params);
  }

  /// As queue_init(), with all of io_uring_params, which comes back filled in. -EOPNOTSUPP for setup flags under which ring
  /// memory is not mapped or not uniform (NO_MMAP, REGISTERED_FD_ONLY, CQE_MIXED): this library has no code for them.
  int queue_init_params(unsigned entries, io_uring_params& params) {
    if (params.flags & unsupported_flags) return -EOPNOTSUPP;
    const int fd = system.io_uring_setup(entries, params);
    if (fd < 0) return fd;
    if (const int error = queue_mmap(fd, params); error < 0) {
      system.close(fd);
      return error;
    }
    features = params.features;
    return 0;
  }

  /// Maps the ring of an io_uring_setup(2) made elsewhere; the caller keeps `fd` if this fails. As in liburing up to 2.2,
  /// `features` stays 0, so that timed waits use a TIMEOUT.
  int queue_mmap(int fd, const io_uring_params& params) {
    if (params.flags & unsupported_flags) return -EOPNOTSUPP;
    sq = {};
    cq = {};
    if (const int error = map(fd, params); error < 0) return error;
    flags = params.flags;
    features = 0;
    ring_fd = fd;
    return 0;
  }

  /// Unmaps and closes.
  void queue_exit() {
    system.munmap(sq.sqes, sqes_bytes(flags, sq.ring_entries));
    unmap_rings();
    system.close(ring_fd);
    ring_fd = -1;
  }

  // ---- submitting ------------------------------------------------------------------------------------------------------

  /// A vacant SQE to prepare, or one that is false if the ring is full. Unseen by the kernel before a submit.
  [[nodiscard]] Sqe get_sqe() {
    const std::uint32_t head = system.template load_acquire<std::uint32_t>(sq.khead, barriers::get_sqe_head);
    const std::uint32_t next = sq.sqe_tail + 1;
    if (next - head > sq.ring_entries) return {};
    const std::uint64_t index = sq.sqe_tail & sq.ring_mask;
    sq.sqe_tail = next;
    return {system, sq.sqes + (index << sqe_shift(flags))};
  }

  /// Makes the prepared SQEs visible and enters the kernel if that is needed. Returns how many it took; under SQPOLL how
  /// many it has not consumed yet, whoever submitted them.
  int submit() { return submit_flushed(flush_sq(), 0); }

  /// As submit(), and waits for `wait_nr` CQEs.
  int submit_and_wait(unsigned wait_nr) { return submit_flushed(flush_sq(), wait_nr); }

  /// As submit() and wait_cqes() in one system call where the kernel has EXT_ARG.
  int submit_and_wait_timeout(Cqe* cqe, unsigned wait_nr, user_address ts, user_address sigmask) {
    if (ts && !(features & IORING_FEAT_EXT_ARG)) return wait_cqes(cqe, wait_nr, ts, sigmask);
    const unsigned submitted = flush_sq();
    if (ts) return wait_cqes_ext_arg(cqe, submitted, wait_nr, ts, sigmask);
    return get_cqe(cqe, {submitted, wait_nr, 0, sigmask.value(), kernel_sigset_bytes});
  }

  /// SQEs not consumed yet: prepared ones and, under SQPOLL, those that the SQ thread has not come to.
  [[nodiscard]] unsigned sq_ready() const {
    // Without SQPOLL the head moves in this task's own system calls.
    const std::uint32_t head = flags & IORING_SETUP_SQPOLL
                                   ? system.template load_acquire<std::uint32_t>(sq.khead, barriers::sq_ready_head)
                                   : system.template load_relaxed<std::uint32_t>(sq.khead);
    return sq.sqe_tail - head;
  }

  /// SQEs that get_sqe() can still hand out.
  [[nodiscard]] unsigned sq_space_left() const { return sq.ring_entries - sq_ready(); }

  /// SQPOLL: waits until the SQ has room (5.10 and later; earlier kernels say -EINVAL). Returns at once if it has.
  int sqring_wait() {
    if (!(flags & IORING_SETUP_SQPOLL) || sq_space_left()) return 0;
    return enter(0, 0, IORING_ENTER_SQ_WAIT);
  }

  // ---- reaping ---------------------------------------------------------------------------------------------------------

  /// CQEs ready to be reaped.
  [[nodiscard]] unsigned cq_ready() const { return load_cq_tail() - load_cq_head(); }

  /// The next CQE without waiting: 0, or -EAGAIN if there is none. Enters the kernel only if it holds CQEs back.
  int peek_cqe(Cqe* cqe) { return peek_or_get(cqe, 0); }

  /// Up to `count` CQEs without waiting; returns how many. None is seen yet: cq_advance() by as many as were used.
  unsigned peek_batch_cqe(Cqe* cqes, unsigned count) {
    unsigned ready = cq_ready();
    if (!ready && cq_ring_needs_flush()) {
      enter(0, 0, IORING_ENTER_GETEVENTS);
      ready = cq_ready();
    }
    if (!ready) return 0;
    if (count > ready) count = ready;
    const std::uint32_t head = load_cq_head();
    for (unsigned i = 0; i < count; ++i) cqes[i] = cqe_at(head + i);
    return count;
  }

  /// The next CQE, waiting for it if need be. -EINTR if a signal ends the wait.
  int wait_cqe(Cqe* cqe) { return peek_or_get(cqe, 1); }

  /// Waits for `wait_nr` CQEs unless one is there; hands out the first.
  int wait_cqe_nr(Cqe* cqe, unsigned wait_nr) { return get_cqe(cqe, {0, wait_nr, 0, 0, kernel_sigset_bytes}); }

  /// Waits for `wait_nr` CQEs at most `ts` long (a kernel_timespec; null: without limit) under the signal mask `sigmask` (null:
  /// as it is). -ETIME if time ran out. Before EXT_ARG (5.11) it submits a TIMEOUT, and with it everything prepared.
  int wait_cqes(Cqe* cqe, unsigned wait_nr, user_address ts, user_address sigmask) {
    unsigned submitted = 0;
    if (ts) {
      if (features & IORING_FEAT_EXT_ARG) return wait_cqes_ext_arg(cqe, 0, wait_nr, ts, sigmask);
      const int flushed = submit_timeout(wait_nr, ts);
      if (flushed < 0) return flushed;
      submitted = static_cast<unsigned>(flushed);
    }
    return get_cqe(cqe, {submitted, wait_nr, 0, sigmask.value(), kernel_sigset_bytes});
  }

  /// wait_cqes() for one.
  int wait_cqe_timeout(Cqe* cqe, user_address ts) { return wait_cqes(cqe, 1, ts, nullptr); }

  /// Gives one CQE's place back. Nothing for an empty `cqe`.
  void cqe_seen(Cqe cqe) {
    if (cqe) cq_advance(1);
  }

  /// Gives `nr` CQEs' places back: the kernel may overwrite them.
  void cq_advance(unsigned nr) {
    if (!nr) return;
    system.template store_release<std::uint32_t>(cq.khead, load_cq_head() + nr, barriers::cq_head);
  }

  /// `for (auto cqe : ring.for_each_cqe()) ++n;` then cq_advance(n). Looks at the tail before each step, so under a busy
  /// kernel it ends only where the body ends it, or when n reaches the size of the ring.
  class EachCqe {
   public:
    struct End {};
    class Iterator {
     public:
      Iterator(const Ring& ring, std::uint32_t head) noexcept : ring_(&ring), head_(head) {}
      Cqe operator*() const { return ring_->cqe_at(head_); }
      Iterator& operator++() noexcept {
        ++head_;
        return *this;
      }
      bool operator!=(End) const { return head_ != ring_->load_cq_tail(); }

     private:
      const Ring* ring_;
      std::uint32_t head_;
    };
    explicit EachCqe(const Ring& ring) noexcept : ring_(&ring) {}
    Iterator begin() const { return {*ring_, ring_->load_cq_head()}; }
    End end() const noexcept { return {}; }

   private:
    const Ring* ring_;
  };
  [[nodiscard]] EachCqe for_each_cqe() const noexcept { return EachCqe(*this); }

  // ---- registering -----------------------------------------------------------------------------------------------------

  /// io_uring_register(2) as it is.
  int do_register(std::uint32_t operation, user_address argument, unsigned nr) {
    return system.io_uring_register(ring_fd, operation, argument.value(), nr);
  }
  int register_buffers(user_address iovecs, unsigned nr) { return do_register(IORING_REGISTER_BUFFERS, iovecs, nr); }
  int unregister_buffers() { return do_register(IORING_UNREGISTER_BUFFERS, nullptr, 0); }
  /// An array of int32. Unlike liburing from 2.2 on it does not raise RLIMIT_NOFILE on -EMFILE.
  int register_files(user_address files, unsigned nr) { return do_register(IORING_REGISTER_FILES, files, nr); }
  int unregister_files() { return do_register(IORING_UNREGISTER_FILES, nullptr, 0); }
  /// Replaces files from slot `off` on. Returns how many it replaced.
  int register_files_update(unsigned off, user_address files, unsigned nr) {
    const io_uring_files_update update{off, 0, files.value()};
    return do_register(IORING_REGISTER_FILES_UPDATE, system.publish_argument(update), nr);
  }
  int register_eventfd(int fd) { return do_register(IORING_REGISTER_EVENTFD, system.publish_argument(fd), 1); }
  int register_eventfd_async(int fd) { return do_register(IORING_REGISTER_EVENTFD_ASYNC, system.publish_argument(fd), 1); }
  int unregister_eventfd() { return do_register(IORING_UNREGISTER_EVENTFD, nullptr, 0); }
  int register_probe(user_address probe, unsigned nr) { return do_register(IORING_REGISTER_PROBE, probe, nr); }
  /// Returns an id for sqe.personality.
  int register_personality() { return do_register(IORING_REGISTER_PERSONALITY, nullptr, 0); }
  int unregister_personality(int id) { return do_register(IORING_UNREGISTER_PERSONALITY, nullptr, static_cast<unsigned>(id)); }
  int register_restrictions(user_address restrictions, unsigned nr) {
    return do_register(IORING_REGISTER_RESTRICTIONS, restrictions, nr);
  }
  int enable_rings() { return do_register(IORING_REGISTER_ENABLE_RINGS, nullptr, 0); }

  // ---- liburing's insides, for programs that take the steps of a submit one by one ------------------------------------

  /// Moves the shared tail over the prepared SQEs. Returns how many entries the SQ holds then.
  unsigned flush_sq() {
    std::uint32_t tail = system.template load_plain<std::uint32_t>(sq.ktail);
    std::uint32_t to_submit = sq.sqe_tail - sq.sqe_head;
    if (to_submit) {
      for (; to_submit; --to_submit, ++tail, ++sq.sqe_head)
        if (sq.array)
          system.template store_plain<std::uint32_t>(sq.array + std::uint64_t{tail & sq.ring_mask} * sizeof(std::uint32_t),
                                                     sq.sqe_head & sq.ring_mask);
      system.template store_release<std::uint32_t>(sq.ktail, tail, barriers::flush_sq_tail);
    }
    // An SQ thread may move the head meanwhile: at worst this is too many, and the kernel takes what is there.
    return tail - system.template load_relaxed<std::uint32_t>(sq.khead);
  }

  /// Whether the kernel must be entered for it to take SQEs; under SQPOLL only to wake the thread, and then SQ_WAKEUP is
  /// added to `enter_flags`.
  bool sq_ring_needs_enter(std::uint32_t* enter_flags) {
    if (!(flags & IORING_SETUP_SQPOLL)) return true;
    // Orders flush_sq()'s store to the tail before this look at the flags, against io_sq_thread(), which sets NEED_WAKEUP
    // before it looks at the tail. Without it the thread sleeps on an SQ that is not empty.
    if constexpr (V >= LiburingVersion::v2_2) system.full_barrier(barriers::sq_ring_needs_enter);
    if (!(load_sq_flags() & IORING_SQ_NEED_WAKEUP)) return false;
    *enter_flags |= IORING_ENTER_SQ_WAKEUP;
    return true;
  }

  /// Whether the kernel holds CQEs back that an enter would post.
  [[nodiscard]] bool cq_ring_needs_flush() const { return load_sq_flags() & flush_flags; }

  /// Whether CQEs may appear only by entering the kernel: some are held back, or the ring is polled (2.2 on).
  [[nodiscard]] bool cq_ring_needs_enter() const {
    if constexpr (V >= LiburingVersion::v2_2)
      if (flags & IORING_SETUP_IOPOLL) return true;
    return cq_ring_needs_flush();
  }

  // ---- the ring, with liburing's field names; addresses are the application's ------------------------------------------

  struct SubmissionQueue {
    std::uint64_t khead, ktail, kflags, kdropped;
    std::uint64_t array;  ///< 0 under NO_SQARRAY
    std::uint64_t sqes;
    std::uint64_t ring_ptr, ring_sz;
    std::uint32_t ring_mask, ring_entries;  ///< read once, as liburing does from 2.3 on
    std::uint32_t sqe_head;                 ///< first SQE not flushed
    std::uint32_t sqe_tail;                 ///< next SQE to hand out
  };
  struct CompletionQueue {
    std::uint64_t khead, ktail, koverflow;
    std::uint64_t kflags;  ///< 0 before 5.8
    std::uint64_t cqes;
    std::uint64_t ring_ptr, ring_sz;
    std::uint32_t ring_mask, ring_entries;
  };

  SubmissionQueue sq{};
  CompletionQueue cq{};
  std::uint32_t flags = 0;     ///< IORING_SETUP_*
  std::uint32_t features = 0;  ///< IORING_FEAT_*
  int ring_fd = -1;
  [[no_unique_address]] S system;

 private:
  static constexpr std::uint32_t unsupported_flags =
      IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY | IORING_SETUP_CQE_MIXED;
  static constexpr std::size_t kernel_sigset_bytes = 8;
  static constexpr std::uint32_t flush_flags =
      V >= LiburingVersion::v2_2 ? IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN : IORING_SQ_CQ_OVERFLOW;

  static constexpr unsigned sqe_shift(std::uint32_t setup_flags) { return setup_flags & IORING_SETUP_SQE128 ? 7 : 6; }
  static constexpr unsigned cqe_shift(std::uint32_t setup_flags) { return setup_flags & IORING_SETUP_CQE32 ? 5 : 4; }
  static constexpr std::uint64_t sqes_bytes(std::uint32_t setup_flags, std::uint32_t entries) {
    return std::uint64_t{entries} << sqe_shift(setup_flags);
  }

  [[nodiscard]] std::uint32_t load_cq_tail() const {
    return system.template load_acquire<std::uint32_t>(cq.ktail, barriers::cq_tail);
  }
  /// Only the application writes it.
  [[nodiscard]] std::uint32_t load_cq_head() const { return system.template load_plain<std::uint32_t>(cq.khead); }
  [[nodiscard]] std::uint32_t load_sq_flags() const { return system.template load_relaxed<std::uint32_t>(sq.kflags); }
  [[nodiscard]] Cqe cqe_at(std::uint32_t index) const {
    return {system, cq.cqes + (std::uint64_t{index & cq.ring_mask} << cqe_shift(flags))};
  }

  int enter(unsigned to_submit, unsigned min_complete, std::uint32_t enter_flags) {
    return system.io_uring_enter(ring_fd, to_submit, min_complete, enter_flags, 0, kernel_sigset_bytes);
  }

  int submit_flushed(unsigned submitted, unsigned wait_nr) {
    std::uint32_t enter_flags = 0;
    if (!sq_ring_needs_enter(&enter_flags) && !wait_nr) return static_cast<int>(submitted);
    if (wait_nr || (flags & IORING_SETUP_IOPOLL)) enter_flags |= IORING_ENTER_GETEVENTS;
    return enter(submitted, wait_nr, enter_flags);
  }

  /// Prepares the TIMEOUT of a timed wait and flushes it with what else is prepared. Returns how many the SQ holds.
  int submit_timeout(unsigned wait_nr, user_address ts) {
    Sqe sqe = get_sqe();
    if (!sqe) {
      if (const int error = submit(); error < 0) return error;
      sqe = get_sqe();
      if (!sqe) return -EAGAIN;
    }
    sqe.prep_timeout(ts, wait_nr, 0);
    sqe.set_data64(LIBURING_UDATA_TIMEOUT);
    return static_cast<int>(flush_sq());
  }

  /// What get_cqe() is to do.
  struct GetData {
    unsigned submit;   ///< SQEs flushed but not entered for
    unsigned wait_nr;  ///< CQEs to wait for
    std::uint32_t get_flags;
    std::uint64_t arg;
    std::size_t arg_bytes;
  };

  int wait_cqes_ext_arg(Cqe* cqe, unsigned submitted, unsigned wait_nr, user_address ts, user_address sigmask) {
    const io_uring_getevents_arg arg{sigmask.value(), kernel_sigset_bytes, 0, ts.value()};
    return get_cqe(cqe, {submitted, wait_nr, IORING_ENTER_EXT_ARG, system.publish_argument(arg), sizeof arg});
  }

  /// Looks without entering. The CQE of the library's own TIMEOUT is taken out: its error, -ETIME, is the result; if it
  /// only counted enough completions, the next CQE is.
  int peek_ready(Cqe* cqe, unsigned* available) {
    for (;;) {
      const std::uint32_t tail = load_cq_tail();
      const std::uint32_t head = load_cq_head();
      *cqe = {};
      *available = tail - head;
      if (!*available) return 0;
      const Cqe next = cqe_at(head);
      if ((features & IORING_FEAT_EXT_ARG) || next.user_data() != LIBURING_UDATA_TIMEOUT) {
        *cqe = next;
        return 0;
      }
      const int result = next.res();
      cq_advance(1);
      if (result < 0) return result;
    }
  }

  int peek_or_get(Cqe* cqe, unsigned wait_nr) {
    // From 2.2 on a first look comes before, and an error that it finds is lost in favour of a second look.
    if constexpr (V >= LiburingVersion::v2_2) {
      unsigned available;
      if (peek_ready(cqe, &available) == 0 && *cqe) return 0;
    }
    return wait_cqe_nr(cqe, wait_nr);
  }

  /// Submits and waits as `data` says until a CQE is there. 2.1 enters for submitted SQEs even where the SQ thread needs no
  /// wake-up, does not enter to reap a polled ring, and looks again as long as CQEs are held back.
  int get_cqe(Cqe* cqe, GetData data) {
    constexpr bool v2_2 = V >= LiburingVersion::v2_2;
    for (bool looped = false;; looped = true) {
      bool need_enter = false;
      std::uint32_t enter_flags = 0;
      unsigned available;
      if (const int error = peek_ready(cqe, &available); error < 0) return error;
      if (!*cqe && !data.wait_nr && !data.submit) {
        if ((v2_2 && looped) || !cq_ring_needs_enter()) return -EAGAIN;
        need_enter = true;
      }
      if (data.wait_nr > available || need_enter) {
        enter_flags = IORING_ENTER_GETEVENTS | data.get_flags;
        need_enter = true;
      }
      if (data.submit) {
        const bool sq_needs = sq_ring_needs_enter(&enter_flags);
        need_enter |= sq_needs || !v2_2;
      }
      if (!need_enter) return 0;
      const int submitted = system.io_uring_enter(ring_fd, data.submit, data.wait_nr, enter_flags, data.arg, data.arg_bytes);
      if (submitted < 0) return submitted;
      data.submit -= static_cast<unsigned>(submitted);
      if (*cqe) return 0;
    }
  }

  void unmap_rings() {
    system.munmap(sq.ring_ptr, sq.ring_sz);
    if (cq.ring_ptr && cq.ring_ptr != sq.ring_ptr) system.munmap(cq.ring_ptr, cq.ring_sz);
  }

  /// Maps the rings and the SQEs, and undoes what it did if one of them fails.
  int map(int fd, const io_uring_params& p) {
    const bool no_array = p.flags & IORING_SETUP_NO_SQARRAY;
    sq.ring_sz = p.sq_off.array + (no_array ? 0 : std::uint64_t{p.sq_entries} * sizeof(std::uint32_t));
    cq.ring_sz = p.cq_off.cqes + (std::uint64_t{p.cq_entries} << cqe_shift(p.flags));
    const bool single = p.features & IORING_FEAT_SINGLE_MMAP;
    if (single) sq.ring_sz = cq.ring_sz = sq.ring_sz > cq.ring_sz ? sq.ring_sz : cq.ring_sz;

    const std::int64_t sq_at = system.mmap(fd, sq.ring_sz, IORING_OFF_SQ_RING);
    if (sq_at < 0) return static_cast<int>(sq_at);
    sq.ring_ptr = static_cast<std::uint64_t>(sq_at);
    const std::int64_t cq_at = single ? sq_at : system.mmap(fd, cq.ring_sz, IORING_OFF_CQ_RING);
    cq.ring_ptr = cq_at < 0 ? 0 : static_cast<std::uint64_t>(cq_at);
    const std::int64_t sqes_at = cq_at < 0 ? cq_at : system.mmap(fd, sqes_bytes(p.flags, p.sq_entries), IORING_OFF_SQES);
    if (sqes_at < 0) {
      unmap_rings();
      return static_cast<int>(sqes_at);
    }
    sq.sqes = static_cast<std::uint64_t>(sqes_at);
    locate_words(p, no_array);
    return 0;
  }

  void locate_words(const io_uring_params& p, bool no_array) {
    sq.khead = sq.ring_ptr + p.sq_off.head;
    sq.ktail = sq.ring_ptr + p.sq_off.tail;
    sq.kflags = sq.ring_ptr + p.sq_off.flags;
    sq.kdropped = sq.ring_ptr + p.sq_off.dropped;
    sq.array = no_array ? 0 : sq.ring_ptr + p.sq_off.array;
    sq.ring_mask = system.template load_relaxed<std::uint32_t>(sq.ring_ptr + p.sq_off.ring_mask);
    sq.ring_entries = system.template load_relaxed<std::uint32_t>(sq.ring_ptr + p.sq_off.ring_entries);
    cq.khead = cq.ring_ptr + p.cq_off.head;
    cq.ktail = cq.ring_ptr + p.cq_off.tail;
    cq.koverflow = cq.ring_ptr + p.cq_off.overflow;
    cq.kflags = p.cq_off.flags ? cq.ring_ptr + p.cq_off.flags : 0;
    cq.cqes = cq.ring_ptr + p.cq_off.cqes;
    cq.ring_mask = system.template load_relaxed<std::uint32_t>(cq.ring_ptr + p.cq_off.ring_mask);
    cq.ring_entries = system.template load_relaxed<std::uint32_t>(cq.ring_ptr + p.cq_off.ring_entries);
  }
};

}  // namespace uringsim::uapi
