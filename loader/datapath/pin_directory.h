// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::datapath {

// Whose pins: a device name and the namespace it is in.
struct PinOwner {
  std::string device;
  std::string netns_suffix;  // "" in the initial network namespace, else "@COOKIE"
};

// "rxfilter/eth2", "rxfilter/eth2%2e42@4098": bpffs refuses dots, so '.', '%' and '@' of a device name are written %XX.
[[nodiscard]] std::string pin_name(const PinOwner& owner);

// BPFFS/rxfilter/NAME, with the lock that makes one command at a time the writer. It may or may not exist.
class PinDirectory {
 public:
  // Checks nothing but spelling.
  PinDirectory(std::string bpffs, const PinOwner& owner);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool exists() const;

  enum class Access { read, write };

  // Takes the lock (flock(2) on the directory; waits for whoever has it) of an existing directory. Error ENOENT where
  // there is none, also if it is removed during the wait.
  Result<Fd> lock(Access access) const;

  // Makes the directory where it is missing, and locks it for writing.
  Result<Fd> create_and_lock() const;

  // Removes the pins and the directory. The caller has the lock for writing.
  Result<void> remove() const;

 private:
  std::string parent_;
  std::string path_;
};

// Fails with the reason where maps pinned under `bpffs` would not last: no bpffs there (`may_mount`: it is mounted,
// where that is the usual /sys/fs/bpf), read-only, or a mount that only this mount namespace sees and that would vanish
// with it (as under `ip netns exec`).
Result<void> check_bpffs(const std::string& bpffs, bool may_mount);

// Device names with pins in the namespace that `netns_suffix` tells, sorted.
Result<std::vector<std::string>> pinned_devices(const std::string& bpffs, const std::string& netns_suffix);

}  // namespace rxf::datapath
