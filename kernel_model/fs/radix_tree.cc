// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/radix_tree.h"

namespace uringsim::kernel {

namespace {
constexpr unsigned kBits = 6;
constexpr unsigned kSlots = 1u << kBits;
constexpr unsigned kMaxHeight = 11;  // 66 bits
}  // namespace

/// A node of level n covers kSlots^n indices; slots hold nodes, or entries at level 1.
struct radix_tree_node {
  void* slots[kSlots] = {};
  unsigned count = 0;
};

namespace {

unsigned slot_of(u64 index, unsigned level) noexcept {
  const unsigned shift = (level - 1) * kBits;
  return shift >= 64 ? 0 : static_cast<unsigned>(index >> shift) & (kSlots - 1);
}

/// Whether a tree of this height has a place for `index`.
bool covers(unsigned height, u64 index) noexcept {
  if (height == 0) return false;
  const unsigned bits = height * kBits;
  return bits >= 64 || index >> bits == 0;
}

radix_tree_node* child_of(const radix_tree_node* node, unsigned slot) noexcept {
  return static_cast<radix_tree_node*>(node->slots[slot]);
}

void destroy_node(radix_tree_node* node, unsigned level) noexcept {
  if (level > 1)
    for (unsigned i = 0; i < kSlots; i++)
      if (node->slots[i] != nullptr) destroy_node(child_of(node, i), level - 1);
  kfree(node);
}

/// Below `node`: the first entry at or after *index.
void* next_in(const radix_tree_node* node, unsigned level, u64* index) noexcept {
  const unsigned shift = (level - 1) * kBits;
  for (unsigned slot = slot_of(*index, level); slot < kSlots; slot++) {
    if (node->slots[slot] != nullptr) {
      if (level == 1) return node->slots[slot];
      if (void* const found = next_in(child_of(node, slot), level - 1, index)) return found;
    }
    if (slot + 1 == kSlots || shift >= 64) return nullptr;
    *index = ((*index >> shift) + 1) << shift;  // the start of the next slot
  }
  return nullptr;
}

}  // namespace

void* radix_tree_lookup(const radix_tree* tree, u64 index) noexcept {
  if (!covers(tree->height, index)) return nullptr;
  const radix_tree_node* node = tree->root;
  for (unsigned level = tree->height; level > 1; level--) {
    node = child_of(node, slot_of(index, level));
    if (node == nullptr) return nullptr;
  }
  return node->slots[slot_of(index, 1)];
}

int radix_tree_insert(radix_tree* tree, u64 index, void* entry) noexcept {
  while (!covers(tree->height, index)) {
    radix_tree_node* const top = kmalloc<radix_tree_node>();
    if (top == nullptr) return -ENOMEM;
    if (tree->root != nullptr) {
      top->slots[0] = tree->root;
      top->count = 1;
    }
    tree->root = top;
    tree->height++;
  }
  radix_tree_node* node = tree->root;
  for (unsigned level = tree->height; level > 1; level--) {
    void*& slot = node->slots[slot_of(index, level)];
    if (slot == nullptr) {
      slot = kmalloc<radix_tree_node>();
      if (slot == nullptr) return -ENOMEM;
      node->count++;
    }
    node = static_cast<radix_tree_node*>(slot);
  }
  void*& slot = node->slots[slot_of(index, 1)];
  if (slot == nullptr) node->count++;
  slot = entry;
  return 0;
}

void* radix_tree_delete(radix_tree* tree, u64 index) noexcept {
  if (!covers(tree->height, index)) return nullptr;
  radix_tree_node* path[kMaxHeight + 1] = {};
  path[tree->height] = tree->root;
  for (unsigned level = tree->height; level > 1; level--) {
    path[level - 1] = child_of(path[level], slot_of(index, level));
    if (path[level - 1] == nullptr) return nullptr;
  }
  void* const entry = path[1]->slots[slot_of(index, 1)];
  if (entry == nullptr) return nullptr;
  for (unsigned level = 1; level <= tree->height; level++) {
    path[level]->slots[slot_of(index, level)] = nullptr;
    if (--path[level]->count != 0) return entry;
    kfree(path[level]);
  }
  tree->root = nullptr;
  tree->height = 0;
  return entry;
}

void* radix_tree_next(const radix_tree* tree, u64* index, u64 last) noexcept {
  if (*index > last || !covers(tree->height, *index)) return nullptr;
  void* const found = next_in(tree->root, tree->height, index);
  return found != nullptr && *index <= last ? found : nullptr;
}

void radix_tree_destroy(radix_tree* tree) noexcept {
  if (tree->root != nullptr) destroy_node(tree->root, tree->height);
  tree->root = nullptr;
  tree->height = 0;
}

}  // namespace uringsim::kernel
