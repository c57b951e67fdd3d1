// SPDX-License-Identifier: GPL-2.0-only
// A sparse array of pointers by 64-bit index, as the page cache and block maps need it. Models as much of lib/xarray.c as is
// used: load, store, erase, and walking in order of index.
//
// Not synchronised: the owner's lock guards every call (Linux looks up under RCU; the page cache's lock says what that costs).
#pragma once

#include "kernel_model/core/kernel.h"

namespace uringsim::kernel {

struct radix_tree_node;

struct radix_tree {
  radix_tree_node* root = nullptr;
  unsigned height = 0;  ///< levels below the root, 6 bits of index each; 0: empty
};

/// The entry at `index`, or null.
void* radix_tree_lookup(const radix_tree* tree, u64 index) noexcept;
/// Puts `entry` (not null) at `index`, replacing what is there: 0 or -ENOMEM.
int radix_tree_insert(radix_tree* tree, u64 index, void* entry) noexcept;
/// Empties `index`; returns what was there.
void* radix_tree_delete(radix_tree* tree, u64 index) noexcept;
/// The first entry at or after *index and not beyond `last`: sets *index to where it is. Null if there is none.
void* radix_tree_next(const radix_tree* tree, u64* index, u64 last) noexcept;
/// Frees the nodes; entries are the caller's.
void radix_tree_destroy(radix_tree* tree) noexcept;

}  // namespace uringsim::kernel
