// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/interpreter.h"

#include <sys/mman.h>

#include <fcntl.h>

#include <algorithm>
#include <stdexcept>

#include "sim/tape/fields.h"

namespace uringsim::sim::tape {

namespace {
constexpr u64 kPage = 4096;
// A recorder's own buffers come from its heap, behind a header: never aligned as O_DIRECT wants it.
constexpr u64 kHeapHeader = 16;
u64 page_up(u64 bytes) { return (bytes + kPage - 1) / kPage * kPage; }
}  // namespace

const Interpreter::Entry Interpreter::kHandlers[] = {{"setup", &Interpreter::setup},
                                                     {"sqe", &Interpreter::sqe},
                                                     {"submit", &Interpreter::submit},
                                                     {"enter", &Interpreter::enter},
                                                     {"register", &Interpreter::do_register},
                                                     {"reap", &Interpreter::reap},
                                                     {"state", &Interpreter::state},
                                                     {"advance", &Interpreter::advance},
                                                     {"wait_cq", &Interpreter::wait_cq},
                                                     {"wait_sq", &Interpreter::wait_sq},
                                                     {"file", &Interpreter::file},
                                                     {"close", &Interpreter::close},
                                                     {"write", &Interpreter::write},
                                                     {"read", &Interpreter::read},
                                                     {"content", &Interpreter::content},
                                                     {"poll", &Interpreter::poll},
                                                     {"epoll_wait", &Interpreter::epoll_wait},
                                                     {"lseek", &Interpreter::lseek},
                                                     {"stat", &Interpreter::stat},
                                                     {"buf", &Interpreter::buf},
                                                     {"mem", &Interpreter::mem},
                                                     {"check", &Interpreter::check},
                                                     {"peek", &Interpreter::peek},
                                                     {"sleep", &Interpreter::sleep},
                                                     {"later", &Interpreter::later},
                                                     {"signal", &Interpreter::signal},
                                                     {"setuid", &Interpreter::setuid},
                                                     {"rlimit", &Interpreter::rlimit}};

Json Interpreter::play(const Json& step) {
  const std::string& kind = step.at("do").get_ref<const std::string&>();
  for (const Entry& entry : kHandlers)
    if (entry.kind == kind) return (this->*entry.handler)(step);
  throw std::logic_error("no handler for step " + kind);
}

Interpreter::Scratch::Scratch(TapeSystem& system, u64 bytes)
    : system_(system), bytes_(page_up(kHeapHeader + std::max<u64>(bytes, 1))) {
  const s64 at = system.call(SYS_mmap, 0, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~u64{0}, 0);
  if (at < 0) throw std::runtime_error("no memory for the arguments of a system call");
  at_ = static_cast<uptr>(at) + kHeapHeader;
}

Interpreter::Scratch::~Scratch() { system_.call(SYS_munmap, at_ - kHeapHeader, bytes_); }

int Interpreter::descriptor(const Json& value) {
  if (value.is_number()) return value.get<int>();
  const std::lock_guard lock(names_);
  const auto found = descriptors_.find(value.get_ref<const std::string&>());
  return found == descriptors_.end() ? kNoDescriptor : found->second;
}

void Interpreter::name_descriptor(const std::string& name, s64 number) {
  const std::lock_guard lock(names_);
  descriptors_[name] = static_cast<int>(number);
}

u64 Interpreter::value(const Json& v) {
  if (v.is_object()) return static_cast<u64>(s64{descriptor(v.at("fd"))});
  if (v.is_number()) return v.is_number_unsigned() ? v.get<u64>() : static_cast<u64>(v.get<s64>());
  if (v.is_array()) return value(v.at(0)) + static_cast<u64>(v.at(1).get<s64>());
  const std::string& name = v.get_ref<const std::string&>();
  if (name == "null") return 0;
  if (name != "bad") return memory(name).base;
  const std::lock_guard lock(names_);
  if (!bad_page_)
    bad_page_ = static_cast<uptr>(system_.call(SYS_mmap, 0, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, ~u64{0}, 0));
  return bad_page_;
}

Interpreter::Memory Interpreter::memory(const std::string& name) {
  const std::lock_guard lock(names_);
  return memories_.at(name);
}

TapeRing* Interpreter::ring(const Json& step) {
  const std::lock_guard lock(names_);
  const auto found = rings_.find(step.value("ring", "r"));
  return found == rings_.end() || !found->second.mapped ? nullptr : &found->second;
}

Interpreter::Memory Interpreter::allocate(const std::string& name, u64 bytes, u64 skew, bool file) {
  const u64 length = page_up(bytes + skew) + kPage;
  s64 fd = -1;
  if (file) {
    const std::string path = name + ".map";
    const Scratch text(system_, path.c_str(), path.size() + 1);
    fd = system_.call(SYS_open, text.at(), O_RDWR | O_CREAT, 0600);
    if (fd < 0 || system_.call(SYS_ftruncate, static_cast<u64>(fd), length) < 0)
      throw std::runtime_error("no file to map for " + name);
  }
  const s64 at = system_.call(SYS_mmap, 0, length, PROT_READ | PROT_WRITE, file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS,
                              static_cast<u64>(fd), 0);
  if (at < 0) throw std::runtime_error("no memory for " + name);
  if (file) system_.call(SYS_close, static_cast<u64>(fd));
  const std::lock_guard lock(names_);
  return memories_[name] = {static_cast<uptr>(at) + skew, bytes};
}

}  // namespace uringsim::sim::tape
