// SPDX-License-Identifier: GPL-2.0-only
// The system calls of files, as functions of the current task. Arguments are the registers': descriptors, lengths, and user
// addresses (uptr). Each returns what the register would hold: a result or -errno, with Linux's kernel-internal -ERESTART*
// where a signal came first. They are to be called between the entry and the way back of core/syscall.h, which charges the
// call, turns -ERESTART* into a restart or -EINTR, and runs task_work (the delayed release of files).
//
// Structures in user memory have x86-64's layout: struct stat, sockaddr_un, epoll_event (packed), pollfd, itimerspec, msghdr.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

// fs/open.c, fs/namei.c, fs/stat.c
int sys_openat(int dfd, uptr path, u32 flags, u32 mode) noexcept;
int sys_close(unsigned fd) noexcept;
int sys_mkdir(uptr path, u32 mode) noexcept;
int sys_rmdir(uptr path) noexcept;
int sys_unlink(uptr path) noexcept;
int sys_rename(uptr from, uptr to) noexcept;
int sys_link(uptr from, uptr to) noexcept;
int sys_chdir(uptr path) noexcept;
int sys_chmod(uptr path, u32 mode) noexcept;
int sys_fchmod(unsigned fd, u32 mode) noexcept;
int sys_chown(uptr path, u32 uid, u32 gid) noexcept;
int sys_umask(u32 mask) noexcept;
int sys_stat(uptr path, uptr statbuf) noexcept;
int sys_lstat(uptr path, uptr statbuf) noexcept;
int sys_fstat(unsigned fd, uptr statbuf) noexcept;
int sys_ftruncate(unsigned fd, s64 length) noexcept;
int sys_fallocate(unsigned fd, int mode, s64 offset, s64 length) noexcept;
/// Sets the length of a regular file. 0 or -errno.
int do_truncate(inode* inode, s64 length) noexcept;
/// openat(2) with the kernel's own string (worlds and tests): a file, or ERR_PTR(-errno).
file* filp_open(const char* path, u32 flags, u32 mode) noexcept;

// fs/read_write.c, fs/sync.c
s64 sys_read(unsigned fd, uptr buffer, u64 bytes) noexcept;
s64 sys_write(unsigned fd, uptr buffer, u64 bytes) noexcept;
s64 sys_pread64(unsigned fd, uptr buffer, u64 bytes, s64 position) noexcept;
s64 sys_pwrite64(unsigned fd, uptr buffer, u64 bytes, s64 position) noexcept;
s64 sys_readv(unsigned fd, uptr vec, u64 count) noexcept;
s64 sys_writev(unsigned fd, uptr vec, u64 count) noexcept;
s64 sys_preadv2(unsigned fd, uptr vec, u64 count, s64 position, u32 rwf) noexcept;
s64 sys_pwritev2(unsigned fd, uptr vec, u64 count, s64 position, u32 rwf) noexcept;
s64 sys_lseek(unsigned fd, s64 offset, unsigned whence) noexcept;
int sys_fsync(unsigned fd) noexcept;
int sys_fdatasync(unsigned fd) noexcept;
int sys_sync_file_range(unsigned fd, s64 offset, s64 bytes, u32 flags) noexcept;

// fs/file.c, fs/fcntl.c
int sys_dup(unsigned fd) noexcept;
int sys_dup3(unsigned oldfd, unsigned newfd, int flags) noexcept;
/// F_DUPFD(_CLOEXEC), F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETOWN, F_SETOWN (no process groups); others are -EINVAL.
s64 sys_fcntl(unsigned fd, unsigned command, u64 argument) noexcept;

// fs/pipe.c, fs/eventfd.c, fs/timerfd.c, mm/shmem.c
int sys_pipe2(uptr fds, int flags) noexcept;
int sys_eventfd2(u32 count, int flags) noexcept;
int sys_timerfd_create(int clock, int flags) noexcept;
int sys_timerfd_settime(int fd, int flags, uptr value, uptr old_value) noexcept;
int sys_timerfd_gettime(int fd, uptr value) noexcept;
int sys_memfd_create(uptr name, u32 flags) noexcept;

// fs/eventpoll.c, fs/select.c
int sys_epoll_create1(int flags) noexcept;
int sys_epoll_ctl(int epfd, int op, int fd, uptr event) noexcept;
int sys_epoll_wait(int epfd, uptr events, int maxevents, int timeout_ms) noexcept;
int sys_poll(uptr fds, u32 nfds, int timeout_ms) noexcept;

// net/socket.c
int sys_socket(int family, int type, int protocol) noexcept;
int sys_socketpair(int family, int type, int protocol, uptr fds) noexcept;
int sys_bind(int fd, uptr address, int length) noexcept;
int sys_listen(int fd, int backlog) noexcept;
int sys_connect(int fd, uptr address, int length) noexcept;
int sys_accept4(int fd, uptr address, uptr length, int flags) noexcept;
int sys_shutdown(int fd, int how) noexcept;
s64 sys_sendmsg(int fd, uptr msg, u32 flags) noexcept;
s64 sys_recvmsg(int fd, uptr msg, u32 flags) noexcept;
s64 sys_sendto(int fd, uptr buffer, u64 bytes, u32 flags, uptr address, int length) noexcept;
s64 sys_recvfrom(int fd, uptr buffer, u64 bytes, u32 flags, uptr address, uptr length) noexcept;

// mm/mmap.c
s64 sys_mmap(uptr address, u64 bytes, int prot, int flags, int fd, u64 offset) noexcept;
int sys_munmap(uptr address, u64 bytes) noexcept;
int sys_mprotect(uptr address, u64 bytes, int prot) noexcept;

// kernel/sys.c, kernel/time
int sys_setuid(u32 uid) noexcept;
int sys_setresuid(u32 ruid, u32 euid, u32 suid) noexcept;
int sys_setresgid(u32 rgid, u32 egid, u32 sgid) noexcept;
int sys_setgroups(int count, uptr list) noexcept;
int sys_setrlimit(unsigned limit, uptr rlim) noexcept;
int sys_getrlimit(unsigned limit, uptr rlim) noexcept;
s64 sys_nanosleep(uptr request, uptr remaining) noexcept;

}  // namespace uringsim::kernel
