// SPDX-License-Identifier: GPL-2.0-only
#include "tests/e2e/guest_probes.h"

#include "loader/model/frame.h"

namespace rxf::test {
namespace {

constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr MacAddress kAllHosts = {{0x01, 0x00, 0x5e, 0, 0, 1}};

}  // namespace

std::vector<Probe> guest_probes(const MacAddress& own) {
  const std::vector<std::pair<std::string, MacAddress>> addresses = {
      {"own", own},          {"broadcast", kBroadcast},    {"all-hosts", kAllHosts},  {"group", kGroup},
      {"further", kFurther}, {"other-group", kOtherGroup}, {"forbidden", kForbidden}, {"nobody", kNobody}};
  std::vector<Probe> probes;
  for (const auto& [name, address] : addresses) {
    probes.push_back({.name = name, .destination = address});
    for (const std::uint16_t vid : {kVid, kOtherVid})
      probes.push_back({.name = name + "." + std::to_string(vid), .destination = address, .tags = {{.tci = vid}}});
  }
  probes.push_back({.name = "own.priority", .destination = own, .tags = {{.tci = 5 << 13}}});
  probes.push_back({.name = "own.service", .destination = own, .tags = {{.tpid = kTpidService, .tci = kOtherVid}}});
  return probes;
}

Names operator+(Names names, const Names& more) {
  names.insert(more.begin(), more.end());
  return names;
}

Verdicts reference_verdicts(const FilterSet& filter, const MacAddress& own, const std::vector<Probe>& probes) {
  Verdicts verdicts;
  for (const Probe& probe : probes) {
    verdicts[probe.name] = to_string(judge(filter, own, frame_with(probe.destination, probe.tags)));
  }
  return verdicts;
}

Names accepted(const Verdicts& verdicts) {
  Names names;
  for (const auto& [name, verdict] : verdicts)
    if (verdict == to_string(Verdict::accept)) names.insert(name);
  return names;
}

}  // namespace rxf::test
