// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/uio.h"

#include <sys/mman.h>

#include <numeric>
#include <optional>

#include "kernel_model/core/uaccess.h"
#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

class Uio : public testing::Test {
 protected:
  Uio() {
    task_ = world.stopped_process();
    as_.emplace(task_);
    memory_ = static_cast<uptr>(mmap_anonymous(task_->mm, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE, false));
  }
  /// Puts iovecs where an application would, and returns their address.
  uptr vector_of(const std::vector<user_iovec>& iovs) {
    EXPECT_EQ(copy_to_user(memory_, iovs.data(), iovs.size() * sizeof(user_iovec)), 0u);
    return memory_;
  }
  uptr data(u64 offset) const { return memory_ + 4 * PAGE_SIZE + offset; }

  KernelWorld world;
  task_struct* task_ = nullptr;
  std::optional<RunAs> as_;
  uptr memory_ = 0;
};

TEST_F(Uio, ImportReadsTheVectorAndAddsUp) {
  user_iovec fast[UIO_FASTIOV];
  user_iovec* iov = fast;
  iov_iter iter;
  EXPECT_EQ(import_iovec(READ, vector_of({{data(0), 10}, {data(100), 0}, {data(200), 20}}), 3, UIO_FASTIOV, &iov, &iter), 30);
  EXPECT_EQ(iov, fast);
  EXPECT_EQ(iov_iter_count(&iter), 30u);
  import_iovec_free(iov, fast, 3);
}

TEST_F(Uio, ImportTakesALongVectorIntoMemoryOfItsOwn) {
  const std::vector<user_iovec> many(UIO_FASTIOV + 1, {data(0), 1});
  user_iovec fast[UIO_FASTIOV];
  user_iovec* iov = fast;
  iov_iter iter;
  EXPECT_EQ(import_iovec(READ, vector_of(many), many.size(), UIO_FASTIOV, &iov, &iter), 9);
  EXPECT_NE(iov, fast);
  import_iovec_free(iov, fast, many.size());
}

TEST_F(Uio, ImportErrorsInLinuxOrder) {
  user_iovec fast[UIO_FASTIOV];
  user_iovec* iov = fast;
  iov_iter iter;
  EXPECT_EQ(import_iovec(READ, 0, UIO_MAXIOV + 1, UIO_FASTIOV, &iov, &iter), -EINVAL);
  EXPECT_EQ(import_iovec(READ, 8, 1, UIO_FASTIOV, &iov, &iter), -EFAULT);
  EXPECT_EQ(import_iovec(READ, vector_of({{data(0), ~u64{0}}}), 1, UIO_FASTIOV, &iov, &iter), -EINVAL);
  EXPECT_EQ(import_iovec(READ, vector_of({{TASK_SIZE, 8}}), 1, UIO_FASTIOV, &iov, &iter), -EFAULT);
  // The first bad entry wins.
  EXPECT_EQ(import_iovec(READ, vector_of({{TASK_SIZE, 8}, {data(0), ~u64{0}}}), 2, UIO_FASTIOV, &iov, &iter), -EFAULT);
  EXPECT_EQ(import_iovec(READ, 0, 0, UIO_FASTIOV, &iov, &iter), 0);
  EXPECT_EQ(iov, fast);
}

TEST_F(Uio, ImportClampsTheTotal) {
  user_iovec fast[UIO_FASTIOV];
  user_iovec* iov = fast;
  iov_iter iter;
  EXPECT_EQ(import_iovec(READ, vector_of({{0x100000, 0x7fffffff}, {0x100000, 0x7fffffff}}), 2, UIO_FASTIOV, &iov, &iter),
            static_cast<s64>(MAX_RW_COUNT));
}

TEST_F(Uio, CopiesGoOnWhereTheLastOneStopped) {
  user_iovec iov[] = {{data(0), 3}, {data(50), 0}, {data(100), 5}};
  iov_iter iter;
  iov_iter_init(&iter, READ, iov, 3, 8);
  EXPECT_EQ(copy_to_iter("abcd", 4, &iter), 4u);
  EXPECT_EQ(copy_to_iter("efgh", 4, &iter), 4u);
  EXPECT_EQ(copy_to_iter("x", 1, &iter), 0u);
  char out[8] = {};
  iov_iter_init(&iter, WRITE, iov, 3, 8);
  EXPECT_EQ(copy_from_iter(out, 8, &iter), 8u);
  EXPECT_EQ(std::string(out, 8), "abcdefgh");
}

TEST_F(Uio, ACopyThatFaultsReturnsWhatItDid) {
  user_iovec iov[] = {{data(0), 4}, {8, 4}};
  iov_iter iter;
  iov_iter_init(&iter, READ, iov, 2, 8);
  EXPECT_EQ(copy_to_iter("abcdefgh", 8, &iter), 4u);
  EXPECT_EQ(iov_iter_count(&iter), 4u);
  EXPECT_EQ(iov_iter_fault_in_readable(&iter, 1), -EFAULT);
}

TEST_F(Uio, RevertGoesBackOverSegments) {
  user_iovec iov[] = {{data(0), 3}, {data(10), 4}, {data(20), 5}};
  iov_iter iter;
  iov_iter_init(&iter, READ, iov, 3, 12);
  iov_iter_advance(&iter, 9);
  iov_iter_revert(&iter, 8);
  EXPECT_EQ(iov_iter_count(&iter), 11u);
  EXPECT_EQ(iter.iov, &iov[0]);
  EXPECT_EQ(iter.iov_offset, 1u);
  iov_iter_revert(&iter, 1);
  iov_iter_advance(&iter, 12);
  iov_iter_revert(&iter, 12);
  EXPECT_EQ(iter.iov, &iov[0]);
  EXPECT_EQ(iter.iov_offset, 0u);
}

TEST_F(Uio, AlignmentSeesAddressesAndLengthsThatAreLeft) {
  user_iovec iov[] = {{0x1000, 0x200}, {0x2000, 0x201}};
  iov_iter iter;
  iov_iter_init(&iter, READ, iov, 2, 0x401);
  EXPECT_EQ(iov_iter_alignment(&iter), 0x3201u);
  iov_iter_truncate(&iter, 0x400);
  EXPECT_EQ(iov_iter_alignment(&iter) & 0x1ff, 0u);
}

TEST_F(Uio, PinnedSegmentsCoverTheBytesPageByPage) {
  user_iovec iov[] = {{data(0) + 4000, 200}, {data(0) + 2 * PAGE_SIZE, PAGE_SIZE + 1}};
  iov_iter iter;
  iov_iter_init(&iter, WRITE, iov, 2, 200 + PAGE_SIZE + 1);
  bio_vec vecs[8];
  ASSERT_EQ(iov_iter_get_bvecs(&iter, ~u64{0}, vecs, 8), 4);
  EXPECT_EQ(vecs[0].bv_offset, 4000u);
  EXPECT_EQ(vecs[0].bv_len, 96u);
  EXPECT_EQ(vecs[1].bv_offset, 0u);
  EXPECT_EQ(vecs[1].bv_len, 104u);
  EXPECT_EQ(vecs[2].bv_len, PAGE_SIZE);
  EXPECT_EQ(vecs[3].bv_len, 1u);
  EXPECT_EQ(iov_iter_count(&iter), 0u);
  for (int i = 0; i < 4; i++) put_page(vecs[i].bv_page);
}

TEST_F(Uio, PinningTakesNoMoreThanThereIsRoomFor) {
  user_iovec iov[] = {{data(0), 3 * PAGE_SIZE}};
  iov_iter iter;
  iov_iter_init(&iter, WRITE, iov, 1, 3 * PAGE_SIZE);
  bio_vec vecs[2];
  ASSERT_EQ(iov_iter_get_bvecs(&iter, ~u64{0}, vecs, 2), 2);
  EXPECT_EQ(iov_iter_count(&iter), PAGE_SIZE);
  put_page(vecs[0].bv_page);
  put_page(vecs[1].bv_page);
  ASSERT_EQ(iov_iter_get_bvecs(&iter, 512, vecs, 2), 1);
  EXPECT_EQ(vecs[0].bv_len, 512u);
  put_page(vecs[0].bv_page);
}

TEST_F(Uio, PinningWhatIsNotMappedFaults) {
  user_iovec iov[] = {{8, 100}};
  iov_iter iter;
  iov_iter_init(&iter, WRITE, iov, 1, 100);
  bio_vec vecs[2];
  EXPECT_EQ(iov_iter_get_bvecs(&iter, ~u64{0}, vecs, 2), -EFAULT);
}

TEST_F(Uio, BvecsAreCopiedThroughTheirPages) {
  page* const pages = alloc_pages(1);
  bio_vec vecs[] = {{pages, 100, PAGE_SIZE - 50}};  // over the border of adjoining pages
  std::vector<u8> in(100), out(100);
  std::iota(in.begin(), in.end(), u8{1});
  iov_iter iter;
  iov_iter_bvec(&iter, READ, vecs, 1, 100);
  EXPECT_EQ(copy_to_iter(in.data(), 100, &iter), 100u);
  iov_iter_bvec(&iter, WRITE, vecs, 1, 100);
  EXPECT_EQ(copy_from_iter(out.data(), 100, &iter), 100u);
  EXPECT_EQ(in, out);
  iov_iter_bvec(&iter, READ, vecs, 1, 100);
  EXPECT_EQ(iov_iter_zero(100, &iter), 100u);
  EXPECT_EQ(pages[1].data[49], 0);
  bio_vec split[4];
  iov_iter_bvec(&iter, READ, vecs, 1, 100);
  ASSERT_EQ(iov_iter_get_bvecs(&iter, ~u64{0}, split, 4), 2);
  EXPECT_EQ(split[1].bv_page, &pages[1]);
  EXPECT_EQ(split[1].bv_len, 50u);
  put_page(split[0].bv_page);
  put_page(split[1].bv_page);
  put_page(pages);
}

TEST_F(Uio, ASingleRangeIsClampedAndChecked) {
  user_iovec iov;
  iov_iter iter;
  EXPECT_EQ(import_single_range(READ, 0x100000, ~u64{0}, &iov, &iter), 0);
  EXPECT_EQ(iov.iov_len, MAX_RW_COUNT);
  EXPECT_EQ(import_single_range(READ, TASK_SIZE, 1, &iov, &iter), -EFAULT);
}

}  // namespace
}  // namespace uringsim::kernel
