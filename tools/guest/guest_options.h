// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/guest/guest_settings.h"

namespace rxf::guest {

// One guest interface as flags or a file describe it. Each is absent, or empty, where it was not given.
struct GuestOptions {
  std::optional<std::string> upper;
  std::optional<std::string> qmp;
  std::optional<std::string> nic;
  std::optional<std::string> mac;
  std::vector<std::string> main_mac;
  std::vector<std::string> unicast;
  std::optional<std::size_t> unicast_limit;
  std::vector<std::string> multicast;
  std::optional<std::size_t> multicast_limit;
  std::vector<std::string> vlans;
  std::optional<std::string> promisc;
  std::optional<std::string> allmulti;
  std::optional<unsigned> changes;
  std::optional<unsigned> poll;
  std::optional<std::string> profile;
  bool shadow = false;

  bool operator==(const GuestOptions&) const = default;
};

// The flags; in a file they stand without the dashes.
void setup_guest_options(CLI::App& app, GuestOptions& options);

// What they mean. Usage errors name the flag, and what is wrong with its value or which other flag it does not go with.
// The profile's file is read.
Result<GuestSettings> settings_of(const GuestOptions& options);

// One guest interface in a file (TOML or INI). Usage errors begin with the name of the file.
Result<GuestSettings> read_guest_file(const std::string& path);

// All that is to be followed: one of each file, one of each "*.conf" in each directory, and one of `flags` where any
// was given. The same upper or the same QMP socket twice is a usage error.
Result<std::vector<GuestSettings>> collect_guests(const std::vector<std::string>& paths, const GuestOptions& flags);

}  // namespace rxf::guest
