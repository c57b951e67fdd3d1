// SPDX-License-Identifier: GPL-2.0-only
// Circular doubly linked lists, embedded in what they link. Models include/linux/list.h.
//
// A list here is plain memory: it belongs to one lock or one owner. Where Linux looks at list_empty() without the lock,
// the model uses shared_list below, whose emptiness is a word of the seam.
#pragma once

#include <cstddef>

#include "kernel_model/arch/memory.h"

namespace uringsim::kernel {

struct list_head {
  list_head* next = this;
  list_head* prev = this;

  list_head() = default;
  list_head(const list_head&) = delete;
  list_head& operator=(const list_head&) = delete;
};

namespace detail {
/// offsetof() for classes with a base, which the standard's macro does not promise, and for members of members.
template <class Type, class Member, class MemberOf>
inline Type* container_of(Member* at, MemberOf member_of) noexcept {
  Type* const somewhere = reinterpret_cast<Type*>(u64{4096});
  const u64 offset = reinterpret_cast<u64>(member_of(somewhere)) - reinterpret_cast<u64>(somewhere);
  return reinterpret_cast<Type*>(reinterpret_cast<u64>(at) - offset);
}
}  // namespace detail

/// The object that holds `member` (which may be a member of a member) at `ptr`.
#define container_of(ptr, type, member) \
  ::uringsim::kernel::detail::container_of<type>(ptr, [](type* holder) noexcept { return &holder->member; })
#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) list_entry((head)->prev, type, member)
#define list_next_entry(pos, type, member) list_entry((pos)->member.next, type, member)
#define list_first_entry_or_null(head, type, member) (list_empty(head) ? nullptr : list_first_entry(head, type, member))
/// The current entry must stay on the list; use _safe where the body removes it.
#define list_for_each_entry(pos, head, type, member) \
  for (type* pos = list_first_entry(head, type, member); &pos->member != (head); pos = list_next_entry(pos, type, member))
#define list_for_each_entry_safe(pos, tmp, head, type, member)                                                              \
  for (type* pos = list_first_entry(head, type, member), *tmp = list_next_entry(pos, type, member); &pos->member != (head); \
       pos = tmp, tmp = list_next_entry(tmp, type, member))

inline void INIT_LIST_HEAD(list_head* list) noexcept { list->next = list->prev = list; }
inline bool list_empty(const list_head* head) noexcept { return head->next == head; }
inline bool list_is_singular(const list_head* head) noexcept { return !list_empty(head) && head->next == head->prev; }
inline bool list_is_last(const list_head* entry, const list_head* head) noexcept { return entry->next == head; }
inline void list_insert_between(list_head* entry, list_head* prev, list_head* next) noexcept {
  next->prev = entry;
  entry->next = next;
  entry->prev = prev;
  prev->next = entry;
}
inline void list_add(list_head* entry, list_head* head) noexcept { list_insert_between(entry, head, head->next); }
inline void list_add_tail(list_head* entry, list_head* head) noexcept { list_insert_between(entry, head->prev, head); }
/// Leaves `entry` pointing nowhere, so that a second removal faults as Linux's poisoned entries do.
inline void list_del(list_head* entry) noexcept {
  entry->next->prev = entry->prev;
  entry->prev->next = entry->next;
  entry->next = entry->prev = nullptr;
}
inline void list_del_init(list_head* entry) noexcept {
  entry->next->prev = entry->prev;
  entry->prev->next = entry->next;
  INIT_LIST_HEAD(entry);
}
inline void list_move(list_head* entry, list_head* head) noexcept {
  list_del(entry);
  list_add(entry, head);
}
inline void list_move_tail(list_head* entry, list_head* head) noexcept {
  list_del(entry);
  list_add_tail(entry, head);
}
/// Puts all entries of `list` in front of those of `head`; `list` itself is left stale.
inline void list_splice(list_head* list, list_head* head) noexcept {
  if (list_empty(list)) return;
  list->prev->next = head->next;
  head->next->prev = list->prev;
  head->next = list->next;
  list->next->prev = head;
}
inline void list_splice_init(list_head* list, list_head* head) noexcept {
  list_splice(list, head);
  INIT_LIST_HEAD(list);
}
inline void list_splice_tail_init(list_head* list, list_head* head) noexcept {
  list_splice(list, head->prev);
  INIT_LIST_HEAD(list);
}

/// A list that somebody may look at without its lock. Divergence: Linux compares head->next with head; here a word says whether
/// there is an entry, and changes at the same places.
///
///   head, count   under the owner's lock
///   nonempty      written under the owner's lock, when the first entry comes or the last one goes; read by anyone
struct shared_list {
  list_head head;
  u32 count = 0;
  u32 nonempty = 0;
};

/// Lockless look; no ordering, as list_empty().
inline bool shared_list_empty(const shared_list* list, arch::Site site = arch::Site::here()) noexcept {
  return arch::READ_ONCE(list->nonempty, site) == 0;
}
/// Under the owner's lock. Use after any change made through the list_* functions on `head`: `by` entries more or fewer.
inline void shared_list_changed(shared_list* list, int by, arch::Site site = arch::Site::here()) noexcept {
  const u32 before = list->count;
  list->count = before + static_cast<u32>(by);
  if ((before == 0) != (list->count == 0)) arch::WRITE_ONCE(list->nonempty, list->count != 0 ? 1 : 0, site);
}

}  // namespace uringsim::kernel
