// SPDX-License-Identifier: GPL-2.0-only
// Fixed buffers.
#include "kernel_model/core/uaccess.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/register.h"
#include "kernel_model/io_uring/setup.h"

namespace uringsim::kernel {

namespace {

constexpr u64 SZ_1G = u64{1} << 30;

// Pins the pages of one buffer into imu->bvec. 0 or -errno, and then nothing is pinned.
int io_sqe_buffer_pin(io_mapped_ubuf* imu, uptr ubuf, u64 len, unsigned nr_pages) noexcept {
  KERNEL_FUNCTION;
  page** const pages = kcalloc<page*>(nr_pages);
  vm_area_struct** const vmas = kcalloc<vm_area_struct*>(nr_pages);
  imu->bvec = kcalloc<bio_vec>(nr_pages);
  int ret = -ENOMEM;
  if (pages != nullptr && vmas != nullptr && imu->bvec != nullptr) {
    down_read(&current()->mm->mmap_sem);
    const long pinned = get_user_pages(ubuf, nr_pages, FOLL_WRITE | FOLL_LONGTERM, pages, vmas);
    ret = pinned == static_cast<long>(nr_pages) ? 0 : pinned < 0 ? static_cast<int>(pinned) : -EFAULT;
    // Pages of a file could be taken away or written back beneath us.
    for (unsigned j = 0; ret == 0 && j < nr_pages; j++)
      if (vmas[j]->vm_file != nullptr) ret = -EOPNOTSUPP;
    up_read(&current()->mm->mmap_sem);
    if (ret != 0)
      for (long j = 0; j < pinned; j++) put_user_page(pages[j]);
  }
  if (ret == 0) {
    u64 off = ubuf & ~PAGE_MASK;
    u64 size = len;
    for (unsigned j = 0; j < nr_pages; j++) {
      const u64 vec_len = size < PAGE_SIZE - off ? size : PAGE_SIZE - off;
      imu->bvec[j] = {pages[j], static_cast<u32>(vec_len), static_cast<u32>(off)};
      off = 0;
      size -= vec_len;
    }
    imu->ubuf = ubuf;
    imu->len = len;
    imu->nr_bvecs = nr_pages;
  } else {
    kfree_array(imu->bvec, nr_pages);
    imu->bvec = nullptr;
  }
  kfree_array(pages, nr_pages);
  kfree_array(vmas, nr_pages);
  return ret;
}

// One buffer of the array at `arg`.
int io_sqe_buffer_add(io_ring_ctx* ctx, uptr arg, unsigned index) noexcept {
  user_iovec iov;
  if (!get_user(&iov, arg + u64{index} * sizeof(iov))) return -EFAULT;
  // Nothing more is checked here: what does not fit the file is refused when it is used.
  if (iov.iov_base == 0 || iov.iov_len == 0 || iov.iov_len > SZ_1G) return -EFAULT;

  const uptr end = (iov.iov_base + iov.iov_len + PAGE_SIZE - 1) >> PAGE_SHIFT;
  const uptr start = iov.iov_base >> PAGE_SHIFT;
  const unsigned nr_pages = static_cast<unsigned>(end - start);

  if (ctx->account_mem) {
    if (const int ret = io_account_mem(ctx->user, nr_pages)) return ret;
  }
  if (const int ret = io_sqe_buffer_pin(&ctx->user_bufs[index], iov.iov_base, iov.iov_len, nr_pages)) {
    if (ctx->account_mem) io_unaccount_mem(ctx->user, nr_pages);
    return ret;
  }
  ctx->nr_user_bufs++;
  return 0;
}

}  // namespace

// Models fs/io_uring.c:io_sqe_buffer_unregister().
int io_sqe_buffer_unregister(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  if (ctx->user_bufs == nullptr) return -ENXIO;
  for (unsigned i = 0; i < ctx->nr_user_bufs; i++) {
    io_mapped_ubuf* const imu = &ctx->user_bufs[i];
    for (unsigned j = 0; j < imu->nr_bvecs; j++) put_user_page(imu->bvec[j].bv_page);
    if (ctx->account_mem) io_unaccount_mem(ctx->user, imu->nr_bvecs);
    kfree_array(imu->bvec, imu->nr_bvecs);
  }
  kfree_array(ctx->user_bufs, ctx->user_bufs_capacity);
  ctx->user_bufs = nullptr;
  ctx->nr_user_bufs = 0;
  ctx->user_bufs_capacity = 0;
  return 0;
}

// Models fs/io_uring.c:io_sqe_buffer_register().
int io_sqe_buffer_register(io_ring_ctx* ctx, uptr arg, unsigned nr_args) noexcept {
  KERNEL_FUNCTION;
  if (ctx->user_bufs != nullptr) return -EBUSY;
  if (nr_args == 0 || nr_args > UIO_MAXIOV) return -EINVAL;

  ctx->user_bufs = kcalloc<io_mapped_ubuf>(nr_args);
  if (ctx->user_bufs == nullptr) return -ENOMEM;
  ctx->user_bufs_capacity = nr_args;

  for (unsigned i = 0; i < nr_args; i++) {
    if (const int ret = io_sqe_buffer_add(ctx, arg, i)) {
      io_sqe_buffer_unregister(ctx);
      return ret;
    }
  }
  return 0;
}

}  // namespace uringsim::kernel
