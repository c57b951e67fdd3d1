// SPDX-License-Identifier: GPL-2.0-only
// The one interpreter of tapes: executes steps on a TapeSystem and says what was observed.
//
// A step's kind selects a handler; handlers use system calls, memory accesses and time, as a small C program would. Everything a
// handler sees goes into the step's result with the keys that recordings use, so that results can be compared (compare.h) or
// written down as a recording. Real descriptor numbers and addresses never appear in a result.
//
//     Interpreter player(system);
//     for (const Step& step : tape.steps) emit(player.play(step.body));
//     player.finish();
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "sim/tape/system.h"
#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

/// A ring as its application knows it: the answer of io_uring_setup and the mapped areas.
struct TapeRing {
  struct Offsets {  ///< byte offsets within the ring areas
    u32 sq_head, sq_tail, sq_mask, sq_flags, sq_dropped, sq_array;
    u32 cq_head, cq_tail, cq_mask, cq_overflow, cqes;
  };

  bool mapped = false;
  u32 sq_entries = 0, cq_entries = 0;
  Offsets at{};
  uptr sq = 0, cq = 0, sqes = 0;  ///< addresses of the areas
  u64 sq_bytes = 0, cq_bytes = 0, sqes_bytes = 0;
  u32 sqe_bytes = 64, cqe_bytes = 16;
  bool has_array = true;
  u32 prepared = 0;  ///< SQEs written so far: the application's own tail
};

class Interpreter {
 public:
  explicit Interpreter(TapeSystem& system) : system_(system) {}
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  /// Executes one step of a tape that passed check_tape(). Returns what was observed, null if the step has no result.
  Json play(const Json& step);

  /// Waits for the threads that `later` started.
  void finish() { system_.join_threads(); }

 private:
  using Handler = Json (Interpreter::*)(const Json&);
  struct Entry {
    std::string_view kind;
    Handler handler;
  };
  static const Entry kHandlers[];

  /// Scratch memory of the process for the arguments of one system call.
  class Scratch {
   public:
    Scratch(TapeSystem& system, u64 bytes);
    Scratch(TapeSystem& system, const void* content, u64 bytes) : Scratch(system, bytes) { system_.store(at_, content, bytes); }
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    [[nodiscard]] uptr at() const { return at_; }

   private:
    TapeSystem& system_;
    u64 bytes_;
    uptr at_;
  };

  struct Memory {
    uptr base = 0;
    u64 bytes = 0;
  };

  // interpreter.cc: who is called what
  static constexpr int kNoDescriptor = INT32_MIN;
  [[nodiscard]] int descriptor(const Json& value);
  [[nodiscard]] u64 value(const Json& value);
  [[nodiscard]] Memory memory(const std::string& name);
  [[nodiscard]] TapeRing* ring(const Json& step);
  void name_descriptor(const std::string& name, s64 number);
  Memory allocate(const std::string& name, u64 bytes, u64 skew, bool file);

  // interpreter_rings.cc
  Json setup(const Json& step);
  Json sqe(const Json& step);
  Json submit(const Json& step);
  Json enter(const Json& step);
  Json do_register(const Json& step);
  Json reap(const Json& step);
  Json state(const Json& step);
  Json advance(const Json& step);
  Json wait_cq(const Json& step);
  Json wait_sq(const Json& step);
  Json map_ring(TapeRing& ring, int fd);
  void unmap_ring(TapeRing& ring);

  // interpreter_files.cc
  Json file(const Json& step);
  Json regular_file(const Json& step, int access);
  Json listener(const Json& step, s64 fd);
  Json named(const std::string& name, s64 result);
  Json pair(const std::string& name, s64 result, uptr numbers, const char* first, const char* second);
  Json close(const Json& step);
  Json write(const Json& step);
  Json read(const Json& step);
  Json content(const Json& step);
  Json poll(const Json& step);
  Json epoll_wait(const Json& step);
  Json lseek(const Json& step);
  Json stat(const Json& step);
  s64 poll_until(int fd, u32 events, u64 wait_ms, u32& revents);

  // interpreter_process.cc
  Json buf(const Json& step);
  Json mem(const Json& step);
  Json check(const Json& step);
  Json peek(const Json& step);
  Json sleep(const Json& step);
  Json later(const Json& step);
  Json signal(const Json& step);
  Json setuid(const Json& step);
  Json rlimit(const Json& step);

  template <class Condition>
  bool watch(u64 ms, Condition condition);

  TapeSystem& system_;
  std::mutex names_;  // `later` runs a step on a second thread
  std::map<std::string, TapeRing> rings_;
  std::map<std::string, int> descriptors_;
  std::map<std::string, Memory> memories_;
  uptr bad_page_ = 0;
};

}  // namespace uringsim::sim::tape
