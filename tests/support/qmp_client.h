// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "loader/util/fd.h"

namespace rxf::test {

// Asks a QEMU (docs/interop/qmp-spec.rst of QEMU), over a monitor of the test's own. Blocks.
class QmpClient {
 public:
  // `monitor` is the other end of it: a socket, or a port of the machine that QEMU emulates. Negotiates, also where
  // somebody has done so before on that monitor.
  explicit QmpClient(Fd monitor);

  // What is returned for one command: ask("query-rx-filter", {{"name", "nic0"}}). Throws std::runtime_error with QEMU's
  // error, or where no answer comes in 30 s.
  nlohmann::ordered_json ask(const std::string& command, const nlohmann::json& arguments = nlohmann::json::object());

  // What was announced before the last answer; taken.
  std::vector<nlohmann::ordered_json> take_events() { return std::exchange(events_, {}); }

 private:
  nlohmann::ordered_json answer_to(const std::string& command, const nlohmann::json& arguments);
  std::string read_line();

  Fd monitor_;
  std::string pending_;
  unsigned last_id_ = 0;
  std::vector<nlohmann::ordered_json> events_;
};

}  // namespace rxf::test
