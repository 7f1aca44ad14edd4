// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/datapath/tc_filter.h"
#include "loader/mirror/operations.h"

// Programs of ours on maps that are pinned nowhere: the pins were deleted, are hidden by another mount, or went with a
// container. They go on judging, and nobody can tell them anything new. They are known by what they are
// (datapath::own_program()); what runs on maps that anybody has pinned under the same root is none.
namespace rxf::mirror {

struct Host;
struct Lowerdev;

struct Orphan {
  std::uint32_t ifindex = 0;  // of the device that it is on
  std::string device;
  std::uint32_t program_id = 0;
  std::string program;
  std::optional<datapath::TcHook> hook;  // absent: XDP
  std::uint32_t priority = 0;            // at tc, as is the handle
  std::uint32_t handle = 0;

  bool operator==(const Orphan&) const = default;
};

// "upper's guard (rxf_guard, program id 12, tc ingress pref 100) runs on maps that are pinned nowhere"
[[nodiscard]] std::string to_string(const Orphan& orphan);

// Those on a device and on its uppers. `root` is where pins are: datapath::PinDirectory::root().
Result<std::vector<Orphan>> orphans_of(Host& host, const std::string& root, const netlink::Link& device);

// The same as sentences for `status`, with the next step.
Result<std::vector<std::string>> orphan_problems(Host& host, const std::string& root, const netlink::Link& device);

// Takes them off, and their clsact where nothing else is on it; a note says so of each. Returns whether there was any.
Result<bool> remove_orphans(Host& host, const std::string& root, const netlink::Link& device,
                            std::vector<std::string>& notes);

// The same on an attached device. What we have put on the same clsact is its heir: the clsact goes with it.
Result<bool> replace_orphans(Lowerdev& device, std::vector<std::string>& notes);

// A device of the namespace with orphans on it or on its uppers.
struct Orphaned {
  std::string device;
  std::uint32_t ifindex = 0;
  std::vector<std::string> problems;  // each with the next step
};

// Every one, by ifindex. Read-only.
Result<std::vector<Orphaned>> orphaned(const Context& context);

// The one with that name; nullopt where it has none. Read-only.
Result<std::optional<Orphaned>> orphaned_device(const Context& context, const std::string& name);

// Removes all orphans of the namespace.
Result<Report> remove_all_orphans(const Context& context);

}  // namespace rxf::mirror
