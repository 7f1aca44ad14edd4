// SPDX-License-Identifier: GPL-2.0-only
// What the loader itself says to the kernel of the series, and how it reads the answers.
#include "loader/netlink/rx_filter_link.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "loader/datapath/kernel_types.h"
#include "tests/support/command.h"
#include "tests/support/must.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/topology.h"
#include "tests/support/vids.h"

namespace rxf::test {
namespace {

class RxFilterLink : public testing::Test {
 protected:
  RxFilterLink() {
    for (const char* upper : {"one", "two"})
      must_run(std::string("ip link add ") + upper + "-lower type veth peer name " + upper +
               "-far && ip link add link " + upper + "-lower name " + upper + " type macvlan mode passthru");
    socket_.emplace(must(netlink::Socket::open()));
  }

  std::optional<FilterSet> get(const char* device) {
    return must(netlink::get_rx_filter(*socket_, attribute_, ifindex_of(device)));
  }
  Result<void> set(const char* device, const FilterChange& change) {
    return netlink::set_rx_filter(*socket_, attribute_, ifindex_of(device), change);
  }

  const std::uint16_t attribute_ = datapath::rx_filter_attribute().value();
  ScratchNamespace namespace_;
  std::optional<netlink::Socket> socket_;
  const FilterSet filter_ = {.addresses = AddressFilter{.flags = {.multicast = true, .allmulti = true},
                                                        .unicast = {{{2, 0, 0, 0, 0, 1}}},
                                                        .multicast = {{{0x33, 0x33, 0, 0, 0, 1}}}},
                             .vlans = vids({5, 42})};
};

TEST_F(RxFilterLink, WhatIsSetIsRead) {
  EXPECT_EQ(get("one"), FilterSet{});
  must(set("one", exactly(filter_)));
  EXPECT_EQ(get("one"), filter_);
  EXPECT_EQ(get("two"), FilterSet{});
  must(set("one", {.vlans = FilterChange::Vlans{}}));
  EXPECT_EQ(get("one"), (FilterSet{.addresses = filter_.addresses}));
  must(set("one", exactly({})));
  EXPECT_EQ(get("one"), FilterSet{});
}

TEST_F(RxFilterLink, NothingIsSaidOfAVeth) { EXPECT_EQ(get("one-far"), std::nullopt); }

TEST_F(RxFilterLink, DumpHasTheLinksThatStateOne) {
  must(set("two", exactly(filter_)));
  const std::map<std::uint32_t, FilterSet> expected = {{ifindex_of("one"), {}}, {ifindex_of("two"), filter_}};
  EXPECT_EQ(must(netlink::rx_filters(*socket_, attribute_)), expected);
}

TEST_F(RxFilterLink, KernelsErrorComesWithItsWords) {
  const auto refused = set("one", {.addresses = FilterChange::Addresses{.unicast = AddressSet{}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EINVAL);
  EXPECT_TRUE(refused.error().text.contains("must have flags")) << refused.error().text;
  EXPECT_EQ(set("one-far", {}).error().code, EOPNOTSUPP);
}

}  // namespace
}  // namespace rxf::test
