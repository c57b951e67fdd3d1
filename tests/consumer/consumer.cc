// SPDX-License-Identifier: GPL-2.0-only
// A world of one task that sends a NOP through a simulated ring, built against the installed headers and libraries.
#include <cstdio>

#include "sim/fiber/timed_machine.h"
#include "sim/world/world.h"

int main() {
  using namespace uringsim;
  sim::Arena arena;
  sim::TimedMachine machine(arena);
  sim::World world(machine, {.kernel = &kernel::v5_4});
  int result = -1;
  world.add_process({.name = "consumer"}, [&result] {
    sim::ApplicationRing ring;
    if (ring.queue_init(8, 0) != 0) return;
    ring.get_sqe().prep_nop();
    ring.submit_and_wait(1);
    sim::ApplicationRing::Cqe cqe;
    if (ring.peek_cqe(&cqe) == 0) result = cqe.res();
    ring.queue_exit();
  });
  machine.run(world.tasks());
  std::printf("consumer: a NOP completed with %d under %s\n", result, kernel::v5_4.name);
  return result;
}
