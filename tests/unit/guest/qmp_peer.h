// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/guest/qmp_dialog.h"

namespace rxf::guest {

using Json = nlohmann::json;

// As QEMU 7.2 writes them.
inline constexpr std::string_view kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}})"
    "\r\n";

inline std::string line_of(const Json& message) { return message.dump() + "\r\n"; }

inline std::string event(const std::string& name, const Json& data = nullptr) {
  Json message = {{"timestamp", {{"seconds", 1}, {"microseconds", 2}}}, {"event", name}};
  if (!data.is_null()) message["data"] = data;
  return line_of(message);
}

inline std::string changed(const std::string& nic) {
  return event("NIC_RX_FILTER_CHANGED", {{"name", nic}, {"path", "/machine/peripheral/" + nic + "/virtio-backend"}});
}

// The other end of one dialog, that speaks when it is told to.
class QmpPeer {
 public:
  explicit QmpPeer(QmpDialog& dialog) : dialog_(dialog) {}

  // The one command that has come since the last; null where there is none.
  const Json& command() {
    const std::string sent = dialog_.to_send();
    command_ = sent.empty() ? Json() : Json::parse(sent);
    return command_;
  }

  // To the command that came last.
  [[nodiscard]] std::string result(const Json& value) const {
    return line_of({{"return", value}, {"id", command_.at("id")}});
  }
  [[nodiscard]] std::string error(const std::string& text, const std::string& kind = "GenericError") const {
    return line_of({{"id", command_.at("id")}, {"error", {{"class", kind}, {"desc", text}}}});
  }

  std::vector<QmpNews> say(const std::string& text) { return dialog_.received(text); }

  // Up to where it can be asked.
  void negotiate() {
    say(std::string(kGreeting));
    command();
    say(result(Json::object()));
  }

  // Both properties of the NIC, as QEMU's qom-get has them.
  std::vector<QmpNews> tell_ability(const NicAbility& ability) {
    command();
    say(result(ability.addresses));
    command();
    return say(result(ability.vlans));
  }

 private:
  QmpDialog& dialog_;  // the test's
  Json command_;
};

}  // namespace rxf::guest
