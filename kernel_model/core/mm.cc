// SPDX-License-Identifier: GPL-2.0-only
// Models as much of mm/ and kernel/fork.c (5.4) as address spaces need.
//
// Page tables, TLB and page counts are the machine's here, not the kernel's: they use the hardware's atomics in every engine
// and are not explored (the fiber engines do not switch inside of them). What the kernel decides with them, mm_users,
// mm_count and mmap_sem, goes through the seam.
#include "kernel_model/core/mm.h"

#include <sys/mman.h>

#include "kernel_model/core/upper.h"

namespace uringsim::kernel {

namespace {

/// page_table_lock held. Taken with the hardware's operations whatever the task's access is: nothing inside may switch.
class PageTableGuard {
 public:
  explicit PageTableGuard(mm_struct* mm) noexcept : lock_(mm->page_table_lock) {
    if (!arch::direct_try_lock(lock_)) arch::direct_lock(lock_, arch::LockKind::spin);
  }
  ~PageTableGuard() { __atomic_store_n(&lock_.word, 0, __ATOMIC_RELEASE); }
  PageTableGuard(const PageTableGuard&) = delete;
  PageTableGuard& operator=(const PageTableGuard&) = delete;

 private:
  arch::LockWord& lock_;
};

u64 next_generation() noexcept { return __atomic_add_fetch(&kernel().tlb_generations, 1, __ATOMIC_RELAXED); }
/// Every translation of this address space is void from here on. page_table_lock held; who is in the midst of an access is waited
/// for without it (arch::Machine::shoot_down).
void drop_translations(mm_struct* mm) noexcept { __atomic_store_n(&mm->tlb_generation, next_generation(), __ATOMIC_RELEASE); }

u64 pages_of(const vm_area_struct* vma) noexcept { return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT; }

u32 flags_of(int prot, bool shared) noexcept {
  // x86 has no write-only pages.
  return ((prot & (PROT_READ | PROT_WRITE)) != 0 ? u32{VM_READ} : 0u) | ((prot & PROT_WRITE) != 0 ? u32{VM_WRITE} : 0u) |
         (shared ? u32{VM_SHARED} : 0u);
}

void get_vm_file(file* file) noexcept {
  const upper_floors* const upper = kernel().upper;
  if (file != nullptr && upper != nullptr && upper->get_file != nullptr) upper->get_file(file);
}
void put_vm_file(file* file) noexcept {
  const upper_floors* const upper = kernel().upper;
  if (file != nullptr && upper != nullptr && upper->fput != nullptr) upper->fput(file);
}

/// An area with room for its pages, which the caller fills in. Null when memory ran out.
vm_area_struct* alloc_vma(uptr start, u64 count, u32 flags, file* vm_file, u64 pgoff) noexcept {
  vm_area_struct* const vma = kmalloc<vm_area_struct>();
  if (vma == nullptr) return nullptr;
  vma->pages = kcalloc<page*>(count);
  if (vma->pages == nullptr) {
    kfree(vma);
    return nullptr;
  }
  vma->vm_start = start;
  vma->vm_end = start + (count << PAGE_SHIFT);
  vma->vm_flags = flags;
  vma->vm_file = vm_file;
  vma->vm_pgoff = pgoff;
  get_vm_file(vm_file);
  return vma;
}

/// Drops pages and file. Not under page_table_lock: fput() may run a release.
void free_vma(vm_area_struct* vma) noexcept {
  const u64 count = pages_of(vma);
  for (u64 i = 0; i < count; i++)
    if (vma->pages[i] != nullptr) put_page(vma->pages[i]);
  put_vm_file(vma->vm_file);
  kfree_array(vma->pages, count);
  kfree(vma);
}

/// A gap in the address space, and the area above it (or the list's head): where an area that goes there is put in front of.
struct gap {
  uptr start = 0;
  list_head* above = nullptr;
};

/// The highest gap of `bytes`: its last `bytes`; start is 0 if there is none. Models arch_get_unmapped_area_topdown(), and saves
/// itself the way as kernels did that had a list of areas and no tree of gaps (2.6): no gap above free_area_below has more than
/// largest_gap_above bytes. mmap_sem held for writing.
gap unmapped_area(mm_struct* mm, u64 bytes) noexcept {
  // Randomisation moves mmap_base down by up to a TiB: always by that much, so that every run has the same addresses, and as far
  // below TASK_SIZE as the base of nearly every process, so that no iovec of 2 GiB (MAX_RW_COUNT) that starts there leaves user
  // address space.
  constexpr uptr kTop = 0x7f0000000000;
  constexpr uptr kBottom = 0x10000;  // vm.mmap_min_addr
  if (mm->free_area_below == nullptr || bytes <= mm->largest_gap_above) {
    mm->free_area_below = &mm->mmap;
    mm->largest_gap_above = 0;
  }
  list_head* above = mm->free_area_below;
  uptr end = above == &mm->mmap ? kTop : list_entry(above, vm_area_struct, link)->vm_start;
  for (list_head* at = above->prev; at != &mm->mmap; at = at->prev) {
    const vm_area_struct* const vma = list_entry(at, vm_area_struct, link);
    if (end - vma->vm_end >= bytes) break;
    if (end - vma->vm_end > mm->largest_gap_above) mm->largest_gap_above = end - vma->vm_end;
    end = vma->vm_start;
    above = at;
  }
  mm->free_area_below = above;
  return {end >= kBottom + bytes ? end - bytes : 0, above};
}

/// The area of `address`, if it allows the access. page_table_lock or mmap_sem held.
vm_area_struct* accessible_vma(mm_struct* mm, uptr address, bool write) noexcept {
  list_for_each_entry(vma, &mm->mmap, vm_area_struct, link) {
    if (address < vma->vm_start) return nullptr;
    if (address < vma->vm_end) return (vma->vm_flags & (write ? VM_WRITE : VM_READ)) != 0 ? vma : nullptr;
  }
  return nullptr;
}

/// Cuts `vma` in two at `at`, which lies inside. Returns the upper part, or null when memory ran out. mmap_sem held.
vm_area_struct* split_vma(mm_struct* mm, vm_area_struct* vma, uptr at) noexcept {
  const u64 below = (at - vma->vm_start) >> PAGE_SHIFT, above = pages_of(vma) - below;
  vm_area_struct* const upper = alloc_vma(at, above, vma->vm_flags, vma->vm_file, vma->vm_pgoff + below);
  page** const lower_pages = upper != nullptr ? kcalloc<page*>(below) : nullptr;
  if (lower_pages == nullptr) {
    if (upper != nullptr) free_vma(upper);
    return nullptr;
  }
  upper->vm_pfnmap = vma->vm_pfnmap;
  for (u64 i = 0; i < below; i++) lower_pages[i] = vma->pages[i];
  for (u64 i = 0; i < above; i++) upper->pages[i] = vma->pages[below + i];
  PageTableGuard guard(mm);
  kfree_array(vma->pages, below + above);
  vma->pages = lower_pages;
  vma->vm_end = at;
  list_add(&upper->link, &vma->link);
  return upper;
}

/// Makes area borders of both ends of the range. 0 or -ENOMEM. mmap_sem held.
int split_at_ends(mm_struct* mm, uptr start, uptr end) noexcept {
  list_for_each_entry(vma, &mm->mmap, vm_area_struct, link) {
    if (vma->vm_start < start && start < vma->vm_end && split_vma(mm, vma, start) == nullptr) return -ENOMEM;
    if (vma->vm_start < end && end < vma->vm_end && split_vma(mm, vma, end) == nullptr) return -ENOMEM;
  }
  return 0;
}

/// There is no user left, and nobody inside an access: no shoot-down.
void exit_mmap(mm_struct* mm) noexcept {
  {
    PageTableGuard guard(mm);
    drop_translations(mm);
  }
  while (!list_empty(&mm->mmap)) {
    vm_area_struct* const vma = list_first_entry(&mm->mmap, vm_area_struct, link);
    list_del(&vma->link);
    free_vma(vma);
  }
}

}  // namespace

// ---- pages -------------------------------------------------------------------------------------------------------------

page* alloc_pages(unsigned order, const char* site) noexcept {
  Kernel& k = kernel();
  const u64 count = u64{1} << order;
  if (__atomic_add_fetch(&k.pages_used, count, __ATOMIC_RELAXED) <= k.options.memory_pages) {
    page* const pages = kcalloc<page>(count, site);
    u8* const data = pages != nullptr ? static_cast<u8*>(detail::allocate(count << PAGE_SHIFT, PAGE_SIZE, site)) : nullptr;
    if (data != nullptr) {
      for (u64 i = 0; i < count; i++) {
        pages[i].head = pages;
        pages[i].data = data + (i << PAGE_SHIFT);
      }
      pages->order = order;
      return pages;
    }
    if (pages != nullptr) kfree_array(pages, count);
  }
  __atomic_sub_fetch(&k.pages_used, count, __ATOMIC_RELAXED);
  return nullptr;
}

void put_page(page* page) noexcept {
  auto* const head = page->head;
  const u32 left = __atomic_sub_fetch(&head->refs, 1, __ATOMIC_ACQ_REL);
  BUG_ON(left == ~0u, "put_page: page count underflow");
  if (left != 0) return;
  Kernel& k = kernel();
  const u64 count = u64{1} << head->order;
  k.machine.free(head->data, count << PAGE_SHIFT);
  kfree_array(head, count);
  __atomic_sub_fetch(&k.pages_used, count, __ATOMIC_RELAXED);
}

unsigned get_order(u64 bytes) noexcept {
  unsigned order = 0;
  while ((PAGE_SIZE << order) < bytes) order++;
  return order;
}

// ---- address spaces ------------------------------------------------------------------------------------------------------

mm_struct* mm_alloc() noexcept {
  mm_struct* const mm = kmalloc<mm_struct>();
  if (mm == nullptr) return nullptr;
  refcount_set(&mm->mm_users, 1);
  refcount_set(&mm->mm_count, 1);
  mm->id = kernel().trace.next_id(ObjectClass::mm);
  kernel().trace(EventKind::mm_alloc, mm->id);
  mm->tlb_generation = next_generation();
  return mm;
}

// Divergence: private pages are copied at once, not when they are written to.
mm_struct* dup_mm(mm_struct* from) noexcept {
  mm_struct* const mm = mm_alloc();
  if (mm == nullptr) return nullptr;
  bool failed = false;
  down_write(&from->mmap_sem);
  list_for_each_entry(old, &from->mmap, vm_area_struct, link) {
    vm_area_struct* const vma = alloc_vma(old->vm_start, pages_of(old), old->vm_flags, old->vm_file, old->vm_pgoff);
    if (vma == nullptr) {
      failed = true;
      break;
    }
    vma->vm_pfnmap = old->vm_pfnmap;
    list_add_tail(&vma->link, &mm->mmap);
    for (u64 i = 0; i < pages_of(vma) && !failed; i++) {
      if ((vma->vm_flags & VM_SHARED) != 0) {
        get_page(old->pages[i]);
        vma->pages[i] = old->pages[i];
      } else {
        vma->pages[i] = alloc_pages(0);
        failed = vma->pages[i] == nullptr;
        if (!failed) arch::copy_racy(vma->pages[i]->data, old->pages[i]->data, PAGE_SIZE);
      }
    }
    if (failed) break;
  }
  up_write(&from->mmap_sem);
  if (!failed) return mm;
  mmput(mm);
  return nullptr;
}

void mmgrab(mm_struct* mm) noexcept { refcount_inc(&mm->mm_count); }
void mmdrop(mm_struct* mm) noexcept {
  if (!refcount_dec_and_test(&mm->mm_count)) return;
  kernel().trace(EventKind::mm_free, mm->id);
  kfree(mm);
}
bool mmget_not_zero(mm_struct* mm) noexcept { return refcount_inc_not_zero(&mm->mm_users); }
void mmget(mm_struct* mm) noexcept { refcount_inc(&mm->mm_users); }
void mmput(mm_struct* mm) noexcept {
  if (!refcount_dec_and_test(&mm->mm_users)) return;
  exit_mmap(mm);
  mmdrop(mm);
}

// Divergence: 5.4 holds mm_count of the borrowed mm as active_mm; the caller's own mm_users keeps it alive all the same.
void use_mm(mm_struct* mm) noexcept {
  task_struct* const task = current();
  task->active_mm = mm;
  task->mm = mm;
}
void unuse_mm(mm_struct* mm) noexcept {
  task_struct* const task = current();
  BUG_ON(task->mm != mm, "unuse_mm: not the mm in use");
  task->mm = nullptr;
}

// ---- mappings --------------------------------------------------------------------------------------------------------------

/// Gives `vma`, of `count` pages, its place. Its start, or -ENOMEM, with `vma` gone.
static s64 place_vma(mm_struct* mm, vm_area_struct* vma, u64 count) noexcept {
  down_write(&mm->mmap_sem);
  const auto [start, above] = unmapped_area(mm, count << PAGE_SHIFT);
  if (start != 0) {
    PageTableGuard guard(mm);
    vma->vm_start = start;
    vma->vm_end = start + (count << PAGE_SHIFT);
    list_add_tail(&vma->link, above);
  }
  up_write(&mm->mmap_sem);
  if (start != 0) return static_cast<s64>(start);
  free_vma(vma);
  return -ENOMEM;
}

s64 mmap_pages(mm_struct* mm, page** pages, u64 count, int prot, file* vma_file, u64 pgoff, bool pfnmap) noexcept {
  if (count == 0) return -EINVAL;
  if (count > TASK_SIZE >> PAGE_SHIFT) return -ENOMEM;
  vm_area_struct* const vma = alloc_vma(0, count, flags_of(prot, true), vma_file, pgoff);
  if (vma == nullptr) return -ENOMEM;
  vma->vm_pfnmap = pfnmap;
  for (u64 i = 0; i < count; i++) {
    get_page(pages[i]);
    vma->pages[i] = pages[i];
  }
  return place_vma(mm, vma, count);
}

s64 mmap_anonymous(mm_struct* mm, u64 bytes, int prot, bool shared) noexcept {
  if (bytes == 0) return -EINVAL;
  if (bytes > TASK_SIZE) return -ENOMEM;
  const u64 count = (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
  vm_area_struct* const vma = alloc_vma(0, count, flags_of(prot, shared), nullptr, 0);
  if (vma == nullptr) return -ENOMEM;
  for (u64 i = 0; i < count; i++) {
    vma->pages[i] = alloc_pages(0);
    if (vma->pages[i] != nullptr) continue;
    free_vma(vma);
    return -ENOMEM;
  }
  return place_vma(mm, vma, count);
}

int do_munmap(mm_struct* mm, uptr start, u64 bytes) noexcept {
  if ((start & ~PAGE_MASK) != 0 || start > TASK_SIZE || bytes > TASK_SIZE - start) return -EINVAL;
  const uptr end = start + ((bytes + PAGE_SIZE - 1) & PAGE_MASK);
  if (end == start) return -EINVAL;
  list_head gone;
  down_write(&mm->mmap_sem);
  const int ret = split_at_ends(mm, start, end);
  if (ret == 0) {
    PageTableGuard guard(mm);
    list_for_each_entry_safe(vma, next, &mm->mmap, vm_area_struct, link) {
      if (vma->vm_start >= start && vma->vm_end <= end) list_move_tail(&vma->link, &gone);
    }
    mm->free_area_below = nullptr;
    drop_translations(mm);
  }
  up_write(&mm->mmap_sem);
  arch::machine().shoot_down(start, end);
  while (!list_empty(&gone)) {
    vm_area_struct* const vma = list_first_entry(&gone, vm_area_struct, link);
    list_del(&vma->link);
    free_vma(vma);
  }
  return ret;
}

int do_mprotect(mm_struct* mm, uptr start, u64 bytes, int prot) noexcept {
  if ((start & ~PAGE_MASK) != 0) return -EINVAL;
  if (bytes == 0) return 0;
  if (start > TASK_SIZE || bytes > TASK_SIZE - start) return -ENOMEM;
  const uptr end = start + ((bytes + PAGE_SIZE - 1) & PAGE_MASK);
  down_write(&mm->mmap_sem);
  int ret = split_at_ends(mm, start, end);
  if (ret == 0) {
    PageTableGuard guard(mm);
    uptr reached = start;
    list_for_each_entry(vma, &mm->mmap, vm_area_struct, link) {
      if (vma->vm_end <= start || vma->vm_start >= end) continue;
      if (vma->vm_start > reached) break;  // a hole: what lies before it has changed, as in Linux
      vma->vm_flags = flags_of(prot, (vma->vm_flags & VM_SHARED) != 0);
      reached = vma->vm_end;
    }
    if (reached < end) ret = -ENOMEM;
    drop_translations(mm);
  }
  up_write(&mm->mmap_sem);
  arch::machine().shoot_down(start, end);
  return ret;
}

vm_area_struct* find_vma(mm_struct* mm, uptr address) noexcept {
  list_for_each_entry(vma, &mm->mmap, vm_area_struct, link) {
    if (address < vma->vm_end) return vma;
  }
  return nullptr;
}

// ---- translation and pinning -------------------------------------------------------------------------------------------------

u8* detail::translate_slowly(mm_struct* mm, uptr address, bool write) noexcept {
  tlb_entry& entry = current()->tlb[(address >> PAGE_SHIFT) % 8];
  page* old = nullptr;
  {
    PageTableGuard guard(mm);
    vm_area_struct* const vma = accessible_vma(mm, address, write);
    if (vma == nullptr) return nullptr;
    page* const found = vma->pages[(address - vma->vm_start) >> PAGE_SHIFT];
    get_page(found);
    old = entry.pinned;
    entry.page_number = address >> PAGE_SHIFT;
    entry.generation = mm->tlb_generation;
    entry.data = found->data;
    entry.pinned = found;
    entry.writable = (vma->vm_flags & VM_WRITE) != 0;
  }
  if (old != nullptr) put_page(old);
  return entry.data + (address & (PAGE_SIZE - 1));
}

void flush_tlb(task_struct* task) noexcept {
  for (tlb_entry& entry : task->tlb) {
    if (entry.pinned != nullptr) put_page(entry.pinned);
    entry = {};
  }
}

namespace {
/// Pins the page of `address`; -EFAULT if it may not be. page_table_lock or mmap_sem held.
int pin_page(mm_struct* mm, uptr address, unsigned flags, page** pinned, vm_area_struct** area) noexcept {
  vm_area_struct* const vma = accessible_vma(mm, address, (flags & FOLL_WRITE) != 0);
  if (vma == nullptr || vma->vm_pfnmap) return -EFAULT;
  *pinned = vma->pages[(address - vma->vm_start) >> PAGE_SHIFT];
  get_page(*pinned);
  *area = vma;
  return 0;
}
}  // namespace

long get_user_pages(uptr start, u64 count, unsigned flags, page** pages, vm_area_struct** vmas) noexcept {
  mm_struct* const mm = current()->mm;
  start &= PAGE_MASK;
  for (u64 i = 0; i < count; i++) {
    vm_area_struct* vma = nullptr;
    const uptr address = start + (i << PAGE_SHIFT);
    if (mm == nullptr || address >= TASK_SIZE || pin_page(mm, address, flags, &pages[i], &vma) != 0)
      return i > 0 ? static_cast<long>(i) : -EFAULT;
    if (vmas != nullptr) vmas[i] = vma;
  }
  return static_cast<long>(count);
}

long get_user_pages_fast(uptr start, u64 count, unsigned flags, page** pages) noexcept {
  mm_struct* const mm = current()->mm;
  if (mm == nullptr) return -EFAULT;
  PageTableGuard guard(mm);
  return get_user_pages(start, count, flags, pages, nullptr);
}

}  // namespace uringsim::kernel
