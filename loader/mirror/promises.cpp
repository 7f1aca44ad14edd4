// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/promises.h"

#include <linux/if.h>

#include <algorithm>

#include "loader/datapath/bpf_object.h"
#include "loader/mirror/kernel_lists.h"
#include "loader/mirror/steering.h"
#include "loader/model/claims.h"
#include "loader/netlink/address_lists.h"

namespace rxf::mirror {
namespace {

constexpr std::size_t kAddressesNamed = 3;

using Sentences = std::vector<std::string>;

std::string list(const AddressSet& addresses) {
  std::string text;
  std::size_t named = 0;
  for (const MacAddress& address : addresses) {
    if (named == kAddressesNamed) return text + " and " + std::to_string(addresses.size() - named) + " more";
    text += (named++ == 0 ? "" : ", ") + to_string(address);
  }
  return text;
}

// Either flag fills macvlan's table of groups, whoever holds it.
bool gets_all_multicast(const netlink::Link& upper) {
  return (upper.flags & (IFF_ALLMULTI | IFF_PROMISC)) != 0 || upper.promiscuity != 0 || upper.allmulti.value_or(0) != 0;
}

class Inspection {
 public:
  Inspection(Lowerdev& device, const LowerdevPlan& plan)
      : device_(device), plan_(plan), mend_(": rxfilter-loader attach " + device.link.name + " puts it right") {}

  Result<void> lists(const netlink::Link& upper, const KernelLists& wanted);
  Result<void> steering();
  Result<void> guards();
  [[nodiscard]] Sentences sentences() && { return std::move(sentences_); }

 private:
  void add_missing(const AddressSet& wanted, const AddressSet& there, const std::string& whose);

  Lowerdev& device_;
  const LowerdevPlan& plan_;
  std::string mend_;
  ListsSeen seen_;
  Sentences sentences_;
};

void Inspection::add_missing(const AddressSet& wanted, const AddressSet& there, const std::string& whose) {
  const AddressSet missing = difference(wanted, there);
  if (!missing.empty()) sentences_.push_back(list(missing) + " was taken off " + whose + mend_);
}

Result<void> Inspection::lists(const netlink::Link& upper, const KernelLists& wanted) {
  if (!wanted.unicast.empty()) {
    const auto there = netlink::fdb_unicast(device_.host.socket, upper);
    if (!there) return std::unexpected(there.error());
    add_missing(wanted.unicast, *there, upper.name + "'s unicast list");
  }
  if (!wanted.below.empty()) {
    if (!seen_.below) {
      auto there = netlink::fdb_unicast(device_.host.socket, device_.link);
      if (!there) return std::unexpected(there.error());
      seen_.below = std::move(*there);
    }
    add_missing(wanted.below, *seen_.below, device_.link.name + "'s unicast list, where " + upper.name + " needs it");
  }
  if (!wanted.multicast.empty() && !seen_.multicast) {
    auto references = netlink::multicast_references();
    if (!references) return std::unexpected(references.error());
    seen_.multicast = std::move(*references);
  }
  if (!wanted.multicast.empty())
    add_missing(wanted.multicast, (*seen_.multicast)[upper.ifindex], upper.name + "'s multicast list");
  if (wanted.allmulti && !gets_all_multicast(upper))
    sentences_.push_back(upper.name + " asks for all multicast, and its flag for that was switched off" + mend_);
  return {};
}

Result<void> Inspection::steering() {
  const auto missing = missing_steering(device_, plan_);
  if (!missing) return std::unexpected(missing.error());
  for (const datapath::TcHook hook : *missing)
    sentences_.push_back(
        (hook == datapath::TcHook::ingress
             ? "frames to further unicast addresses are not steered to the uppers that have them"
             : "what siblings and the host send to further unicast addresses goes to the wire, not to the upper that "
               "has them (an `ingress` qdisc in place of clsact has no egress)") +
        mend_);
  return {};
}

Result<void> Inspection::guards() {
  const auto entries = device_.maps.uppers();
  if (!entries) return std::unexpected(entries.error());
  for (const auto& [ifindex, planned] : plan_.uppers) {
    const auto entry = entries->find(ifindex);
    if (entry == entries->end() || entry->second.guard.prog_id == 0) continue;
    if (RXF_ACTIVE_SLOT(device_.maps.active(entry->second.index)) == RXF_NO_SLOT)
      sentences_.push_back("the guard of " + device_.upper(ifindex)->name + " judges by nothing" + mend_);
  }
  return {};
}

}  // namespace

Sentences vlans_taken_first(const Lowerdev& device, const std::string& upper, const FilterSet& filter) {
  Sentences sentences;
  for (const netlink::Link& other : device.host.links) {
    if (other.lower != device.link.ifindex || !other.vlan || !filter.vlans || !filter.vlans->contains(*other.vlan))
      continue;
    sentences.push_back("VLAN " + std::to_string(*other.vlan) + " never reaches " + upper + ": " + other.name + " on " +
                        device.link.name + " takes it first");
  }
  return sentences;
}

Result<Sentences> broken_promises(Lowerdev& device, const Snapshot& snapshot, const LowerdevPlan& plan) {
  Inspection inspection(device, plan);
  for (const auto& [ifindex, planned] : plan.uppers)
    if (auto done = inspection.lists(*device.upper(ifindex), planned.kernel); !done)
      return std::unexpected(done.error());
  if (auto done = inspection.steering(); !done) return std::unexpected(done.error());
  if (auto done = inspection.guards(); !done) return std::unexpected(done.error());
  Sentences sentences = std::move(inspection).sentences();
  for (const Conflict& conflict : conflicts(snapshot)) sentences.push_back(to_string(conflict));
  for (const Upper& upper : snapshot.uppers)
    for (std::string& taken : vlans_taken_first(device, upper.name, upper.filter))
      sentences.push_back(std::move(taken) + ": leave it out of the filter set, or delete that device");
  return sentences;
}

}  // namespace rxf::mirror
