// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/topology.h"

#include <net/if.h>

#include <cerrno>
#include <system_error>

#include "tests/support/command.h"
#include "tests/support/frame_sender.h"

namespace rxf::test {
namespace {

std::string commands(Uppers uppers) {
  const std::string veth =
      "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 && echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6 &&"
      "ip link add lower type veth peer name far && ip link set far up && ip link set lower up";
  const std::string upper = " && ip link add link lower name upper address 02:aa:00:00:00:01 type macvtap mode ";
  if (uppers == Uppers::none) return veth;
  // A PASSTHRU upper begins with its lower device's address, whatever it is given.
  if (uppers == Uppers::passthru)
    return veth + upper + "passthru && ip link set upper address 02:aa:00:00:00:01 && ip link set upper up";
  return veth + upper +
         "bridge && ip link add link lower name sibling address 02:aa:00:00:00:02 type macvtap mode bridge &&"
         "ip link set upper up && ip link set sibling up";
}

// Operational states follow on a work queue (linkwatch), up to a second later.
constexpr const char* kWaitUntilUp =
    "for i in $(seq 100); do ip link show type veth | grep -q 'state [^U]' ||"
    " ip link show type macvtap | grep -q 'state [^U]' || exit 0; sleep 0.05; done; exit 1";

}  // namespace

Topology::Topology(Uppers uppers) {
  must_run(commands(uppers));
  must_run(kWaitUntilUp);
}

std::uint32_t ifindex_of(const std::string& name) {
  const std::uint32_t ifindex = if_nametoindex(name.c_str());
  if (ifindex == 0) throw std::system_error(errno, std::generic_category(), name);
  return ifindex;
}

void send_frames(const MacAddress& destination, std::uint16_t vid, int count) {
  Packet packet{.destination = destination};
  if (vid != 0) packet.tags = {{.tpid = 0x8100, .tci = vid}};
  FrameSender sender(ifindex_of("far"));
  for (int i = 0; i < count; ++i) sender.send(to_bytes(packet));
}

}  // namespace rxf::test
