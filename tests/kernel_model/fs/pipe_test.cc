// SPDX-License-Identifier: GPL-2.0-only
#include <poll.h>

#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

TEST(Pipe, WhatIsWrittenIsRead) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    EXPECT_EQ(uwrite(p.w, "hello"), 5);
    EXPECT_EQ(uread(p.r, 3), "hel");
    EXPECT_EQ(uread(p.r, 10), "lo");
  });
}

TEST(Pipe, AReaderSleepsUntilAWriterComes) {
  FsWorld world;
  u64 woken = 0;
  world.app([&] {
    const two_fds p = upipe();
    task_struct* const self = current();
    (void)self;
    std::function<void()> writer = [&] {
      nap(50 * NSEC_PER_MSEC);
      EXPECT_EQ(uwrite(p.w, "x"), 1);
    };
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &writer), 0);
    EXPECT_EQ(uread(p.r, 4), "x");
    woken = ktime_get_ns();
  });
  EXPECT_GE(woken, 50 * NSEC_PER_MSEC);
}

TEST(Pipe, ReadsEndWhenTheLastWriterIsGone) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    EXPECT_EQ(uwrite(p.w, "ab"), 2);
    EXPECT_EQ(uclose(p.w), 0);
    EXPECT_EQ(uread(p.r, 4), "ab");
    EXPECT_EQ(uread(p.r, 4), "");
  });
}

TEST(Pipe, WritingWithoutAReaderIsEpipe) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    EXPECT_EQ(do_sigaction(SIGPIPE, {.kind = k_sigaction::Kind::ignore}), 0);
    EXPECT_EQ(uclose(p.r), 0);
    EXPECT_EQ(uwrite(p.w, "x"), -EPIPE);
  });
}

TEST(Pipe, SixteenPagesFillItAndNonblockSaysSo) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe(O_NONBLOCK);
    EXPECT_EQ(uread(p.r, 1), "error -11");
    EXPECT_EQ(uwrite(p.w, std::string(70000, 'a')), 65536);
    EXPECT_EQ(uwrite(p.w, "b"), -EAGAIN);
    EXPECT_EQ(upoll(p.w, POLLOUT), 0);
    EXPECT_EQ(uread(p.r, 4095).size(), 4095u);
    EXPECT_EQ(upoll(p.w, POLLOUT), 0) << "room comes by whole buffers";
    EXPECT_EQ(uread(p.r, 1), "a");
    EXPECT_EQ(upoll(p.w, POLLOUT), POLLOUT);
  });
}

TEST(Pipe, SmallWritesShareABuffer) {
  FsWorld world;
  world.app(
      [] {
        const two_fds p = upipe(O_NONBLOCK);
        for (int i = 0; i < 4096; i++) ASSERT_EQ(uwrite(p.w, "a"), 1);
        EXPECT_EQ(uwrite(p.w, std::string(15 * 4096, 'b')), 15 * 4096);
        EXPECT_EQ(uwrite(p.w, "c"), -EAGAIN);
      },
      {});
}

TEST(Pipe, AHalfReadMessageOfAPacketPipeIsGone) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe(O_DIRECT);
    EXPECT_EQ(uwrite(p.w, "first"), 5);
    EXPECT_EQ(uwrite(p.w, "second"), 6);
    EXPECT_EQ(uread(p.r, 2), "fi");
    EXPECT_EQ(uread(p.r, 100), "second");
  });
}

/// A poller that remembers the keys it was woken with.
struct KeyRecorder : wait_queue_entry {
  std::vector<u32> keys;
};
int record_key(wait_queue_entry* entry, unsigned, int, void* key) {
  static_cast<KeyRecorder*>(entry)->keys.push_back(key_to_poll(key));
  return 0;
}
struct RecordingTable : poll_table_struct {
  KeyRecorder* recorder = nullptr;
};
void record_queue(file*, wait_queue_head* head, poll_table_struct* table) {
  add_wait_queue(head, static_cast<RecordingTable*>(table)->recorder);
}

TEST(Pipe, WakeupsSayWhatHappened) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    file* const r = fget(static_cast<unsigned>(p.r));
    KeyRecorder recorder;
    init_waitqueue_func_entry(&recorder, record_key);
    RecordingTable table;
    table._qproc = record_queue;
    table.recorder = &recorder;
    EXPECT_EQ(vfs_poll(r, &table), 0u);
    EXPECT_EQ(uwrite(p.w, "x"), 1);
    EXPECT_EQ(uread(p.r, 1), "x");
    EXPECT_EQ(uclose(p.w), 0);
    EXPECT_EQ(recorder.keys, (std::vector<u32>{65, 260, 349}));  // IN, OUT, everything at the close
    remove_wait_queue(table.recorder->head, &recorder);
    fput(r);
  });
}

TEST(Pipe, PositionedAccessIsEspipe) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    EXPECT_EQ(upread(p.r, 1, 0), "error -29");
    EXPECT_EQ(call([&] { return sys_lseek(static_cast<unsigned>(p.r), 0, SEEK_CUR); }), -ESPIPE);
  });
}

TEST(Pipe, NoDescriptorStaysOpenIfItsNumberCannotBeTold) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(call([] { return sys_pipe2(4096, 0); }), -EFAULT);
    EXPECT_EQ(upipe().r, 0);
  });
}

TEST(Pipe, AWrongEndIsEbadf) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    EXPECT_EQ(uwrite(p.r, "x"), -EBADF);
    EXPECT_EQ(uread(p.w, 1), "error -9");
  });
}

}  // namespace
}  // namespace uringsim::kernel
