// SPDX-License-Identifier: GPL-2.0-only
// Why a device of the host could not be had: one line that names the device, the file and the host's error.
#pragma once

#include <stdexcept>
#include <string>

namespace uringsim::sim {

class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace uringsim::sim
