// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/tap_reader.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

constexpr std::size_t kLargestFrame = 65536 + 18;

// A file system that is mounted nowhere (fsmount(2)): nobody else sees it, and it vanishes with the fd.
Fd detached_mount(const char* type) {
  const std::string what = std::string("mount a private ") + type;
  const Fd context = checked_fd(fsopen(type, FSOPEN_CLOEXEC), what);
  checked(fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), what);
  return checked_fd(fsmount(context.get(), FSMOUNT_CLOEXEC, 0), what);
}

std::string read_text(int directory, const std::string& path) {
  const Fd file = checked_fd(openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC), "open sysfs " + path);
  std::array<char, 64> text{};
  const ssize_t length = read(file.get(), text.data(), text.size());
  checked(static_cast<int>(length), "read sysfs " + path);
  return {text.data(), static_cast<std::size_t>(length)};
}

unsigned int to_number(std::string_view text) {
  unsigned int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// A sysfs shows the network devices of the namespace that mounts it; /sys may show another's.
dev_t tap_device_number(const std::string& name) {
  const Fd sysfs = detached_mount("sysfs");
  const std::string directory = "class/net/" + name + "/";
  const std::string tap = "tap" + std::to_string(to_number(read_text(sysfs.get(), directory + "ifindex")));
  const std::string numbers = read_text(sysfs.get(), directory + "macvtap/" + tap + "/dev");
  const std::size_t colon = numbers.find(':');
  return makedev(to_number(numbers.substr(0, colon)), to_number(numbers.substr(colon + 1)));
}

// The node is made on a file system of its own because /tmp is often mounted nodev.
Fd open_device(dev_t number) {
  const Fd directory = detached_mount("tmpfs");
  checked(mknodat(directory.get(), "tap", S_IFCHR | S_IRUSR | S_IWUSR, number), "mknod tap");
  return checked_fd(openat(directory.get(), "tap", O_RDWR | O_NONBLOCK | O_CLOEXEC), "open tap");
}

// A macvtap starts with IFF_VNET_HDR: each frame behind a virtio_net_hdr.
void use_plain_frames(const Fd& tap) {
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  checked(ioctl(tap.get(), TUNSETIFF, &request), "TUNSETIFF");
}

}  // namespace

Fd open_tap(const std::string& name) { return open_device(tap_device_number(name)); }

TapReader::TapReader(const std::string& name) : tap_(open_tap(name)), buffer_(kLargestFrame) { use_plain_frames(tap_); }

std::optional<std::vector<std::uint8_t>> TapReader::read_frame(int timeout_ms) {
  pollfd readable{tap_.get(), POLLIN, 0};
  if (poll(&readable, 1, timeout_ms) <= 0) return std::nullopt;

  const ssize_t length = read(tap_.get(), buffer_.data(), buffer_.size());
  if (length < 0 && errno == EAGAIN) return std::nullopt;
  checked(static_cast<int>(length), "read tap");
  return std::vector(buffer_.begin(), buffer_.begin() + length);
}

std::vector<std::vector<std::uint8_t>> TapReader::drain(int quiet_ms) {
  std::vector<std::vector<std::uint8_t>> frames;
  while (auto frame = read_frame(quiet_ms)) frames.push_back(std::move(*frame));
  return frames;
}

}  // namespace rxf::test
