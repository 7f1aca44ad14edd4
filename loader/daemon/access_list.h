// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "loader/model/result.h"

namespace rxf::daemon {

// Who is at the other end of a connection: as it was when that was made (SO_PEERCRED, SO_PEERGROUPS of unix(7)).
struct Peer {
  uid_t uid = 0;
  std::vector<gid_t> groups;  // the primary one among them
};

// Of a group's name or number. Usage error where there is none.
Result<gid_t> group_id(const std::string& name);

// Who else than root and the daemon's own user may set the filter of which upper.
class AccessList {
 public:
  // Nobody else.
  AccessList() = default;

  // Of "UPPER=USER" and "UPPER=@GROUP": UPPER a device name or "*" for every one, USER and GROUP a name or a number.
  // Names become numbers now. A usage error tells which entry is at fault, and why.
  static Result<AccessList> parse(const std::vector<std::string>& entries);

  // `upper` is the device's name, not an alternative one: who may add those may not give an upper away.
  [[nodiscard]] bool allows(const Peer& peer, const std::string& upper) const;

 private:
  struct Entry {
    std::string upper;
    bool is_group = false;
    std::uint32_t id = 0;  // of a user or a group
  };
  static Result<Entry> parse_entry(const std::string& text);

  std::vector<Entry> entries_;
};

}  // namespace rxf::daemon
