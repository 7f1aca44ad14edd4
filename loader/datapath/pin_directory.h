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

  // One that is there already.
  explicit PinDirectory(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& root() const { return parent_; }  // BPFFS/rxfilter
  [[nodiscard]] bool exists() const;
  // What the name of the directory says.
  [[nodiscard]] std::string device() const;
  [[nodiscard]] bool is_of_namespace(const std::string& netns_suffix) const;

  enum class Access { read, write };

  // Takes the lock (flock(2) on the directory; waits for whoever has it) of an existing directory. Error ENOENT where
  // there is none, also if it is removed during the wait.
  Result<Fd> lock(Access access) const;
  // The same for writing without a wait: error EWOULDBLOCK where somebody has it.
  Result<Fd> try_lock() const;

  // Makes the directory where it is missing, and locks it for writing.
  Result<Fd> create_and_lock() const;

  // Removes the pins and the directory. The caller has the lock for writing.
  Result<void> remove() const;

  // Removes the pins alone. The same terms.
  Result<void> clear() const;

  // Gives the directory another place at one instant; what is there comes here. The caller has the locks of both.
  Result<void> move_to(const PinDirectory& place) const;

 private:
  std::string parent_;
  std::string path_;
};

// Fails with the reason where maps pinned under `bpffs` would not last: no bpffs there (`may_mount`: it is mounted,
// where that is the usual /sys/fs/bpf), read-only, or a mount that only this mount namespace sees and that would vanish
// with it (as under `ip netns exec`).
Result<void> check_bpffs(const std::string& bpffs, bool may_mount);

// Every directory in BPFFS/rxfilter by its path, of whatever device and namespace, sorted.
Result<std::vector<std::string>> pin_directories(const std::string& root);

}  // namespace rxf::datapath
