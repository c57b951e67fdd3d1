// SPDX-License-Identifier: GPL-2.0-only
// Names for the kernel's shared words, as its source calls them: what stories print beside "takes lock" and "reads".
#pragma once

#include <string>

#include "kernel_model/core/kernel.h"

namespace uringsim::sim {

/// The name of the word at `at` in a stopped kernel: "ctx->completion_lock", "app->state", "io_uring-sq kthread->flags". Empty if
/// it belongs to nothing that is known by name. With several rings, "ring 2 ctx->...".
[[nodiscard]] std::string kernel_word(kernel::Kernel& kernel, const void* at);

}  // namespace uringsim::sim
