// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/probe.h"

#include <sys/ioctl.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "loader/mirror/early_hook.h"
#include "loader/mirror/lowerdev.h"
#include "loader/mirror/orphans.h"
#include "loader/netlink/system.h"

namespace rxf::mirror {
namespace {

// Their .ndo_bpf closes or resets the device, and opens it again, when the first program comes and when the last one
// goes: ixgbe_setup_tc(), ixgbevf_close(), igb_close(), igc_close(), i40e_reset_and_rebuild(), ice_down().
constexpr std::array<std::string_view, 6> kRestartingDrivers = {"ixgbe", "ixgbevf", "igb", "igc", "i40e", "ice"};

// igc_xdp_set_prog(): "Jumbo frames not supported".
constexpr std::string_view kDriverWithoutJumboXdp = "igc";
constexpr std::uint32_t kEthernetMtu = 1500;

Result<std::uint32_t> mtu_of(const netlink::Link& link) {
  ifreq request{};
  if (const auto got = netlink::device_ioctl(link, SIOCGIFMTU, request); !got) return wrap(got.error(), "MTU");
  return static_cast<std::uint32_t>(request.ifr_mtu);
}

Result<bool> is_attached(const Context& context, const netlink::Link& link) {
  auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  const auto device = open_lowerdev(context, std::move(*host), link, datapath::PinDirectory::Access::read);
  if (device) return true;
  return device.error().exit == Exit::not_attached ? Result<bool>(false) : std::unexpected(device.error());
}

Result<std::vector<std::string>> orphans(const Context& context, const netlink::Link& link) {
  const auto orphaned = orphaned_device(context, link.name);
  if (!orphaned) return std::unexpected(orphaned.error());
  return *orphaned ? (*orphaned)->problems : std::vector<std::string>{};
}

// Where a program stands alone: of ours.
bool has_room(const Context& context, const netlink::Link& link) {
  const datapath::PinDirectory pins(context.bpffs, {.device = link.name});
  return check_room(link, pins, EarlyHook::xdp_native).has_value();
}

Result<netlink::Feature> feature(const Result<netlink::Features>& features, const std::string& name) {
  if (!features) return std::unexpected(features.error());
  return features->of(name);
}

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

// What native XDP means here, by the driver's name.
void add_driver_facts(ProbeReport& report, const Result<DeviceTraits>& traits) {
  if (!traits) {
    report.lost_offload = std::unexpected(traits.error());
    return;
  }
  report.lost_offload = lost_offload(*traits);
  report.restarts_for_xdp = std::ranges::find(kRestartingDrivers, traits->driver) != kRestartingDrivers.end();
  if (traits->driver == kDriverWithoutJumboXdp) report.xdp_mtu = kEthernetMtu;
}

// As `attach` would go about it, refusals included.
Result<AttachForecast> forecast(const ProbeReport& report, const Result<DeviceTraits>& traits) {
  if (!report.lower) return std::unexpected(report.lower.error());
  if (!report.attached) return std::unexpected(report.attached.error());
  if (!traits) return std::unexpected(traits.error());
  const auto choice = choose_hook(*traits, AttachMode::auto_);
  if (!choice) return std::unexpected(choice.error());

  AttachForecast forecast{.early = choice->hook, .reason = choice->reason};
  if (choice->may_fall_back && report.xdp && !report.xdp->basic) {
    forecast.early = EarlyHook::tc;
    forecast.reason += " offers no native XDP";
  }
  forecast.judges_vlan = judges_vlan(*traits, forecast.early);
  if (forecast.early == EarlyHook::tc) return forecast;
  forecast.dispatcher = report.dispatcher.has_value();
  if (*report.attached) return forecast;
  if (report.replaces_xdp) return forecast;
  if (!report.programs) return std::unexpected(report.programs.error());
  if (const auto free = datapath::check_xdp_free(*report.programs); !free) return wrap(free.error(), report.device);
  return forecast;
}

}  // namespace

void conclude(ProbeReport& report, const Result<DeviceTraits>& traits) {
  add_driver_facts(report, traits);
  report.attach = forecast(report, traits);
}

Result<ProbeReport> probe(const Context& context, const std::string& device) {
  if (auto allowed = check_privilege(); !allowed) return std::unexpected(allowed.error());
  auto socket = netlink::Socket::open();
  if (!socket) return std::unexpected(socket.error());
  const auto link = netlink::link_by_name(*socket, device);
  if (!link) return std::unexpected(link.error());

  const auto traits = traits_of(*link);
  const auto features = netlink::features(*link);
  ProbeReport report{.device = link->name,
                     .ifindex = link->ifindex,
                     .kind = link->kind,
                     .driver = netlink::driver(*link),
                     .mtu = mtu_of(*link),
                     .lower = check_lower(*link),
                     .attached = is_attached(context, *link),
                     .orphans = orphans(context, *link),
                     .view = datapath::view_device(link->ifindex),
                     .vlan_filter = feature(features, "rx-vlan-filter"),
                     .vlan_stripping = feature(features, "rx-vlan-hw-parse"),
                     .xdp = netlink::xdp_features(*link),
                     .programs = datapath::query_xdp(link->ifindex),
                     .kernel = kernel_release(),
                     .sight = datapath::device_sight(),
                     .lockdown = datapath::lockdown(),
                     .dispatcher = datapath::check_dispatcher()};
  const bool has_programs = report.programs && !report.programs->programs.empty();
  report.replaces_xdp = has_programs && !datapath::check_xdp_free(*report.programs) && has_room(context, *link);
  conclude(report, traits);
  return report;
}

}  // namespace rxf::mirror
