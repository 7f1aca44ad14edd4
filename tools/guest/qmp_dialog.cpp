// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/qmp_dialog.h"

#include <map>
#include <utility>

#include "loader/cli/text.h"

namespace rxf::guest {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxQuoted = 160;

// Where QEMU keeps the devices that have an id (docs/devel/qom.rst).
constexpr std::string_view kDevices = "/machine/peripheral/";

// The member, where it is there and a string; else nothing is in it.
std::string_view string_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? std::string_view(found->get_ref<const std::string&>()) : "";
}

// What is said of our NIC's backend is said of our NIC.
bool is_within(std::string_view path, std::string_view nic) {
  if (!path.starts_with(kDevices)) return false;
  path.remove_prefix(kDevices.size());
  return path.starts_with(nic) && (path.size() == nic.size() || path[nic.size()] == '/');
}

std::string said(std::string_view text) { return cli::shortened(text, kMaxQuoted); }

}  // namespace

std::vector<QmpNews> QmpDialog::received(std::string_view bytes) {
  if (dead_) return {};
  const Result<void> fed = reader_.feed(bytes);
  while (!dead_) {
    const auto message = reader_.next();
    if (!message) break;
    if (*message) {
      take(**message);
    } else if (awaited_ == Awaited::greeting) {
      end(message->error().text + " where QEMU's greeting belongs: is this a QMP socket?");
    } else {
      garbage(message->error().text);
    }
  }
  if (!fed && !dead_) end(fed.error().text);
  return std::exchange(news_, {});
}

void QmpDialog::take(const Json& message) {
  if (awaited_ == Awaited::greeting) return take_greeting(message);
  if (message.contains("event")) return take_event(message);
  take_answer(message);
}

void QmpDialog::take_greeting(const Json& message) {
  const auto greeting = message.find("QMP");
  if (greeting == message.end() || !greeting->is_object()) return end("no greeting of QMP: is this a QMP socket?");
  send(Awaited::capabilities, "qmp_capabilities", Json());
}

// A NIC without an id is not named in its events; where ours may be it, one look too many does no harm.
bool QmpDialog::is_ours(const Json& data, const char* name) const {
  if (!nic_) return true;
  if (const std::string_view given = string_in(data, name); !given.empty()) return given == *nic_;
  const std::string_view path = string_in(data, "path");
  return !path.starts_with(kDevices) || is_within(path, *nic_);
}

void QmpDialog::take_event(const Json& message) {
  static const Json kNothing = Json::object();
  const std::string_view event = string_in(message, "event");
  const auto found = message.find("data");
  const Json& data = found == message.end() ? kNothing : *found;
  if (event.empty() || !data.is_object()) return garbage("an event without name, or with data that is no object");

  if (event == "NIC_RX_FILTER_CHANGED") {
    if (is_ours(data, "name")) news_.emplace_back(QmpChanged());
  } else if (event == "DEVICE_DELETED") {
    take_deleted(data);
  } else if (event == "RESET" || event == "WAKEUP") {
    // Machines that wake up reset their devices, and do not say RESET.
    news_.emplace_back(QmpReset());
  } else if (event == "STOP" || event == "RESUME" || event == "MIGRATION") {
    news_.emplace_back(QmpLook());
  } else if (event == "SHUTDOWN") {
    news_.emplace_back(QmpShutdown());
  }
}

// Another NIC may be there under the name of ours when we look.
void QmpDialog::take_deleted(const Json& data) {
  const std::string_view device = string_in(data, "device");
  const bool surely = !device.empty() && device == nic_.value_or(able_);
  if (!surely && !is_ours(data, "device")) return;
  able_.clear();
  if (surely) {
    news_.emplace_back(QmpReset());
  } else {
    news_.emplace_back(QmpLook());
  }
}

// Where no answer is out, or one to another command, this one is passed over and ours is waited for.
void QmpDialog::take_answer(const Json& message) {
  const auto id = message.find("id");
  const bool asked = awaited_ != Awaited::nothing && id != message.end() && id->is_number_unsigned() && *id == id_;
  if (!asked) return garbage("neither an event nor the answer to a command of ours");
  const Awaited command = std::exchange(awaited_, Awaited::nothing);
  const auto error = message.find("error");
  const auto value = message.find("return");
  if ((error == message.end()) == (value == message.end())) {
    if (command == Awaited::capabilities) return end("an answer without return or error");
    return garbage("an answer without return or error, or with both");
  }
  return value == message.end() ? take_error(command, *error) : take_return(command, *value);
}

void QmpDialog::take_error(Awaited command, const Json& error) {
  const std::string_view text = string_in(error, "desc");
  const auto says = [text](std::string_view words) { return text.find(words) != std::string_view::npos; };
  switch (command) {
    case Awaited::capabilities:
      return end("it refuses qmp_capabilities: " + said(text));
    // Another model has no such property, and a NIC without an id is not found: able to tell, as the default is.
    case Awaited::addresses:
    case Awaited::vlans:
      return take_return(command, Json());
    default:
      break;
  }
  const bool no_such_nic = says("invalid net client name");
  const bool cannot = says("doesn't support rx-filter querying") || says("isn't a NIC");
  const bool no_command = string_in(error, "class") == "CommandNotFound";
  if (!no_such_nic && !cannot && !no_command) return garbage("it refuses query-rx-filter: " + said(text));
  able_.clear();
  news_.emplace_back(QmpUnsupported{.no_such_nic = no_such_nic, .why = said(text)});
}

void QmpDialog::take_return(Awaited command, const Json& value) {
  switch (command) {
    case Awaited::capabilities:
      news_.emplace_back(QmpReady());
      return;
    case Awaited::state:
      return take_states(value);
    case Awaited::addresses:
      ability_.addresses = !value.is_boolean() || value.get<bool>();
      return ask_ability(Awaited::vlans, "ctrl_vlan");
    case Awaited::vlans:
      ability_.vlans = !value.is_boolean() || value.get<bool>();
      able_ = value.is_boolean() ? state_.name : "";
      return tell_state();
    default:
      return;
  }
}

void QmpDialog::take_states(const Json& list) {
  if (!list.is_array()) return garbage("query-rx-filter: no list");
  if (list.size() == 1) return take_state(list.front());
  if (nic_) return garbage("query-rx-filter: " + std::to_string(list.size()) + " NICs where one was asked for");
  able_.clear();
  const bool none = list.empty();
  news_.emplace_back(QmpUnsupported{.why = none ? "no NIC of this guest can be asked for its filter"
                                                : "several NICs can be asked: which one has to be said by its id"});
}

void QmpDialog::take_state(const Json& entry) {
  auto state = decode_rx_filter(entry);
  if (!state) return garbage("query-rx-filter: " + said(state.error().text));
  if (nic_ && state->name != *nic_) return garbage("query-rx-filter: of another NIC, " + cli::quote(state->name));
  state_ = std::move(*state);
  if (able_ == state_.name) return tell_state();
  ask_ability(Awaited::addresses, "ctrl_rx");
}

void QmpDialog::tell_state() { news_.emplace_back(QmpState{.state = std::move(state_), .ability = ability_}); }

bool QmpDialog::query() {
  if (dead_ || awaited_ != Awaited::nothing) return false;
  send(Awaited::state, "query-rx-filter", nic_ ? Json{{"name", *nic_}} : Json());
  return true;
}

void QmpDialog::ask_ability(Awaited awaited, const char* property) {
  send(awaited, "qom-get", {{"path", std::string(kDevices) + state_.name}, {"property", property}});
}

// A name of our own settings need not be UTF-8.
void QmpDialog::send(Awaited awaited, const char* command, Json arguments) {
  Json message = {{"execute", command}, {"id", ++id_}};
  if (!arguments.is_null()) message["arguments"] = std::move(arguments);
  out_ += message.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  awaited_ = awaited;
}

void QmpDialog::garbage(std::string why) { news_.emplace_back(QmpGarbage{.why = std::move(why)}); }

void QmpDialog::end(std::string why) {
  dead_ = true;
  news_.emplace_back(QmpGarbage{.why = std::move(why), .fatal = true});
}

}  // namespace rxf::guest
