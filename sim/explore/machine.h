// SPDX-License-Identifier: GPL-2.0-only
// The operational machine: runs a program as fibers, one operation at a time, in the order that a strategy chooses.
//
//     auto machine = make_machine({.memory = Memory::tso});
//     machine->set_up(program);
//     while (strategy.begin()) {
//       const Run run = machine->run(strategy);
//       if (run.end == End::violation) ... run.violation, machine->record(strategy) for its schedule
//     }
//
// Every marked memory operation, lock, wake, sleep and look at the clock is a scheduling point: the strategy says whose turn it
// is before it takes effect. Plain accesses are none, because executions that differ only in where they stand have the same
// outcome or a data race, and the race detector sees the race in each of them. An execution ends when nothing can happen any
// more: every task has ended or waits for something that nobody will do.
//
// Waiting never unrolls. A task that wants a held lock, joins, or sleeps is no candidate until it can go on. A polling pass
// (Machine::poll_pass) without effect suspends its task until something that the pass read has changed, or time has moved if it
// looked at the clock; under `weak` the next pass then sees at least one store that the last one did not (stores become visible
// in the end), and which one is a choice.
//
// Time is logical. It moves only by choice, to the next timer or deadline, whatever the tasks do meanwhile; timers fire in due
// order in an interrupt context of their own, as soon as due. A timer that is due may have fired before its function does
// anything, and its function may not be over yet when it has done its last access. Only who cancels the timer or starts it anew
// could tell: whether it is so is chosen there, and costs nothing elsewhere. Where only pollers wait for time it moves by a tick,
// then by two, four and so on, until somebody does something again. need_resched() is always false: whoever polls gives way at
// poll_pass().
//
// Interrupt contexts (one for timers, one for raise()) run beside the tasks as if on a processor of their own.
//
// Memory order is the business of the subclasses: sc.cc, tso.cc, weak.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel_model/arch/machine.h"
#include "sim/explore/program.h"
#include "sim/explore/shadow.h"
#include "sim/explore/strategy.h"
#include "sim/explore/view.h"
#include "sim/fiber/fiber.h"

namespace uringsim::sim {

enum class Memory : u8 { sc, tso, weak };
const char* to_string(Memory memory) noexcept;

struct MachineOptions {
  Memory memory = Memory::sc;
  std::vector<std::string> left_out;  ///< names of barriers that are not there
  bool races = true;                  ///< look for data races on plain accesses
  u64 max_points = 200'000;           ///< an execution that takes more scheduling points is cut
  u64 arena_bytes = u64{1} << 28;     ///< memory for the program, stacks included
  unsigned cpus = 2;                  ///< what Machine::cpus() says
  u64 tick_ns = 4'000'000;            ///< by how much time moves at first for somebody who polls the clock
};

/// How an execution ended.
enum class End : u8 {
  complete,   ///< nothing can happen any more, and nothing is wrong
  violation,  ///< see Run::violation
  stopped,    ///< the strategy stopped it
  blocked,    ///< the program asked for an execution with other choices: choose() among none
  cut,        ///< it outgrew max_points or the explorer's memory
};

struct Run {
  End end = End::complete;
  u64 points = 0;  ///< scheduling points taken
};

class OperationalMachine : public arch::Machine, private Ending {
 public:
  ~OperationalMachine() override;
  OperationalMachine(const OperationalMachine&) = delete;
  OperationalMachine& operator=(const OperationalMachine&) = delete;

  /// Builds the program's world and keeps its state. Throws std::runtime_error if the program cannot be built.
  void set_up(Program& program);
  /// One execution from that state. The strategy's begin() or again() was called.
  Run run(Strategy& strategy) noexcept;
  /// As run(), and writes down every step. The same choices give the same steps.
  Run record(Strategy& strategy, Schedule& schedule) noexcept;

  /// What was wrong with the last execution that ended in End::violation.
  [[nodiscard]] const Violation& violation() const noexcept { return violation_; }
  /// Who was left over at the end of the last execution, and why.
  [[nodiscard]] const std::vector<LeftOver>& left_over() override;
  [[nodiscard]] const MachineOptions& options() const noexcept { return options_; }
  [[nodiscard]] Arena& arena() noexcept { return arena_; }
  [[nodiscard]] u32 tasks() const noexcept { return tasks_; }
  [[nodiscard]] const char* task_name(u32 task) const noexcept;
  /// False if a bound inside of the explorer made some execution less than complete (see weak.cc), so that no search on this
  /// machine may be called exhaustive.
  [[nodiscard]] bool exact() const noexcept { return exact_; }

  // ---- arch::Machine -----------------------------------------------------------------------------------------------
  void plain(const void* at, u64 bytes, bool write, arch::Site site) noexcept final;
  void scope(const char* function) noexcept final;
  void lock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept final;
  bool try_lock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept final;
  void unlock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept final;
  void spawn(arch::Task& task, void (*entry)(void*), void* argument, const arch::SpawnOptions& options) noexcept final;
  [[noreturn]] void exit() noexcept final;
  void join(arch::Task& task) noexcept final;
  void set_affinity(arch::Task& task, int cpu) noexcept final;
  void set_state(u32 state) noexcept final;
  [[nodiscard]] u32 state(const arch::Task& task) const noexcept final;
  bool schedule(u64 deadline) noexcept final;
  bool wake(arch::Task& task, u32 mask) noexcept final;
  [[nodiscard]] bool need_resched() noexcept final { return false; }
  void yield() noexcept final {}
  void poll_pass(arch::Site site) noexcept final;
  [[nodiscard]] unsigned cpus() const noexcept final { return options_.cpus; }
  [[nodiscard]] int current_cpu() const noexcept final;
  [[nodiscard]] u64 now() noexcept final;
  void timer_start(arch::Timer& timer, u64 due) noexcept final;
  int timer_cancel(arch::Timer& timer) noexcept final;
  void raise(arch::Interrupt& interrupt) noexcept final;
  void charge(arch::Cost, u64) noexcept final {}
  [[nodiscard]] void* alloc(u64 bytes, u64 align) noexcept final;
  void free(void* memory, u64 bytes) noexcept final;
  [[nodiscard]] u64 random() noexcept final;
  [[nodiscard]] u32 choose(u32 options, const char* what) noexcept final;
  void report(const char* what, bool fatal, arch::Site site) noexcept final;
  /// With Program::warm_up(): the current task is where executions begin. Returns when the first one lets it run.
  void ready() noexcept override;

 protected:
  explicit OperationalMachine(const MachineOptions& options);

  static constexpr u32 kMaxLanes = 1u << 14;
  static constexpr u32 kMaxScopes = 24;
  static constexpr u32 kMaxWatches = 24;

  /// A word that a polling pass read, and how new what it saw was.
  struct Watch {
    u32 cell;
    u32 version;
  };

  /// What is put back before every execution.
  static constexpr u64 kNever = ~u64{0};

  struct TaskState {
    arch::Task* task = nullptr;
    void (*entry)(void*) = nullptr;
    void* argument = nullptr;
    void* stack = nullptr;
    u32* state = nullptr;  ///< TASK_*: a word of the arena, under the memory model like any other
    Blocked blocked = Blocked::not_woken;
    bool begun = false;
    bool ended = false;
    bool service = false;  ///< an interrupt context: it is not left over
    bool kernel_thread = false;
    int cpu = -1;
    u32 spin_depth = 0;
    u32 joins = kNobody;
    u32 depth = 0;  ///< of scopes
    u64 joiners = 0;
    u64 deadline = kNever;
    const arch::LockWord* wants = nullptr;
    arch::Site site;  ///< of the operation that it is about to do
  };

  struct TaskRecord : TaskState {
    Fiber fiber;
    TaskState saved;
    Fiber::Point rest;
    u32* view = nullptr;   ///< what the task knows: clocks, then (weak) the oldest store of each word that it may read
    u32* extra = nullptr;  ///< weak: what it has read relaxed, in force after the next barrier
    bool has_extra = false;
    SyncView* released = nullptr;  ///< weak: what smp_wmb or stronger has published ahead of the stores to come
    bool unlocked = false;         ///< weak: released a lock before, see do_lock_order
    u32 fence = 0;                 ///< weak: the latest full barrier that its accesses to come are behind; 0: none
    u32 fence_read = 0;            ///< weak: the latest that what it has read relaxed was behind
    SyncView* final = nullptr;     ///< what it knew at its end
    bool timed_out = false;
    u32 watches = 0;
    bool pass_effect = false;
    bool pass_time = false;
    const arch::Timer* pass_timer = nullptr;  ///< the pass found its function running
    const char* scopes[kMaxScopes];
    const char* saved_scopes[kMaxScopes];
    Watch watch[kMaxWatches];
  };

  // ---- memory model --------------------------------------------------------------------------------------------------
  // All on behalf of the current task, after the scheduling point.

  virtual u64 do_load(Cell& cell, const void* at, unsigned size, arch::Order order) noexcept = 0;
  virtual void do_store(Cell& cell, void* at, unsigned size, u64 value, arch::Order order) noexcept = 0;
  virtual u64 do_rmw(Cell& cell, void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected,
                     arch::Order order) noexcept = 0;
  virtual void do_fence(arch::Fence kind) noexcept = 0;
  /// Reads the newest value, as a locked operation does, with acquire ordering; drains what the task has pending.
  virtual u64 do_locked_load(Cell& cell, const void* at, unsigned size) noexcept = 0;
  /// Stores behind the newest value. To be called right after do_locked_load().
  virtual void do_locked_store(Cell& cell, void* at, unsigned size, u64 value) noexcept = 0;
  /// A lock is being taken, after do_locked_load(): Linux orders what stands around a release and the lock that follows it.
  virtual void do_lock_order(Cell&) noexcept {}
  /// A plain store of the current task reaches a word that has a history or a pending store.
  virtual void do_plain_store(Cell& cell, void* at, unsigned size, u64 value) noexcept = 0;
  virtual u64 do_plain_load(Cell& cell, const void* at, unsigned size) noexcept = 0;
  /// The current task has read the newest store of the cell, or one behind it: it does not race with that one, though it may with
  /// what its task did before.
  [[nodiscard]] virtual bool has_seen(const Cell&) const noexcept { return false; }
  /// A plain access to memory itself is coming: nothing may be pending for it.
  virtual void do_settle(Cell&) noexcept {}
  virtual void do_drain(u32) noexcept {}
  /// A polling pass saw `watch` of the current task older than it is: which of the words that have news gives it?
  virtual void do_advance(TaskRecord&) noexcept {}
  /// All tasks know nothing, all words have the value that memory has.
  virtual void do_begin() noexcept {}

  // ---- scheduling ----------------------------------------------------------------------------------------------------

  /// Before an operation takes effect: others may go first.
  void point() noexcept {
    if (skip_point_) {
      skip_point_ = false;
      return;
    }
    if (runnable_ == bit(current_) && drains_ == 0 && !time_moves_ && (++points_ & 1023) != 0) [[likely]]
      return;
    go_on();
  }
  /// Lets the strategy say who acts; returns when the current task does.
  void go_on() noexcept;
  /// The current task cannot go on; returns when it can, and was chosen. What it does next needs no point of its own.
  void block(Blocked why) noexcept {
    me().blocked = why;
    runnable_ &= ~bit(current_);
    go_on();
    skip_point_ = true;
  }
  void unblock(u32 task) noexcept {
    records_[task].blocked = Blocked::no;
    runnable_ |= bit(task);
  }
  /// Ends the execution; does not return.
  [[noreturn]] void finish(End end) noexcept;
  /// Ends the execution with a violation. Returns only outside of tasks.
  void fail(const char* check, std::string text) noexcept;
  /// As fail(), in place of the operation under way on `at`: a step of the schedule stands for that, so that a replay comes to
  /// it.
  void fail_here(const char* check, std::string text, const void* at, arch::Site site) noexcept;
  /// The execution has to be run once more: the explorer has learnt something that it should have known.
  void again_please() noexcept { rerun_ = true; }
  [[nodiscard]] u32 choose_value(u32 options, ValueKind kind) noexcept {
    return options < 2 || warming_ ? 0 : strategy_->value(options, kind);
  }

  [[nodiscard]] static u64 bit(u32 task) noexcept { return u64{1} << task; }
  [[nodiscard]] TaskRecord& me() noexcept { return records_[current_]; }
  [[nodiscard]] bool outside() const noexcept { return current_ == kNobody; }

  // ---- words ---------------------------------------------------------------------------------------------------------

  /// The cell of a word that the current task accesses; ends the execution if it may not.
  [[nodiscard]] Cell& touch(const void* at, unsigned size, arch::Site site) noexcept {
    if (any_freed_ && shadow_.freed(at)) [[unlikely]]
      fail_here("use-after-free", describe_access(at, size, site) + " touches memory that was freed", at, site);
    Cell* const cell = shadow_.cell(at, size);
    if (cell == nullptr) [[unlikely]]
      fail_here("stray-access", describe_access(at, size, site) + " lies outside of the machine's memory", nullptr, site);
    return *cell;
  }
  [[nodiscard]] std::string describe_access(const void* at, unsigned size, arch::Site site) const;
  [[nodiscard]] static u64 peek(const void* at, unsigned size) noexcept;
  static void poke(void* at, unsigned size, u64 value) noexcept;
  [[nodiscard]] static u64 apply(arch::Rmw op, u64 old, u64 operand) noexcept;
  /// The word's newest value is another one: whoever waits for that can go on.
  void changed(Cell& cell) noexcept {
    cell.version++;
    if (cell.watchers != 0) [[unlikely]]
      wake_watchers(cell);
  }
  void wake_watchers(Cell& cell) noexcept;
  void note_read(Cell& cell, u32 version) noexcept {
    TaskRecord& task = me();
    if (task.watches < kMaxWatches)
      task.watch[task.watches++] = {shadow_.number(cell), version};
    else
      task.pass_effect = true;  // too much to watch: the pass is repeated
  }
  [[nodiscard]] bool left_out(const char* barrier) const noexcept {
    return barrier != nullptr && !options_.left_out.empty() && is_left_out(barrier);
  }

  // ---- what tasks know of each other -----------------------------------------------------------------------------------

  [[nodiscard]] u32 view_lanes() const noexcept { return round_lanes(lanes_); }
  /// What the current task knows, with what it read relaxed, published; its clock moves on.
  [[nodiscard]] SyncView* publish() noexcept;
  void publish_into(SyncView*& sync) noexcept;
  static void take_for(TaskRecord& task, const SyncView& sync) noexcept {
    join_lanes(task.view, sync.at(), sync.lanes);
    task.fence = std::max(task.fence, sync.fence);
  }
  void take(const SyncView* sync) noexcept {
    if (sync != nullptr) take_for(me(), *sync);
  }

  // ---- races -----------------------------------------------------------------------------------------------------------

  [[nodiscard]] static u8 byte_mask(const Cell& cell, const void* at, unsigned size) noexcept {
    return static_cast<u8>(((1u << size) - 1) << (static_cast<const unsigned char*>(at) - cell.at));
  }
  /// The current task's own time: moves on where it publishes what it knows.
  [[nodiscard]] u32 clock_now() noexcept { return me().view[current_]; }
  /// An access made at `clock`, seen with what the task knows now: an access that acquires is behind what it acquires.
  void race_check(Cell& cell, u8 bytes, bool write, bool plain, u32 clock, arch::Site site) noexcept;
  void remember(Cell& cell, bool write, const LastAccess& access) noexcept;
  /// weak: memory is given back; ends the execution if nothing orders somebody's access behind which that comes.
  void must_be_over(const void* memory, u64 bytes) noexcept;
  /// A marked access: remembered only where plain ones exist.
  void marked(Cell& cell, const void* at, unsigned size, bool write, u32 clock, arch::Site site) noexcept {
    cell.marked = true;
    if (cell.mixed || recording_ != nullptr) [[unlikely]]
      race_check(cell, byte_mask(cell, at, size), write, false, clock, site);
  }

  // ---- telling -----------------------------------------------------------------------------------------------------------

  void tell(OpKind kind, const void* object, unsigned size, u64 before, u64 after, arch::Site site,
            const char* barrier = nullptr) noexcept {
    if (recording_ != nullptr) [[unlikely]]
      write_down(kind, arena_.contains(object) ? arena_.offset(object) : 0, size, before, after, site, barrier);
  }
  void write_down(OpKind kind, u64 object, unsigned size, u64 before, u64 after, arch::Site site, const char* barrier) noexcept;
  [[nodiscard]] u64 without_addresses(u64 value, unsigned size) const noexcept;
  [[nodiscard]] const char* current_scope(const TaskRecord& task) const noexcept {
    return task.depth == 0 ? nullptr : task.scopes[(task.depth - 1) % kMaxScopes];
  }

  MachineOptions options_;
  Arena arena_;
  Shadow shadow_;
  Pool pool_;
  Strategy* strategy_ = nullptr;
  u64 runnable_ = 0;
  u64 drains_ = 0;  ///< tso: tasks with something in their buffer
  u64 points_ = 0;
  u32 current_ = kNobody;
  u32 lanes_ = 0;   ///< of views in use: clocks, then words
  u32 clocks_ = 0;  ///< lanes of the vector clock
  bool time_moves_ = false;
  bool skip_point_ = false;
  bool any_freed_ = false;
  bool warming_ = false;
  bool exact_ = true;
  std::vector<Step>* recording_ = nullptr;
  LockWatch* locks_ = nullptr;
  u32 told_choice_ = 0;  ///< of the operation under way, for write_down()
  u32 told_options_ = 1;
  u32 told_missed_task_ = kNobody;
  arch::Site told_missed_site_;
  u64 told_missed_value_ = 0;
  bool told_preempts_ = false;
  arch::Site told_site_;  ///< recorded executions: of the operation under way
  u32 tasks_ = 0;
  std::vector<TaskRecord> records_;

 private:
  // Ending
  [[nodiscard]] bool all_ended() const noexcept override { return alive_ == 0; }
  void violation(const char* check, const std::string& text) override { fail(check, text); }
  [[nodiscard]] std::string access_text(const LastAccess& access, bool writes) const;
  [[nodiscard]] std::string race_text(const Cell& cell, const LastAccess& other, bool other_writes, const LastAccess& mine,
                                      bool write) const;
  [[nodiscard]] std::string in_use_text(const Cell& cell, const LastAccess& last, bool writes) const;

  static void first(void* record) noexcept;
  static void timer_context(void* machine) noexcept;
  static void interrupt_context(void* machine) noexcept;
  void restore() noexcept;
  void execute() noexcept;
  void put_back_memory() noexcept;
  u32 pick() noexcept;
  u32 pick_warming() noexcept;
  void switch_to(u32 next) noexcept;
  void end_task() noexcept;
  void drained(u32 task) noexcept;
  void move_time(u32 acting) noexcept;
  void look_at_timers() noexcept;
  void update_time() noexcept;
  [[nodiscard]] u64 next_due() const noexcept;
  void must_be_there(const arch::Timer& timer, const char* does) noexcept;
  void fire() noexcept;
  void timer_is_over() noexcept;
  [[nodiscard]] bool choose_if_runs(const arch::Timer& timer) noexcept;
  [[nodiscard]] bool runs_no_more(TaskRecord& task) noexcept;
  [[nodiscard]] bool timer_waits() const noexcept;
  void wake_who_waits_for(const arch::Timer* timer) noexcept;
  void publish_of_timers(const arch::Timer& timer) noexcept;
  [[nodiscard]] SyncView*& sync_of(const void* object) noexcept;
  void set_time(u64 now, u32 acting, u32 ticks) noexcept;
  [[nodiscard]] bool time_moves_for_pollers() const noexcept;
  void time_for_pollers() noexcept;
  void run_service(u32& context, arch::Task& task, const char* name, void (*entry)(void*)) noexcept;
  void save() noexcept;
  [[nodiscard]] bool nearly_full() const noexcept {
    return pool_.nearly_full() || shadow_.nearly_full() || lanes_ + 128 > kMaxLanes;
  }
  void unlink(arch::Timer& timer) noexcept;
  void leave() noexcept;
  [[nodiscard]] bool is_left_out(const char* barrier) const noexcept;
  u32 add_record(arch::Task& task, void (*entry)(void*), void* argument, void* stack) noexcept;
  void take_lock(arch::LockWord& lock, arch::LockKind kind, Cell& cell) noexcept;

  // Everything that an execution changes and the next one finds as it was.
  struct World {
    u64 runnable = 0;
    u32 tasks = 0;
    u32 alive = 0;
    u64 now = 0;
    u64 random = 0;
    u64 step_ns = 0;
    u32 idle_moves = 0;
    u32 moves_ahead = 0;
    u32 sleepers = 0;  ///< tasks that sleep with a deadline
    u64 time_pollers = 0;
    arch::Timer* timers = nullptr;         ///< by due time, linked by engine[0]
    arch::Timer* running_timer = nullptr;  ///< it has fired
    bool timer_begun = false;              ///< and its function has been called
    bool timer_done = false;               ///< and has returned; for those who can tell it may not be over yet
    arch::Interrupt* raised = nullptr;
    u32 timer_context = kNobody;
    u32 interrupt_context = kNobody;
  };

  Program* program_ = nullptr;
  World world_;
  World saved_world_;
  ArenaSnapshot snapshot_;
  std::vector<unsigned char> small_image_;  // instead of the snapshot where the heap is small
  bool warm_ = false;
  u32& alive_ = world_.alive;
  Reserve<u32> views_;
  u32 last_lanes_ = 0;
  u32 last_tasks_ = 0;
  // What is known to those who come behind the start, the firing or the end of a timer, or the raising of an interrupt.
  struct KnownTo {
    const void* object;
    SyncView* sync;
  };
  std::vector<KnownTo> known_to_;
  arch::Task timer_task_;
  arch::Task interrupt_task_;
  Fiber main_;
  End end_ = End::complete;
  bool rerun_ = false;
  Violation violation_;
  std::vector<LeftOver> left_over_;
  bool left_over_known_ = false;
};

/// A machine with the given memory model. Throws std::system_error if the host has no room.
std::unique_ptr<OperationalMachine> make_machine(const MachineOptions& options);

}  // namespace uringsim::sim
