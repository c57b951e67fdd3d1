// SPDX-License-Identifier: GPL-2.0-only
// The releases that this build knows. One profile a file.
#pragma once

#include <string_view>

#include "kernel_model/io_uring/profile.h"

namespace uringsim::kernel {

extern const io_uring_profile v5_1;
extern const io_uring_profile v5_4;
extern const io_uring_profile v5_10;

/// All of them, oldest first.
inline constexpr const io_uring_profile* profiles[] = {&v5_1, &v5_4, &v5_10};

/// The profile of that name ("v5.4"); null if there is none.
const io_uring_profile* find_profile(std::string_view name) noexcept;

}  // namespace uringsim::kernel
