// SPDX-License-Identifier: GPL-2.0-only
#include "tools/bench/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bare.skel.h"
#include "loader/datapath/bpf_object.h"
#include "loader/datapath/rule_maps.h"
#include "loader/mirror/operations.h"
#include "loader/netlink/links.h"
#include "tests/support/command.h"
#include "tests/support/must.h"
#include "tests/support/packet.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"

namespace {

using namespace rxf;
using test::Bytes;
using test::must;

constexpr std::uint32_t kAddresses = 1'000;
constexpr int kRepeat = 400'000;
constexpr std::uint16_t kVid = 42;
constexpr const char* kXdpFilter = "/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_dny_eth.o";

MacAddress listed(std::uint32_t i) {
  return {{0x02, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}};
}
constexpr MacAddress kUnlisted = {{0x06, 0, 0, 0, 0, 1}};

Bytes frame(const MacAddress& destination, std::vector<VlanTag> tags = {}) {
  Bytes bytes = test::to_bytes({.destination = destination, .tags = std::move(tags)});
  bytes.resize(64);
  return bytes;
}

// One line of the table.
struct Case {
  std::string name;
  int fd = -1;
  bool xdp = true;
  std::uint32_t ifindex = 0;
  Bytes bytes;
  std::uint32_t action = 0;  // what it must return
  bool bare = false;
  std::vector<double> ns{};  // a frame, each round
};

std::uint32_t run_once(const Case& one, int repeat, double& ns) {
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = one.bytes.data(),
              .data_size_in = static_cast<__u32>(one.bytes.size()), .repeat = repeat);
  xdp_md xdp{};
  xdp.data_end = static_cast<__u32>(one.bytes.size());
  xdp.ingress_ifindex = one.ifindex;
  __sk_buff skb{};
  skb.ifindex = one.ifindex;
  options.ctx_in = one.xdp ? static_cast<void*>(&xdp) : static_cast<void*>(&skb);
  options.ctx_size_in = one.xdp ? sizeof(xdp) : sizeof(skb);
  if (const int error = bpf_prog_test_run_opts(one.fd, &options); error != 0)
    throw std::runtime_error(one.name + ": BPF_PROG_TEST_RUN: " + std::strerror(-error));
  ns = options.duration;
  return options.retval;
}

void measure(std::vector<Case>& cases, int rounds) {
  double ns = 0;
  for (const Case& one : cases)
    if (const auto action = run_once(one, 1, ns); action != one.action)
      throw std::runtime_error(one.name + ": returned " + std::to_string(action) + ", not " +
                               std::to_string(one.action));
  for (int round = 0; round < rounds; ++round)
    for (Case& one : cases) {
      run_once(one, kRepeat, ns);
      one.ns.push_back(ns);
    }
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + std::ssize(values) / 2, values.end());
  return values[values.size() / 2];
}

// Over the bare program of the same hook in the same round.
double added(const Case& one, const std::vector<Case>& cases) {
  const auto bare = std::find_if(cases.begin(), cases.end(), [&](const Case& c) { return c.bare && c.xdp == one.xdp; });
  std::vector<double> difference;
  for (std::size_t round = 0; round < one.ns.size(); ++round) difference.push_back(one.ns[round] - bare->ns[round]);
  return median(difference);
}

// A NIC with a filtered PASSTHRU macvtap, as a user would set it up, in XDP or tc mode.
class Host {
 public:
  explicit Host(mirror::AttachMode mode) {
    test::must_run(
        "ip link add nic type veth peer name peer && ip link set nic up && ip link set peer up && "
        "ip link add link nic name tap type macvtap mode passthru && ip link set tap up");
    must(mirror::attach(context_, "nic", {.mode = mode}));
    FilterEdit edit{.unicast = ListEdit<AddressSet>{.replace = true}, .vlans = ListEdit<VlanSet>{.replace = true}};
    for (std::uint32_t i = 0; i < kAddresses; ++i) edit.unicast->add.insert(listed(i));
    edit.multicast = ListEdit<AddressSet>{.replace = true};
    edit.vlans->add.insert(kVid);
    must(mirror::set(context_, "tap", edit));
    auto socket = must(netlink::Socket::open());
    nic_ = must(netlink::link_by_name(socket, "nic")).ifindex;
    tap_ = must(netlink::link_by_name(socket, "tap")).ifindex;
    const std::string pins = must(mirror::status(context_, "nic")).pin_directory;
    const auto maps = must(datapath::RuleMaps::open(pins));
    const auto meta = must(maps.meta());
    early_ = must(datapath::program_by_id(mode == mirror::AttachMode::tc ? meta.early.prog_id : meta.xdp_prog_id));
    guard_ = must(datapath::program_by_id(must(maps.uppers()).at(tap_).guard.prog_id));
  }

  [[nodiscard]] int early() const { return early_.get(); }
  [[nodiscard]] int guard() const { return guard_.get(); }
  [[nodiscard]] std::uint32_t nic() const { return nic_; }

 private:
  test::ScratchBpffs bpffs_;
  mirror::Context context_{.bpffs = bpffs_.path()};
  std::uint32_t nic_ = 0, tap_ = 0;
  Fd early_, guard_;
};

using Object = datapath::ObjectPtr;

Object load(bpf_object* opened, const char* what) {
  Object object(opened);
  if (!object || bpf_object__load(object.get()) != 0) throw std::runtime_error(std::string("load ") + what);
  return object;
}

int program(const Object& object, const char* name) {
  return bpf_program__fd(bpf_object__find_program_by_name(object.get(), name));
}

// Deny policy, Ethernet only, the same thousand addresses as destinations to pass. nullopt where it is not installed.
std::optional<Object> xdp_filter(const std::string& pins) {
  constexpr std::uint64_t kDestination = 1 << 1;  // MAP_FLAG_DST of xdp-filter's common_kern_user.h
  LIBBPF_OPTS(bpf_object_open_opts, options, .pin_root_path = pins.c_str());  // it pins its maps by name
  bpf_object* opened = bpf_object__open_file(kXdpFilter, &options);
  if (opened == nullptr) return std::nullopt;
  Object object = load(opened, "xdp-filter");
  const int map = bpf_object__find_map_fd_by_name(object.get(), "filter_ethernet");
  const std::vector<std::uint64_t> value(static_cast<std::size_t>(libbpf_num_possible_cpus()), kDestination);
  for (std::uint32_t i = 0; i < kAddresses; ++i)
    if (bpf_map_update_elem(map, listed(i).bytes.data(), value.data(), BPF_ANY) != 0)
      throw std::runtime_error("fill xdp-filter's map");
  return object;
}

void print(const Case& one, const std::vector<Case>& cases, std::optional<double> peer) {
  const double cost = added(one, cases);
  std::printf("  %-44s %7.1f %+8.1f", one.name.c_str(), median(one.ns), cost);
  if (peer) std::printf("   %5.2f x", cost / *peer);
  std::printf("\n");
}

void print_table(const std::vector<Case>& cases) {
  std::optional<double> drop, pass;
  for (const Case& one : cases) {
    if (one.name == "xdp-filter, drop") drop = added(one, cases);
    if (one.name == "xdp-filter, pass") pass = added(one, cases);
  }
  std::printf("ns a 64-byte frame, %u addresses, median of %zu rounds of %d frames\n", kAddresses,
              cases.front().ns.size(), kRepeat);
  std::printf("  %-44s %7s %8s   %s\n", "program", "ns", "added", "of xdp-filter's added");
  for (const Case& one : cases) {
    const bool drops = one.action == XDP_DROP;
    print(one, cases, one.bare || !one.xdp ? std::nullopt : drops ? drop : pass);
  }
}

void explain_missing_peer() { std::printf("xdp-filter is not installed (%s): no ratio\n", kXdpFilter); }

}  // namespace

void rxf::bench::programs(int rounds) {
  datapath::capture_library_messages();
  std::size_t size = 0;
  const void* elf = bare::elf_bytes(&size);
  const Object nothing = load(bpf_object__open_mem(elf, size, nullptr), "bare.bpf.o");
  const test::ScratchBpffs peer_pins;
  const auto peer = xdp_filter(peer_pins.path());

  const test::ScratchNamespace xdp_namespace;
  const Host xdp(mirror::AttachMode::native);
  const Bytes hit = frame(listed(500)), miss = frame(kUnlisted);
  const Bytes vlan_hit = frame(listed(500), {{.tci = kVid}}), vlan_miss = frame(listed(500), {{.tci = 7}});
  std::vector<Case> cases = {
      {"bare program, XDP", program(nothing, "bare_xdp"), true, 0, miss, XDP_DROP, true},
      {"early drop at XDP, address not wanted: drop", xdp.early(), true, xdp.nic(), miss, XDP_DROP},
      {"early drop at XDP, address wanted: pass", xdp.early(), true, xdp.nic(), hit, XDP_PASS},
  };
  if (peer) {
    cases.push_back({"xdp-filter, drop", program(*peer, "xdpfilt_dny_eth"), true, 0, miss, XDP_DROP});
    cases.push_back({"xdp-filter, pass", program(*peer, "xdpfilt_dny_eth"), true, 0, hit, XDP_PASS});
  }
  constexpr auto kShot = static_cast<std::uint32_t>(2);
  constexpr auto kOn = static_cast<std::uint32_t>(-1);
  cases.push_back({"bare program, tc", program(nothing, "bare_tc"), false, 0, miss, kShot, true});
  cases.push_back({"guard, address not wanted: drop", xdp.guard(), false, 0, miss, kShot});
  cases.push_back({"guard, address wanted: admit", xdp.guard(), false, 0, hit, kOn});
  cases.push_back({"guard, VLAN not wanted: drop", xdp.guard(), false, 0, vlan_miss, kShot});
  cases.push_back({"guard, address and VLAN wanted: admit", xdp.guard(), false, 0, vlan_hit, kOn});

  const test::ScratchNamespace tc_namespace;
  const Host tc(mirror::AttachMode::tc);
  std::vector<Case> at_tc = {
      {"bare program, tc", program(nothing, "bare_tc"), false, 0, miss, kShot, true},
      {"early drop at tc, address not wanted: drop", tc.early(), false, tc.nic(), miss, kShot},
      {"early drop at tc, address wanted: pass", tc.early(), false, tc.nic(), hit, kOn},
      {"early drop at tc, VLAN not wanted: drop", tc.early(), false, tc.nic(), vlan_miss, kShot},
  };
  {
    const test::NamespaceSwitch there(xdp_namespace.fd());
    measure(cases, rounds);
  }
  measure(at_tc, rounds);
  print_table(cases);
  print_table(at_tc);
  if (!peer) explain_missing_peer();
}
