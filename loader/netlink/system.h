// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <unistd.h>

#include <utility>

#include <linux/if.h>

#include "loader/netlink/links.h"

namespace rxf::netlink {

// Owns a file descriptor.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

// A socket that stands for the caller's network namespace: for ioctl(2) and getsockopt(2), not for traffic.
Result<Fd> namespace_socket();

// An ioctl of netdevice(7) on the link; its name is filled in. The error names the link.
Result<void> device_ioctl(const Link& link, unsigned long operation, ifreq& request);

}  // namespace rxf::netlink
