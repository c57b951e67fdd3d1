// SPDX-License-Identifier: GPL-2.0-only
// Pages to and from the device. Models fs/mpage.c and mm/page-writeback.c with blocks of a page.
#include <algorithm>
#include <cstring>

#include "kernel_model/fs/bio_pages.h"
#include "kernel_model/fs/pagemap.h"

namespace uringsim::kernel {

namespace {

constexpr unsigned kMaxVecs = 256;  // BIO_MAX_PAGES

/// Where the page's block is; pages of a mapping with nothing behind it are holes.
int lookup_block(address_space* mapping, u64 index, address_space_operations::Mode mode, u64* sector) noexcept {
  *sector = kHole;
  return mapping->a_ops->get_block != nullptr ? mapping->a_ops->get_block(mapping->host, index, mode, sector) : 0;
}

/// How much of the block the device has: a device whose size is no multiple of a page ends within its last one.
u32 block_bytes(const address_space* mapping, u64 sector) noexcept {
  const u64 left = mapping->bdev->capabilities.size - std::min(mapping->bdev->capabilities.size, sector * SECTOR_SIZE);
  return static_cast<u32>(std::min(PAGE_SIZE, left));
}

/// Interrupt context. Models fs/mpage.c:mpage_end_io() for reads.
void end_read(bio* bio) {
  for (unsigned i = 0; i < bio->bi_vcnt; i++) {
    page* const page = bio->bi_io_vec[i].bv_page;
    set_page_flag(page, bio->bi_status == 0 && bio->bi_residual == 0 ? PG_uptodate : PG_error);
    unlock_page(page);
  }
  bio_put(bio);
}

/// Interrupt context. Models fs/ext4/page-io.c:ext4_finish_bio().
void end_write(bio* bio) {
  for (unsigned i = 0; i < bio->bi_vcnt; i++) end_page_writeback(bio->bi_io_vec[i].bv_page, bio->bi_status);
  bio_put(bio);
}

/// A run of adjoining blocks that becomes one bio.
class Run {
 public:
  /// `most`: how many pages will be added at most.
  Run(address_space* mapping, bio_op op, u64 most) noexcept
      : mapping_(mapping), op_(op), vecs_(static_cast<unsigned>(std::clamp<u64>(most, 1, kMaxVecs))) {}
  ~Run() { submit(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// False when there is no memory for a bio.
  bool add(page* page, u64 sector) noexcept {
    const u32 bytes = block_bytes(mapping_, sector);
    if (bio_ != nullptr && (sector != next_sector_ || !bio_add_page(bio_, page, bytes, 0))) submit();
    if (bio_ == nullptr) {
      bio_ = bio_alloc(mapping_->bdev, op_, sector, vecs_);
      if (bio_ == nullptr) return false;
      bio_->bi_end_io = op_ == bio_op::read ? end_read : end_write;
      bio_add_page(bio_, page, bytes, 0);
    }
    next_sector_ = sector + PAGE_SIZE / SECTOR_SIZE;
    return true;
  }

  void submit() noexcept {
    bio* const ready = bio_;
    bio_ = nullptr;
    if (ready != nullptr) submit_bio(ready);
  }

 private:
  address_space* mapping_;
  bio_op op_;
  unsigned vecs_;
  bio* bio_ = nullptr;
  u64 next_sector_ = 0;
};

/// Starts reading one locked page. 0 or -errno (then the page is unlocked).
int start_read(Run& run, page* page) noexcept {
  address_space* const mapping = READ_ONCE(page->mapping);
  clear_page_flag(page, PG_error);
  u64 sector = 0;
  int ret = lookup_block(mapping, page->index, address_space_operations::lookup, &sector);
  if (ret == 0 && sector == kHole) {
    std::memset(page->data, 0, PAGE_SIZE);
    set_page_flag(page, PG_uptodate);
    unlock_page(page);
    return 0;
  }
  if (ret == 0 && !run.add(page, sector)) ret = -ENOMEM;
  if (ret != 0) unlock_page(page);
  return ret;
}

/// Starts writing one locked dirty page, and unlocks it.
void start_write(Run& run, page* page) noexcept {
  address_space* const mapping = READ_ONCE(page->mapping);
  u64 sector = kHole;
  const int ret = lookup_block(mapping, page->index, address_space_operations::create, &sector);
  spin_lock_irq(&mapping->i_pages_lock);
  clear_page_flag(page, PG_dirty);
  WRITE_ONCE(mapping->nr_dirty, READ_ONCE(mapping->nr_dirty) - 1);
  set_page_flag(page, PG_writeback);
  WRITE_ONCE(mapping->nr_writeback, READ_ONCE(mapping->nr_writeback) + 1);
  spin_unlock_irq(&mapping->i_pages_lock);
  if (ret != 0)
    end_page_writeback(page, ret);
  else if (!run.add(page, sector))
    end_page_writeback(page, -ENOMEM);
  unlock_page(page);
}

/// The next page of the range that has one of `flags`, with a reference. Null if there is none.
page* find_next_flagged(address_space* mapping, u64* index, u64 last, u32 flags) noexcept {
  spin_lock_irq(&mapping->i_pages_lock);
  page* found = nullptr;
  for (;; ++*index) {
    found = static_cast<page*>(radix_tree_next(&mapping->i_pages, index, last));
    if (found == nullptr || page_has(found, flags) || *index == last) break;
  }
  if (found != nullptr && !page_has(found, flags)) found = nullptr;
  if (found != nullptr) get_page(found);
  spin_unlock_irq(&mapping->i_pages_lock);
  return found;
}

}  // namespace

int mapping_readpage(page* page) noexcept {
  Run run(READ_ONCE(page->mapping), bio_op::read, 1);
  return start_read(run, page);
}

void mapping_readpages(address_space* mapping, page** pages, u64 count) noexcept {
  Run run(mapping, bio_op::read, count);
  for (u64 i = 0; i < count; i++) (void)start_read(run, pages[i]);
}

// Models mm/filemap.c:__filemap_fdatawrite_range() and mm/page-writeback.c:write_cache_pages().
int filemap_fdatawrite_range(address_space* mapping, s64 start, s64 end, WbSync mode) noexcept {
  if (mapping->a_ops->get_block == nullptr || end < start || READ_ONCE(mapping->nr_dirty) == 0) return 0;
  Run run(mapping, bio_op::write, READ_ONCE(mapping->nr_dirty));
  const u64 last = static_cast<u64>(end) >> PAGE_SHIFT;
  for (u64 index = static_cast<u64>(start) >> PAGE_SHIFT;; index++) {
    page* const page = find_next_flagged(mapping, &index, last, PG_dirty);
    if (page == nullptr) break;
    if (!trylock_page(page)) {
      run.submit();  // whoever holds it may be waiting for a page of this run
      lock_page(page);
    }
    const bool left_alone = mode == WbSync::none && PageWriteback(page);
    if (READ_ONCE(page->mapping) == mapping && PageDirty(page) && !left_alone) {
      if (PageWriteback(page)) {
        run.submit();
        wait_on_page_writeback(page);
      }
      start_write(run, page);
    } else {
      unlock_page(page);
    }
    put_page(page);
    if (index == last) break;
  }
  return 0;
}

int filemap_fdatawait_range(address_space* mapping, s64 start, s64 end) noexcept {
  if (end < start || READ_ONCE(mapping->nr_writeback) == 0) return 0;
  const u64 last = static_cast<u64>(end) >> PAGE_SHIFT;
  for (u64 index = static_cast<u64>(start) >> PAGE_SHIFT;; index++) {
    page* const page = find_next_flagged(mapping, &index, last, PG_writeback);
    if (page == nullptr) break;
    wait_on_page_writeback(page);
    put_page(page);
    if (index == last) break;
  }
  return 0;
}

int filemap_write_and_wait_range(address_space* mapping, s64 start, s64 end) noexcept {
  const u32 errors_before = READ_ONCE(mapping->wb_err);
  const int ret = filemap_fdatawrite_range(mapping, start, end);
  if (ret != 0) return ret;
  (void)filemap_fdatawait_range(mapping, start, end);
  const u32 errors = READ_ONCE(mapping->wb_err);
  return errors != errors_before ? -static_cast<int>(errors & 0xfff) : 0;
}

int file_check_and_advance_wb_err(file* file) noexcept {
  const u32 errors = READ_ONCE(file->f_mapping->wb_err);
  if (errors == READ_ONCE(file->f_wb_err)) return 0;
  WRITE_ONCE(file->f_wb_err, errors);
  return -static_cast<int>(errors & 0xfff);
}

}  // namespace uringsim::kernel
