// SPDX-License-Identifier: GPL-2.0-only
// The search: every execution graph of a program exactly once.
//
// The algorithm is TruSt (Kokologiannakis, Marmanis, Gladstein, Vafeiadis: Truly stateless, optimal dynamic partial order
// reduction, POPL 2022). It builds a graph event by event. Where the new event could go otherwise, the alternatives are put on
// a stack:
//   load         it may read any store that the memory model allows: one branch each
//   store        it may go anywhere in coherence order that the memory model allows: one branch each
//   store        and: loads that are in the graph already could have read it, had it been there. For each such load ("backward
//                revisit") everything that was added after the load and does not cause the store is taken away, and the load
//                reads the new store. So that no graph is reached twice, this is done from one graph only among all those that
//                differ in what is taken away: the one in which everything taken away had been added the plainest way (each
//                load read the co-newest store, each store became the co-newest and was read by nobody older).
// When no task can go on the execution is over; the newest alternative is taken from the stack, the graph cut back to it, and
// the tasks are run again from the start, fed from the graph as far as it reaches. Nothing is remembered of what was visited.
// The order in which events are added must be a function of the graph alone: it is always the runnable task with the lowest id.
//
// Deviations from the paper:
//  * A read-modify-write is a load and a store that are always added together. If somebody else had already taken the value it
//    read, the graph is a dead end, good only for its revisits.
//  * Plain accesses never branch: in a graph without a data race there is one store that they can read, and a race is reported.
//  * Taking a lock, joining and sleeping wait for what they need before they become events, so that waiting is never explored.
//    A task that waits for a lock for ever still tries to have come first, once nothing else can happen.
//  * A polling pass without effect ends its task's execution there (Kokologiannakis, Ren, Vafeiadis: Dynamic partial order
//    reduction for spinloops, FMCAD 2021): a store that would have let it see something else revisits the pass's loads, and
//    that graph holds one pass, not two.
//
// Speed: an execution costs what its tasks do plus a few tens of nanoseconds an event: sets of events are bit masks, the graph is
// a handful of flat arrays, fibers restart by a few stores, and nothing is allocated once the first executions are over.
#pragma once

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "sim/explore/dpor/graph.h"
#include "sim/explore/reserve.h"
#include "sim/fiber/arena.h"
#include "sim/fiber/fiber.h"

namespace uringsim::sim::dpor {

inline constexpr unsigned kMaxTasks = 64;
inline constexpr u64 kArenaBytes = u64{1} << 28;
/// What now() says when executions begin, and by how much time moves when it does: beyond whatever is being waited for.
inline constexpr u64 kBeginning = 1'000'000'000;
inline constexpr u64 kTimeStep = 3'600'000'000'000;
inline constexpr u64 kNoTimer = ~u64{0};
/// How often a search that can go on later says where it stands.
inline constexpr std::chrono::seconds kKeepEvery{5};
/// What a choice is about, in the `word` of its event: whether time goes on, or what the world does.
inline constexpr u16 kOfWorld = 0;
inline constexpr u16 kOfTime = 1;

/// Where an event of the execution under way stands; kept only while one is run again for its story.
struct Trail {
  arch::Site site;
  const char* scope = nullptr;
  const char* barrier = nullptr;
  bool left_out = false;
  u8 size = 0;
  OpKind kind = OpKind::time;  ///< time: part of another operation, no step of its own
  u64 object = 0;
};

template <unsigned W>
class Search final : public arch::Machine, private Ending {
 public:
  using Set = Mask<W>;

  Search(Program& program, const Options& options);
  ~Search() override = default;

  /// Runs the whole search, or until the budget is used up.
  Result run();
  /// True if an execution did not fit into W words a set: the search must be done again with a larger W.
  [[nodiscard]] bool outgrown() const noexcept { return outgrown_; }

  // arch::Machine
  u64 load(const void* at, unsigned size, arch::Order order, const char* barrier, arch::Site site) noexcept override;
  void store(void* at, unsigned size, u64 value, arch::Order order, const char* barrier, arch::Site site) noexcept override;
  u64 rmw(void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected, arch::Order order, arch::Site site) noexcept override;
  void fence(arch::Fence kind, const char* barrier, arch::Site site) noexcept override;
  void plain(const void* at, u64 bytes, bool write, arch::Site site) noexcept override;
  void scope(const char* function) noexcept override;
  void lock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept override;
  bool try_lock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept override;
  void unlock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept override;
  void spawn(arch::Task& task, void (*entry)(void*), void* argument, const arch::SpawnOptions& options) noexcept override;
  [[noreturn]] void exit() noexcept override;
  void join(arch::Task& task) noexcept override;
  void set_affinity(arch::Task&, int) noexcept override {}
  void set_state(u32 state) noexcept override;
  [[nodiscard]] u32 state(const arch::Task& task) const noexcept override;
  bool schedule(u64 deadline) noexcept override;
  bool wake(arch::Task& task, u32 mask) noexcept override;
  [[nodiscard]] bool need_resched() noexcept override { return false; }
  void yield() noexcept override {}
  void poll_pass(arch::Site site) noexcept override;
  [[nodiscard]] unsigned cpus() const noexcept override { return options_in_.cpus; }
  [[nodiscard]] int current_cpu() const noexcept override { return 0; }
  [[nodiscard]] u64 now() noexcept override;
  [[nodiscard]] u64 ticks(u64 period) noexcept override;
  [[nodiscard]] bool ticks_passed(u64 period, s64 count) noexcept override;
  void timer_start(arch::Timer& timer, u64 due) noexcept override;
  int timer_cancel(arch::Timer& timer) noexcept override;
  void raise(arch::Interrupt& interrupt) noexcept override;
  void ready() noexcept override;
  void charge(arch::Cost, u64) noexcept override {}
  [[nodiscard]] void* alloc(u64 bytes, u64 align) noexcept override;
  void free(void* memory, u64 bytes) noexcept override;
  [[nodiscard]] u64 random() noexcept override;
  [[nodiscard]] u32 choose(u32 options, const char*) noexcept override { return decide(options, kOfWorld); }
  void report(const char* what, bool fatal, arch::Site site) noexcept override;

 private:
  enum class Status : u8 {
    replaying,   // runs, or can run, along events that are in the graph
    waits_rf,    // replaying: the store that its next load reads has not been replayed
    frontier,    // replayed everything; its next operation would be a new event
    waits_lock,  // at the frontier; needs `wait_word` free
    asleep,      // at the frontier; needs `wait_word`, which holds its TaskState, to be TASK_RUNNING
    unborn,      // spawned in the run, not yet woken; waits like asleep
    waits_join,  // at the frontier; needs task `wait_id` over
    absent,      // not spawned in this execution, or not woken before it began
    cut,         // assume() failed
    polling,     // a pass without effect is over
    ended,
  };
  struct Task {
    Fiber fiber;
    arch::Task* task = nullptr;
    void (*entry)(void*) = nullptr;
    void* argument = nullptr;
    void* stack = nullptr;
    u64 stack_bytes = 0;
    Search* search = nullptr;
    EventId cursor = 0;  // next event to replay, 0: none
    u16 replayed = 0;    // events replayed or added so far
    Status status = Status::absent;
    u16 pending = 0;          // barriers passed since the last event
    EventId copied_over = 0;  // the event of a range that it is writing: see settle()
    bool effect = false;      // the polling pass under way changed something
    u16 pass_from = 0;        // index of its first event
    u16 last_from = 0;        // and of the last pass's
    bool in_loop = false;     // the pass began where it ends, in the loop
    bool time_moved = false;  // by the polling pass under way
    bool time_is_up = false;  // by the last one, which had no other effect
    u32 spin_depth = 0;       // spinlocks held
    bool waited = false;      // it chose that a deadline has not passed yet
    u16 wait_word = 0;
    EventId wait_event = 0;
    u32 wait_id = 0;
    u32* state = nullptr;  // TASK_*, a word of the arena
    bool initial = false;  // woken before executions began
    bool service = false;  // an interrupt context: begins at once
    bool kernel_thread = false;
    bool begun = false;         // ran before executions began; goes on at `rest`
    bool ready = false;         // warm-up: it has called ready()
    bool gone = false;          // ended before executions began
    bool may_time_out = false;  // sleeps with a deadline
    u64 deadline = kNoTimer;    // warm-up: sleeps until then
    Fiber::Point rest;
    std::vector<const char*> rest_scopes;
    const arch::LockWord* wanted = nullptr;  // warm-up: the lock that it waits for
    u32 spawned = 0;                         // tasks that it has spawned in this execution
    unsigned char* pool = nullptr;           // what it allocates in the run comes from here
    u64 pool_used = 0;
    std::vector<unsigned char*> more_pools;  // as many as some execution needed
    u32 pools_full = 0;
    EventId born = 0;  // the event that spawned it
    arch::Site site;
    std::vector<const char*> scopes;
  };
  struct WordInfo {
    void* at = nullptr;
    u8 size = 0;
    u16 other_size = 0;  // number + 1 of the word of another size at the same place
    bool own = false;    // the machine's, though it lies in an object of the program: a timer's
    u16 overlaps = 0;    // number of overlaps_, less one, that lists the words which share some of its bytes
  };
  enum class ItemKind : u8 { read, place, revisit, choice, lock };
  // Who runs an execution: all shards, all jobs of one shard, or one job, of whose part it is.
  enum class Division : u8 { everybody, shard, part };
  // An alternative not yet taken. Its options are the newest `options_` from `first` on.
  struct Item {
    ItemKind kind;
    EventId event;
    EventId revisited;  // place: the load that this store revisited, or 0; lock: the task
    u32 first;
    Division level;  // of the execution that it was found in
    u16 total;       // how many options it had
    u16 depth;       // how many alternatives were taken to get to where this one was found, plus one
    float weight;    // share of the tree that one of them is likely to hold
  };
  // A graph that a revisit started from and that will be needed again.
  struct Level {
    std::unique_ptr<Graph<W>> saved;
    u32 items;  // those below belong to older levels
  };

  // ---- beginning (search_begin.h)
  bool begin();
  void warm_up();
  void save();

  // ---- running (search_run.h)
  bool may_go_on();
  void run_once();
  bool take_violation();
  void restart();
  void rewind(Task& task) noexcept;
  void replay();
  void extend();
  void run_task(Task& task);
  Task* pick();
  void leave(Task& task, Status status);
  void at_frontier(Task& task);
  EventId replayed_event(Task& task, u16 flags = 0, const void* at = nullptr);
  void finish();
  void count(bool complete) noexcept;
  [[nodiscard]] bool may_see_news(const Task& task);
  static void enter(void* argument);
  /// The task of a timer or an interrupt.
  struct Service {
    arch::Task task;
    Search* search;
    void* object;
    u64* word;       ///< holds `generation` until the timer has fired or is off, or the interrupt runs
    u64 generation;  ///< unlike that of any other service
    u64 due;         ///< kNoTimer: an interrupt
    EventId start;   ///< the event that started it
  };
  [[nodiscard]] Task& running() const noexcept { return *running_; }
  u16 word_of(const void* at, unsigned size) noexcept;
  u16 make_word(const void* at, unsigned size, u64 offset) noexcept;
  void add_overlap(u16 word, u16 other);
  void touch_overlaps(u16 word, bool stores) noexcept;
  EventId await(Task& task, u16 word, Status status, const RmwOperation& operation) noexcept;
  Task& add_task(arch::Task& task, void (*entry)(void*), void* argument);
  void touch(u16 word, bool stores) noexcept;
  [[nodiscard]] bool is_left_out(const char* barrier) const noexcept;
  void note(EventId id, OpKind kind, const void* at, unsigned size, const char* barrier, const arch::Site& site);
  void note_task(EventId id, OpKind kind, u32 object);
  void write_back() noexcept;
  void fail(const char* check, std::string text);
  void stop_task();
  void refuse(const char* what) noexcept;
  void diverged(const Task& task);
  EventId add_range(Task& task, const PlainRange& range, u16 flags);
  void settle(Task& task);
  void first_wait(Task& task);
  void may_sleep(const char* does, const arch::Site& site) noexcept;
  u32 decide(u32 options, u16 about) noexcept;
  bool repeats_last_pass(const Task& task, bool exactly) const noexcept;
  u64 perform(void* at, const RmwOperation& operation, OpKind kind, const arch::Site& site) noexcept;

  // ---- time (search_time.h)
  u64 move_time() noexcept;
  [[nodiscard]] std::pair<EventId, EventId> span_of(const Service& service) noexcept;
  [[nodiscard]] bool time_is_real() noexcept;
  void tell_as(OpKind kind) noexcept;
  void reach(u64 at) noexcept;
  void spawn_service(void (*entry)(void*), void* object, u64* word, u64 generation, u64 due) noexcept;
  static void prepare_service(Service& service) noexcept;
  [[nodiscard]] bool comes_before(const Service& other, const Service& service) const noexcept;
  u32 await_earlier(const Service& service) noexcept;
  void await_turn(const Service& service, arch::LockWord& serving) noexcept;
  static void timer_service(void* argument);
  static void interrupt_service(void* argument);
  [[nodiscard]] u64 next_generation() const noexcept;
  bool serve_early(bool everybody_waits);
  bool pass_early_time();
  void run_early(void (*function)(void*), void* object);
  void keep_early();
  /// The newest event of `task` so far.
  [[nodiscard]] EventId last_event(const Task& task) const noexcept {
    return task.cursor != 0 ? graph_->event[task.cursor].po_prev : graph_->threads[task.task->id].last;
  }

  // ---- growing the graph (search_grow.h)
  EventId add_load(u16 thread, u16 flags, u16 word, const RmwOperation* op);
  EventId add_store(u16 thread, u16 flags, u16 word, u64 value);
  bool add_rmw_store(EventId load);
  EventId add_event(u16 thread, u16 flags, EventId source);
  void set_read(EventId load, EventId store);
  void offer_loads(u16 thread, u16 flags, u16 word, const RmwOperation* op);
  void push_revisits(EventId store);
  bool may_revisit(EventId load, EventId store) const;
  bool plainest(EventId event, const Set& causes) const;
  void check_races(EventId id);
  [[nodiscard]] EventId freed_before(EventId id) const;
  [[nodiscard]] bool is_own(EventId id) const noexcept {
    return (graph_->event[id].flags & (kRead | kWrite)) != 0 && word_info_[graph_->event[id].word].own;
  }
  /// Done by the machine, whose timers and interrupts may be in memory that was given back.
  [[nodiscard]] bool is_by_service(EventId id) const noexcept { return is_own(id) && tasks_[graph_->event[id].thread]->service; }
  [[nodiscard]] PlainRange range_of(EventId id) const;

  // ---- dividing (search_divide.h)
  bool resume();
  [[nodiscard]] Position position() const;
  [[nodiscard]] bool is_here() noexcept;
  [[nodiscard]] bool is_counted() noexcept;
  [[nodiscard]] double share() const noexcept;

  // ---- going back (search_back.h)
  bool backtrack();
  bool take_newest(Division level);
  EventId next_option(const Item& item);
  bool take_read(Item& item);
  bool take_place(Item& item);
  bool take_revisit(Item& item);
  bool take_choice(Item& item);
  bool take_lock(Item& item);
  bool revisit(EventId load, EventId store, bool keep);
  void relink(EventId load, EventId store);
  void push_item(ItemKind kind, EventId event, EventId revisited, u32 first);

  // Ending
  const std::vector<LeftOver>& left_over() override;
  [[nodiscard]] bool all_ended() const noexcept override { return all_ended_; }
  void violation(const char* check, const std::string& text) override;

  void tell();

  Program& program_;
  Options options_in_;
  Result result_;
  Arena arena_;
  ArenaSnapshot snapshot_;
  Reserve<u32> word_index_;  // by arena offset: number + 1 of the word there
  std::vector<WordInfo> word_info_;
  std::vector<std::vector<u16>> overlaps_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::vector<std::pair<void*, unsigned char*>> room_;  // stacks and pools for tasks that are spawned in the run
  std::vector<std::pair<u64, u32>> born_;               // (parent, how manieth child) -> task
  Task* running_ = nullptr;
  bool ranges_ = false;  // some execution had a plain access to a range
  Fiber home_;
  bool set_up_ = true;
  bool warming_ = false;  // tasks run one after the other, directly, until they are ready
  // Words of the machine's own, in an otherwise unused stack.
  struct Own {
    alignas(64) u64 clock;                      // what now() says
    alignas(64) arch::LockWord serving_timers;  // one timer at a time
    alignas(64) arch::LockWord serving_interrupts;
  };
  Own* own_ = nullptr;
  u64 beginning_ = kBeginning;                      // what the clock says when executions begin
  std::vector<arch::Timer*> early_timers_;          // armed before that
  std::vector<arch::Interrupt*> early_interrupts_;  // raised before that
  std::vector<Service*> early_services_;            // theirs
  std::vector<Service*> started_;                   // of the execution under way
  Task* early_service_ = nullptr;                   // warm-up: interrupt context
  u32 set_up_tasks_ = 0;                            // those with a higher number are spawned in the run
  u64 events_ = 0;                                  // since somebody looked at the clock, about
  std::chrono::steady_clock::time_point began_, report_, keep_;
  bool replaying_ = false;
  bool preempt_ = false;
  bool judging_ = false;  // the execution is over, memory holds the last value of every word
  bool idle_ = false;     // the execution under way repeats a pass that another one leaves out
  bool abort_ = false;    // the execution under way must not go on
  bool outgrown_ = false;
  bool recording_ = false;
  bool all_ended_ = false;
  bool violated_ = false;
  LockWatch* locks_ = nullptr;
  std::pair<EventId, EventId> race_{};
  std::unique_ptr<Graph<W>> graph_;
  std::vector<Item> items_;
  std::vector<u16> options_;
  float weight_ = 1;  // of what was taken last, less of what was found since
  u16 depth_ = 0;     // alternatives taken to get here
  Division level_ = Division::part;
  bool dividing_ = false;  // there are shards, jobs or checkpoints
  u64 of_everybody_ = 0;   // executions so far that all shards run
  u64 of_shard_ = 0;       // and that all jobs of a shard run
  u64 units_ = 0;
  u64 parts_ = 0;
  std::vector<Position::Branch> path_;  // alternatives taken to get here
  std::vector<u32> path_bases_{0};      // of each execution on that way: how many items are older
  bool counted_ = true;                 // the execution under way belongs to this shard
  std::vector<Level> levels_;
  std::vector<std::unique_ptr<Graph<W>>> spare_;
  std::vector<Trail> trail_;
  EventId trail_newest_ = 0;
  std::vector<LeftOver> left_over_;
  // Reused by revisit().
  struct Kept {
    Event event;
    RmwOperation operation;
    EventId old = 0;
    EventId co_after = 0;
  };
  std::vector<Kept> kept_;
  std::vector<EventId> renumber_;
  std::vector<EventId> places_;
  std::vector<EventId> late_;
  std::vector<u16> written_;
};

}  // namespace uringsim::sim::dpor

#include "sim/explore/dpor/search_back.h"
#include "sim/explore/dpor/search_begin.h"
#include "sim/explore/dpor/search_divide.h"
#include "sim/explore/dpor/search_grow.h"
#include "sim/explore/dpor/search_memory.h"
#include "sim/explore/dpor/search_run.h"
#include "sim/explore/dpor/search_tasks.h"
#include "sim/explore/dpor/search_tell.h"
#include "sim/explore/dpor/search_time.h"
#include "sim/explore/dpor/search_wait.h"
