// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "loader/mirror/operations.h"
#include "loader/model/filter_set.h"
#include "loader/model/frame.h"
#include "loader/model/snapshot.h"

namespace rxf::test {

// What a receiver is entitled to.
enum class Due { must_not, may, must };

[[nodiscard]] std::string_view to_string(Due due);

// The weaker one: what was due all the time that something changed. `may` where the two differ.
[[nodiscard]] Due throughout(Due before, Due after);

// A frame as it is sent on the wire.
struct SentFrame {
  MacAddress destination;
  MacAddress source;
  std::vector<VlanTag> tags;        // in the bytes, outermost first
  std::optional<VlanTag> metadata;  // outside of `tags`

  // All of them, outermost first.
  [[nodiscard]] std::vector<VlanTag> all_tags() const;
};

[[nodiscard]] std::string to_string(const SentFrame& frame);

using VlanDevice = std::pair<std::uint16_t, std::uint16_t>;  // TPID, VID

// "nic.8100.7"
[[nodiscard]] std::string name_of(const VlanDevice& device);

// Somebody else's tc filter in front of ours: it lets the next one judge, or ends with TC_ACT_OK.
enum class Foreign { none, continues, ends };

// A macvtap on the lower device.
struct ModelUpper {
  UpperMode mode = UpperMode::bridge;
  MacAddress address;
  std::uint8_t number = 0;
  bool elsewhere = false;
  bool up = true;
  AddressSet joined;           // by somebody who uses it
  AddressSet sources;          // of source mode: whose frames it takes
  FilterSet filter;            // in force, unless something below says otherwise
  bool guard_removed = false;  // by somebody else
  Foreign in_front = Foreign::none;
  MacAddress address_when_set;  // when it was given its filter set
};

// One host with the lower device `nic`, as the test has made it. It knows nothing of what rxfilter does to get there.
struct HostModel {
  MacAddress nic;
  bool daemon = false;
  mirror::AttachMode mode = mirror::AttachMode::tc;
  std::map<std::string, ModelUpper> uppers;
  std::map<VlanDevice, MacAddress> vlans;  // each has an address of its own
  AddressSet joined_by_ip;                 // groups that a UDP socket has joined
  AddressSet joined_by_packet;             // groups that a packet socket asks for
  AddressSet further;                      // on nic's unicast list, by somebody else
  bool allmulti_flag = false;              // ip link set nic allmulticast on
  bool promisc_flag = false;
  bool allmulti_socket = false;
  bool tcpdump = false;
  Foreign in_front = Foreign::none;  // on nic's ingress
  bool behind = false;               // a filter that continues, behind ours
  bool early_removed = false;        // nic's clsact was taken away, and nobody has seen to that since
  bool lost_set = false;             // an upper with a filter set went, and nobody has seen to that since
  bool claims_stale = false;         // a claim was in conflict when last looked at, and may not be taken up again
  std::uint32_t leaked = 0;          // nic's allmulti count beyond what anybody holds: looked at, not foretold
  std::vector<MacAddress> former;    // addresses that uppers or nic had
  MacAddress before_passthru;        // what nic gets back when a PASSTHRU upper goes

  [[nodiscard]] const ModelUpper* passthru() const;
  [[nodiscard]] bool host_joined(const MacAddress& group) const;
  [[nodiscard]] bool promisc_held() const { return promisc_flag || tcpdump; }
  [[nodiscard]] bool allmulti_held() const { return allmulti_flag || allmulti_socket; }
};

// Whether it is nic's own, or on its unicast list for somebody on the host.
[[nodiscard]] bool is_hosts(const HostModel& model, const MacAddress& address);

// Whether a filter set hands the address, as a further one, to this upper alone.
[[nodiscard]] bool claims(const ModelUpper& upper, const MacAddress& address);

[[nodiscard]] bool has_claims(const HostModel& model);

// Who has the address as their own, beside the upper itself: nobody, somebody who is down, somebody.
enum class Owner { none, down, up };
[[nodiscard]] Owner owner_of(const HostModel& model, const std::string& but_for, const MacAddress& address);

// Whether some filter set claims an address that has an owner.
[[nodiscard]] Owner worst_conflict(const HostModel& model);

// Whether `set` is to refuse that the upper asks for the address as a new one.
[[nodiscard]] bool is_in_use(const HostModel& model, const std::string& upper, const MacAddress& address);

// For failure messages.
[[nodiscard]] std::string text_of(const FilterSet& filter);
[[nodiscard]] std::string to_string(const HostModel& model);

}  // namespace rxf::test
