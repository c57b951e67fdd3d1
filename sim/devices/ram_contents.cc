// SPDX-License-Identifier: GPL-2.0-only
#include "sim/devices/ram_contents.h"

#include <algorithm>
#include <cstring>

#include "kernel_model/arch/memory.h"

namespace uringsim::sim {

namespace {

// The tables are the device's own, not the kernel's: the hardware's atomics, in every engine.
template <class T>
T* published(T* const& slot) noexcept {
  return __atomic_load_n(&slot, __ATOMIC_ACQUIRE);
}

/// Publishes `fresh`, unless somebody was faster: then it is freed and theirs is returned.
template <class T>
T* publish(arch::Machine& machine, T*& slot, T* fresh, u64 bytes) noexcept {
  T* old = nullptr;
  if (__atomic_compare_exchange_n(&slot, &old, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return fresh;
  machine.free(fresh, bytes);
  return old;
}

}  // namespace

bool RamContents::build(arch::Machine& machine, u64 bytes) noexcept {
  table_count_ = (bytes + kPage * kPagesATable - 1) / (kPage * kPagesATable);
  tables_ = static_cast<Table**>(machine.alloc(table_count_ * sizeof(Table*), alignof(Table*)));
  return tables_ != nullptr;
}

void RamContents::release(arch::Machine& machine) noexcept {
  for (u64 i = 0; i < table_count_; i++) {
    if (tables_[i] == nullptr) continue;
    for (u8* const page : tables_[i]->pages)
      if (page != nullptr) machine.free(page, kPage);
    machine.free(tables_[i], sizeof(Table));
  }
  machine.free(tables_, table_count_ * sizeof(Table*));
  tables_ = nullptr;
  table_count_ = 0;
}

u8* RamContents::page_at(u64 index) const noexcept {
  const Table* const table = published(tables_[index / kPagesATable]);
  return table != nullptr ? published(table->pages[index % kPagesATable]) : nullptr;
}

u8* RamContents::make_page(arch::Machine& machine, u64 index) noexcept {
  Table*& slot = tables_[index / kPagesATable];
  Table* table = published(slot);
  if (table == nullptr) {
    auto* const fresh = static_cast<Table*>(machine.alloc(sizeof(Table), alignof(Table)));
    if (fresh == nullptr) return nullptr;
    table = publish(machine, slot, fresh, sizeof(Table));
  }
  u8*& page = table->pages[index % kPagesATable];
  if (u8* const there = published(page); there != nullptr) return there;
  auto* const fresh = static_cast<u8*>(machine.alloc(kPage, 64));
  return fresh != nullptr ? publish(machine, page, fresh, kPage) : nullptr;
}

void RamContents::read(u64 offset, void* to, u64 bytes) const noexcept {
  u8* at = static_cast<u8*>(to);
  while (bytes > 0) {
    const u64 in_page = offset % kPage;
    const u64 part = std::min(bytes, kPage - in_page);
    arch::plain_range(at, part, true);
    if (const u8* const page = page_at(offset / kPage); page != nullptr)
      arch::copy_racy(at, page + in_page, part);
    else
      std::memset(at, 0, part);
    at += part;
    offset += part;
    bytes -= part;
  }
}

bool RamContents::write(arch::Machine& machine, u64 offset, const void* from, u64 bytes) noexcept {
  const u8* at = static_cast<const u8*>(from);
  while (bytes > 0) {
    const u64 in_page = offset % kPage;
    const u64 part = std::min(bytes, kPage - in_page);
    u8* page = page_at(offset / kPage);
    if (page == nullptr && (page = make_page(machine, offset / kPage)) == nullptr) return false;
    arch::plain_range(at, part, false);
    arch::copy_racy(page + in_page, at, part);
    at += part;
    offset += part;
    bytes -= part;
  }
  return true;
}

}  // namespace uringsim::sim
