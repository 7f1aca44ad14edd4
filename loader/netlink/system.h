// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <linux/if.h>

#include "loader/netlink/links.h"
#include "loader/util/fd.h"

namespace rxf::netlink {

// A socket that stands for the caller's network namespace: for ioctl(2) and getsockopt(2), not for traffic.
Result<Fd> namespace_socket();

// An ioctl of netdevice(7) on the link; its name is filled in. The error names the link.
Result<void> device_ioctl(const Link& link, unsigned long operation, ifreq& request);

}  // namespace rxf::netlink
