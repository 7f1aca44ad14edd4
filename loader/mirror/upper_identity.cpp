// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/upper_identity.h"

#include <cstring>

#include "loader/mirror/guards.h"

namespace rxf::mirror {
namespace {

std::string noted_name(const rxf_upper& entry) { return {entry.name, strnlen(entry.name, sizeof(entry.name))}; }

// Layout 1 had no address.
bool looks_the_same(const netlink::Link& upper, const rxf_upper& entry) {
  const auto address = MacAddress::from_bytes(entry.address);
  return noted_name(entry) == upper.name && (address == MacAddress{} || address == upper.address);
}

std::string text_of(const rxf_upper& entry, std::uint32_t ifindex) {
  return noted_name(entry) + " (ifindex " + std::to_string(ifindex) + ")";
}

}  // namespace

Result<std::map<std::uint32_t, rxf_upper>> strangers(const Lowerdev& device) {
  const auto entries = device.maps.uppers();
  if (!entries) return std::unexpected(entries.error());
  std::map<std::uint32_t, rxf_upper> found;
  for (const auto& [ifindex, entry] : *entries) {
    const netlink::Link* upper = device.upper(ifindex);
    if (upper == nullptr || device.followed.contains(ifindex) || looks_the_same(*upper, entry)) continue;
    const auto guarded = guard_is_attached(device, ifindex, entry);
    if (!guarded) return std::unexpected(guarded.error());
    if (!*guarded) found.emplace(ifindex, entry);
  }
  return found;
}

// The entry, by which a stranger is told, goes last. What was put on the lower device's list is still there.
Result<void> forget_strangers(Lowerdev& device, std::vector<std::string>& notes) {
  const auto found = strangers(device);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return {};
  const auto values = device.maps.filters();
  if (!values) return std::unexpected(values.error());
  for (const auto& [ifindex, entry] : *found) {
    if (const auto value = values->find(ifindex); value != values->end()) {
      auto record = decode(*value->second);
      if (!record) record = FilterRecord{};  // its own part of damaged_records.h tells of it
      if (!record->filter.unfiltered())
        notes.push_back("the filter set of " + text_of(entry, ifindex) +
                        " was forgotten: " + device.host.find(ifindex)->name + " is another device");
      if (auto done = device.put_record(ifindex, {.owned_below = std::move(record->owned_below),
                                                  .owned_allmulti_below = record->owned_allmulti_below});
          !done)
        return done;
    }
    if (auto done = device.maps.erase_upper(ifindex); !done) return done;
  }
  return {};
}

Result<std::vector<std::string>> lost_filter_sets(const Lowerdev& device) {
  const auto entries = device.maps.uppers();
  if (!entries) return std::unexpected(entries.error());
  const auto others = strangers(device);
  if (!others) return std::unexpected(others.error());
  const std::string mend = ": rxfilter-loader attach " + device.link.name + " forgets its filter set";
  std::vector<std::string> sentences;
  for (const auto& [ifindex, entry] : *entries) {
    if (device.upper(ifindex) == nullptr)
      sentences.push_back(text_of(entry, ifindex) + " was moved or deleted" + mend);
    else if (others->contains(ifindex))
      sentences.push_back(text_of(entry, ifindex) + " was deleted, " + device.host.find(ifindex)->name +
                          " is another device and unfiltered" + mend);
  }
  return sentences;
}

}  // namespace rxf::mirror
