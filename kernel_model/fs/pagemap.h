// SPDX-License-Identifier: GPL-2.0-only
// The page cache: what a file's pages in memory are, how they get there and back. Models include/linux/pagemap.h, mm/filemap.c,
// mm/readahead.c, mm/truncate.c and, for files on a block device, fs/mpage.c.
//
// A page is in at most one mapping (page->mapping, page->index). The tree holds one reference, every find_get_page() another.
// PG_locked is a sleeping lock held while the content is read from the device or changed by truncation. Order of locks:
// inode_lock, page lock, i_pages_lock. Waiters for a page's bits sleep on vfs_state::page_wait; wakers are unlock_page() and
// end_page_writeback().
#pragma once

#include "kernel_model/fs/fs.h"
#include "kernel_model/fs/radix_tree.h"

namespace uringsim::kernel {

/// page::flags.
enum : u32 {
  PG_locked = 1,
  PG_error = 2,     ///< the last read failed
  PG_uptodate = 8,  ///< content is the file's
  PG_dirty = 16,    ///< newer than the device's
  PG_writeback = 0x8000,
  PG_readahead = 0x20000,  ///< reading here means that read-ahead should go on
};

/// Where a file's blocks are. A mapping without get_block has nothing behind it: its pages are the file (tmpfs).
struct address_space_operations {
  /// How get_block is asked.
  enum Mode : unsigned {
    lookup,   ///< only look
    reserve,  ///< a write to the page cache will need a place later: -ENOSPC if there is none now
    create,   ///< choose a place
  };
  /// Device sector of the page-sized block `block` of the file into *sector, kHole if it has none. 0 or -errno.
  int (*get_block)(inode*, u64 block, Mode mode, u64* sector) = nullptr;
  /// O_DIRECT: bytes, -EIOCBQUEUED, or -errno; null: none.
  s64 (*direct_IO)(kiocb*, iov_iter*) = nullptr;
};
inline constexpr u64 kHole = ~u64{0};

struct address_space {
  inode* host = nullptr;
  const address_space_operations* a_ops = nullptr;
  BlockDevice* bdev = nullptr;  ///< what sectors of get_block are on
  spinlock_t i_pages_lock;
  radix_tree i_pages;    ///< index -> page; i_pages_lock
  u64 nrpages = 0;       ///< shared word, written under i_pages_lock
  u64 nr_dirty = 0;      ///< shared word, written under i_pages_lock
  u64 nr_writeback = 0;  ///< shared word, written under i_pages_lock
  u32 wb_err = 0;        ///< shared word: write-back errors so far << 12 | the last errno. Models lib/errseq.c
};

/// A page cache for `inode`, or null when memory ran out. Freed by address_space_destroy(), which drops every page.
address_space* address_space_create(inode* host, const address_space_operations* ops, BlockDevice* bdev) noexcept;
void address_space_destroy(address_space* mapping) noexcept;

/// Lockless looks at a page's bits; acquire, as they guard its content.
inline bool page_has(const page* page, u32 flag, Site site = Site::here()) noexcept {
  return (smp_load_acquire(page->flags, "page_has", site) & flag) != 0;
}
inline bool PageUptodate(const page* page, Site site = Site::here()) noexcept { return page_has(page, PG_uptodate, site); }
inline bool PageDirty(const page* page, Site site = Site::here()) noexcept { return page_has(page, PG_dirty, site); }
inline bool PageWriteback(const page* page, Site site = Site::here()) noexcept { return page_has(page, PG_writeback, site); }
inline bool PageLocked(const page* page, Site site = Site::here()) noexcept { return page_has(page, PG_locked, site); }
/// Release: the content written before is seen by who sees the bit.
inline void set_page_flag(page* page, u32 flag, Site site = Site::here()) noexcept {
  (void)fetch_or(page->flags, flag, Order::full, site);
}
inline void clear_page_flag(page* page, u32 flag, Site site = Site::here()) noexcept {
  (void)fetch_and(page->flags, ~flag, Order::full, site);
}

bool trylock_page(page* page, Site site = Site::here()) noexcept;
void lock_page(page* page, Site site = Site::here()) noexcept;
/// Wakes whoever waits for the lock. Any context.
void unlock_page(page* page, Site site = Site::here()) noexcept;
void wait_on_page_locked(page* page) noexcept;
void wait_on_page_writeback(page* page) noexcept;
/// The device has the page's content, or failed to take it (error: -errno). Interrupt context.
void end_page_writeback(page* page, int error) noexcept;

/// The page at `index` with a reference, or null.
page* find_get_page(address_space* mapping, u64 index) noexcept;
/// The page at `index`, locked and with a reference, made (not uptodate) if it was not there. Null when memory ran out.
page* grab_cache_page(address_space* mapping, u64 index) noexcept;
/// Puts a fresh page at `index`, locked: 0, -EEXIST, -ENOMEM. The tree takes a reference of its own.
int add_to_page_cache(page* page, address_space* mapping, u64 index) noexcept;
/// Takes a locked page out of its mapping.
void delete_from_page_cache(page* page) noexcept;
/// A device wrote into the page of an application: marks it if it is a file's. Any context. Models
/// block/bio.c:bio_check_pages_dirty().
void set_dma_page_dirty(page* page) noexcept;
/// Marks a page whose content is newer than the device's; the page is locked. Models mm/page-writeback.c.
void set_page_dirty(page* page) noexcept;

/// Reads `page`, which is locked, from its place; unlocks it when the content is there, or failed to come (interrupt context).
int mapping_readpage(page* page) noexcept;
/// Reads `count` locked pages of adjoining indices in as few bios as the device takes.
void mapping_readpages(address_space* mapping, page** pages, u64 count) noexcept;

/// mm/readahead.c: the reader missed at `index` and wants `count` pages.
void page_cache_sync_readahead(address_space* mapping, file_ra_state* ra, file* file, u64 index, u64 count) noexcept;
/// mm/readahead.c: the reader came to the page marked PG_readahead.
void page_cache_async_readahead(address_space* mapping, file_ra_state* ra, file* file, page* page, u64 index, u64 count) noexcept;

/// Whether a page of bytes [start, end] is cached. Models mm/filemap.c.
bool filemap_range_has_page(address_space* mapping, s64 start, s64 end) noexcept;
/// What becomes of a dirty page whose last content is still on its way to the device: none leaves it dirty, all waits and writes
/// it.
enum class WbSync : u8 { none, all };
/// Starts writing dirty pages of [start, end]; waits for them; both. 0 or -errno.
int filemap_fdatawrite_range(address_space* mapping, s64 start, s64 end, WbSync mode = WbSync::all) noexcept;
int filemap_fdatawait_range(address_space* mapping, s64 start, s64 end) noexcept;
int filemap_write_and_wait_range(address_space* mapping, s64 start, s64 end) noexcept;
/// Reports a write-back error of this mapping to each open file once. Models file_check_and_advance_wb_err().
int file_check_and_advance_wb_err(file* file) noexcept;
/// Drops clean pages [start, end] (indices) of the cache. 0, or -EBUSY if one could not be dropped. Models mm/truncate.c.
int invalidate_inode_pages2_range(address_space* mapping, u64 start, u64 end) noexcept;
/// Drops everything from byte `start` on, and zeroes the rest of the page that `start` cuts.
void truncate_inode_pages(address_space* mapping, s64 start) noexcept;

s64 generic_file_buffered_read(kiocb* iocb, iov_iter* iter, s64 written) noexcept;
s64 generic_file_read_iter(kiocb* iocb, iov_iter* iter) noexcept;
/// Bytes to write (0: nothing to do), or -errno. Models mm/filemap.c (5.4): IOCB_NOWAIT without IOCB_DIRECT is -EINVAL.
s64 generic_write_checks(kiocb* iocb, iov_iter* from) noexcept;
s64 generic_perform_write(file* file, iov_iter* from, s64 position) noexcept;
s64 generic_file_direct_write(kiocb* iocb, iov_iter* from) noexcept;
/// With inode_lock held.
s64 __generic_file_write_iter(kiocb* iocb, iov_iter* from) noexcept;
s64 generic_file_write_iter(kiocb* iocb, iov_iter* from) noexcept;
/// Shared mappings see the page cache's own pages; private ones get copies. Pages are brought in at once.
s64 generic_file_mmap(file* file, mm_struct* mm, u64 bytes, int prot, u64 offset) noexcept;

}  // namespace uringsim::kernel
