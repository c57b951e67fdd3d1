// SPDX-License-Identifier: GPL-2.0-only
// What is thrown when something that a person wrote (a scenario file, a --set, a command line) is wrong.
//
// The text is complete and one line: `file:line:column: /json/path: what is wrong; what would be right`. Whoever catches it
// prints it and exits with 2; nothing has been started or written by then.
#pragma once

#include <stdexcept>
#include <string>

namespace uringsim::sim {

class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string& line) : std::runtime_error(line) {}
};

}  // namespace uringsim::sim
