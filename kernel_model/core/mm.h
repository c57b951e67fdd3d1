// SPDX-License-Identifier: GPL-2.0-only
// Address spaces. Models as much of include/linux/mm_types.h and mm/ as user memory needs: areas of pages with protection,
// two reference counts, pinned pages.
//
// User memory is never dereferenced by the kernel side. A user address (uptr) is looked up in an mm_struct; what is not
// mapped, or not with that access, is an -EFAULT in every engine. Pages are always present: a mapping has its pages from the
// start.
#pragma once

#include "kernel_model/core/kernel.h"
#include "kernel_model/core/refcount.h"

namespace uringsim::kernel {

struct file;

/// A page frame. `data` is kernel memory of PAGE_SIZE bytes; pages of one compound allocation have adjoining data.
struct page {
  refcount_t refs;       ///< get_page, put_page; a compound tail counts through its head
  page* head = nullptr;  ///< of a compound allocation, else itself
  u32 order = 0;         ///< of the head: 2^order pages
  u8* data = nullptr;
};

/// 2^order zeroed pages that adjoin, one reference; null when memory ran out. The array of page structs adjoins, too.
[[nodiscard]] page* alloc_pages(unsigned order) noexcept;
void get_page(page* page) noexcept;
void put_page(page* page) noexcept;
inline u64 page_size(const page* page) noexcept { return PAGE_SIZE << page->head->order; }
/// The smallest order whose 2^order pages hold `bytes`.
unsigned get_order(u64 bytes) noexcept;

enum : u32 { VM_READ = 1, VM_WRITE = 2, VM_SHARED = 8 };

/// One mapped range. Pages are counted.
struct vm_area_struct {
  uptr vm_start = 0, vm_end = 0;
  u32 vm_flags = 0;         ///< VM_*
  file* vm_file = nullptr;  ///< counted; what is mapped, if a file
  u64 vm_pgoff = 0;         ///< in pages
  page** pages = nullptr;   ///< (vm_end - vm_start) / PAGE_SIZE of them
  bool vm_pfnmap = false;   ///< VM_PFNMAP: cannot be pinned (-EFAULT of get_user_pages), as a ring's own memory
  list_head link;           ///< mm_struct::mmap, by address
};

struct mm_struct {
  refcount_t mm_users;  ///< users of the address space: mmget_not_zero, mmput
  refcount_t mm_count;  ///< holders of the struct: mmgrab, mmdrop
  rw_semaphore mmap_sem;
  spinlock_t lock;         ///< area list, for look-ups that must not sleep
  list_head mmap;          ///< areas by address: mmap_sem for writing and `lock` to change
  uptr mmap_base = 0;      ///< where the next mapping goes
  u64 tlb_generation = 0;  ///< shared word: changes with every unmapping; invalidates cached translations
  u64 pinned_vm = 0;
};

mm_struct* mm_alloc() noexcept;
/// A copy as fork makes it: shared areas share pages, private ones are copied at once.
mm_struct* dup_mm(mm_struct* from) noexcept;
void mmgrab(mm_struct* mm) noexcept;
void mmdrop(mm_struct* mm) noexcept;
/// False once the last user is gone.
[[nodiscard]] bool mmget_not_zero(mm_struct* mm) noexcept;
void mmget(mm_struct* mm) noexcept;
/// The last one unmaps everything (which drops the mapped files).
void mmput(mm_struct* mm) noexcept;
/// A kernel thread takes `mm` for its own, and gives it back. Models mm/mmu_context.c.
void use_mm(mm_struct* mm) noexcept;
void unuse_mm(mm_struct* mm) noexcept;

/// Maps fresh zeroed pages. Returns the address or -errno. prot: PROT_*.
s64 mmap_anonymous(mm_struct* mm, u64 bytes, int prot, bool shared) noexcept;
/// Maps given pages (counted here) for `vma_file`. Models remap_pfn_range (pfnmap) and shared file mappings.
s64 mmap_pages(mm_struct* mm, page** pages, u64 count, int prot, file* vma_file, u64 pgoff, bool pfnmap) noexcept;
/// Unmaps whole areas within the range (areas are split at its ends). 0 or -errno.
int do_munmap(mm_struct* mm, uptr start, u64 bytes) noexcept;
int do_mprotect(mm_struct* mm, uptr start, u64 bytes, int prot) noexcept;
vm_area_struct* find_vma(mm_struct* mm, uptr address) noexcept;

/// The kernel's pointer to user byte `address`, if `bytes` bytes from it lie in one page of an area that allows the access;
/// else null. The application side uses it too, through a small cache of its own.
[[nodiscard]] u8* mm_translate(mm_struct* mm, uptr address, u64 bytes, bool write) noexcept;

enum : unsigned { FOLL_WRITE = 1, FOLL_LONGTERM = 0x10000 };
/// Pins `count` pages from the page of `start` in current's mm. Returns how many (each with a reference), or -errno if none.
/// `vmas` (may be null) receives each page's area; hold mmap_sem.
long get_user_pages(uptr start, u64 count, unsigned flags, page** pages, vm_area_struct** vmas) noexcept;
inline void put_user_page(page* page) noexcept { put_page(page); }

}  // namespace uringsim::kernel
