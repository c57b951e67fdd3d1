// SPDX-License-Identifier: GPL-2.0-only
// The tree of a file's pages: finding, adding, dropping. Models the tree part of mm/filemap.c and mm/truncate.c.
#include <algorithm>
#include <cstring>

#include "kernel_model/fs/pagemap.h"

namespace uringsim::kernel {

address_space* address_space_create(inode* host, const address_space_operations* ops, BlockDevice* bdev) noexcept {
  address_space* const mapping = kmalloc<address_space>();
  if (mapping == nullptr) return nullptr;
  mapping->host = host;
  mapping->a_ops = ops;
  mapping->bdev = bdev;
  return mapping;
}

void address_space_destroy(address_space* mapping) noexcept {
  if (mapping == nullptr) return;
  truncate_inode_pages(mapping, 0);
  radix_tree_destroy(&mapping->i_pages);
  kfree(mapping);
}

// Divergence: Linux looks up under RCU; here the tree's lock is held for the length of the look-up.
page* find_get_page(address_space* mapping, u64 index) noexcept {
  arch::machine().charge(arch::Cost::page_lookup, 1);
  if (READ_ONCE(mapping->nrpages) == 0) return nullptr;
  spin_lock_irq(&mapping->i_pages_lock);
  page* const found = static_cast<page*>(radix_tree_lookup(&mapping->i_pages, index));
  if (found != nullptr) get_page(found);
  spin_unlock_irq(&mapping->i_pages_lock);
  return found;
}

int add_to_page_cache(page* page, address_space* mapping, u64 index) noexcept {
  set_page_flag(page, PG_locked);
  spin_lock_irq(&mapping->i_pages_lock);
  int ret = -EEXIST;
  if (radix_tree_lookup(&mapping->i_pages, index) == nullptr) {
    WRITE_ONCE(page->mapping, mapping);
    page->index = index;
    ret = radix_tree_insert(&mapping->i_pages, index, page);
    if (ret == 0) {
      get_page(page);
      WRITE_ONCE(mapping->nrpages, READ_ONCE(mapping->nrpages) + 1);
    }
  }
  spin_unlock_irq(&mapping->i_pages_lock);
  if (ret != 0) {
    WRITE_ONCE(page->mapping, nullptr);
    clear_page_flag(page, PG_locked);
  }
  return ret;
}

void delete_from_page_cache(page* page) noexcept {
  address_space* const mapping = READ_ONCE(page->mapping);
  spin_lock_irq(&mapping->i_pages_lock);
  radix_tree_delete(&mapping->i_pages, page->index);
  WRITE_ONCE(mapping->nrpages, READ_ONCE(mapping->nrpages) - 1);
  if (PageDirty(page)) {
    clear_page_flag(page, PG_dirty);
    WRITE_ONCE(mapping->nr_dirty, READ_ONCE(mapping->nr_dirty) - 1);
  }
  WRITE_ONCE(page->mapping, nullptr);
  spin_unlock_irq(&mapping->i_pages_lock);
  put_page(page);
}

page* grab_cache_page(address_space* mapping, u64 index) noexcept {
  for (;;) {
    page* found = find_get_page(mapping, index);
    if (found != nullptr) {
      lock_page(found);
      if (READ_ONCE(found->mapping) == mapping) return found;
      unlock_page(found);  // truncated meanwhile
      put_page(found);
      continue;
    }
    page* const fresh = alloc_pages(0);
    if (fresh == nullptr) return nullptr;
    const int ret = add_to_page_cache(fresh, mapping, index);
    if (ret == 0) return fresh;
    put_page(fresh);
    if (ret != -EEXIST) return nullptr;
  }
}

void set_page_dirty(page* page) noexcept {
  address_space* const mapping = READ_ONCE(page->mapping);
  if (mapping == nullptr || PageDirty(page)) return;
  spin_lock_irq(&mapping->i_pages_lock);
  if (!PageDirty(page)) {
    set_page_flag(page, PG_dirty);
    WRITE_ONCE(mapping->nr_dirty, READ_ONCE(mapping->nr_dirty) + 1);
  }
  spin_unlock_irq(&mapping->i_pages_lock);
}

// A page whose lock is taken is being cut off, read or written back by somebody else at this moment: it stays as it is (Linux
// would leave it to a worker).
void set_dma_page_dirty(page* page) noexcept {
  if (READ_ONCE(page->mapping) == nullptr || !trylock_page(page)) return;
  set_page_dirty(page);
  unlock_page(page);
}

namespace {

/// The first page of the range with a reference, *index set to where it is; null if there is none.
page* find_next_page(address_space* mapping, u64* index, u64 last) noexcept {
  spin_lock_irq(&mapping->i_pages_lock);
  page* const found = static_cast<page*>(radix_tree_next(&mapping->i_pages, index, last));
  if (found != nullptr) get_page(found);
  spin_unlock_irq(&mapping->i_pages_lock);
  return found;
}

}  // namespace

bool filemap_range_has_page(address_space* mapping, s64 start, s64 end) noexcept {
  if (end < start || READ_ONCE(mapping->nrpages) == 0) return false;
  u64 index = static_cast<u64>(start) >> PAGE_SHIFT;
  page* const found = find_next_page(mapping, &index, static_cast<u64>(end) >> PAGE_SHIFT);
  if (found != nullptr) put_page(found);
  return found != nullptr;
}

// Models mm/truncate.c:invalidate_inode_pages2_range(). A page that somebody dirtied again is left, as there.
// Divergence: pages mapped by an application stay mapped, as there is no page fault that would bring them back; they count as
// busy.
int invalidate_inode_pages2_range(address_space* mapping, u64 start, u64 end) noexcept {
  if (READ_ONCE(mapping->nrpages) == 0) return 0;
  int ret = 0;
  for (u64 index = start;; index++) {
    page* const page = find_next_page(mapping, &index, end);
    if (page == nullptr) break;
    lock_page(page);
    if (READ_ONCE(page->mapping) == mapping) {
      wait_on_page_writeback(page);
      // One reference is the tree's, one ours: any other is a user (a mapping, a pinned page) that would lose sight of the file.
      if (PageDirty(page) || page_count(page) > 2)
        ret = -EBUSY;
      else
        delete_from_page_cache(page);
    }
    unlock_page(page);
    put_page(page);
    if (index == end) break;
  }
  return ret;
}

void truncate_inode_pages(address_space* mapping, s64 start) noexcept {
  if (READ_ONCE(mapping->nrpages) == 0) return;
  const u64 in_page = static_cast<u64>(start) & (PAGE_SIZE - 1);
  u64 index = (static_cast<u64>(start) + PAGE_SIZE - 1) >> PAGE_SHIFT;
  if (in_page != 0) {
    page* const cut = find_get_page(mapping, index - 1);
    if (cut != nullptr) {
      lock_page(cut);
      wait_on_page_writeback(cut);
      std::memset(cut->data + in_page, 0, PAGE_SIZE - in_page);
      unlock_page(cut);
      put_page(cut);
    }
  }
  for (;; index++) {
    page* const page = find_next_page(mapping, &index, ~u64{0});
    if (page == nullptr) break;
    lock_page(page);
    wait_on_page_writeback(page);
    if (READ_ONCE(page->mapping) == mapping) delete_from_page_cache(page);
    unlock_page(page);
    put_page(page);
  }
}

// Divergence: Linux brings pages in on first touch. Pages past the end of the file are made too, where Linux would send SIGBUS.
s64 generic_file_mmap(file* file, mm_struct* mm, u64 bytes, int prot, u64 offset) noexcept {
  constexpr int kProtWrite = 2;
  address_space* const mapping = file->f_mapping;
  const u64 count = (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
  page** const pages = kcalloc<page*>(count);
  if (pages == nullptr) return -ENOMEM;
  s64 ret = 0;
  u64 have = 0;
  for (; have < count; have++) {
    page* const page = grab_cache_page(mapping, (offset >> PAGE_SHIFT) + have);
    if (page == nullptr) {
      ret = -ENOMEM;
      break;
    }
    pages[have] = page;
    if (PageUptodate(page)) {
      unlock_page(page);
    } else {
      mapping_readpage(page);
      wait_on_page_locked(page);
      if (!PageUptodate(page)) ret = -EIO;
    }
    if ((prot & kProtWrite) != 0) set_page_dirty(page);
    if (ret != 0) {
      have++;
      break;
    }
  }
  if (ret == 0) ret = mmap_pages(mm, pages, count, prot, file, offset >> PAGE_SHIFT, false);
  for (u64 i = 0; i < have; i++) put_page(pages[i]);
  kfree_array(pages, count);
  return ret;
}

}  // namespace uringsim::kernel
