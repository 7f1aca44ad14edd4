// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/datapath/pin_identity.h"
#include "loader/mirror/lowerdev.h"

// Which pins are whose. A device is told by its ifindex and its network namespace's cookie, which its pins hold; the
// name of the pin directory is that which it had when `attach` last ran.
namespace rxf::mirror {

// The host, not looked at yet, and one of its links.
struct Found {
  Host host;
  netlink::Link link;
};

// Errors: no privilege, no such device.
Result<Found> find_link(const netlink::LinkName& which);

// Exit::not_attached where the lower device of the upper is in another namespace.
Result<netlink::Link> lower_of(Host& host, const netlink::Link& upper);

// The pins of a device, locked, of whatever layout.
struct LockedPins {
  datapath::PinDirectory pins;
  Fd lock;
  datapath::PinIdentity identity;
};

// Why a link can be given no filter set: Exit::not_attached for the lower device, EOPNOTSUPP for the upper.
[[nodiscard]] std::unexpected<Error> not_attached(const std::string& device);
[[nodiscard]] std::unexpected<Error> no_upper(const std::string& device);

[[nodiscard]] bool is_of(const datapath::PinIdentity& identity, const Host& host, const netlink::Link& link);

// Error Exit::not_attached where there are none; ESTALE where those under its name are of a device that is gone.
Result<LockedPins> lock_pins(const Context& context, Host& host, const netlink::Link& link,
                             datapath::PinDirectory::Access access);

// The devices of this namespace that have pins, sorted by their present names.
Result<std::vector<Attached>> attached_here(const Context& context, const Host& host);

// Error EPROTO, with the next step, where the pins have the layout of another version.
Result<void> check_layout(const datapath::PinIdentity& identity, const netlink::Link& link);

// Gives the pins of a device, locked for writing, the directory of its present name; whose that is gets this one. A
// note says so. Error EALREADY where somebody works in there: to be tried again.
Result<void> take_own_place(const Context& context, Lowerdev& device, std::vector<std::string>& notes);

// Has another device's pins leave the directory of this name, for their own. Error EALREADY as above.
Result<void> make_room_for(const Context& context, const Host& host, const netlink::Link& link);

}  // namespace rxf::mirror
