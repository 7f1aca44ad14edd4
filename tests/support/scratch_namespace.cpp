// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/scratch_namespace.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

void go_home(const Fd& home) {
  if (setns(home.get(), CLONE_NEWNET) == 0) return;
  std::perror("cannot return to the network namespace");
  std::abort();
}

void bring_loopback_up() {
  const Fd socket = checked_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  checked(ioctl(socket.get(), SIOCSIFFLAGS, &request), "bring lo up");
}

}  // namespace

Fd current_netns() {
  return checked_fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open /proc/thread-self/ns/net");
}

ScratchNamespace::ScratchNamespace() : home_(current_netns()) {
  checked(unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
  try {
    own_ = current_netns();
    bring_loopback_up();
  } catch (...) {
    go_home(home_);
    throw;
  }
}

ScratchNamespace::~ScratchNamespace() { go_home(home_); }

NamespaceSwitch::NamespaceSwitch(int fd) : home_(current_netns()) { checked(setns(fd, CLONE_NEWNET), "setns"); }

NamespaceSwitch::~NamespaceSwitch() { go_home(home_); }

}  // namespace rxf::test
