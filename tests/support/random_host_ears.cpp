// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/random_host_ears.h"

#include <linux/if_packet.h>
#include <poll.h>

#include <vector>

#include "tests/support/random_host_oracle.h"
#include "tests/support/topology.h"

namespace rxf::test {

// Not bound to nic: a socket that is would itself be one who asks for frames there.
HostEars::HostEars() : host_(0) { devices_[ifindex_of("nic")] = kHostReceiver; }

void HostEars::open_tap(const std::string& name) {
  taps_.erase(name);
  taps_.emplace(name, TapReader(name));
}

void HostEars::add_device(const std::string& name, const std::string& receiver) {
  devices_[ifindex_of(name)] = receiver;
}

void HostEars::open_tcpdump() {
  tcpdump_.emplace(ifindex_of("nic"), PacketListener::kAnyProtocol);
  tcpdump_->ask_for(PACKET_MR_PROMISC);
}

void HostEars::remove(const std::string& receiver) {
  if (receiver == kTcpdump) tcpdump_.reset();
  taps_.erase(receiver);
  std::erase_if(devices_, [&](const auto& device) { return device.second == receiver; });
  heard_.erase(receiver);
}

void HostEars::collect() {
  while (const auto heard = host_.hear(0))
    if (const auto device = devices_.find(heard->ifindex); device != devices_.end())
      note(device->second, heard->marker);
  if (tcpdump_)
    while (const auto heard = tcpdump_->hear(0)) note(kTcpdump, heard->marker);
  for (auto& [name, tap] : taps_)
    while (const auto frame = tap.read_frame(0))
      if (const auto marker = find_marker(*frame)) note(name, *marker);
}

void HostEars::wait(int timeout_ms) {
  std::vector<pollfd> all = {{host_.fd(), POLLIN, 0}};
  for (const auto& [name, tap] : taps_) all.push_back({tap.fd(), POLLIN, 0});
  poll(all.data(), all.size(), timeout_ms);
}

unsigned HostEars::heard(const std::string& receiver, const Marker& marker) const {
  const auto those = heard_.find(receiver);
  if (those == heard_.end()) return 0;
  const auto found = those->second.find(marker);
  return found == those->second.end() ? 0 : found->second;
}

void HostEars::forget_before(std::uint32_t kind) {
  for (auto& [receiver, markers] : heard_)
    markers.erase(markers.begin(), markers.lower_bound(Marker{.kind = kind, .sequence = 0}));
}

}  // namespace rxf::test
