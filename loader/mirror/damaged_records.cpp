// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/damaged_records.h"

namespace rxf::mirror {
namespace {

std::string name_of(const Lowerdev& device, std::uint32_t ifindex) {
  const netlink::Link* upper = device.upper(ifindex);
  return upper == nullptr ? "ifindex " + std::to_string(ifindex) : upper->name;
}

}  // namespace

Result<std::map<std::uint32_t, std::string>> damaged_records(const Lowerdev& device) {
  const auto values = device.maps.filters();
  if (!values) return std::unexpected(values.error());
  std::map<std::uint32_t, std::string> found;
  for (const auto& [ifindex, value] : *values)
    if (const auto record = decode(*value); !record) found.emplace(ifindex, record.error().text);
  return found;
}

Result<void> forget_damaged_records(Lowerdev& device, std::vector<std::string>& notes) {
  const auto found = damaged_records(device);
  if (!found) return std::unexpected(found.error());
  for (const auto& [ifindex, reason] : *found) {
    if (auto done = device.maps.erase_filter(ifindex); !done) return done;
    const std::string name = name_of(device, ifindex);
    notes.push_back("the record of " + name + "'s filter set could not be read (" + reason +
                    "): the filter set is lost, " + name + " is unfiltered until rxfilter-loader set " + name +
                    ", and what was put on the kernel's lists for it stays");
  }
  return {};
}

Result<std::vector<std::string>> damaged_record_problems(const Lowerdev& device) {
  const auto found = damaged_records(device);
  if (!found) return std::unexpected(found.error());
  std::vector<std::string> sentences;
  for (const auto& [ifindex, reason] : *found) {
    const std::string name = name_of(device, ifindex);
    sentences.push_back("the record of " + name + "'s filter set cannot be read (" + reason +
                        ") and is lost with the next command that changes something: rxfilter-loader set " + name +
                        " gives it a new one");
  }
  return sentences;
}

}  // namespace rxf::mirror
