// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "loader/util/fd.h"

namespace rxf::test {

// Asks a QEMU (docs/interop/qmp-spec.rst of QEMU). Events and the greeting are skipped.
class QmpClient {
 public:
  // `port` is the other end of a monitor. Negotiates, also where somebody has done so before on that monitor.
  explicit QmpClient(Fd port);

  // The value of "return". Throws std::runtime_error with QEMU's error, or where no answer comes in 30 s.
  nlohmann::json execute(const std::string& command, const nlohmann::json& arguments = nlohmann::json::object());

 private:
  nlohmann::json answer_to(const std::string& command, const nlohmann::json& arguments);
  std::string read_line();

  Fd port_;
  std::string pending_;
  unsigned last_id_ = 0;
};

// The monitor of the QEMU that this machine is in: the virtio-serial port "qmp", which one process at a time may open,
// and which stays open. Throws std::runtime_error where the machine has none.
QmpClient& machine_monitor();

}  // namespace rxf::test
