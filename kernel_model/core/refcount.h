// SPDX-License-Identifier: GPL-2.0-only
// Counters that are changed without a lock. Models include/linux/atomic.h and refcount.h.
//
// As in Linux: void operations are relaxed, those that return a value are full barriers; refcount_t: inc relaxed, dec_and_test
// release, with acquire on reaching zero (modelled as full, as lib/refcount.c was on x86).
#pragma once

#include "kernel_model/core/prelude.h"

namespace uringsim::kernel {

struct atomic_t {
  int counter = 0;
};
inline int atomic_read(const atomic_t* v, Site site = Site::here()) noexcept { return READ_ONCE(v->counter, site); }
inline void atomic_set(atomic_t* v, int value, Site site = Site::here()) noexcept { WRITE_ONCE(v->counter, value, site); }
inline void atomic_inc(atomic_t* v, Site site = Site::here()) noexcept { (void)fetch_add(v->counter, 1, Order::relaxed, site); }
inline void atomic_dec(atomic_t* v, Site site = Site::here()) noexcept { (void)fetch_add(v->counter, -1, Order::relaxed, site); }
inline void atomic_add(int by, atomic_t* v, Site site = Site::here()) noexcept {
  (void)fetch_add(v->counter, by, Order::relaxed, site);
}
inline int atomic_inc_return(atomic_t* v, Site site = Site::here()) noexcept {
  return fetch_add(v->counter, 1, Order::full, site) + 1;
}
inline int atomic_dec_return(atomic_t* v, Site site = Site::here()) noexcept {
  return fetch_add(v->counter, -1, Order::full, site) - 1;
}
inline bool atomic_dec_and_test(atomic_t* v, Site site = Site::here()) noexcept { return atomic_dec_return(v, site) == 0; }
/// Adds one unless it is zero; returns whether it did.
inline bool atomic_inc_not_zero(atomic_t* v, Site site = Site::here()) noexcept {
  int old = READ_ONCE(v->counter, site);
  for (;;) {
    if (old == 0) return false;
    const int seen = cmpxchg(v->counter, old, old + 1, site);
    if (seen == old) return true;
    old = seen;
  }
}

struct atomic_long_t {
  s64 counter = 0;
};
inline s64 atomic_long_read(const atomic_long_t* v, Site site = Site::here()) noexcept { return READ_ONCE(v->counter, site); }
inline void atomic_long_add(s64 by, atomic_long_t* v, Site site = Site::here()) noexcept {
  (void)fetch_add(v->counter, by, Order::relaxed, site);
}
inline void atomic_long_sub(s64 by, atomic_long_t* v, Site site = Site::here()) noexcept { atomic_long_add(-by, v, site); }
inline s64 atomic_long_sub_return(s64 by, atomic_long_t* v, Site site = Site::here()) noexcept {
  return fetch_add(v->counter, -by, Order::full, site) - by;
}
inline s64 atomic_long_cmpxchg(atomic_long_t* v, s64 expected, s64 value, Site site = Site::here()) noexcept {
  return cmpxchg(v->counter, expected, value, site);
}

struct refcount_t {
  atomic_t refs;
};
inline void refcount_set(refcount_t* r, int n, Site site = Site::here()) noexcept { atomic_set(&r->refs, n, site); }
inline int refcount_read(const refcount_t* r, Site site = Site::here()) noexcept { return atomic_read(&r->refs, site); }
/// Taking a reference of what is already gone is a use after free: reported.
inline void refcount_inc(refcount_t* r, Site site = Site::here()) noexcept {
  if (fetch_add(r->refs.counter, 1, Order::relaxed, site) <= 0)
    arch::machine().report("refcount_t: addition on 0; use-after-free", true, site);
}
inline void refcount_add(int by, refcount_t* r, Site site = Site::here()) noexcept { atomic_add(by, &r->refs, site); }
inline bool refcount_inc_not_zero(refcount_t* r, Site site = Site::here()) noexcept {
  return atomic_inc_not_zero(&r->refs, site);
}
inline bool refcount_dec_and_test(refcount_t* r, Site site = Site::here()) noexcept {
  const int left = atomic_dec_return(&r->refs, site);
  if (left < 0) arch::machine().report("refcount_t: underflow; use-after-free", true, site);
  return left == 0;
}
inline bool refcount_sub_and_test(int by, refcount_t* r, Site site = Site::here()) noexcept {
  const int left = fetch_add(r->refs.counter, -by, Order::full, site) - by;
  if (left < 0) arch::machine().report("refcount_t: underflow; use-after-free", true, site);
  return left == 0;
}
inline void refcount_dec(refcount_t* r, Site site = Site::here()) noexcept {
  if (refcount_dec_and_test(r, site)) arch::machine().report("refcount_t: decrement hit 0; leaking memory", false, site);
}

/// The kernel's own assertions.
inline void BUG_ON(bool condition, const char* what, Site site = Site::here()) noexcept {
  if (condition) [[unlikely]]
    arch::machine().report(what, true, site);
}
inline bool WARN_ON(bool condition, const char* what, Site site = Site::here()) noexcept {
  if (condition) [[unlikely]]
    arch::machine().report(what, false, site);
  return condition;
}

}  // namespace uringsim::kernel
