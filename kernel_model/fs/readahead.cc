// SPDX-License-Identifier: GPL-2.0-only
// Read-ahead: how many pages more than asked for are brought in, and when. Models mm/readahead.c (5.4).
#include <algorithm>
#include <bit>

#include "kernel_model/fs/pagemap.h"

namespace uringsim::kernel {

namespace {

constexpr u64 kBatch = 64;  // pages handed over at once; the bios are cut by the device anyway

/// Whether the page is cached; no reference.
bool is_cached(address_space* mapping, u64 index) noexcept {
  page* const found = find_get_page(mapping, index);
  if (found != nullptr) put_page(found);
  return found != nullptr;
}

/// The first index from `index` on, or within `max` pages after it, that is not cached. Models page_cache_next_miss().
u64 next_miss(address_space* mapping, u64 index, u64 max) noexcept {
  for (; max != 0 && is_cached(mapping, index); max--) index++;
  return index;
}

/// How many cached pages stand before `index`, at most `max`. Models mm/readahead.c:count_history_pages().
u64 count_history_pages(address_space* mapping, u64 index, u64 max) noexcept {
  u64 count = 0;
  while (count < max && count < index && is_cached(mapping, index - 1 - count)) count++;
  return count;
}

/// Models mm/readahead.c:get_init_ra_size().
u64 get_init_ra_size(u64 size, u64 max) noexcept {
  const u64 rounded = std::bit_ceil(size);
  if (rounded <= max / 32) return rounded * 4;
  if (rounded <= max / 4) return rounded * 2;
  return max;
}

/// Models mm/readahead.c:get_next_ra_size().
u64 get_next_ra_size(const file_ra_state* ra, u64 max) noexcept {
  if (ra->size < max / 16) return 4 * ra->size;
  if (ra->size <= max / 2) return 2 * ra->size;
  return max;
}

/// Makes and reads the pages of [index, index + count) that are not cached; the one `lookahead` pages before the end is marked.
/// Models mm/readahead.c:__do_page_cache_readahead().
void do_page_cache_readahead(address_space* mapping, u64 index, u64 count, u64 lookahead) noexcept {
  const s64 size = i_size_read(mapping->host);
  if (size == 0) return;
  const u64 end_index = static_cast<u64>(size - 1) >> PAGE_SHIFT;
  page* batch[kBatch];
  u64 have = 0;
  const auto read_pages = [&] {
    mapping_readpages(mapping, batch, have);
    for (u64 i = 0; i < have; i++) put_page(batch[i]);
    have = 0;
  };
  for (u64 i = 0; i < count && index + i <= end_index; i++) {
    if (is_cached(mapping, index + i)) {
      read_pages();
      continue;
    }
    page* const fresh = alloc_pages(0);
    if (fresh == nullptr) break;
    if (i == count - lookahead) fresh->flags |= PG_readahead;  // nobody else sees it yet
    if (add_to_page_cache(fresh, mapping, index + i) != 0) {
      put_page(fresh);
      continue;
    }
    batch[have++] = fresh;
    if (have == kBatch) read_pages();
  }
  read_pages();
}

/// The file's window, copied: readers of one file at the same time spoil each other's, as in Linux, but never see half of one
/// number.
file_ra_state load_window(const file_ra_state* ra) noexcept {
  return {data_race(ra->start), data_race(ra->size), data_race(ra->async_size), data_race(ra->ra_pages), data_race(ra->prev_pos)};
}
void store_window(file_ra_state* to, const file_ra_state& ra) noexcept {
  WRITE_ONCE(to->start, ra.start);
  WRITE_ONCE(to->size, ra.size);
  WRITE_ONCE(to->async_size, ra.async_size);
}

/// The heart of it. Models mm/readahead.c:ondemand_readahead().
void ondemand_readahead(address_space* mapping, file_ra_state* shared, bool hit_readahead_marker, u64 index,
                        u64 wanted) noexcept {
  file_ra_state window = load_window(shared);
  file_ra_state* const ra = &window;
  u64 max = ra->ra_pages;
  if (mapping->bdev != nullptr) {
    const u64 io_pages = mapping->bdev->capabilities.max_transfer >> PAGE_SHIFT;
    if (wanted > max && io_pages > max) max = std::min(wanted, io_pages);
  }
  const auto initial = [&] {
    ra->start = index;
    ra->size = get_init_ra_size(wanted, max);
    ra->async_size = ra->size > wanted ? ra->size - wanted : ra->size;
  };
  if (index == 0) {
    initial();
  } else if (index == ra->start + ra->size - ra->async_size || index == ra->start + ra->size) {
    ra->start += ra->size;
    ra->size = get_next_ra_size(ra, max);
    ra->async_size = ra->size;
  } else if (hit_readahead_marker) {
    const u64 start = next_miss(mapping, index + 1, max);
    if (start == 0 || start - index > max) return;
    ra->start = start;
    ra->size = start - index + wanted;
    ra->size = get_next_ra_size(ra, max);
    ra->async_size = ra->size;
  } else if (wanted > max || index - (static_cast<u64>(ra->prev_pos) >> PAGE_SHIFT) <= 1) {
    initial();  // larger than the window, or the page after the last one read
  } else {
    const u64 history = count_history_pages(mapping, index, max);
    if (history <= wanted) return do_page_cache_readahead(mapping, index, wanted, 0);  // a random read
    ra->start = index;
    ra->size = std::min((history >= index ? 2 * history : history) + wanted, max);
    ra->async_size = 1;
  }
  // The read itself will come to the mark at once: take the next window along.
  if (index == ra->start && ra->size == ra->async_size) {
    const u64 more = get_next_ra_size(ra, max);
    if (ra->size + more <= max) {
      ra->async_size = more;
      ra->size += more;
    } else {
      ra->size = max;
      ra->async_size = max >> 1;
    }
  }
  store_window(shared, window);
  do_page_cache_readahead(mapping, ra->start, ra->size, ra->async_size);
}

}  // namespace

void page_cache_sync_readahead(address_space* mapping, file_ra_state* ra, file* file, u64 index, u64 count) noexcept {
  if (ra->ra_pages == 0 || mapping->a_ops->get_block == nullptr) return;
  if ((file->f_mode & FMODE_RANDOM) != 0) return do_page_cache_readahead(mapping, index, count, 0);
  ondemand_readahead(mapping, ra, false, index, count);
}

void page_cache_async_readahead(address_space* mapping, file_ra_state* ra, file*, page* page, u64 index, u64 count) noexcept {
  if (ra->ra_pages == 0 || PageWriteback(page)) return;
  clear_page_flag(page, PG_readahead);
  ondemand_readahead(mapping, ra, true, index, count);
}

}  // namespace uringsim::kernel
