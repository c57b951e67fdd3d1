// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/setup.h"

#include <iterator>

#include <bit>

#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/kthread.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/eventfd.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/ring_file.h"

namespace uringsim::kernel {

namespace {

// Models fs/io_uring.c:io_ring_ctx_ref_free().
void io_ring_ctx_ref_free(percpu_ref* ref) noexcept { complete(&container_of(ref, io_ring_ctx, refs)->ctx_done); }

// Models fs/io_uring.c:io_ring_ctx_alloc().
io_ring_ctx* io_ring_ctx_alloc(const io_uring_params* p) noexcept {
  io_ring_ctx* const ctx = kmalloc<io_ring_ctx>();
  if (ctx == nullptr) return nullptr;
  if (percpu_ref_init(&ctx->refs, io_ring_ctx_ref_free, PERCPU_REF_ALLOW_REINIT) != 0) {
    kfree(ctx);
    return nullptr;
  }
  ctx->kernel_ = &kernel();
  ctx->profile = &kernel().profile;
  ctx->id = kernel().trace.next_id(ObjectClass::ring);
  ctx->bugs = BugSet{kernel().options.bugs};
  ctx->flags = p->flags;
  init_waitqueue_head(&ctx->sqo_wait);
  init_waitqueue_head(&ctx->cq_wait);
  init_waitqueue_head(&ctx->wait);
  init_completion(&ctx->ctx_done);
  init_completion(&ctx->sqo_thread_started);
  return ctx;
}

// Creates the SQ thread, bound if asked to. 0 or -errno.
int io_sq_thread_create(io_ring_ctx* ctx, const io_uring_params* p) noexcept {
  if (!capable(CAP_SYS_ADMIN)) return -EPERM;
  ctx->sq_thread_idle = msecs_to_jiffies(p->sq_thread_idle);
  if (ctx->sq_thread_idle == 0) ctx->sq_thread_idle = HZ();

  if ((p->flags & uapi::IORING_SETUP_SQ_AFF) != 0) {
    // The cpu is taken as a signed number: what looks negative is no processor either.
    const int cpu = static_cast<int>(p->sq_thread_cpu);
    if (cpu < 0 || static_cast<unsigned>(cpu) >= arch::machine().cpus()) return -EINVAL;
    ctx->sqo_thread = kthread_create_on_cpu(ctx->profile->sq_thread, ctx, static_cast<unsigned>(cpu), "io_uring-sq");
  } else {
    ctx->sqo_thread = kthread_create(ctx->profile->sq_thread, ctx, "io_uring-sq");
  }
  if (IS_ERR(ctx->sqo_thread)) {
    const int error = static_cast<int>(PTR_ERR(ctx->sqo_thread));
    ctx->sqo_thread = nullptr;
    return error;
  }
  kthread_await_creation(ctx->sqo_thread);
  wake_up_process(ctx->sqo_thread);
  return 0;
}

// Models fs/io_uring.c:io_sq_offload_start().
int io_sq_offload_start(io_ring_ctx* ctx, const io_uring_params* p) noexcept {
  KERNEL_FUNCTION;
  mmgrab(current()->mm);
  ctx->sqo_mm = current()->mm;

  int ret = 0;
  if ((ctx->flags & uapi::IORING_SETUP_SQPOLL) != 0)
    ret = io_sq_thread_create(ctx, p);
  else if ((p->flags & uapi::IORING_SETUP_SQ_AFF) != 0)
    ret = -EINVAL;  // nothing to bind
  if (ret == 0) ret = ctx->profile->alloc_workqueues(ctx);
  if (ret == 0) return 0;

  io_finish_async(ctx);
  mmdrop(ctx->sqo_mm);
  ctx->sqo_mm = nullptr;
  return ret;
}

// Models fs/io_uring.c:io_uring_get_fd().
// Divergence: no UNIX socket behind the ring; registered files are referenced directly (register_files.cc).
int io_uring_get_fd(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  const int fd = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
  if (fd < 0) return fd;
  file* const file = anon_inode_getfile("[io_uring]", &io_uring_fops, ctx, O_RDWR | O_CLOEXEC);
  if (file == nullptr) {
    put_unused_fd(static_cast<unsigned>(fd));
    return -ENOMEM;
  }
  fd_install(static_cast<unsigned>(fd), file);
  return fd;
}

// The part of io_uring_create() that undoes everything by killing the ring.
int io_ring_ctx_start(io_ring_ctx* ctx, io_uring_params* p) noexcept {
  if (ctx->profile->has_creds) ctx->creds = get_current_cred();
  int ret = ctx->profile->allocate_scq_urings(ctx, p);
  if (ret == 0) ret = io_sq_offload_start(ctx, p);
  if (ret == 0) {
    // Last: nobody can close it before everything else stands.
    ret = io_uring_get_fd(ctx);
  }
  if (ret < 0) io_ring_ctx_wait_and_kill(ctx);
  return ret;
}

// Models fs/io_uring.c:io_uring_create().
int io_uring_create(u32 entries, io_uring_params* p) noexcept {
  KERNEL_FUNCTION;
  const io_uring_profile& release = kernel().profile;
  if (entries == 0 || entries > release.max_entries) return -EINVAL;

  // The CQ ring is twice as large: more requests can be in flight than the SQ ring holds.
  p->sq_entries = std::bit_ceil(entries);
  p->cq_entries = 2 * p->sq_entries;

  user_struct* const user = get_uid(current_user());
  const bool account_mem = !capable(CAP_IPC_LOCK);
  const u64 pages = release.ring_pages(p->sq_entries, p->cq_entries);
  if (account_mem) {
    if (const int ret = io_account_mem(user, pages)) {
      free_uid(user);
      return ret;
    }
  }
  io_ring_ctx* const ctx = io_ring_ctx_alloc(p);
  if (ctx == nullptr) {
    if (account_mem) io_unaccount_mem(user, pages);
    free_uid(user);
    return -ENOMEM;
  }
  ctx->account_mem = account_mem;
  ctx->user = user;
  const u32 id = ctx->id;
  const int fd = io_ring_ctx_start(ctx, p);
  if (fd < 0) return fd;
  p->features = release.features;
  kernel().trace(EventKind::io_uring_create, id, fd, p->sq_entries, p->cq_entries, p->flags);
  return fd;
}

}  // namespace

int io_alloc_workqueues_v5_4(io_ring_ctx* ctx) noexcept {
  // As many workers as entries less one, or twice the processors. One entry gives 0, which means the default of 256.
  const unsigned cpus = arch::machine().cpus();
  const int max_active = static_cast<int>(ctx->sq_entries - 1 < 2 * cpus ? ctx->sq_entries - 1 : 2 * cpus);
  ctx->sqo_wq[0] = alloc_workqueue("io_ring-wq", WQ_UNBOUND | WQ_FREEZABLE, max_active);
  if (ctx->sqo_wq[0] == nullptr) return -ENOMEM;
  // Buffered writes contend for their inode: two at a time.
  ctx->sqo_wq[1] = alloc_workqueue("io_ring-write-wq", WQ_UNBOUND | WQ_FREEZABLE, 2);
  return ctx->sqo_wq[1] != nullptr ? 0 : -ENOMEM;
}

int io_alloc_workqueues_v5_1(io_ring_ctx* ctx) noexcept {
  const unsigned cpus = arch::machine().cpus();
  const int max_active = static_cast<int>(ctx->sq_entries - 1 < 2 * cpus ? ctx->sq_entries - 1 : 2 * cpus);
  ctx->sqo_wq[0] = alloc_workqueue("io_ring-wq", WQ_UNBOUND | WQ_FREEZABLE, max_active);
  return ctx->sqo_wq[0] != nullptr ? 0 : -ENOMEM;
}

long sys_io_uring_setup(u32 entries, uptr params) noexcept {
  KERNEL_FUNCTION;
  kernel().trace(EventKind::sys_enter_io_uring_setup, entries, params);
  const auto done = [](long ret) {
    kernel().trace(EventKind::sys_exit_io_uring_setup, ret);
    return ret;
  };
  io_uring_params p;
  if (!get_user(&p, params)) return done(-EFAULT);
  // What later releases gave a name to is reserved here and must be zero; flags that this release does not know are refused.
  const u32 tail[] = {p.features, p.wq_fd, p.resv[0], p.resv[1], p.resv[2]};
  for (u32 i = static_cast<u32>(std::size(tail)) - kernel().profile.reserved_params; i < std::size(tail); i++)
    if (tail[i] != 0) return done(-EINVAL);
  if ((p.flags & ~kernel().profile.setup_flags) != 0) return done(-EINVAL);

  const int fd = io_uring_create(entries, &p);
  if (fd < 0) return done(fd);
  // The descriptor is in the table already: a fault here leaves it open.
  if (!put_user(p, params)) return done(-EFAULT);
  return done(fd);
}

}  // namespace uringsim::kernel
