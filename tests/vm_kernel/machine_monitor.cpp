// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/machine_monitor.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

std::string port_device(const std::string& wanted) {
  for (const auto& port : std::filesystem::directory_iterator("/sys/class/virtio-ports")) {
    std::string name;
    std::ifstream(port.path() / "name") >> name;
    if (name == wanted) return "/dev/" + port.path().filename().string();
  }
  throw std::runtime_error("this machine has no virtio-serial port \"" + wanted + "\"");
}

}  // namespace

QmpClient& machine_monitor() {
  static QmpClient monitor(checked_fd(open(port_device("qmp").c_str(), O_RDWR | O_CLOEXEC), "open the monitor"));
  return monitor;
}

}  // namespace rxf::test
