// SPDX-License-Identifier: GPL-2.0-only
// What a tape asks for, read off its steps without playing them: rings, requests, chains, the files and memory that they name.
//
// A rule about tapes goes by what a tape does, never by what it is called. This is where a rule looks that up:
//
//     const Scene scene(tape);
//     for (const Request& request : scene.requests())
//       if (request.opcode == uapi::IORING_OP_TIMEOUT && scene.ring_of(request)->flags & uapi::IORING_SETUP_SQPOLL) ...
//
// A step that a second thread executes ("later") counts as standing where it is started.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

/// A ring as its setup step asks for it.
struct SceneRing {
  u32 flags = 0;        ///< IORING_SETUP_*
  u64 entries = 0;      ///< asked for
  u64 completions = 0;  ///< twice the entries, rounded up to a power of two: what the CQ ring holds unless it was given a size
};

/// One SQE of the tape.
struct Request {
  size_t step = 0;
  const Json* sqe = nullptr;
  std::string ring;
  u64 number = 0;  ///< how many of its ring were prepared before it
  u32 opcode = 0;
  u32 flags = 0;  ///< IOSQE_*
  u64 user_data = 0;
  size_t chain = 0;       ///< equal for the members of one chain of links in one batch, different else
  u64 owed = 0;           ///< completions that its ring may hold with its own: requests since all were reaped
  u64 behind = 0;         ///< requests of its ring that are prepared after it and before the next enter
  std::vector<s64> said;  ///< results of the completions that carried its user_data, if the tape has been played
};

class Scene {
 public:
  /// `tape` has passed check_tape() and outlives this.
  explicit Scene(const Tape& tape);

  [[nodiscard]] const Tape& tape() const { return tape_; }
  [[nodiscard]] std::span<const Request> requests() const { return requests_; }

  /// The ring of this name as its first setup makes it; null if none does.
  [[nodiscard]] const SceneRing* ring(const std::string& name) const;

  /// The request whose SQE is written by this step (its index in the tape); null if it writes none.
  [[nodiscard]] const Request* written_by(size_t step) const;

  /// The last request of `ring` with this user_data that is prepared before `step`; null if there is none.
  [[nodiscard]] const Request* completed(const std::string& ring, u64 user_data, size_t step) const;

  /// The `buf` or `mem` step that makes the memory a field names ("v" or ["v", 8]); null if it names none.
  [[nodiscard]] const Json* memory(const Json& value) const;

  /// The `file` step behind a descriptor ("p", "p.r"); null if it is none.
  [[nodiscard]] const Json* file(const Json& descriptor) const;

  /// True if a `close` of the tape names this descriptor, or it is a number, or one that was never open.
  [[nodiscard]] bool may_be_closed(const Json& descriptor) const;

 private:
  void read(size_t step, const Json& body);
  void read_request(size_t step, const Json& body);
  /// The application lets the kernel look: what was prepared until here is one batch, and a chain goes no further.
  void end_batch(const std::string& ring);
  void read_answers(const Step& step);

  const Tape& tape_;
  std::vector<Request> requests_;
  std::map<std::string, SceneRing> rings_;
  std::map<std::string, const Json*> memories_, files_;
  std::map<std::string, u64> prepared_, owed_;
  std::map<std::string, size_t> open_chain_;  ///< of a ring: the index of the request before, if it links
  std::map<std::string, std::vector<size_t>> batch_;
  std::set<std::string> closed_;
};

}  // namespace uringsim::sim::tape
