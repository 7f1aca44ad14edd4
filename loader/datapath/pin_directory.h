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

// BPFFS/rxfilter, where the pins of all devices are.
[[nodiscard]] std::string pin_root(const std::string& bpffs);

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
  // there is none, also if it is removed during the wait; EPERM where it may be somebody else's (pin_trust.h).
  Result<Fd> lock(Access access) const;
  // The same for writing without a wait: error EWOULDBLOCK where somebody has it.
  Result<Fd> try_lock() const;

  // Makes the directory where it is missing, and locks it for writing.
  Result<Fd> create_and_lock() const;

  // Removes the pins and the directory, and that of all pins where it is empty then. What is in it that rxfilter has
  // not made is left, and so is the directory then: returns its names. The caller has the lock for writing.
  Result<std::vector<std::string>> remove() const;

  // Removes the pins alone. The same terms.
  Result<std::vector<std::string>> clear() const;

  // The same, for pins that are to be made. Error EEXIST where something of their name is in the way.
  Result<void> make_room() const;

  // Names of what rxfilter has not made in it; none where there is no such directory.
  Result<std::vector<std::string>> foreign() const;

  // Gives the directory another place at one instant; what is there comes here. The caller has the locks of both.
  Result<void> move_to(const PinDirectory& place) const;

 private:
  [[nodiscard]] std::string name() const { return path_.substr(parent_.size() + 1); }
  Result<Fd> open() const;

  std::string parent_;
  std::string path_;
};

// "PATH was left: it has X, Y, which rxfilter has not made"; "" where nothing was.
[[nodiscard]] std::string left_note(const PinDirectory& pins, const std::vector<std::string>& left);

// Fails with the reason where maps pinned under `bpffs` would not last: no bpffs there (`may_mount`: it is mounted,
// where that is the usual /sys/fs/bpf), read-only, or a mount that only this mount namespace sees and that would vanish
// with it (as under `ip netns exec`).
Result<void> check_bpffs(const std::string& bpffs, bool may_mount);

// Every directory in BPFFS/rxfilter that is rxfilter's (pin_trust.h) by its path, of whatever device and namespace,
// sorted.
Result<std::vector<std::string>> pin_directories(const std::string& root);

}  // namespace rxf::datapath
