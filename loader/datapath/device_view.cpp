// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/device_view.h"

#include <bpf/bpf.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "loader/datapath/bpf_object.h"
#include "probe.skel.h"

namespace rxf::datapath {
namespace {

constexpr std::size_t kFrameSize = 64;  // the kernel wants at least an Ethernet header

struct Destroy {
  void operator()(::probe* skeleton) const { probe__destroy(skeleton); }
};
using SkeletonPtr = std::unique_ptr<::probe, Destroy>;

// The rule maps come with the headers that the programs share, and are not needed here.
void leave_out_rule_maps(bpf_object* object) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) bpf_map__set_autocreate(map, bpf_map__is_internal(map));
}

Result<SkeletonPtr> load() {
  const std::uint32_t sight = device_sight();
  if (sight == RXF_SIGHT_NONE)
    return std::unexpected(Error{.text =
                                     "this kernel lets no BPF program read its devices: that takes Linux 6.2, or an "
                                     "older one with its BTF that is not locked down",
                                 .code = ENOTSUP});
  capture_library_messages();
  SkeletonPtr skeleton(probe__open());
  if (skeleton == nullptr) return system_error(errno, "open the BPF object that looks at devices");
  skeleton->rodata->rxf_config.sight = sight;
  leave_out_rule_maps(skeleton->obj);
  const int error = probe__load(skeleton.get());
  if (error == -EPERM) return system_error(error, "load BPF programs (CAP_BPF and CAP_NET_ADMIN are needed)");
  if (error != 0)
    return std::unexpected(
        Error{.text = "this kernel refuses the BPF program that looks at devices: " + last_library_message(),
              .code = ENOTSUP});
  return skeleton;
}

// Loaded once a process: it costs more than all the looks.
Result<const ::probe*> loaded() {
  static SkeletonPtr kept;
  if (kept != nullptr) return kept.get();
  auto skeleton = load();
  if (!skeleton) return std::unexpected(skeleton.error());
  kept = std::move(*skeleton);
  return kept.get();
}

DeviceView view_of(const ::probe::probe__bss& seen) {
  return {.unicast_filter = seen.view_unicast_filter != 0,
          .promiscuity = seen.view_promiscuity,
          .allmulti = seen.view_allmulti,
          .uc_promisc = seen.view_uc_promisc != 0,
          .rx_handler = seen.view_rx_handler != 0,
          .unicast_entries = seen.view_unicast_entries,
          .vlan_devices = seen.view_vlan_devices};
}

}  // namespace

Result<DeviceView> view_device(std::uint32_t ifindex) {
  // Without an ifindex the kernel would show the loopback device.
  if (ifindex == 0) return system_error(ENODEV, "ifindex 0");
  const auto skeleton = loaded();
  if (!skeleton) return std::unexpected(skeleton.error());
  std::array<std::uint8_t, kFrameSize> frame{};
  __sk_buff context{.ifindex = ifindex};
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(), .ctx_in = &context,
              .ctx_size_in = sizeof(context));
  const std::string what = "look at the device with ifindex " + std::to_string(ifindex);
  if (const int error = bpf_prog_test_run_opts(bpf_program__fd((*skeleton)->progs.rxf_view), &options); error != 0)
    return system_error(error, what);
  const auto& seen = *(*skeleton)->bss;
  if (seen.view_ifindex != ifindex)
    return std::unexpected(Error{.text = what + ": this kernel shows another one", .code = ENOTSUP});
  return view_of(seen);
}

}  // namespace rxf::datapath
