// SPDX-License-Identifier: GPL-2.0-only
// Address spaces. Models as much of include/linux/mm_types.h and mm/ as user memory needs: areas of pages with protection,
// two reference counts, pinned pages.
//
// User memory is never dereferenced by the kernel side. A user address (uptr) is looked up in an mm_struct; what is not
// mapped, or not with that access, is an -EFAULT in every engine. Pages are always present: a mapping has its pages from the
// start. Ordering: mmgrab, mmget: none; mmget_not_zero: full where it succeeds; mmput, mmdrop: full.
#pragma once

#include "kernel_model/arch/user_access.h"
#include "kernel_model/core/kernel.h"
#include "kernel_model/core/refcount.h"

namespace uringsim::kernel {

struct file;
struct address_space;

/// The end of user address space (x86-64, four-level page tables).
inline constexpr uptr TASK_SIZE = 0x7ffffffff000;

/// A page frame. `data` is kernel memory of PAGE_SIZE bytes; pages of one compound allocation have adjoining data.
struct page {
  u32 refs = 1;          ///< get_page, put_page; of the head. The hardware's atomics: page counts are not explored
  u32 order = 0;         ///< of the head: 2^order pages
  page* head = nullptr;  ///< of a compound allocation, else itself; a tail counts through its head
  u8* data = nullptr;
  // Pages of files (fs/pagemap.h owns them):
  u64 index = 0;                     ///< position in the file, in pages; constant while cached
  address_space* mapping = nullptr;  ///< null: not cached, or truncated; changed under the page lock
  u32 flags = 0;                     ///< PG_*; shared word
};

/// 2^order zeroed pages that adjoin, one reference; null when memory (or KernelOptions::memory_pages) ran out. The array of
/// page structs adjoins, too.
[[nodiscard]] page* alloc_pages(unsigned order, const char* site = __builtin_FUNCTION()) noexcept;
inline void get_page(page* page) noexcept { __atomic_add_fetch(&page->head->refs, 1, __ATOMIC_RELAXED); }
void put_page(page* page) noexcept;
inline u32 page_count(const page* page) noexcept { return __atomic_load_n(&page->head->refs, __ATOMIC_RELAXED); }
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
  refcount_t mm_count;  ///< holders of the struct: mmgrab, mmdrop; all users together hold one
  rw_semaphore mmap_sem;
  arch::LockWord page_table_lock;        ///< the area list, for look-ups that must not sleep. The hardware's lock: not explored
  list_head mmap;                        ///< areas by address: mmap_sem for writing and page_table_lock to change
  list_head* free_area_below = nullptr;  ///< where unmapped_area() goes on: an area, or the head; null: at the top. mmap_sem
  u64 largest_gap_above = 0;             ///< of the gaps above it, in bytes
  u64 tlb_generation = 0;  ///< of translations; unique in the kernel, new with every unmapping. The hardware's atomics
  u64 pinned_vm = 0;       ///< pages that io_uring accounted here (5.10)
  u32 id = 0;              ///< for traces
};

/// An empty address space with one user; null when memory ran out.
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

/// The functions that change mappings take mmap_sem themselves.
/// Maps fresh zeroed pages. Returns the address or -errno. prot: PROT_*. Mappings go from the top of user space downwards.
s64 mmap_anonymous(mm_struct* mm, u64 bytes, int prot, bool shared) noexcept;
/// Maps given pages (counted here) for `vma_file`. Models remap_pfn_range (pfnmap) and shared file mappings.
s64 mmap_pages(mm_struct* mm, page** pages, u64 count, int prot, file* vma_file, u64 pgoff, bool pfnmap) noexcept;
/// Unmaps whole areas within the range (areas are split at its ends). 0 or -errno. When it returns nobody accesses what was
/// mapped there any more, and likewise for do_mprotect() and accesses that are not allowed any more.
int do_munmap(mm_struct* mm, uptr start, u64 bytes) noexcept;
int do_mprotect(mm_struct* mm, uptr start, u64 bytes, int prot) noexcept;
vm_area_struct* find_vma(mm_struct* mm, uptr address) noexcept;

namespace detail {
u8* translate_slowly(mm_struct* mm, uptr address, bool write) noexcept;

/// The pointer to user byte `address` by current's translations; null if none of them is it.
inline u8* tlb_lookup(const mm_struct* mm, uptr address, bool write) noexcept {
  const tlb_entry& entry = current()->tlb[(address >> PAGE_SHIFT) % 8];
  if (entry.page_number == address >> PAGE_SHIFT && (entry.writable || !write) &&
      entry.generation == __atomic_load_n(&mm->tlb_generation, __ATOMIC_ACQUIRE)) [[likely]]
    return entry.data + (address & (PAGE_SIZE - 1));
  return nullptr;
}
}  // namespace detail

/// The pointer to user byte `address`, if `bytes` bytes from it lie in one page of an area that allows the access; else null.
/// Kernel and application side alike: a hit costs a few loads. What lies there stays readable until the task's next call of this
/// function, even if another task unmaps the page meanwhile: the translation holds a reference. Whether it is still mapped, only
/// who is inside an access knows (mm_access).
[[nodiscard]] inline u8* mm_translate(mm_struct* mm, uptr address, u64 bytes, bool write) noexcept {
  if (mm == nullptr || bytes > PAGE_SIZE - (address & (PAGE_SIZE - 1))) [[unlikely]]
    return nullptr;
  u8* const found = detail::tlb_lookup(mm, address, write);
  return found != nullptr ? found : detail::translate_slowly(mm, address, write);
}

/// Calls access(pointer) for user byte `address` if mm_translate() finds it, else returns false. Who unmaps or protects the page
/// waits until it is over, and thus `access` does nothing but touch these bytes.
template <class Access>
[[nodiscard]] bool mm_access(mm_struct* mm, uptr address, u64 bytes, bool write, Access access) noexcept {
  arch::Task& task = *arch::current_task();
  while (mm_translate(mm, address, bytes, write) != nullptr) {
    arch::user_access_begin(task, address);
    u8* const at = detail::tlb_lookup(mm, address, write);
    if (at != nullptr) [[likely]]
      access(at);
    arch::user_access_end(task);
    if (at != nullptr) [[likely]]
      return true;
  }
  return false;
}
/// Lets go of all translations of the task.
void flush_tlb(task_struct* task) noexcept;

enum : unsigned { FOLL_WRITE = 1, FOLL_LONGTERM = 0x10000 };
/// Pins `count` pages from the page of `start` in current's mm. Returns how many (each with a reference), or -errno if none.
/// `vmas` (may be null) receives each page's area; hold mmap_sem.
long get_user_pages(uptr start, u64 count, unsigned flags, page** pages, vm_area_struct** vmas) noexcept;
/// The same without mmap_sem.
long get_user_pages_fast(uptr start, u64 count, unsigned flags, page** pages) noexcept;
inline void put_user_page(page* page) noexcept { put_page(page); }

}  // namespace uringsim::kernel
