// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/qemu_guest.h"

#include <sys/socket.h>

#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/support/guest_image.h"
#include "tests/support/system_call.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {
namespace {

struct SocketPair {
  Fd ours;
  Fd theirs;
};

SocketPair make_socket_pair() {
  std::array<int, 2> ends{};
  checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string number(const Fd& fd) { return std::to_string(fd.get()); }

// As tests/vm/run, where it is said why.
constexpr const char* kProcessor = "qemu64,-cx16";
constexpr const char* kAccelerator = "tcg,thread=single";

std::string nic(const QemuGuest::Options& options) {
  const std::string device =
      "virtio-net-pci,id=" + std::string(QemuGuest::kNic) + ",netdev=net0,mac=" + to_string(options.address);
  return options.nic_options.empty() ? device : device + "," + options.nic_options;
}

std::vector<std::string> command(const QemuGuest::Options& options, const std::string& files, const Fd& tap,
                                 const Fd& control, const Fd& monitor) {
  const GuestImage& image = guest_image();
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"-display", "none"},
      {"-accel", kAccelerator},
      {"-cpu", kProcessor},
      {"-m", "256M"},
      {"-kernel", image.kernel},
      {"-initrd", image.initramfs},
      {"-append", "console=ttyS0 quiet panic=-1 mitigations=off rdinit=/init"},
      {"-serial", "file:" + files + ".console"},
      {"-netdev", "tap,id=net0,vhost=off,fd=" + number(tap)},
      {"-device", nic(options)},
      {"-device", "virtio-serial"},
      {"-chardev", "socket,id=control,fd=" + number(control)},
      {"-device", "virtserialport,chardev=control,name=control"},
      {"-chardev", "socket,id=own,fd=" + number(monitor)},
      {"-mon", "chardev=own,mode=control"},
      {"-qmp", "unix:" + files + ".qmp,server=on,wait=off"}};
  // It ends with this process, however that ends.
  std::vector<std::string> all = {"/usr/bin/setpriv",   "--pdeathsig", "KILL",
                                  "qemu-system-x86_64", "-nodefaults", "-no-user-config"};
  for (const auto& [option, value] : pairs) {
    all.push_back(option);
    all.push_back(value);
  }
  return all;
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

QemuGuest::QemuGuest(const Options& options) : files_(options.directory + "/" + options.name) {
  const Fd tap = open_tap(options.tap);
  SocketPair control = make_socket_pair();
  SocketPair monitor = make_socket_pair();
  process_.emplace(command(options, files_, tap, control.theirs, monitor.theirs),
                   ChildProcess::Options{.error_file = files_ + ".log",
                                         .kept = {tap.get(), control.theirs.get(), monitor.theirs.get()}});
  // Theirs alone, so that their end is seen.
  control.theirs = Fd();
  monitor.theirs = Fd();
  control_.emplace(std::move(control.ours));
  try {
    monitor_.emplace(std::move(monitor.ours));
  } catch (const std::exception& error) {
    throw std::runtime_error(std::string(error.what()) + ": " + log());
  }
}

std::string QemuGuest::must(const std::string& command) {
  const GuestAnswer answer = control_->ask(command);
  if (answer.status != 0)
    throw std::runtime_error("in the guest, `" + command + "` ended with " + std::to_string(answer.status) + ": " +
                             answer.text);
  return answer.text;
}

std::string QemuGuest::log() const { return text_of(files_ + ".log") + text_of(files_ + ".console"); }

}  // namespace rxf::test
