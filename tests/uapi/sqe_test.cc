// SPDX-License-Identifier: GPL-2.0-only
#include "uapi/sqe.h"

#include <gtest/gtest.h>

#include <cstring>

#include <array>
#include <functional>
#include <string>

#include "tests/uapi/fake_system.h"

namespace uringsim::uapi {
namespace {

using Slot = sqe_ref<Fake>;

struct Prep {
  const char* name;
  std::function<void(Slot)> prepare;
  // What Linux reads for it, at the offsets of the ABI.
  std::uint8_t opcode;
  std::int32_t fd;
  std::uint64_t off, addr;
  std::uint32_t len, op_flags;
  std::uint16_t buf_index = 0;
  std::int32_t splice_fd_in = 0;
};

class Prepares : public testing::TestWithParam<Prep> {};

TEST_P(Prepares, AllSixtyFourBytesAsTheKernelReadsThem) {
  const Prep& expected = GetParam();
  FakeMachine machine;
  const std::uint64_t at = FakeMachine::sqes_at + 64;
  // Left over from an earlier use, and neighbours that must stay as they are.
  for (std::uint64_t i = 0; i < 192; ++i) machine.set(FakeMachine::sqes_at + i, std::uint8_t{0xaa});
  expected.prepare(Slot{Fake{&machine}, at});

  EXPECT_EQ(machine.get<std::uint8_t>(at + 0), expected.opcode);
  EXPECT_EQ(machine.get<std::uint8_t>(at + 1), 0) << "flags";
  EXPECT_EQ(machine.get<std::uint16_t>(at + 2), 0) << "ioprio";
  EXPECT_EQ(machine.get<std::int32_t>(at + 4), expected.fd);
  EXPECT_EQ(machine.get<std::uint64_t>(at + 8), expected.off);
  EXPECT_EQ(machine.get<std::uint64_t>(at + 16), expected.addr);
  EXPECT_EQ(machine.get<std::uint32_t>(at + 24), expected.len);
  EXPECT_EQ(machine.get<std::uint32_t>(at + 28), expected.op_flags);
  EXPECT_EQ(machine.get<std::uint64_t>(at + 32), 0u) << "user_data";
  EXPECT_EQ(machine.get<std::uint16_t>(at + 40), expected.buf_index);
  EXPECT_EQ(machine.get<std::uint16_t>(at + 42), 0) << "personality";
  EXPECT_EQ(machine.get<std::int32_t>(at + 44), expected.splice_fd_in);
  EXPECT_EQ(machine.get<std::uint64_t>(at + 48), 0u);
  EXPECT_EQ(machine.get<std::uint64_t>(at + 56), 0u);
  EXPECT_EQ(machine.get<std::uint8_t>(at - 1), 0xaa);
  EXPECT_EQ(machine.get<std::uint8_t>(at + 64), 0xaa);
}

INSTANTIATE_TEST_SUITE_P(
    Opcodes, Prepares,
    testing::Values(
        Prep{"nop", [](Slot s) { s.prep_nop(); }, 0, -1, 0, 0, 0, 0},
        Prep{"readv", [](Slot s) { s.prep_readv(3, 0x1000, 2, 4096, 8); }, 1, 3, 4096, 0x1000, 2, 8},
        Prep{"writev", [](Slot s) { s.prep_writev(3, 0x1000, 2, 4096); }, 2, 3, 4096, 0x1000, 2, 0},
        Prep{"fsync", [](Slot s) { s.prep_fsync(3, IORING_FSYNC_DATASYNC); }, 3, 3, 0, 0, 0, 1},
        Prep{"read_fixed", [](Slot s) { s.prep_read_fixed(3, 0x1000, 512, 8, 7); }, 4, 3, 8, 0x1000, 512, 0, 7},
        Prep{"write_fixed", [](Slot s) { s.prep_write_fixed(3, 0x1000, 512, 8, 7); }, 5, 3, 8, 0x1000, 512, 0, 7},
        Prep{"poll_add", [](Slot s) { s.prep_poll_add(3, 0x41); }, 6, 3, 0, 0, 0, 0x41},
        Prep{"poll_remove", [](Slot s) { s.prep_poll_remove(99); }, 7, -1, 0, 99, 0, 0},
        Prep{"sync_file_range", [](Slot s) { s.prep_sync_file_range(3, 64, 128, 7); }, 8, 3, 128, 0, 64, 7},
        Prep{"sendmsg", [](Slot s) { s.prep_sendmsg(3, 0x1000, 0x40); }, 9, 3, 0, 0x1000, 1, 0x40},
        Prep{"recvmsg", [](Slot s) { s.prep_recvmsg(3, 0x1000, 0x40); }, 10, 3, 0, 0x1000, 1, 0x40},
        Prep{"timeout", [](Slot s) { s.prep_timeout(0x1000, 5, IORING_TIMEOUT_ABS); }, 11, -1, 5, 0x1000, 1, 1},
        Prep{"timeout_remove", [](Slot s) { s.prep_timeout_remove(99, 0); }, 12, -1, 0, 99, 0, 0},
        Prep{"accept", [](Slot s) { s.prep_accept(3, 0x1000, 0x2000, 2); }, 13, 3, 0x2000, 0x1000, 0, 2},
        Prep{"cancel", [](Slot s) { s.prep_cancel64(99, 1); }, 14, -1, 0, 99, 0, 1},
        Prep{"link_timeout", [](Slot s) { s.prep_link_timeout(0x1000, 0); }, 15, -1, 0, 0x1000, 1, 0},
        Prep{"connect", [](Slot s) { s.prep_connect(3, 0x1000, 16); }, 16, 3, 16, 0x1000, 0, 0},
        Prep{"fallocate", [](Slot s) { s.prep_fallocate(3, 1, 10, 20); }, 17, 3, 10, 20, 1, 0},
        Prep{"openat", [](Slot s) { s.prep_openat(-100, 0x1000, 0x42, 0644); }, 18, -100, 0, 0x1000, 0644, 0x42},
        Prep{"close", [](Slot s) { s.prep_close(3); }, 19, 3, 0, 0, 0, 0},
        Prep{"files_update", [](Slot s) { s.prep_files_update(0x1000, 2, 6); }, 20, -1, 6, 0x1000, 2, 0},
        Prep{"statx", [](Slot s) { s.prep_statx(-100, 0x1000, 0x100, 0x7ff, 0x2000); }, 21, -100, 0x2000, 0x1000, 0x7ff, 0x100},
        Prep{"read", [](Slot s) { s.prep_read(3, 0x1000, 512, 8); }, 22, 3, 8, 0x1000, 512, 0},
        Prep{"write", [](Slot s) { s.prep_write(3, 0x1000, 512, 8); }, 23, 3, 8, 0x1000, 512, 0},
        Prep{"fadvise", [](Slot s) { s.prep_fadvise(3, 8, 16, 4); }, 24, 3, 8, 0, 16, 4},
        Prep{"madvise", [](Slot s) { s.prep_madvise(0x1000, 16, 4); }, 25, -1, 0, 0x1000, 16, 4},
        Prep{"send", [](Slot s) { s.prep_send(3, 0x1000, 16, 0x4000); }, 26, 3, 0, 0x1000, 16, 0x4000},
        Prep{"recv", [](Slot s) { s.prep_recv(3, 0x1000, 16, 0x40); }, 27, 3, 0, 0x1000, 16, 0x40},
        Prep{"openat2", [](Slot s) { s.prep_openat2(-100, 0x1000, 0x2000, 24); }, 28, -100, 0x2000, 0x1000, 24, 0},
        Prep{"epoll_ctl", [](Slot s) { s.prep_epoll_ctl(4, 5, 1, 0x1000); }, 29, 4, 5, 0x1000, 1, 0},
        Prep{"splice", [](Slot s) { s.prep_splice(3, -1, 4, 16, 32, 1); }, 30, 4, 16, ~std::uint64_t{0}, 32, 1, 0, 3},
        Prep{"provide_buffers", [](Slot s) { s.prep_provide_buffers(0x1000, 64, 8, 9, 10); }, 31, 8, 10, 0x1000, 64, 0, 9},
        Prep{"remove_buffers", [](Slot s) { s.prep_remove_buffers(8, 9); }, 32, 8, 0, 0, 0, 0, 9},
        Prep{"tee", [](Slot s) { s.prep_tee(3, 4, 32, 2); }, 33, 4, 0, 0, 32, 2, 0, 3},
        Prep{"rw_of_any_opcode", [](Slot s) { s.prep_rw(62, 3, 0x1000, 5, 6, 7); }, 62, 3, 6, 0x1000, 5, 7}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SqeRef, SettersTouchTheirFieldAlone) {
  FakeMachine machine;
  const std::uint64_t at = FakeMachine::sqes_at;
  const Slot slot{Fake{&machine}, at};
  slot.set_flags(IOSQE_IO_LINK | IOSQE_IO_DRAIN);
  slot.set_data64(0x1122334455667788);
  slot.set_ioprio(0x99);
  slot.set_buf_group(0xab);
  slot.set_personality(0xcd);
  const auto sqe = machine.get<io_uring_sqe>(at);
  io_uring_sqe expected{};
  expected.flags = 6;
  expected.user_data = 0x1122334455667788;
  expected.ioprio = 0x99;
  expected.buf_index = 0xab;
  expected.personality = 0xcd;
  EXPECT_EQ(std::memcmp(&sqe, &expected, sizeof sqe), 0);
}

TEST(CopySqe, CopiesAllSixtyFourBytes) {
  std::array<unsigned char, sizeof(io_uring_sqe)> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i + 1);
  io_uring_sqe from;
  std::memcpy(&from, bytes.data(), bytes.size());
  io_uring_sqe to{};
  copy_sqe(to, from);
  EXPECT_EQ(std::memcmp(&to, bytes.data(), bytes.size()), 0);
}

TEST(UserAddress, TakesPointersNumbersAndNull) {
  int object = 0;
  EXPECT_EQ(user_address(&object).value(), reinterpret_cast<std::uintptr_t>(&object));
  EXPECT_EQ(user_address(0x1000).value(), 0x1000u);
  EXPECT_FALSE(user_address(nullptr));
  EXPECT_FALSE(user_address(0));
}

}  // namespace
}  // namespace uringsim::uapi
