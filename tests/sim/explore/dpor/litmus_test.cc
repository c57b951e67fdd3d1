// SPDX-License-Identifier: GPL-2.0-only
// Litmus tests: is the surprising outcome allowed? The first group is the kernel's own tools/memory-model/litmus-tests, by their
// names there, with the verdicts stated there; the others are the textbook shapes with each barrier and without.
#include <gtest/gtest.h>

#include "sim/explore/dpor/dpor.h"
#include "sim/explore/programs/litmus.h"

namespace uringsim::sim::dpor {
namespace {

constexpr bool never = false;
constexpr bool sometimes = true;

struct Row {
  const char* name;
  const char* text;
  const char* outcome;
  bool tso, weak;  // sc: never
};

// Differences from the stated verdict: load buffering (LB+poonceonces: "Sometimes") is not modelled.
constexpr Row kKernel[] = {
    {"CoRR+poonceonce+Once", "x=1 | a=x; b=x", "a=1 b=0", never, never},
    {"CoRW+poonceonce+Once", "a=x; x=1 | x=2", "x=2 a=2", never, never},
    {"CoWR+poonceonce+Once", "x=1; a=x | x=2", "x=1 a=2", never, never},
    {"CoWW+poonceonce", "x=1; x=2", "x=1", never, never},
    {"IRIW+fencembonceonces+OnceOnce", "x=1 | a=x; mb; b=y | y=1 | c=y; mb; d=x", "a=1 b=0 c=1 d=0", never, never},
    {"IRIW+poonceonces+OnceOnce", "x=1 | a=x; b=y | y=1 | c=y; d=x", "a=1 b=0 c=1 d=0", never, sometimes},
    {"ISA2+pooncelock+pooncelock+pombonce", "lock l; x=1; y=1; unlock l | lock l; a=y; z=1; unlock l | b=z; mb; c=x",
     "a=1 b=1 c=0", never, never},
    {"ISA2+poonceonces", "x=1; y=1 | a=y; z=1 | b=z; c=x", "a=1 b=1 c=0", never, sometimes},
    {"ISA2+pooncerelease+poacquirerelease+poacquireonce", "x=1; y:=1 | a=:y; z:=1 | b=:z; c=x", "a=1 b=1 c=0", never, never},
    {"LB+fencembonceonce+ctrlonceonce", "a=x; if a; y=1 | b=y; mb; x=1", "a=1 b=1", never, never},
    {"LB+poacquireonce+pooncerelease", "a=x; y:=1 | b=:y; x=1", "a=1 b=1", never, never},
    {"LB+poonceonces", "a=x; y=1 | b=y; x=1", "a=1 b=1", never, never},
    {"MP+fencewmbonceonce+fencermbonceonce", "x=1; wmb; y=1 | a=y; rmb; b=x", "a=1 b=0", never, never},
    {"MP+onceassign+derefonce", "x=1; y:=1 | a=:y; b=x", "a=1 b=0", never, never},
    {"MP+polockmbonce+poacquiresilsil", "lock l; mb; x=1; unlock l | a=:x; b=held l; c=held l", "a=1 b=0 c=1", never, never},
    {"MP+polockonce+poacquiresilsil", "lock l; x=1; unlock l | a=:x; b=held l; c=held l", "a=1 b=0 c=1", never, sometimes},
    {"MP+polocks", "x=1; lock l; y=1; unlock l | lock l; a=y; unlock l; b=x", "a=1 b=0", never, never},
    {"MP+poonceonces", "x=1; y=1 | a=y; b=x", "a=1 b=0", never, sometimes},
    {"MP+pooncerelease+poacquireonce", "x=1; y:=1 | a=:y; b=x", "a=1 b=0", never, never},
    {"MP+porevlocks", "a=y; lock l; b=x; unlock l | lock l; x=1; unlock l; y=1", "a=1 b=0", never, never},
    {"R+fencembonceonces", "x=1; mb; y=1 | y=2; mb; a=x", "y=2 a=0", never, never},
    {"R+poonceonces", "x=1; y=1 | y=2; a=x", "y=2 a=0", sometimes, sometimes},
    {"SB+fencembonceonces", "x=1; mb; a=y | y=1; mb; b=x", "a=0 b=0", never, never},
    {"SB+poonceonces", "x=1; a=y | y=1; b=x", "a=0 b=0", sometimes, sometimes},
    {"SB+rfionceonce-poonceonces", "x=1; a=x; b=y | y=1; c=y; d=x", "b=0 d=0", sometimes, sometimes},
    {"S+fencewmbonceonce+poacquireonce", "x=2; wmb; y=1 | a=:y; x=1", "x=2 a=1", never, never},
    {"S+poonceonces", "x=2; y=1 | a=y; x=1", "x=2 a=1", never, sometimes},
    {"WRC+poonceonces+Once", "x=1 | a=x; y=1 | b=y; c=x", "a=1 b=1 c=0", never, sometimes},
    {"WRC+pooncerelease+fencermbonceonce+Once", "x=1 | a=x; y:=1 | b=y; rmb; c=x", "a=1 b=1 c=0", never, never},
    {"Z6.0+pooncelock+poonceLock+pombonce", "lock l; x=1; y=1; unlock l | lock l; mb; a=y; z=1; unlock l | z=2; mb; b=x",
     "a=1 z=2 b=0", never, never},
    {"Z6.0+pooncelock+pooncelock+pombonce", "lock l; x=1; y=1; unlock l | lock l; a=y; z=1; unlock l | z=2; mb; b=x",
     "a=1 z=2 b=0", never, sometimes},
    {"Z6.0+pooncerelease+poacquirerelease+fencembonceonce", "x=1; y:=1 | a=:y; z:=1 | z=2; mb; b=x", "a=1 z=2 b=0", never,
     sometimes},
};

constexpr Row kShapes[] = {
    // Store buffering: only full barriers on both sides help.
    {"SB+mb+po", "x=1; mb; a=y | y=1; b=x", "a=0 b=0", sometimes, sometimes},
    {"SB+wmbs", "x=1; wmb; a=y | y=1; wmb; b=x", "a=0 b=0", sometimes, sometimes},
    {"SB+rmbs", "x=1; rmb; a=y | y=1; rmb; b=x", "a=0 b=0", sometimes, sometimes},
    {"SB+rel-acq", "x:=1; a=:y | y:=1; b=:x", "a=0 b=0", sometimes, sometimes},
    {"SB+xchgs", "c=xchg x 1; a=y | d=xchg y 1; b=x", "a=0 b=0", never, never},
    {"SB+xchg.rlxs", "c=xchg.rlx x 1; a=y | d=xchg.rlx y 1; b=x", "a=0 b=0", never, sometimes},
    {"SB+xchg+mb", "c=xchg x 1; a=y | y=1; mb; b=x", "a=0 b=0", never, never},
    {"SB+failed-cmpxchgs", "x=1; c=cmpxchg z 5 6; a=y | y=1; d=cmpxchg z 5 6; b=x", "a=0 b=0", never, sometimes},
    {"SB+cmpxchg-reads", "x=1; a=cmpxchg y 1 2 | y=1; b=cmpxchg x 1 2", "a=0 b=0", never, sometimes},
    {"SB+one-lock", "lock l; x=1; unlock l; a=y | lock l; y=1; unlock l; b=x", "a=0 b=0", never, never},
    {"SB+two-locks", "lock k; x=1; unlock k; a=y | lock l; y=1; unlock l; b=x", "a=0 b=0", sometimes, sometimes},
    // Message passing.
    {"MP+wmb+po", "x=1; wmb; y=1 | a=y; b=x", "a=1 b=0", never, sometimes},
    {"MP+po+rmb", "x=1; y=1 | a=y; rmb; b=x", "a=1 b=0", never, sometimes},
    {"MP+rel+po", "x=1; y:=1 | a=y; b=x", "a=1 b=0", never, sometimes},
    {"MP+po+acq", "x=1; y=1 | a=:y; b=x", "a=1 b=0", never, sometimes},
    {"MP+wmb+acq", "x=1; wmb; y=1 | a=:y; b=x", "a=1 b=0", never, never},
    {"MP+rel+rmb", "x=1; y:=1 | a=y; rmb; b=x", "a=1 b=0", never, never},
    {"MP+mbs", "x=1; mb; y=1 | a=y; mb; b=x", "a=1 b=0", never, never},
    {"MP+wmb+wmb", "x=1; wmb; y=1 | a=y; wmb; b=x", "a=1 b=0", never, sometimes},
    {"MP+rmb+rmb", "x=1; rmb; y=1 | a=y; rmb; b=x", "a=1 b=0", never, sometimes},
    {"MP+xchg+acq", "x=1; c=xchg y 1 | a=:y; b=x", "a=1 b=0", never, never},
    {"MP+xchg.rlx+acq", "x=1; c=xchg.rlx y 1 | a=:y; b=x", "a=1 b=0", never, sometimes},
    {"MP+rel+rmw.rlx+acq", "x=1; y:=1 | c=add.rlx y 1 | a=:y; b=x", "a=2 b=0", never, never},
    {"MP+wmb+rmw-acq", "x=1; wmb; y=1 | a=add.acq y 1; b=x", "a=1 b=0", never, never},
    {"MP+wmb-after-rel", "x=1; y:=1; wmb; z=1 | a=:z; b=x", "a=1 b=0", never, never},
    {"MP+rel-then-relaxed", "x=1; y:=1; y=2 | a=:y; b=x", "a=2 b=0", never, sometimes},
    // S and R.
    {"S+wmb+rel", "x=2; wmb; y=1 | a=y; x:=1", "x=2 a=1", never, never},
    {"S+rel+rel", "x=2; y:=1 | a=y; x:=1", "x=2 a=1", never, never},
    {"S+rel+add-rel", "x=1; y:=1 | a=y; b=add.rel x 1", "x=1 a=1", never, never},
    {"S+rel+po", "x=2; y:=1 | a=y; x=1", "x=2 a=1", never, sometimes},
    {"S+rel+acq", "x=2; y:=1 | a=:y; x=1", "x=2 a=1", never, never},
    {"S+mbs", "x=2; mb; y=1 | a=y; mb; x=1", "x=2 a=1", never, never},
    {"R+mb+po", "x=1; mb; y=1 | y=2; a=x", "y=2 a=0", sometimes, sometimes},
    {"R+po+mb", "x=1; y=1 | y=2; mb; a=x", "y=2 a=0", never, sometimes},
    {"R+wmb+mb", "x=1; wmb; y=1 | y=2; mb; a=x", "y=2 a=0", never, sometimes},
    {"R+rel+mb", "x=1; y:=1 | y=2; mb; a=x", "y=2 a=0", never, sometimes},
    // 2+2W.
    {"2+2W", "x=1; y=2 | y=1; x=2", "x=1 y=1", never, sometimes},
    {"2+2W+wmbs", "x=1; wmb; y=2 | y=1; wmb; x=2", "x=1 y=1", never, sometimes},
    {"2+2W+rels", "x=1; y:=2 | y=1; x:=2", "x=1 y=1", never, sometimes},
    {"2+2W+mbs", "x=1; mb; y=2 | y=1; mb; x=2", "x=1 y=1", never, never},
    {"2+2W+mb+po", "x=1; mb; y=2 | y=1; x=2", "x=1 y=1", never, sometimes},
    // Independent reads of independent writes.
    {"IRIW+acqs", "x:=1 | a=:x; b=:y | y:=1 | c=:y; d=:x", "a=1 b=0 c=1 d=0", never, sometimes},
    {"IRIW+rmbs", "x=1 | a=x; rmb; b=y | y=1 | c=y; rmb; d=x", "a=1 b=0 c=1 d=0", never, sometimes},
    {"IRIW+mb+rmb", "x=1 | a=x; mb; b=y | y=1 | c=y; rmb; d=x", "a=1 b=0 c=1 d=0", never, sometimes},
    // Causality: WRC, ISA2.
    {"WRC+po+acq", "x=1 | a=x; y=1 | b=:y; c=x", "a=1 b=1 c=0", never, sometimes},
    {"WRC+rel+acq", "x=1 | a=x; y:=1 | b=:y; c=x", "a=1 b=1 c=0", never, never},
    {"WRC+wmb+acq", "x=1 | a=x; wmb; y=1 | b=:y; c=x", "a=1 b=1 c=0", never, sometimes},
    {"WRC+mb+rmb", "x=1 | a=x; mb; y=1 | b=y; rmb; c=x", "a=1 b=1 c=0", never, never},
    {"ISA2+wmb+rel+acq", "x=1; wmb; y=1 | a=y; z:=1 | b=:z; c=x", "a=1 b=1 c=0", never, never},
    {"WRC+acq-wmb+acq", "x=1 | a=:x; wmb; y=1 | b=:y; c=x", "a=1 b=1 c=0", never, sometimes},
    {"ISA2+wmb+acq-wmb+acq", "x=1; wmb; y=1 | a=:y; wmb; z=1 | b=:z; c=x", "a=1 b=1 c=0", never, sometimes},
    {"Z6.5+rel+mb+mb", "a=z; x:=1 | x=2; mb; y=1 | y=2; mb; z=1", "a=1 x=2 y=2", never, never},
    {"Z6.5+po+mb+mb", "a=z; x=1 | x=2; mb; y=1 | y=2; mb; z=1", "a=1 x=2 y=2", never, sometimes},
    {"S+mb+add-wmb", "y=2; mb; z=1 | a=add.rlx z 1; wmb; y=3", "a=1 y=2", never, never},
    {"S+mb+add-wmb-xchg", "y=2; mb; z=1 | a=add.rlx z 1; wmb; b=xchg.rlx y 3", "a=1 y=2", never, never},
    {"ISA2+mb+acq+acq", "x=1; mb; y=1 | a=:y; z=1 | b=:z; c=x", "a=1 b=1 c=0", never, never},
    {"ISA2+mb+po+acq", "x=1; mb; y=1 | a=y; z=1 | b=:z; c=x", "a=1 b=1 c=0", never, sometimes},
    {"Z6.1+mb+acq+rel", "x=2; mb; y=1 | a=:y; z=1 | b=z; x:=1", "x=2 a=1 b=1", never, never},
    {"Z6.1+wmb+acq+rel", "x=2; wmb; y=1 | a=:y; z=1 | b=z; x:=1", "x=2 a=1 b=1", never, sometimes},
    {"ISA2+rel+po+acq", "x=1; y:=1 | a=y; z=1 | b=:z; c=x", "a=1 b=1 c=0", never, sometimes},
    {"ISA2+rel+acq+acq", "x=1; y:=1 | a=:y; z=1 | b=:z; c=x", "a=1 b=1 c=0", never, sometimes},
    {"RWC+mbs", "x=1 | a=x; mb; b=y | y=1; mb; c=x", "a=1 b=0 c=0", never, never},
    {"RWC+rmb+mb", "x=1 | a=x; rmb; b=y | y=1; mb; c=x", "a=1 b=0 c=0", never, sometimes},
    // Coherence, atomicity.
    {"CoRR+acqs", "x=1; x=2 | a=:x; b=:x", "a=2 b=1", never, never},
    {"CoRR2", "x=1 | x=2 | a=x; b=x | c=x; d=x", "a=1 b=2 c=2 d=1", never, never},
    {"2-adds", "a=add.rlx x 1 | b=add.rlx x 1", "x=1", never, never},
    {"2-xchgs", "a=xchg.rlx x 1 | b=xchg.rlx x 2", "a=0 b=0", never, never},
    {"2-cmpxchgs", "a=cmpxchg x 0 1 | b=cmpxchg x 0 2", "a=0 b=0", never, never},
    {"add-and-store", "a=add.rlx x 2 | x=1", "a=0 x=3", never, never},
    {"2-trylocks", "a=try l; if a; b=x; x=1; unlock l | c=try l; if c; d=x; x=1; unlock l", "a=1 b=0 c=1 d=0", never, never},
    {"locked-add", "lock l; a=x; x=1; unlock l | lock l; b=x; x=2; unlock l", "a=0 b=0", never, never},
};

std::vector<u64> outcomes(const Row& row, MemoryModel memory) {
  programs::Litmus program(row.name, row.text);
  Options options;
  options.memory = memory;
  options.digests = true;
  const Result result = explore(program, options);
  EXPECT_TRUE(result.exhausted) << row.name << result.error;
  EXPECT_FALSE(result.found) << row.name;
  EXPECT_EQ(result.blocked, 0u) << row.name;
  return result.digests;
}

bool allows(const Row& row, MemoryModel memory) {
  for (u64 digest : outcomes(row, memory))
    if (programs::Litmus::matches(digest, row.outcome)) return true;
  return false;
}

void expect_verdicts(const Row& row) {
  EXPECT_FALSE(allows(row, MemoryModel::sc)) << row.name << " under sc";
  EXPECT_EQ(allows(row, MemoryModel::tso), row.tso) << row.name << " under tso";
  EXPECT_EQ(allows(row, MemoryModel::weak), row.weak) << row.name << " under weak";
}

TEST(DporLitmus, TheKernelsOwnTestsHaveTheKernelsVerdicts) {
  for (const Row& row : kKernel) expect_verdicts(row);
}

TEST(DporLitmus, TheTextbookShapesAreAllowedExactlyWhereTheModelSaysSo) {
  for (const Row& row : kShapes) expect_verdicts(row);
}

TEST(DporLitmus, WhatAStrongerModelAllowsAWeakerOneAllowsToo) {
  for (const auto* rows : {kKernel, kShapes})
    for (std::size_t i = 0; i < (rows == kKernel ? std::size(kKernel) : std::size(kShapes)); i++) {
      const std::vector<u64> sc = outcomes(rows[i], MemoryModel::sc);
      const std::vector<u64> tso = outcomes(rows[i], MemoryModel::tso);
      const std::vector<u64> weak = outcomes(rows[i], MemoryModel::weak);
      EXPECT_TRUE(std::includes(tso.begin(), tso.end(), sc.begin(), sc.end())) << rows[i].name;
      EXPECT_TRUE(std::includes(weak.begin(), weak.end(), tso.begin(), tso.end())) << rows[i].name;
    }
}

}  // namespace
}  // namespace uringsim::sim::dpor
