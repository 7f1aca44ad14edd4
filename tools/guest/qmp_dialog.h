// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tools/guest/guest_request.h"
#include "tools/guest/qmp_reader.h"
#include "tools/guest/rx_filter_state.h"

namespace rxf::guest {

// What a message of QEMU means to us. Events may come before QmpReady, and while an answer is out.
struct QmpReady {};     // greeted and negotiated: queries may be sent
struct QmpChanged {};   // NIC_RX_FILTER_CHANGED of our NIC
struct QmpReset {};     // RESET, WAKEUP, DEVICE_DELETED of our NIC: what is there now is as at power-on
struct QmpLook {};      // STOP, RESUME, MIGRATION, DEVICE_DELETED of what may be ours: look anew
struct QmpShutdown {};  // SHUTDOWN: QEMU is about to end
struct QmpState {       // an answer to query()
  RxFilterState state;
  NicAbility ability;
};
struct QmpUnsupported {  // an answer to query(): this NIC cannot be asked, or there is none of that name
  bool no_such_nic = false;
  std::string why;
};
// Could not be understood. Not fatal: it is passed over; where it was the answer, waiting() is false now and there will
// be no other. `fatal`: the connection is of no use any more.
struct QmpGarbage {
  std::string why;  // one line, short, printable
  bool fatal = false;
};
using QmpNews =
    std::variant<QmpReady, QmpChanged, QmpReset, QmpLook, QmpShutdown, QmpState, QmpUnsupported, QmpGarbage>;

// Our half of one QMP connection, without its socket: bytes in, bytes out. Everything that QEMU says is foreign input.
// It changes nothing in QEMU: what it sends is qmp_capabilities, query-rx-filter and qom-get. MIGRATION is therefore
// heard only where somebody else has switched migration events on; a guest that has arrived says RESUME anyway.
class QmpDialog {
 public:
  // The device's id in QEMU. Without one, the only NIC that answers is meant; several are QmpUnsupported.
  explicit QmpDialog(std::optional<std::string> nic) : nic_(std::move(nic)) {}

  // What they mean, in their order. Nothing after something fatal.
  std::vector<QmpNews> received(std::string_view bytes);

  // Asks for the state of the NIC; one at a time: false, and nothing is sent, while an answer is out, before QmpReady
  // and after something fatal. The first time, what the NIC is able to tell is asked as well before QmpState comes.
  bool query();
  // Waiting for the greeting, the negotiation's end or an answer: QEMU hangs where that takes long.
  [[nodiscard]] bool waiting() const { return !dead_ && awaited_ != Awaited::nothing; }

  // What is to be sent now; taken.
  std::string to_send() { return std::exchange(out_, {}); }

 private:
  using Json = nlohmann::json;
  enum class Awaited { greeting, capabilities, state, addresses, vlans, nothing };

  void take(const Json& message);
  void take_greeting(const Json& message);
  void take_event(const Json& message);
  void take_deleted(const Json& data);
  void take_answer(const Json& message);
  void take_error(Awaited command, const Json& error);
  void take_return(Awaited command, const Json& value);
  void take_states(const Json& list);
  void take_state(const Json& entry);
  [[nodiscard]] bool is_ours(const Json& data, const char* name) const;

  void send(Awaited awaited, const char* command, Json arguments);
  void ask_ability(Awaited awaited, const char* property);
  void tell_state();
  void garbage(std::string why);
  void end(std::string why);

  std::optional<std::string> nic_;
  QmpReader reader_;
  std::string out_;
  std::vector<QmpNews> news_;
  Awaited awaited_ = Awaited::greeting;
  bool dead_ = false;
  std::uint64_t id_ = 0;  // of the last command
  RxFilterState state_;   // answered, while the ability is being asked
  std::string able_;      // the NIC that `ability_` is known of; empty: of none
  NicAbility ability_;
};

}  // namespace rxf::guest
