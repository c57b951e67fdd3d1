// SPDX-License-Identifier: GPL-2.0-only
#include "uapi/names.h"

#include <gtest/gtest.h>

#include <cstddef>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/uapi/host_header.h"
#include "uapi/abi.h"

namespace uringsim::uapi {
namespace {

struct Table {
  const char* what;
  NameTable names;
};

const std::vector<Table> flag_tables = {
    {"setup flags", names::setup_flags},     {"features", names::features},           {"enter flags", names::enter_flags},
    {"SQ ring flags", names::sq_ring_flags}, {"CQ ring flags", names::cq_ring_flags}, {"SQE flags", names::sqe_flags},
    {"CQE flags", names::cqe_flags},         {"fsync flags", names::fsync_flags},     {"timeout flags", names::timeout_flags},
    {"poll flags", names::poll_flags},       {"cancel flags", names::cancel_flags},   {"poll events", names::poll_events},
};
const std::vector<Table> number_tables = {
    {"opcodes", names::opcodes},
    {"register operations", names::register_ops},
    {"restrictions", names::restriction_ops},
};

TEST(Names, EveryFlagIsOneBitAndTablesAreSorted) {
  for (const Table& table : flag_tables) {
    std::uint32_t last = 0;
    for (const Name& entry : table.names) {
      EXPECT_EQ(entry.value & (entry.value - 1), 0u) << table.what << " " << entry.name;
      EXPECT_GT(entry.value, last) << table.what << " " << entry.name;
      last = entry.value;
    }
  }
}

TEST(Names, NumbersAreConsecutive) {
  for (const Table& table : number_tables)
    for (std::size_t i = 0; i < table.names.size(); ++i)
      EXPECT_EQ(table.names[i].value, i) << table.what << " " << table.names[i].name;
}

TEST(Names, NoNameStandsTwiceInATable) {
  for (const auto& tables : {flag_tables, number_tables})
    for (const Table& table : tables) {
      std::set<std::string_view> seen;
      for (const Name& entry : table.names) {
        EXPECT_TRUE(seen.insert(entry.name).second) << table.what << " " << entry.name;
        EXPECT_TRUE(seen.insert(entry.identifier).second) << table.what << " " << entry.identifier;
      }
    }
}

TEST(Names, AreFoundInBothSpellingsAndByValue) {
  ASSERT_NE(find(names::setup_flags, "SQPOLL"), nullptr);
  EXPECT_EQ(find(names::setup_flags, "SQPOLL"), find(names::setup_flags, "IORING_SETUP_SQPOLL"));
  EXPECT_EQ(find(names::setup_flags, "SQPOLL")->value, IORING_SETUP_SQPOLL);
  EXPECT_EQ(find(names::setup_flags, "sqpoll"), nullptr);
  EXPECT_EQ(name_of(names::opcodes, IORING_OP_PIPE), "PIPE");
  EXPECT_EQ(name_of(names::opcodes, 200), "");
  EXPECT_EQ(name_of(names::register_ops, IORING_REGISTER_QUERY), "REGISTER_QUERY");
  EXPECT_EQ(name_of(names::sqe_flags, IOSQE_IO_LINK), "IO_LINK");
  EXPECT_EQ(name_of(names::sqe_flags, 3), "") << "two bits have no name";
}

TEST(Names, AFlagWordIsTakenApartWithItsUnknownBits) {
  std::vector<std::pair<std::string, unsigned>> seen;
  for_each_flag(names::enter_flags, IORING_ENTER_SQ_WAKEUP | 1u << 20,
                [&](std::string_view name, unsigned bit) { seen.emplace_back(name, bit); });
  EXPECT_EQ(seen, (std::vector<std::pair<std::string, unsigned>>{{"SQ_WAKEUP", 1}, {"", 20}}));
}

struct Known {
  Release release;
  std::uint32_t opcodes, register_ops, setup_flags, features, sqe_flags, enter_flags;
};

class KnownTo : public testing::TestWithParam<Known> {};

TEST_P(KnownTo, TheReleaseIsWhatItsHeaderHas) {
  const Known& expected = GetParam();
  EXPECT_EQ(count(names::opcodes, expected.release), expected.opcodes);
  EXPECT_EQ(count(names::register_ops, expected.release), expected.register_ops);
  EXPECT_EQ(known(names::setup_flags, expected.release), expected.setup_flags);
  EXPECT_EQ(known(names::features, expected.release), expected.features);
  EXPECT_EQ(known(names::sqe_flags, expected.release), expected.sqe_flags);
  EXPECT_EQ(known(names::enter_flags, expected.release), expected.enter_flags);
}

INSTANTIATE_TEST_SUITE_P(Releases, KnownTo,
                         testing::Values(Known{{5, 1}, 8, 4, 0x7, 0x0, 0x1, 0x3}, Known{{5, 4}, 12, 6, 0x7, 0x1, 0x7, 0x3},
                                         Known{{5, 10}, 34, 13, 0x7f, 0x7f, 0x3f, 0x7},
                                         Known{{5, 15}, 40, 20, 0x7f, 0x7ff, 0x3f, 0xf},
                                         Known{{6, 1}, 49, 26, 0x3fff, 0x1fff, 0x7f, 0x1f},
                                         Known{{6, 18}, 63, 36, 0x7ffff, 0x3ffff, 0x7f, 0xff}),
                         [](const auto& info) {
                           return "v" + std::to_string(info.param.release.major) + "_" + std::to_string(info.param.release.minor);
                         });

TEST(Abi, AgreesWithTheHostsHeaderOnConstants) {
  std::map<std::string_view, std::uint32_t> ours;
  for (const auto& tables : {flag_tables, number_tables})
    for (const Table& table : tables)
      for (const Name& entry : table.names) ours[entry.identifier] = entry.value;
  for (const auto& fact : host_header::constants()) {
    ASSERT_TRUE(ours.contains(fact.what)) << fact.what;
    EXPECT_EQ(ours[fact.what], fact.value) << fact.what;
  }
}

TEST(Abi, AgreesWithTheHostsHeaderOnLayout) {
  const std::map<std::string_view, std::uint64_t> ours = {
#include "tests/uapi/layout_facts.inc"
  };
  for (const auto& fact : host_header::layout()) {
    ASSERT_TRUE(ours.contains(fact.what)) << fact.what;
    EXPECT_EQ(ours.at(fact.what), fact.value) << fact.what;
  }
}

}  // namespace
}  // namespace uringsim::uapi
