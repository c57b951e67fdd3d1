// SPDX-License-Identifier: GPL-2.0-only
// Steps about files: the fixtures, and what a program without io_uring sees of them.
#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "sim/tape/fields.h"
#include "sim/tape/interpreter.h"

namespace uringsim::sim::tape {

namespace {

constexpr int kClosedNumber = 900;  // a number that no tape ever opens

Json returned(s64 ret) { return {{"ret", ret}}; }
u64 fd_argument(s64 fd) { return static_cast<u64>(fd); }

}  // namespace

Json Interpreter::named(const std::string& name, s64 result) {
  if (result < 0) return returned(result);
  name_descriptor(name, result);
  return nullptr;
}

Json Interpreter::pair(const std::string& name, s64 result, uptr numbers, const char* first, const char* second) {
  if (result < 0) return returned(result);
  std::array<s32, 2> two{};
  system_.load(two.data(), numbers, sizeof(two));
  name_descriptor(name + first, two[0]);
  name_descriptor(name + second, two[1]);
  return nullptr;
}

Json Interpreter::file(const Json& s) {
  const std::string name = s.at("name"), kind = s.at("kind"), mode = s.value("mode", "rw");
  const int access = mode == "r" ? O_RDONLY : mode == "w" ? O_WRONLY : O_RDWR;
  const bool nonblock = s.value("nonblock", false);
  const auto open = [&](const char* path, int flags) {
    const Scratch text(system_, path, std::strlen(path) + 1);
    return system_.call(SYS_open, text.at(), static_cast<u64>(flags), 0);
  };
  if (kind == "devnull") return named(name, open("/dev/null", access));
  if (kind == "devzero") return named(name, open("/dev/zero", access));
  if (kind == "dir") return named(name, open(".", O_RDONLY | O_DIRECTORY));
  if (kind == "epoll") return named(name, system_.call(SYS_epoll_create1, 0));
  if (kind == "closed") {
    name_descriptor(name, kClosedNumber);
    return nullptr;
  }
  if (kind == "pipe") {
    const Scratch two(system_, 8);
    return pair(name, system_.call(SYS_pipe2, two.at(), nonblock ? O_NONBLOCK : 0), two.at(), ".r", ".w");
  }
  if (kind == "eventfd") {
    const int flags = (s.value("semaphore", false) ? EFD_SEMAPHORE : 0) | (nonblock ? EFD_NONBLOCK : 0);
    return named(name, system_.call(SYS_eventfd2, number_or(s, "init", 0), static_cast<u64>(flags)));
  }
  if (kind == "timerfd") {
    const s64 fd = system_.call(SYS_timerfd_create, CLOCK_MONOTONIC, nonblock ? TFD_NONBLOCK : 0);
    const u64 ms = number_or(s, "ms", 0);
    if (fd >= 0 && ms) {
      const std::array<u64, 4> once = {0, 0, ms / 1000, ms % 1000 * kMillisecond};
      const Scratch argument(system_, once.data(), sizeof(once));
      system_.call(SYS_timerfd_settime, fd_argument(fd), 0, argument.at(), 0);
    }
    return named(name, fd);
  }
  if (kind == "socketpair" || kind == "socket" || kind == "listen") {
    const std::string type = s.value("type", "stream");
    const int number = (type == "dgram"       ? SOCK_DGRAM
                        : type == "seqpacket" ? SOCK_SEQPACKET
                                              : SOCK_STREAM) |
                       (nonblock ? SOCK_NONBLOCK : 0);
    if (kind == "socketpair") {
      const Scratch two(system_, 8);
      return pair(name, system_.call(SYS_socketpair, AF_UNIX, static_cast<u64>(number), 0, two.at()), two.at(), ".a", ".b");
    }
    const s64 fd = system_.call(SYS_socket, AF_UNIX, static_cast<u64>(number), 0);
    return kind == "listen" ? listener(s, fd) : named(name, fd);
  }
  return regular_file(s, access);
}

/// Binds socket `fd` to the path NAME.sock and listens. As the recorder does it: a socket that could not be made is bound, too
/// (-EBADF).
Json Interpreter::listener(const Json& s, s64 fd) {
  const std::string name = s.at("name"), path = name + ".sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const Scratch argument(system_, &address, sizeof(address));
  s64 ret = system_.call(SYS_bind, fd_argument(fd), argument.at(), sizeof(address));
  if (ret >= 0) ret = system_.call(SYS_listen, fd_argument(fd), number_or(s, "backlog", 8));
  return ret < 0 ? returned(ret) : named(name, fd);
}

/// A regular file or memfd with the pattern as content; the regular one on disk before it is opened as asked.
Json Interpreter::regular_file(const Json& s, int access) {
  const std::string name = s.at("name");
  const bool memfd = s.at("kind") == "memfd";
  const Scratch text(system_, name.c_str(), name.size() + 1);
  const s64 fd =
      memfd ? system_.call(SYS_memfd_create, text.at(), 0) : system_.call(SYS_open, text.at(), O_RDWR | O_CREAT | O_TRUNC, 0666);
  if (fd < 0) return returned(fd);
  const std::vector<u8> data = pattern(number_or(s, "size", 0), number_or(s, "seed", 0));
  if (!data.empty()) {
    const Scratch content(system_, data.data(), data.size());
    const s64 written = system_.call(SYS_write, fd_argument(fd), content.at(), data.size());
    if (written != static_cast<s64>(data.size())) return returned(written < 0 ? written : -EIO);
  }
  system_.call(SYS_lseek, fd_argument(fd), 0, SEEK_SET);
  if (memfd) return named(name, fd);
  if (s.contains("perm")) system_.call(SYS_fchmod, fd_argument(fd), s["perm"].get<u64>());
  system_.call(SYS_fsync, fd_argument(fd));
  system_.call(SYS_close, fd_argument(fd));
  const int flags = access | (s.value("direct", false) ? O_DIRECT : 0) | (s.value("append", false) ? O_APPEND : 0) |
                    (s.value("nonblock", false) ? O_NONBLOCK : 0);
  return named(name, system_.call(SYS_open, text.at(), static_cast<u64>(flags), 0));
}

Json Interpreter::close(const Json& s) {
  const std::string& name = s.at("name").get_ref<const std::string&>();
  const int fd = descriptor(s.at("name"));
  if (fd == kNoDescriptor) return no_ring();
  TapeRing* ring = nullptr;
  {
    const std::lock_guard lock(names_);
    if (const auto found = rings_.find(name); found != rings_.end()) ring = &found->second;
  }
  if (ring && !s.value("keep_map", false)) unmap_ring(*ring);
  return returned(system_.call(SYS_close, fd_argument(fd)));
}

Json Interpreter::write(const Json& s) {
  const int fd = descriptor(s.at("name"));
  if (fd == kNoDescriptor) return no_ring();
  if (s.contains("val")) {  // an eventfd
    const u64 count = s["val"].get<u64>();
    const Scratch content(system_, &count, sizeof(count));
    return returned(system_.call(SYS_write, fd_argument(fd), content.at(), sizeof(count)));
  }
  const std::vector<u8> data = pattern(s.at("len").get<u64>(), number_or(s, "seed", 0));
  const Scratch content(system_, data.data(), data.size());
  return returned(system_.call(SYS_write, fd_argument(fd), content.at(), data.size()));
}

/// poll(2) on one descriptor, continued after signals. Returns how many are ready, or -errno.
s64 Interpreter::poll_until(int fd, u32 events, u64 wait_ms, u32& revents) {
  pollfd one = {fd, static_cast<short>(events), 0};
  const Scratch argument(system_, &one, sizeof(one));
  const u64 end = system_.now() + wait_ms * kMillisecond;
  s64 ret;
  do {
    const u64 now = system_.now();
    ret = system_.call(SYS_poll, argument.at(), 1, now < end ? (end - now + kMillisecond - 1) / kMillisecond : 0);
  } while (ret == -EINTR);
  system_.load(&one, argument.at(), sizeof(one));
  revents = static_cast<u16>(one.revents);
  return ret;
}

Json Interpreter::read(const Json& s) {
  const int fd = descriptor(s.at("name"));
  if (fd == kNoDescriptor) return no_ring();
  u32 revents = 0;
  if (poll_until(fd, POLLIN, number_or(s, "wait_ms", 0), revents) == 0) return returned(-EAGAIN);
  const bool counter = s.value("val", false);
  const u64 length = counter ? 8 : s.at("len").get<u64>();
  const Scratch buffer(system_, length);
  const s64 ret = system_.call(SYS_read, fd_argument(fd), buffer.at(), length);
  if (ret < 0) return returned(ret);
  std::vector<u8> data(counter ? 8 : static_cast<u64>(ret));
  system_.load(data.data(), buffer.at(), data.size());
  if (!counter) return {{"ret", ret}, {"sum", fnv1a(data.data(), data.size())}};
  u64 count = 0;
  std::memcpy(&count, data.data(), sizeof(count));
  return {{"ret", ret}, {"val", count}};
}

Json Interpreter::content(const Json& s) {
  const std::string& name = s.at("name").get_ref<const std::string&>();
  const Scratch text(system_, name.c_str(), name.size() + 1);
  s64 fd = system_.call(SYS_open, text.at(), O_RDONLY, 0);  // regular fixtures live under their name
  const bool own = fd >= 0;
  if (!own) fd = descriptor(s.at("name"));
  struct stat status {};
  const Scratch argument(system_, sizeof(status));
  const s64 found = system_.call(SYS_fstat, fd_argument(fd), argument.at());
  if (found < 0) return returned(found);
  system_.load(&status, argument.at(), sizeof(status));
  const auto bytes = static_cast<u64>(status.st_size);
  const Scratch buffer(system_, bytes);
  const s64 ret = system_.call(SYS_pread64, fd_argument(fd), buffer.at(), bytes, 0);
  if (own) system_.call(SYS_close, fd_argument(fd));
  if (ret < 0) return returned(ret);
  std::vector<u8> data(static_cast<u64>(ret));
  system_.load(data.data(), buffer.at(), data.size());
  return {{"size", bytes}, {"sum", fnv1a(data.data(), data.size())}};
}

Json Interpreter::poll(const Json& s) {
  const int fd = descriptor(s.at("name"));
  if (fd == kNoDescriptor) return no_ring();
  u32 revents = 0;
  poll_until(fd, flag_word(kPollBits, s.value("events", Json{"IN", "OUT"})), number_or(s, "wait_ms", 0), revents);
  return {{"revents", bit_list(kPollBits, revents)}};
}

Json Interpreter::epoll_wait(const Json& s) {
  constexpr s64 kMost = 8;
  std::array<epoll_event, kMost> events{};
  const Scratch argument(system_, sizeof(events));
  const s64 ret =
      system_.call(SYS_epoll_wait, fd_argument(descriptor(s.at("name"))), argument.at(), kMost, number_or(s, "wait_ms", 0));
  system_.load(events.data(), argument.at(), sizeof(events));
  Json list = Json::array();
  for (s64 i = 0; i < ret; i++) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    list.push_back(Json::array({u64{event.data.u64}, bit_list(kPollBits, event.events)}));
  }
  return {{"ret", ret}, {"events", std::move(list)}};
}

Json Interpreter::lseek(const Json& s) {
  const int whence = s.contains("set") ? SEEK_SET : SEEK_CUR;
  return returned(
      system_.call(SYS_lseek, fd_argument(descriptor(s.at("name"))), number_or(s, "set", 0), static_cast<u64>(whence)));
}

Json Interpreter::stat(const Json& s) {
  const std::string& path = s.at("path").get_ref<const std::string&>();
  const Scratch text(system_, path.c_str(), path.size() + 1);
  struct stat status {};
  const Scratch argument(system_, sizeof(status));
  const s64 ret = system_.call(SYS_lstat, text.at(), argument.at());
  if (ret < 0) return returned(ret);
  system_.load(&status, argument.at(), sizeof(status));
  const bool regular = S_ISREG(status.st_mode);
  const char* type = S_ISDIR(status.st_mode) ? "dir" : S_ISLNK(status.st_mode) ? "link" : regular ? "file" : "other";
  return {{"ret", 0}, {"type", type}, {"mode", status.st_mode & 07777}, {"size", regular ? s64{status.st_size} : 0}};
}

}  // namespace uringsim::sim::tape
