// SPDX-License-Identifier: GPL-2.0-only
// What reaches the hardware, exactly: a virtio-net's tables, as QEMU has them.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>

#include "tests/support/command.h"
#include "tests/support/must.h"
#include "tests/support/vids.h"
#include "tests/vm_kernel/foreign_owner.h"
#include "tests/vm_kernel/hardware_tables.h"
#include "tests/vm_kernel/nics.h"

namespace rxf::test {
namespace {

constexpr MacAddress kFirst = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr MacAddress kSecond = {{0x02, 0xbb, 0, 0, 0, 2}};
constexpr MacAddress kThird = {{0x02, 0xbb, 0, 0, 0, 3}};
constexpr MacAddress kGroup = {{0x01, 0x00, 0x5e, 1, 2, 3}};
constexpr MacAddress kOtherGroup = {{0x33, 0x33, 0, 0, 0, 9}};
constexpr FilterFlags kBoth = {.broadcast = true, .multicast = true};

FilterSet first_filter() {
  return {.addresses = AddressFilter{.flags = kBoth, .unicast = {kFirst, kSecond}, .multicast = {kGroup}},
          .vlans = vids({5, 4094})};
}

class Tables : public testing::Test {
 protected:
  Tables() : alone_(now()) {
    EXPECT_EQ(alone_.multicast, multicast_list_of("lower"));
    upper_ = std::make_unique<PassthruUpper>("macvtap");
    unfiltered_ = alone_;
    unfiltered_.promiscuous = true;
    // What the kernel has joined by itself for the upper.
    unfiltered_.multicast = multicast_list_of("lower");
  }

  HardwareTables now() { return hardware_tables(monitor_, kVirtio.qemu_id); }

  void expect(const HardwareTables& expected) {
    EXPECT_EQ(hardware_tables_becoming(monitor_, kVirtio.qemu_id, expected), expected);
    HardwareTables listed = expected;
    listed.multicast = multicast_list_of("lower");
    EXPECT_EQ(listed, expected) << "by the multicast list of the lower device";
    EXPECT_EQ(promiscuity_of("lower"), expected.promiscuous ? 1U : 0U);
  }

  // With an address and a VLAN half, so not promiscuous.
  HardwareTables filtered(const AddressSet& unicast, const AddressSet& multicast,
                          const std::set<std::uint16_t>& vlans) {
    HardwareTables tables = unfiltered_;
    tables.promiscuous = false;
    tables.unicast = unicast;
    tables.multicast.insert(multicast.begin(), multicast.end());
    tables.vlans.insert(vlans.begin(), vlans.end());
    return tables;
  }
  HardwareTables first_tables() { return filtered({kFirst, kSecond}, {kGroup}, {5, 4094}); }

  QmpClient& monitor_ = machine_monitor();
  Wired wired_{kVirtio};
  HardwareTables alone_;
  HardwareTables unfiltered_;
  std::unique_ptr<PassthruUpper> upper_;
};

TEST_F(Tables, FollowSetReplaceAndClear) {
  EXPECT_EQ(alone_.vlans, std::set<std::uint16_t>{0});
  EXPECT_EQ(alone_.unicast, AddressSet{});
  expect(unfiltered_);
  upper_->set(first_filter());
  expect(first_tables());
  upper_->set({.addresses = AddressFilter{.flags = kBoth, .unicast = {kSecond, kThird}, .multicast = {kOtherGroup}},
               .vlans = vids({5, 6})});
  expect(filtered({kSecond, kThird}, {kOtherGroup}, {5, 6}));
  upper_->set(FilterSet{});
  expect(unfiltered_);
}

TEST_F(Tables, FollowPartialChanges) {
  upper_->set(first_filter());
  upper_->set({.addresses = FilterChange::Addresses{.unicast = AddressSet{kThird}}});
  expect(filtered({kThird}, {kGroup}, {5, 4094}));
  upper_->set({.addresses = FilterChange::Addresses{.multicast = AddressSet{}}});
  expect(filtered({kThird}, {}, {5, 4094}));
  upper_->set({.vlans = FilterChange::Vlans{VlanSet{}}});
  expect(filtered({kThird}, {}, {}));

  // Any VLAN is more than a NIC with a VLAN filter lets in out of promiscuous mode; the list stays.
  HardwareTables any_vlan = filtered({kThird}, {}, {});
  any_vlan.promiscuous = true;
  upper_->set({.vlans = FilterChange::Vlans{}});
  expect(any_vlan);
  HardwareTables any_address = unfiltered_;
  any_address.vlans.insert(7);
  upper_->set({.addresses = FilterChange::Addresses{}, .vlans = FilterChange::Vlans{vids({7})}});
  expect(any_address);
}

TEST_F(Tables, FollowTheFlags) {
  FilterSet filter = first_filter();
  HardwareTables tables = first_tables();
  filter.addresses->flags.promisc = true;
  upper_->set(filter);
  tables.promiscuous = true;
  expect(tables);

  upper_->set_nopromisc(true);
  tables.promiscuous = false;
  expect(tables);
  upper_->set_nopromisc(false);
  tables.promiscuous = true;
  expect(tables);

  filter.addresses->flags = {.broadcast = true, .multicast = true, .allmulti = true};
  upper_->set(filter);
  tables.promiscuous = false;
  tables.all_multicast = true;
  expect(tables);
  upper_->set(first_filter());
  expect(first_tables());
}

// The upper's VLANs stay, as those of VLAN devices do.
TEST_F(Tables, FollowTheUpperDownAndUp) {
  upper_->set(first_filter());
  must_run("ip link set upper down");
  HardwareTables down = alone_;
  down.vlans.insert({5, 4094});
  expect(down);
  must_run("ip link set upper up");
  expect(first_tables());
}

TEST_F(Tables, ComeBackWithTheLowerDevice) {
  upper_->set(first_filter());
  expect(first_tables());
  must_run("ip link set lower down && ip link set lower up");
  wait_until_up("lower");
  expect(first_tables());
}

TEST_F(Tables, AreAsBeforeWhenTheUpperIsDeleted) {
  upper_->set(first_filter());
  expect(first_tables());
  upper_.reset();
  expect(alone_);
}

TEST_F(Tables, KeepTheFilterWhenTheAddressChanges) {
  upper_->set(first_filter());
  must_run("ip link set upper address 02:00:00:00:20:33");
  HardwareTables tables = first_tables();
  tables.address = must(MacAddress::parse("02:00:00:00:20:33"));
  expect(tables);
  must_run("ip link set lower address 02:00:00:00:20:44");
  tables.address = must(MacAddress::parse("02:00:00:00:20:44"));
  expect(tables);
}

// Which the device then takes as all unicast; the kernel never learns of it.
TEST_F(Tables, OverflowIsNotTheKernelsToSee) {
  FilterSet filter = first_filter();
  for (std::uint8_t i = 0; i < 70; ++i) filter.addresses->unicast.insert({{0x02, 0xdd, 0, 0, 0, i}});
  upper_->set(filter);
  HardwareTables tables = first_tables();
  tables.unicast = {};
  tables.unicast_overflow = true;
  expect(tables);
  EXPECT_EQ(upper_->filter(), filter);
  upper_->set(first_filter());
  expect(first_tables());
}

// Root of a container with its own user namespace may do what it likes with its upper, but not with the host's NIC.
TEST_F(Tables, AreNotForAContainersOwner) {
  auto owner = std::make_unique<ForeignOwner>();
  must_run("ip link set upper netns " + std::to_string(owner->pid()));
  EXPECT_EQ(owner->bring_up("upper"), 0);
  expect(unfiltered_);
  EXPECT_EQ(owner->get_filter("upper"), 0);
  EXPECT_EQ(owner->set_filter("upper", exactly(first_filter())), EPERM);
  EXPECT_EQ(owner->set_filter("upper", {}), EPERM);
  expect(unfiltered_);
  // The upper goes with the container.
  owner.reset();
  expect(alone_);
}

}  // namespace
}  // namespace rxf::test
