// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "loader/model/filter_change.h"
#include "loader/netlink/socket.h"

namespace rxf::test {

// A NIC of the machine, by the addresses and names that it is given to QEMU with, and the one at the other end of its
// wire.
struct Nic {
  const char* name;
  const char* address;
  const char* peer_address;
  const char* qemu_id;
};

void PrintTo(const Nic& nic, std::ostream* out);

inline constexpr Nic kE1000 = {"e1000", "02:00:00:00:10:01", "02:00:00:00:10:02", "nic-e1000"};
inline constexpr Nic kVirtio = {"virtio", "02:00:00:00:20:01", "02:00:00:00:20:02", "nic-virtio"};

// Both ends of a wire, up, as `lower` and `far`, in the initial network namespace, which the caller is in and where
// IPv6 is off. Afterwards they are down, with their own names and addresses.
class Wired {
 public:
  // Throws std::runtime_error.
  explicit Wired(const Nic& nic);
  ~Wired();
  Wired(const Wired&) = delete;
  Wired& operator=(const Wired&) = delete;

 private:
  std::string address_;
  std::string lower_;
  std::string far_;
};

// A PASSTHRU macvlan or macvtap `upper` on `lower`, up.
class PassthruUpper {
 public:
  // Throws std::runtime_error.
  explicit PassthruUpper(const std::string& kind);
  // Deletes it, wherever it is by then.
  ~PassthruUpper();
  PassthruUpper(const PassthruUpper&) = delete;
  PassthruUpper& operator=(const PassthruUpper&) = delete;

  // Throws std::runtime_error with the kernel's words.
  void set(const FilterChange& change);
  void set(const FilterSet& filter) { set(exactly(filter)); }
  // Throws std::runtime_error, also where the kernel does not say.
  FilterSet filter();
  // MACVLAN_FLAG_NOPROMISC, which ip(8) can only switch on.
  void set_nopromisc(bool on);

 private:
  std::string kind_;
  netlink::Socket socket_;
  std::uint32_t ifindex_ = 0;
};

// In the caller's network namespace: nothing is sent or joined by itself.
void silence_ipv6();

void wait_until_up(const std::string& device);

// Of a device in the caller's network namespace. They throw std::runtime_error.
std::uint32_t promiscuity_of(const std::string& device);
MacAddress address_of(const std::string& device);
// /proc/net/dev_mcast: all of its list.
AddressSet multicast_list_of(const std::string& device);

}  // namespace rxf::test
