// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/queue_tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "tests/support/command.h"
#include "tests/support/system_call.h"

namespace rxf::test {

// Not blocking: else tun(4) leaves native XDP out.
QueueTap::QueueTap(const std::string& name, unsigned queues) {
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);
  for (unsigned i = 0; i < queues; ++i) {
    queues_.push_back(checked_fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), "open /dev/net/tun"));
    checked(ioctl(queues_.back().get(), TUNSETIFF, &request), "make queue " + std::to_string(i) + " of " + name);
  }
  must_run("ip link set " + name + " up");
}

void QueueTap::send(unsigned queue, std::span<const std::uint8_t> frame) {
  if (!try_send(queue, frame)) throw std::system_error(EAGAIN, std::generic_category(), "write to a tap");
}

bool QueueTap::try_send(unsigned queue, std::span<const std::uint8_t> frame) {
  const ssize_t written = write(queues_.at(queue).get(), frame.data(), frame.size());
  if (written < 0 && (errno == EAGAIN || errno == ENOBUFS)) return false;
  checked(static_cast<int>(written), "write to a tap");
  return true;
}

}  // namespace rxf::test
