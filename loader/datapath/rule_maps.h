// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpf/rx_filter_abi.h"
#include "loader/model/plan.h"
#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::datapath {

// Deleter of mapped memory.
struct Unmap {
  std::size_t length;
  void operator()(void* memory) const;
};

// Typed access to the maps of one lower device; what each holds is in bpf/rx_filter_abi.h. Writers hold the lock of the
// pin directory. Rules, VLAN words and active slots are changed by single 8-byte stores into mapped memory, `addresses`
// by insertion and deletion only, so a program never sees half of one change.
class RuleMaps {
 public:
  // Opens what is pinned in a directory. Error ENOENT where a map is missing, EPROTO where one has another layout.
  static Result<RuleMaps> open(const std::string& pin_directory);
  // Names of those that are missing there, are no maps, or have another layout.
  static std::vector<std::string> damaged(const std::string& pin_directory);
  // The maps of a loaded object, pinned or not.
  static Result<RuleMaps> of(const bpf_object* object);

  // What the packet path reads.
  [[nodiscard]] std::uint64_t rules(std::uint32_t slot) const;
  [[nodiscard]] VlanSet vlans(std::uint32_t slot) const;
  [[nodiscard]] std::uint32_t active(std::uint32_t index) const;  // slot
  [[nodiscard]] std::uint64_t sole() const;                       // rxf_mode.sole
  Result<std::map<std::uint32_t, AddressSet>> addresses() const;  // by slot

  void store_rules(std::uint32_t slot, std::uint64_t rules);
  void store_vlans(std::uint32_t slot, const VlanSet& vlans);  // a store per word that differs
  void activate(std::uint32_t index, std::uint32_t slot, std::uint32_t ifindex);
  void store_sole(std::uint64_t sole);
  // `ifindex` of the upper, 0 for the early drop. Error EEXIST if it is there; E2BIG with the number if the map is
  // full.
  Result<void> insert(std::uint32_t slot, const MacAddress& address, std::uint32_t ifindex);
  Result<void> erase(std::uint32_t slot, const MacAddress& address);

  // Whether verdicts are carried out: rxf_mode.control and .deadline.
  [[nodiscard]] std::uint64_t control() const;
  [[nodiscard]] std::uint64_t deadline() const;
  void store_control(std::uint64_t control);
  void store_deadline(std::uint64_t deadline);

  // Further unicast addresses of uppers, and whose each is.
  Result<std::map<MacAddress, rxf_steering>> steering() const;
  Result<void> insert_steering(const MacAddress& address, const rxf_steering& claim);  // error EEXIST if it is there
  Result<void> erase_steering(const MacAddress& address);

  // Text for people who dump `vlans`.
  Result<void> describe_vlans(std::uint32_t slot, std::uint32_t ifindex, const std::string& text);
  Result<void> forget_vlans(std::uint32_t slot);

  // The loader's own records.
  Result<std::map<std::uint32_t, rxf_upper>> uppers() const;  // by ifindex
  Result<void> put_upper(std::uint32_t ifindex, const rxf_upper& upper);
  Result<void> erase_upper(std::uint32_t ifindex);
  Result<std::map<std::uint32_t, std::unique_ptr<rxf_filter>>> filters() const;  // by ifindex
  Result<void> put_filter(std::uint32_t ifindex, const rxf_filter& filter);
  Result<void> erase_filter(std::uint32_t ifindex);
  Result<rxf_meta> meta() const;
  Result<void> put_meta(const rxf_meta& meta);

  // Summed over the CPUs.
  Result<rxf_counters> counters(std::uint32_t key) const;
  Result<void> reset_counters(std::uint32_t key);

  // The kernel's id of the `slots` map: a program that uses it is ours, for this lower device.
  [[nodiscard]] std::uint32_t rules_map_id() const { return rules_map_id_; }

  // Called after every single write that the packet path can see; tests judge frames there.
  std::function<void()> on_write;

 private:
  template <class T>
  using Mapped = std::unique_ptr<T, Unmap>;

  RuleMaps() = default;
  static Result<RuleMaps> from(const std::function<Result<Fd>(const char*)>& open_map);
  Result<void> map_arrays();
  void store(__u64& word, std::uint64_t value);
  void wrote() const {
    if (on_write) on_write();
  }

  std::map<std::string, Fd, std::less<>> fds_;
  [[nodiscard]] int fd(const char* name) const { return fds_.find(name)->second.get(); }
  Mapped<rxf_mode> mode_{nullptr, Unmap{0}};
  Mapped<rxf_slot> slots_{nullptr, Unmap{0}};
  std::uint32_t rules_map_id_ = 0;
};

}  // namespace rxf::datapath
