// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/host_file.h"

#include <cstring>

#include "kernel_model/core/completion.h"
#include "kernel_model/fs/read_write.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

constexpr char kPrefix[] = "/host/";
constexpr unsigned kMaxVecs = 256;

HostFile* host_of(const file* file) noexcept { return static_cast<HostFile*>(file->private_data); }

/// A transfer and who waits for it.
struct host_io {
  HostTransfer transfer;
  kiocb* iocb = nullptr;  ///< asynchronous: ki_complete is called
  completion finished;    ///< synchronous: the submitter waits
  bio_vec vecs[kMaxVecs];
};

void release_pages(host_io* io) noexcept {
  for (unsigned i = 0; i < io->transfer.vec_count; i++) put_page(io->vecs[i].bv_page);
}

/// Interrupt context, or the submitter's.
void host_io_done(HostTransfer* transfer) {
  host_io* const io = container_of(transfer, host_io, transfer);
  kiocb* const iocb = io->iocb;
  if (iocb == nullptr) {
    complete(&io->finished);
    return;
  }
  const s64 ret = transfer->result;
  release_pages(io);
  kfree(io);
  if (ret > 0) iocb->ki_pos += ret;
  iocb->ki_complete(iocb, ret, 0);
}

/// One piece of the iterator: bytes or -errno. Asynchronous: -EIOCBQUEUED.
s64 host_piece(kiocb* iocb, iov_iter* iter, bool async) noexcept {
  host_io* const io = kmalloc<host_io>();
  if (io == nullptr) return -ENOMEM;
  const long vecs = iov_iter_get_bvecs(iter, iov_iter_count(iter), io->vecs, kMaxVecs);
  if (vecs <= 0) {
    kfree(io);
    return vecs < 0 ? vecs : -EFAULT;
  }
  io->transfer.write = iter->rw == WRITE;
  io->transfer.position = iocb->ki_pos;
  io->transfer.vecs = io->vecs;
  io->transfer.vec_count = static_cast<unsigned>(vecs);
  for (long i = 0; i < vecs; i++) io->transfer.bytes += io->vecs[i].bv_len;
  io->transfer.done = host_io_done;
  io->iocb = async ? iocb : nullptr;
  init_completion(&io->finished);
  host_of(iocb->ki_filp)->start(&io->transfer);
  if (async) return -EIOCBQUEUED;  // io and iocb may be gone
  wait_for_completion(&io->finished);
  const s64 ret = io->transfer.result;
  release_pages(io);
  kfree(io);
  return ret;
}

/// All of it, piece by piece; asynchronous if it is one piece.
s64 host_transfer(kiocb* iocb, iov_iter* iter) noexcept {
  const u32 align = host_of(iocb->ki_filp)->alignment();
  if (((static_cast<u64>(iocb->ki_pos) | iov_iter_alignment(iter)) & (align - 1)) != 0) return -EINVAL;
  const bool one_piece = iov_iter_count(iter) <= (kMaxVecs - 1) * PAGE_SIZE && iter->nr_segs == 1;
  if (!is_sync_kiocb(iocb) && one_piece) return host_piece(iocb, iter, true);
  s64 done = 0;
  while (iov_iter_count(iter) != 0) {
    const u64 before = iov_iter_count(iter);
    const s64 ret = host_piece(iocb, iter, false);
    if (ret < 0) return done != 0 ? done : ret;
    done += ret;
    iocb->ki_pos += ret;
    if (static_cast<u64>(ret) < before - iov_iter_count(iter)) break;  // short: the end of the file
  }
  return done;
}

s64 host_read_iter(kiocb* iocb, iov_iter* to) { return iov_iter_count(to) == 0 ? 0 : host_transfer(iocb, to); }

s64 host_write_iter(kiocb* iocb, iov_iter* from) {
  if (iov_iter_count(from) == 0) return 0;
  inode* const host = file_inode(iocb->ki_filp);
  if ((iocb->ki_flags & IOCB_APPEND) != 0) {
    const s64 size = host_of(iocb->ki_filp)->size();
    if (size < 0) return size;
    iocb->ki_pos = size;
  }
  u64 count = iov_iter_count(from);
  const int ret = generic_write_check_limits(iocb->ki_filp, iocb->ki_pos, &count);
  if (ret != 0) return ret;
  iov_iter_truncate(from, count);
  // Writers of one file take turns in starting, as on ext4.
  if (!inode_trylock(host)) {
    if ((iocb->ki_flags & IOCB_NOWAIT) != 0) return -EAGAIN;
    inode_lock(host);
  }
  const s64 done = host_transfer(iocb, from);
  inode_unlock(host);
  return done > 0 ? generic_write_sync(iocb, done) : done;
}

s64 host_llseek(file* file, s64 offset, int whence) {
  const s64 size = host_of(file)->size();
  if (size < 0) return size;
  return generic_file_llseek_size(file, offset, whence, 0x7fffffffffffffff, size);
}

int host_fsync(file* file, s64, s64, int) {
  host_io* const io = kmalloc<host_io>();
  if (io == nullptr) return -ENOMEM;
  init_completion(&io->finished);
  io->transfer.done = host_io_done;
  host_of(file)->sync(&io->transfer);
  wait_for_completion(&io->finished);
  const int ret = static_cast<int>(io->transfer.result);
  kfree(io);
  return ret;
}

int host_release(inode*, file* file) {
  host_of(file)->close();
  return 0;
}

constexpr file_operations host_file_operations = {
    .name = "host file",
    .llseek = host_llseek,
    .read_iter = host_read_iter,
    .write_iter = host_write_iter,
    .fsync = host_fsync,
    .release = host_release,
};

}  // namespace

bool is_host_path(const char* path) noexcept { return std::strncmp(path, kPrefix, sizeof(kPrefix) - 1) == 0; }

file* host_file_open(const char* path, u32 flags) noexcept {
  HostFiles* const host = vfs().host;
  if (host == nullptr) return ERR_PTR<file>(-ENOENT);
  (void)vfs_deferral();
  int error = 0;
  HostFile* const opened = host->open(path + sizeof(kPrefix) - 1, flags, &error);
  if (opened == nullptr) return ERR_PTR<file>(error);
  inode* const node = new_inode(&vfs().root_sb, S_IFREG | 0600);
  file* made = nullptr;
  if (node != nullptr) {
    const s64 size = opened->size();
    node->i_size = size > 0 ? size : 0;
    made = alloc_file(node, flags, &host_file_operations);
    if (made == nullptr) iput(node);
  }
  if (made == nullptr) {
    opened->close();
    return ERR_PTR<file>(-ENOMEM);
  }
  made->private_data = opened;
  made->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE | FMODE_ATOMIC_POS | FMODE_NOWAIT;
  return made;
}

}  // namespace uringsim::kernel
