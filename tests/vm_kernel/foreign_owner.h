// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "loader/model/filter_change.h"
#include "loader/util/fd.h"

namespace rxf::test {

// A process of user nobody, which is root in a user and a network namespace of its own, for as long as this lives. IPv6
// is off there.
class ForeignOwner {
 public:
  // Throws std::system_error or std::runtime_error.
  ForeignOwner();
  ~ForeignOwner();
  ForeignOwner(const ForeignOwner&) = delete;
  ForeignOwner& operator=(const ForeignOwner&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Each done with that process' rights, to a device in its namespace: 0 or the kernel's errno.
  int bring_up(const std::string& device) const;
  int set_filter(const std::string& device, const FilterChange& change) const;
  // ENODATA where the kernel does not say.
  int get_filter(const std::string& device) const;

 private:
  int in_its_place(const std::function<int()>& what) const;

  pid_t pid_ = -1;
};

}  // namespace rxf::test
