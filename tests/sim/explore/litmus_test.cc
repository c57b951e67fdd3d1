// SPDX-License-Identifier: GPL-2.0-only
// Litmus tests: for each program, whether its relaxed outcome is reached by some execution, under each memory model, over all
// executions. Names and verdicts with a plus sign and spelled-out accesses are those of the kernel's
// tools/memory-model/litmus-tests ("Never" is forbidden, "Sometimes" allowed under weak); sc and tso follow from x86's model
// (Owens, Sarkar, Sewell: x86-TSO, TPHOLs 2009).
#include <gtest/gtest.h>

#include "tests/sim/explore/mini.h"
#include "tests/sim/explore/support.h"

namespace uringsim::sim {
namespace {

struct Litmus {
  const char* name;
  std::vector<std::string> tasks;
  const char* outcome;
  const char* allowed;  ///< by "sc", "tso", "weak": a letter each, A allowed, N never
};

const std::vector<Litmus> kTable = {
    // Store buffering.
    {"SB+poonceonces", {"x=1; r0=y", "y=1; r1=x"}, "r0=0 r1=0", "NAA"},
    {"SB+fencembonceonces", {"x=1; mb; r0=y", "y=1; mb; r1=x"}, "r0=0 r1=0", "NNN"},
    {"SB+rfionceonce-poonceonces", {"x=1; r0=x; r1=y", "y=1; r2=y; r3=x"}, "r0=1 r1=0 r2=1 r3=0", "NAA"},
    {"SB+mb+po", {"x=1; mb; r0=y", "y=1; r1=x"}, "r0=0 r1=0", "NAA"},
    {"SB+relacq", {"x:=1; r0:=y", "y:=1; r1:=x"}, "r0=0 r1=0", "NAA"},
    {"SB+wmb+rmb", {"x=1; wmb; r0=y", "y=1; rmb; r1=x"}, "r0=0 r1=0", "NAA"},
    {"SB+xchg", {"r2=xchg(x,1); r0=y", "r3=xchg(y,1); r1=x"}, "r0=0 r1=0", "NNN"},
    {"SB+add-relaxed", {"add(x,1); r0=y", "add(y,1); r1=x"}, "r0=0 r1=0", "NNA"},
    {"SB+cmpxchg", {"r2=cas(x,0,1); r0=y", "r3=cas(y,0,1); r1=x"}, "r0=0 r1=0", "NNN"},
    {"cmpxchg-fail-unordered-1", {"x=1; r1=cas(z,1,0); r0=y", "y=1; r3=cas(z,1,0); r2=x"}, "r0=0 r2=0", "NNA"},
    {"cmpxchg-fail-ordered-1", {"x=1; r1=cas(z,1,0); mb; r0=y", "y=1; r3=cas(z,1,0); mb; r2=x"}, "r0=0 r2=0", "NNN"},
    // Message passing.
    {"MP+poonceonces", {"x=1; y=1", "r0=y; r1=x"}, "r0=1 r1=0", "NNA"},
    {"MP+fencewmbonceonce+fencermbonceonce", {"x=1; wmb; y=1", "r0=y; rmb; r1=x"}, "r0=1 r1=0", "NNN"},
    {"MP+pooncerelease+poacquireonce", {"x=1; y:=1", "r0:=y; r1=x"}, "r0=1 r1=0", "NNN"},
    {"MP+wmb+po", {"x=1; wmb; y=1", "r0=y; r1=x"}, "r0=1 r1=0", "NNA"},
    {"MP+po+rmb", {"x=1; y=1", "r0=y; rmb; r1=x"}, "r0=1 r1=0", "NNA"},
    {"MP+rel+po", {"x=1; y:=1", "r0=y; r1=x"}, "r0=1 r1=0", "NNA"},
    {"MP+po+acq", {"x=1; y=1", "r0:=y; r1=x"}, "r0=1 r1=0", "NNA"},
    {"MP+mb+mb", {"x=1; mb; y=1", "r0=y; mb; r1=x"}, "r0=1 r1=0", "NNN"},
    {"MP+rel+rmb", {"x=1; y:=1", "r0=y; rmb; r1=x"}, "r0=1 r1=0", "NNN"},
    {"MP+wmb+acq", {"x=1; wmb; y=1", "r0:=y; r1=x"}, "r0=1 r1=0", "NNN"},
    {"MP+onceassign+derefonce", {"x=1; y:=1", "r0=deref(y); r1=x"}, "r0=1 r1=0", "NNN"},
    {"MP+xchg+acq", {"x=1; r2=xchg(y,1)", "r0:=y; r1=x"}, "r0=1 r1=0", "NNN"},
    {"MP+add-relaxed+acq", {"x=1; add(y,1)", "r0:=y; r1=x"}, "r0=1 r1=0", "NNA"},
    {"MP+polocks", {"x=1; lock(s); y=1; unlock(s)", "lock(s); r0=y; unlock(s); r1=x"}, "r0=1 r1=0", "NNN"},
    {"MP+porevlocks", {"lock(s); x=1; unlock(s); y=1", "r0=y; lock(s); r1=x; unlock(s)"}, "r0=1 r1=0", "NNN"},
    {"MP+unlocklockonceonce+fencermbonceonce",
     {"lock(s); x=1; unlock(s); lock(t); y=1; unlock(t)", "r0=y; rmb; r1=x"},
     "r0=1 r1=0",
     "NNN"},
    {"MP+releasesequence", {"x=1; y:=1", "add(y,1)", "r0:=y; r1=x"}, "r0=2 r1=0", "NNN"},
    // Stores and loads crossed.
    {"S+poonceonces", {"x=2; y=1", "r0=y; x=1"}, "r0=1 x=2", "NNA"},
    {"S+fencewmbonceonce+poacquireonce", {"x=2; wmb; y=1", "r0:=y; x=1"}, "r0=1 x=2", "NNN"},
    {"S+wmb+po", {"x=2; wmb; y=1", "r0=y; x=1"}, "r0=1 x=2", "NNA"},
    {"S+po+acq", {"x=2; y=1", "r0:=y; x=1"}, "r0=1 x=2", "NNA"},
    {"S+wmb+rel", {"x=2; wmb; y=1", "r0=y; x:=1"}, "r0=1 x=2", "NNN"},
    {"S+rel+rel", {"x=2; y:=1", "r0=y; x:=1"}, "r0=1 x=2", "NNN"},
    {"R+poonceonces", {"x=1; y=1", "y=2; r0=x"}, "y=2 r0=0", "NAA"},
    {"R+fencembonceonces", {"x=1; mb; y=1", "y=2; mb; r0=x"}, "y=2 r0=0", "NNN"},
    {"R+wmb+mb", {"x=1; wmb; y=1", "y=2; mb; r0=x"}, "y=2 r0=0", "NNA"},
    {"2+2W+poonceonces", {"x=1; y=2", "y=1; x=2"}, "x=1 y=1", "NNA"},
    {"2+2W+mbs", {"x=1; mb; y=2", "y=1; mb; x=2"}, "x=1 y=1", "NNN"},
    // Load buffering: LKMM says Sometimes for the first, this model has none.
    {"LB+poonceonces", {"r0=x; y=1", "r1=y; x=1"}, "r0=1 r1=1", "NNN"},
    {"LB+poacquireonce+pooncerelease", {"r0=x; y:=1", "r1:=y; x=1"}, "r0=1 r1=1", "NNN"},
    // Three tasks and four.
    {"WRC+poonceonces+Once", {"x=1", "r0=x; y=1", "r1=y; r2=x"}, "r0=1 r1=1 r2=0", "NNA"},
    {"WRC+pooncerelease+fencermbonceonce+Once", {"x=1", "r0=x; y:=1", "r1=y; rmb; r2=x"}, "r0=1 r1=1 r2=0", "NNN"},
    {"WRC+rel+po", {"x=1", "r0=x; y:=1", "r1=y; r2=x"}, "r0=1 r1=1 r2=0", "NNA"},
    // The second task's accesses are not ordered, and the last one's barrier may come before the one behind the first's add.
    {"WRC+fullrmw+po+fullrmw", {"r3=add(x,1)", "r0=x; y=3", "r1=xchg(y,1); r2=x"}, "r0=1 r1=3 r2=0", "NNA"},
    // A store behind a barrier that is behind another: chains of barriers, release stores and orders of stores.
    {"Z6.5+rel+mb+mb", {"r0=z; x:=1", "x=2; mb; y=1", "y=2; mb; z=1"}, "r0=1 x=2 y=2", "NNN"},
    {"Z6.5+po+mb+mb", {"r0=z; x=1", "x=2; mb; y=1", "y=2; mb; z=1"}, "r0=1 x=2 y=2", "NNA"},
    {"S+mb+add-wmb", {"y=2; mb; z=1", "add(z,1); wmb; y=3"}, "z=2 y=2", "NNN"},
    {"WRC+wmb+acq", {"x=1", "r0=x; wmb; y=1", "r1:=y; r2=x"}, "r0=1 r1=1 r2=0", "NNA"},
    {"WRC+acq-wmb+acq", {"x=1", "r0:=x; wmb; y=1", "r1:=y; r2=x"}, "r0=1 r1=1 r2=0", "NNA"},
    {"WRC+po+acq", {"x=1", "r0=x; y=1", "r1:=y; r2=x"}, "r0=1 r1=1 r2=0", "NNA"},
    {"RWC+poonceonces", {"x=1", "r0=x; r1=y", "y=1; r2=x"}, "r0=1 r1=0 r2=0", "NAA"},
    {"RWC+mbs", {"x=1", "r0=x; mb; r1=y", "y=1; mb; r2=x"}, "r0=1 r1=0 r2=0", "NNN"},
    {"ISA2+poonceonces", {"x=1; y=1", "r0=y; z=1", "r1=z; r2=x"}, "r0=1 r1=1 r2=0", "NNA"},
    {"ISA2+pooncerelease+poacquirerelease+poacquireonce", {"x=1; y:=1", "r0:=y; z:=1", "r1:=z; r2=x"}, "r0=1 r1=1 r2=0", "NNN"},
    {"ISA2+wmb+rel+acq", {"x=1; wmb; y=1", "r0=y; z:=1", "r1:=z; r2=x"}, "r0=1 r1=1 r2=0", "NNN"},
    // A wmb orders stores only; what is behind a full barrier may rely on all that it ordered, however it comes to be behind.
    {"ISA2+wmb+acq-wmb+acq", {"x=1; wmb; y=1", "r0:=y; wmb; z=1", "r1:=z; r2=x"}, "r0=1 r1=1 r2=0", "NNA"},
    {"ISA2+rel+acq+acq", {"x=1; y:=1", "r0:=y; z=1", "r1:=z; r2=x"}, "r0=1 r1=1 r2=0", "NNA"},
    {"ISA2+mb+acq+acq", {"x=1; mb; y=1", "r0:=y; z=1", "r1:=z; r2=x"}, "r0=1 r1=1 r2=0", "NNN"},
    {"ISA2+mb+po+acq", {"x=1; mb; y=1", "r0=y; z=1", "r1:=z; r2=x"}, "r0=1 r1=1 r2=0", "NNA"},
    {"Z6.1+mb+acq+rel", {"x=2; mb; y=1", "r0:=y; z=1", "r1=z; x:=1"}, "r0=1 r1=1 x=2", "NNN"},
    {"Z6.1+wmb+acq+rel", {"x=2; wmb; y=1", "r0:=y; z=1", "r1=z; x:=1"}, "r0=1 r1=1 x=2", "NNA"},
    {"ISA2+pooncelock+pooncelock+pombonce",
     {"lock(s); x=1; y=1; unlock(s)", "lock(s); r0=y; z=1; unlock(s)", "r1=z; mb; r2=x"},
     "r0=1 r1=1 r2=0",
     "NNN"},
    {"Z6.0+pooncelock+pooncelock+pombonce",
     {"lock(s); x=1; y=1; unlock(s)", "lock(s); r0=y; z=1; unlock(s)", "z=2; mb; r1=x"},
     "r0=1 z=2 r1=0",
     "NNA"},
    {"Z6.0+pooncelock+poonceLock+pombonce",
     {"lock(s); x=1; y=1; unlock(s)", "lock(s); mb; r0=y; z=1; unlock(s)", "z=2; mb; r1=x"},
     "r0=1 z=2 r1=0",
     "NNN"},
    {"Z6.0+pooncerelease+poacquirerelease+fencembonceonce",
     {"x=1; y:=1", "r0:=y; z:=1", "z=2; mb; r1=x"},
     "r0=1 z=2 r1=0",
     "NNA"},
    {"IRIW+poonceonces+OnceOnce", {"x=1", "y=1", "r0=x; r1=y", "r2=y; r3=x"}, "r0=1 r1=0 r2=1 r3=0", "NNA"},
    {"IRIW+fencembonceonces+OnceOnce", {"x=1", "y=1", "r0=x; mb; r1=y", "r2=y; mb; r3=x"}, "r0=1 r1=0 r2=1 r3=0", "NNN"},
    {"IRIW+acqs", {"x=1", "y=1", "r0:=x; r1=y", "r2:=y; r3=x"}, "r0=1 r1=0 r2=1 r3=0", "NNA"},
    {"CHAIN+po", {"x=1; y=1", "r3=y; if r3; z=1", "r0=z; r1=x"}, "r0=1 r1=0", "NNA"},
    {"CHAIN+relacq", {"x=1; y:=1", "r3:=y; if r3; z:=1", "r0:=z; r1=x"}, "r0=1 r1=0", "NNN"},
    // Coherence and atomicity.
    {"CoRR+poonceonce+Once", {"x=1", "r0=x; r1=x"}, "r0=1 r1=0", "NNN"},
    {"CoRR2", {"x=1", "x=2", "r0=x; r1=x", "r2=x; r3=x"}, "r0=1 r1=2 r2=2 r3=1", "NNN"},
    {"CoRW+poonceonce+Once", {"r0=x; x=1", "x=2"}, "r0=2 x=2", "NNN"},
    {"CoWR+poonceonce+Once", {"x=1; r0=x", "x=2"}, "x=1 r0=2", "NNN"},
    {"CoWW+poonceonce", {"x=1; x=2"}, "x=1", "NNN"},
    {"add+add", {"add(x,1)", "add(x,1)"}, "x=1", "NNN"},
    {"cas+cas", {"r0=cas(x,0,1)", "r1=cas(x,0,2)"}, "r0=0 r1=0", "NNN"},
    {"xchg-between", {"x=1", "r0=xchg(x,2); r1=x"}, "r0=0 r1=0", "NNN"},
    {"lock-add", {"lock(s); r0=x; x=1; unlock(s)", "lock(s); r1=x; x=2; unlock(s)"}, "r0=0 r1=0", "NNN"},
};

class LitmusTest : public testing::TestWithParam<Memory> {};

TEST_P(LitmusTest, ReachesExactlyTheOutcomesThatTheModelAllows) {
  for (const Litmus& litmus : kTable) {
    MiniProgram mini(litmus.name, litmus.tasks);
    bool reached = false;
    mini.tasks().finally([&](const MiniState& state, Ending&) { reached |= MiniProgram::matches(state, litmus.outcome); });
    MachineOptions options;
    options.memory = GetParam();
    const Exhaustive all = run_all(mini.program(), options);
    EXPECT_TRUE(all.exact && all.cut == 0) << litmus.name;
    EXPECT_TRUE(all.violations.empty()) << litmus.name;
    EXPECT_EQ(reached, litmus.allowed[static_cast<int>(GetParam())] == 'A') << litmus.name << " under " << to_string(GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(Models, LitmusTest, testing::Values(Memory::sc, Memory::tso, Memory::weak),
                         [](const auto& model) { return std::string(to_string(model.param)); });

}  // namespace
}  // namespace uringsim::sim
