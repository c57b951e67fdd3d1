// SPDX-License-Identifier: GPL-2.0-only
// The life of struct file. Models fs/file_table.c and fs/anon_inodes.c.
#include "kernel_model/core/cred.h"
#include "kernel_model/fs/eventpoll.h"
#include "kernel_model/fs/fs.h"
#include "kernel_model/fs/pagemap.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

/// The file's end. Models fs/file_table.c:__fput().
void __fput(file* file) noexcept {
  KERNEL_FUNCTION;
  inode* const inode = file->f_inode;
  // Files that are watched by an epoll leave it here: an epoll holds no reference to what it watches.
  eventpoll_release(file);
  if ((file->f_flags & FASYNC) != 0 && file->f_op->fasync != nullptr) file->f_op->fasync(-1, file, 0);
  if (file->f_op->release != nullptr) file->f_op->release(inode, file);
  put_cred(file->f_cred);
  kernel().trace(EventKind::file_free, file->id);
  kfree(file);
  iput(inode);
}

void ____fput(callback_head* work) { __fput(container_of(work, file, f_task_work)); }

/// What a kernel thread dropped, a jiffy later. Models fs/file_table.c:delayed_fput().
void delayed_fput(work_struct*) {
  vfs_state& state = vfs();
  for (;;) {
    spin_lock_irq(&state.delayed_fput_lock);
    file* const dropped = list_first_entry_or_null(&state.delayed_fput_list, file, f_delayed);
    if (dropped != nullptr) list_del(&dropped->f_delayed);
    spin_unlock_irq(&state.delayed_fput_lock);
    if (dropped == nullptr) return;
    __fput(dropped);
  }
}

}  // namespace

workqueue_struct* vfs_deferral() noexcept {
  vfs_state& state = vfs();
  if (READ_ONCE(state.deferral) == nullptr) WRITE_ONCE(state.deferral, system_wq());
  return READ_ONCE(state.deferral);
}

void file_table_init(vfs_state* state) noexcept { INIT_DELAYED_WORK(&state->delayed_fput_work, delayed_fput); }

file* alloc_file(inode* inode, u32 flags, const file_operations* ops) noexcept {
  file* const made = kmalloc<file>();
  if (made == nullptr) return nullptr;
  refcount_set(&made->f_count, 1);
  made->f_op = ops;
  made->f_inode = inode;
  made->f_mapping = inode->i_mapping;
  made->f_flags = flags & ~static_cast<u32>(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);
  made->f_mode = (flags + 1) & O_ACCMODE;  // OPEN_FMODE()
  if (ops->read_iter != nullptr || ops->read != nullptr)
    made->f_mode |= (made->f_mode & FMODE_READ) != 0 ? u32{FMODE_CAN_READ} : 0;
  if (ops->write_iter != nullptr || ops->write != nullptr)
    made->f_mode |= (made->f_mode & FMODE_WRITE) != 0 ? u32{FMODE_CAN_WRITE} : 0;
  made->f_cred = get_cred(current_cred());
  if (inode->i_mapping != nullptr) made->f_wb_err = READ_ONCE(inode->i_mapping->wb_err);
  made->id = kernel().trace.next_id(ObjectClass::file);
  kernel().trace(EventKind::file_open, made->id);
  return made;
}

// Models fs/file_table.c:fput_many(): a user task releases the file on its way back to the application; everybody else leaves it
// to delayed work.
// Divergence: where memory ran out before there was a workqueue to leave it to (Linux makes its own at boot), who may sleep
// releases the file himself, and an interrupt never does.
void fput_many(file* file, unsigned refs) noexcept {
  if (!refcount_sub_and_test(static_cast<int>(refs), &file->f_count)) return;
  task_struct* const task = in_interrupt() ? nullptr : current();
  if (task != nullptr && (task->flags & PF_KTHREAD) == 0) {
    init_task_work(&file->f_task_work, ____fput);
    if (task_work_add(task, &file->f_task_work, TWA_RESUME) == 0) return;
  }
  workqueue_struct* const deferral = vfs_deferral();
  if (deferral == nullptr) {
    if (!WARN_ON(in_interrupt(), "fput: no memory for a worker")) __fput(file);
    return;
  }
  vfs_state& state = vfs();
  spin_lock_irq(&state.delayed_fput_lock);
  const bool first = list_empty(&state.delayed_fput_list);
  list_add_tail(&file->f_delayed, &state.delayed_fput_list);
  spin_unlock_irq(&state.delayed_fput_lock);
  if (first) queue_delayed_work(deferral, &state.delayed_fput_work, 1);
}

void fput(file* file) noexcept { fput_many(file, 1); }

void __fput_sync(file* file) noexcept {
  if (refcount_dec_and_test(&file->f_count)) __fput(file);
}

file* anon_inode_getfile(const char*, const file_operations* ops, void* private_data, u32 flags) noexcept {
  // All anonymous files share one inode, whose mode has no type.
  inode* const inode = ihold(vfs().anon_sb.s_root);
  file* const made = alloc_file(inode, flags & (O_ACCMODE | O_NONBLOCK), ops);
  if (made == nullptr) {
    iput(inode);
    return nullptr;
  }
  made->private_data = private_data;
  return made;
}

int anon_inode_getfd(const char* name, const file_operations* ops, void* private_data, u32 flags) noexcept {
  const int fd = get_unused_fd_flags(flags);
  if (fd < 0) return fd;
  file* const made = anon_inode_getfile(name, ops, private_data, flags);
  if (made == nullptr) {
    put_unused_fd(static_cast<unsigned>(fd));
    return -ENOMEM;
  }
  fd_install(static_cast<unsigned>(fd), made);
  return fd;
}

}  // namespace uringsim::kernel
