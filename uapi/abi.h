// SPDX-License-Identifier: GPL-2.0-only OR MIT
// The io_uring ABI as an application sees it: structs, constants, mmap offsets. Identifiers are those of Linux's
// <linux/io_uring.h>, in namespace uringsim::uapi and typed, from 5.1 on.
//
// Not to be mixed with that header in one source file: its macros have the same names.
#pragma once

#ifdef IORING_OFF_SQ_RING
#error "uapi/abi.h replaces <linux/io_uring.h>: the macros of that header would rewrite the constants here"
#endif

#include "uapi/abi/layout.h"
#include "uapi/abi/register.h"
#include "uapi/abi/release.h"
#include "uapi/abi/setup.h"
#include "uapi/abi/submit.h"
