// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/versions/versions.h"

namespace uringsim::kernel {

const io_uring_profile* find_profile(std::string_view name) noexcept {
  for (const io_uring_profile* const profile : profiles)
    if (name == profile->name) return profile;
  return nullptr;
}

}  // namespace uringsim::kernel
