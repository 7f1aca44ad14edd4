// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/random_host_steps.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "tests/support/command.h"
#include "tests/support/must.h"
#include "tests/support/random_host_oracle.h"

namespace rxf::test {
namespace {

using mirror::AttachMode;

constexpr std::size_t kMostUppers = 5;

std::string_view text_of(AttachMode mode) {
  if (mode == AttachMode::tc) return "tc";
  return mode == AttachMode::native ? "native" : "generic";
}

bool is_filtered(const ModelUpper& upper) { return !upper.elsewhere && !upper.filter.unfiltered(); }

}  // namespace

const std::vector<HostSteps::Kind>& HostSteps::kinds() {
  using H = HostSteps;
  static const std::vector<Kind> all = {{"make", 7, &H::has_room, &H::make},
                                        {"delete", 2, &H::has_uppers, &H::remove},
                                        {"delete-all", 1, &H::has_uppers, &H::remove_all},
                                        {"up-down", 3, &H::has_uppers, &H::toggle},
                                        {"move", 1, &H::has_home_upper, &H::move},
                                        {"join-upper", 2, &H::has_uppers, &H::join_upper},
                                        {"address", 3, &H::can_renumber, &H::renumber},
                                        {"nic-address", 2, &H::can_renumber_nic, &H::renumber_nic},
                                        {"set", 12, &H::has_home_upper, &H::set},
                                        {"clear", 1, &H::has_filtered, &H::clear},
                                        {"further", 2, &H::always, &H::further},
                                        {"group-ip", 2, &H::always, &H::join_by_ip},
                                        {"group-packet", 2, &H::always, &H::join_by_packet},
                                        {"allmulti-flag", 1, &H::always, &H::allmulti_flag},
                                        {"allmulti-socket", 1, &H::always, &H::allmulti_socket},
                                        {"promisc-flag", 1, &H::always, &H::promisc_flag},
                                        {"tcpdump", 2, &H::always, &H::tcpdump},
                                        {"vlan", 4, &H::can_have_vlans, &H::vlan},
                                        {"offload", 1, &H::always, &H::offload},
                                        {"foreign-front", 2, &H::always, &H::foreign_in_front},
                                        {"foreign-behind", 1, &H::always, &H::foreign_behind},
                                        {"foreign-upper", 2, &H::has_filtered, &H::foreign_upper},
                                        {"remove-guard", 1, &H::can_remove_guard, &H::remove_guard},
                                        {"remove-early", 1, &H::can_remove_early, &H::remove_early},
                                        {"attach", 3, &H::always, &H::attach},
                                        {"attach-mode", 1, &H::always, &H::attach_elsewhere},
                                        {"detach", 1, &H::always, &H::detach}};
  return all;
}

void HostSteps::begin() {
  if (model_.daemon) machine_.start_daemon();
  attach_now(model_.mode);
}

HostStep HostSteps::next() {
  std::vector<const Kind*> bag;
  for (const Kind& kind : kinds())
    if (draw_.has(kind.name) && (this->*kind.possible)()) bag.insert(bag.end(), kind.weight, &kind);
  const Kind& kind = *draw_.one_of(bag);
  HostStep step = (this->*kind.act)();
  step.what = std::string(kind.name) + ": " + step.what;
  if (model_.daemon) follow(step);
  return step;
}

// What the daemon is to do about it, it will have done when the step is judged.
void HostSteps::follow(HostStep& step) {
  for (const auto& [name, upper] : model_.uppers) step.daemon_mends |= upper.guard_removed;
  step.daemon_mends |= model_.early_removed || model_.lost_set || model_.claims_stale;
  looked(true);
}

template <class Wanted>
HostSteps::Entry* HostSteps::any_upper(Wanted wanted) {
  std::vector<Entry*> all;
  for (Entry& entry : model_.uppers)
    if (wanted(entry.second)) all.push_back(&entry);
  return all.empty() ? nullptr : draw_.one_of(all);
}

void HostSteps::looked(bool at_early_too) {
  for (auto& [name, upper] : model_.uppers) {
    upper.guard_removed = false;
  }
  model_.lost_set = false;
  model_.claims_stale = worst_conflict(model_) != Owner::none;
  if (at_early_too) model_.early_removed = false;
}

void HostSteps::attach_now(AttachMode mode) {
  (void)must(mirror::attach(machine_.context(), "nic", {.mode = mode}));
  model_.mode = mode;
  looked(true);
}

bool HostSteps::has_room() const { return model_.passthru() == nullptr && model_.uppers.size() < kMostUppers; }

bool HostSteps::has_home_upper() const {
  return std::ranges::any_of(model_.uppers, [](const auto& entry) { return !entry.second.elsewhere; });
}

bool HostSteps::has_filtered() const {
  return std::ranges::any_of(model_.uppers, [](const auto& entry) { return is_filtered(entry.second); });
}

// Without a daemon an upper whose guard is gone is told by the address that it had.
bool HostSteps::can_remove_guard() const {
  return std::ranges::any_of(model_.uppers, [&](const auto& entry) {
    const ModelUpper& upper = entry.second;
    return is_filtered(upper) && (model_.daemon || upper.address == upper.address_when_set);
  });
}

bool HostSteps::can_remove_early() const { return HostMachine::has_clsact("nic"); }

bool HostSteps::renumbering_is_told(const ModelUpper& upper) const { return model_.daemon || !upper.guard_removed; }

bool HostSteps::can_renumber() const {
  return std::ranges::any_of(model_.uppers, [&](const auto& entry) { return renumbering_is_told(entry.second); });
}

bool HostSteps::can_renumber_nic() const {
  const ModelUpper* passthru = model_.passthru();
  return passthru == nullptr || renumbering_is_told(*passthru);
}

HostStep HostSteps::make() {
  ModelUpper upper;
  upper.number = numbers_++;
  const std::string name = "u" + std::to_string(upper.number);
  constexpr UpperMode kModes[] = {UpperMode::private_, UpperMode::vepa,   UpperMode::bridge,
                                  UpperMode::bridge,   UpperMode::bridge, UpperMode::source};
  upper.mode = kModes[draw_.below(std::size(kModes))];
  if (!draw_.has("source") && upper.mode == UpperMode::source) upper.mode = UpperMode::bridge;
  if (model_.uppers.empty() && draw_.one_in(3) && draw_.has("passthru")) upper.mode = UpperMode::passthru;
  upper.address = upper.mode == UpperMode::passthru ? model_.nic : free_address();
  upper.elsewhere = draw_.one_in(5) && draw_.has("elsewhere");
  if (upper.mode == UpperMode::source) upper.sources = draw_.sources();
  for (std::uint32_t n = draw_.below(3); n > 0; --n) upper.joined.insert(draw_.group());
  if (upper.mode == UpperMode::passthru) model_.before_passthru = model_.nic;
  machine_.make_upper(name, upper);
  model_.uppers[name] = upper;
  return {.what = name + ", " + std::string(to_string(upper.mode)) + " " + to_string(upper.address) +
                  (upper.elsewhere ? ", elsewhere" : "")};
}

void HostSteps::forget_lost(const ModelUpper& upper) {
  if (is_filtered(upper)) model_.lost_set = true;
  model_.former.push_back(upper.address);
}

void HostSteps::drop_upper(const std::string& name) {
  const ModelUpper upper = model_.uppers.at(name);
  machine_.delete_upper(name, upper);
  forget_lost(upper);
  if (upper.mode == UpperMode::passthru) model_.nic = model_.before_passthru;
  model_.uppers.erase(name);
}

HostStep HostSteps::remove() {
  const std::string name = any_upper([](const ModelUpper&) { return true; })->first;
  drop_upper(name);
  return {.what = name};
}

HostStep HostSteps::remove_all() {
  while (!model_.uppers.empty()) drop_upper(model_.uppers.begin()->first);
  return {.what = "everybody"};
}

HostStep HostSteps::toggle() {
  auto& [name, upper] = *any_upper([](const ModelUpper&) { return true; });
  machine_.ip(upper, "link set " + name + (upper.up ? " down" : " up"));
  upper.up = !upper.up;
  return {.what = name + (upper.up ? " is up" : " is down"), .receivers = {name}};
}

HostStep HostSteps::move() {
  auto& [name, upper] = *any_upper([](const ModelUpper& one) { return !one.elsewhere; });
  machine_.move_upper(name);
  forget_lost(upper);
  model_.former.pop_back();
  upper = ModelUpper{.mode = upper.mode,
                     .address = upper.address,
                     .number = upper.number,
                     .elsewhere = true,
                     .up = true,
                     .joined = {},
                     .sources = upper.sources,
                     .filter = {},
                     .guard_removed = false,
                     .in_front = Foreign::none,
                     .address_when_set = {}};
  return {.what = name, .receivers = {name}};
}

HostStep HostSteps::join_upper() {
  auto& [name, upper] = *any_upper([](const ModelUpper&) { return true; });
  const MacAddress group = draw_.group();
  const bool leaves = upper.joined.contains(group);
  if (leaves) {
    machine_.leave_upper(name, group);
    upper.joined.erase(group);
  } else {
    machine_.join_upper(name, upper, group);
    upper.joined.insert(group);
  }
  return {.what = name + (leaves ? " leaves " : " joins ") + to_string(group)};
}

// One that nobody has as their own; half of the time one that a filter set claims.
MacAddress HostSteps::free_address() {
  const MacAddress wanted = draw_.claimed_or_fresh(model_);
  return owner_of(model_, "", wanted) == Owner::none ? wanted : draw_.fresh_address();
}

void HostSteps::change_address(ModelUpper& upper, const MacAddress& address) {
  model_.former.push_back(upper.address);
  upper.address = address;
  if (upper.mode == UpperMode::passthru) model_.nic = address;
}

HostStep HostSteps::renumber() {
  auto& [name, upper] = *any_upper([&](const ModelUpper& one) { return renumbering_is_told(one); });
  const MacAddress address = free_address();
  machine_.ip(upper, "link set " + name + " address " + to_string(address));
  change_address(upper, address);
  return {.what = name + " has " + to_string(address), .receivers = {name}};
}

HostStep HostSteps::renumber_nic() {
  const MacAddress address = free_address();
  must_run("ip link set nic address " + to_string(address));
  HostStep step{.what = "nic has " + to_string(address)};
  model_.former.push_back(model_.nic);
  model_.nic = address;
  if (model_.passthru() == nullptr) return step;
  // macvlan puts back what somebody gave the lower device itself.
  model_.before_passthru = address;
  auto& [name, upper] = *model_.uppers.begin();
  change_address(upper, address);
  step.receivers.insert(name);
  return step;
}

HostStep HostSteps::set() {
  auto& [name, upper] = *any_upper([](const ModelUpper& one) { return !one.elsewhere; });
  const FilterSet wanted = draw_.filter(model_, name);
  const AddressSet before = upper.filter.addresses ? upper.filter.addresses->unicast : AddressSet{};
  const AddressSet fresh = difference(wanted.addresses ? wanted.addresses->unicast : AddressSet{}, before);
  const bool refused = std::ranges::any_of(fresh, [&](const MacAddress& one) { return is_in_use(model_, name, one); });
  const auto done = mirror::set(machine_.context(), name, {.whole = wanted});
  if (!done && !(refused && done.error().code == EADDRINUSE)) throw std::runtime_error("set " + done.error().text);
  if (done && refused) throw std::runtime_error("set " + name + " took an address that is in use");
  if (refused) return {.what = name + " is refused: " + done.error().text};
  upper.filter = wanted;
  upper.address_when_set = upper.address;
  looked(model_.mode != AttachMode::tc);
  return {.what = name + text_of(wanted), .programmed = name};
}

HostStep HostSteps::clear() {
  auto& [name, upper] = *any_upper(is_filtered);
  (void)must(mirror::clear(machine_.context(), name));
  upper.filter = {};
  looked(model_.mode != AttachMode::tc);
  return {.what = name, .programmed = name};
}

HostStep HostSteps::further() {
  if (!model_.further.empty() && draw_.one_in(2)) {
    const MacAddress gone = *model_.further.begin();
    must_run("bridge fdb del " + to_string(gone) + " dev nic self");
    model_.further.erase(gone);
    model_.former.push_back(gone);
    return {.what = to_string(gone) + " leaves nic's unicast list"};
  }
  const MacAddress address = free_address();
  must_run("bridge fdb add " + to_string(address) + " dev nic self");
  model_.further.insert(address);
  return {.what = to_string(address) + " is on nic's unicast list"};
}

HostStep HostSteps::join_on_host(bool by_ip) {
  const MacAddress group = draw_.group();
  AddressSet& joined = by_ip ? model_.joined_by_ip : model_.joined_by_packet;
  if (joined.erase(group) != 0) {
    machine_.leave(group, by_ip);
    return {.what = "the host leaves " + to_string(group)};
  }
  machine_.join(group, by_ip);
  joined.insert(group);
  return {.what = "the host joins " + to_string(group)};
}

HostStep HostSteps::join_by_ip() { return join_on_host(true); }
HostStep HostSteps::join_by_packet() { return join_on_host(false); }

HostStep HostSteps::allmulti_flag() {
  model_.allmulti_flag = !model_.allmulti_flag;
  const std::string word = model_.allmulti_flag ? "on" : "off";
  must_run("ip link set nic allmulticast " + word);
  return {.what = word};
}

HostStep HostSteps::allmulti_socket() {
  model_.allmulti_socket = !model_.allmulti_socket;
  machine_.hold_allmulti(model_.allmulti_socket);
  return {.what = model_.allmulti_socket ? "on" : "off"};
}

HostStep HostSteps::promisc_flag() {
  model_.promisc_flag = !model_.promisc_flag;
  const std::string word = model_.promisc_flag ? "on" : "off";
  must_run("ip link set nic promisc " + word);
  return {.what = word};
}

HostStep HostSteps::tcpdump() {
  model_.tcpdump = !model_.tcpdump;
  if (model_.tcpdump)
    machine_.ears().open_tcpdump();
  else
    machine_.ears().remove(kTcpdump);
  return {.what = model_.tcpdump ? "begins" : "ends"};
}

HostStep HostSteps::vlan() {
  const VlanDevice device = {draw_.one_in(4) ? kTpidService : kTpidCustomer, draw_.vid()};
  const std::string name = name_of(device);
  if (const auto found = model_.vlans.find(device); found != model_.vlans.end()) {
    machine_.ears().remove(name);
    must_run("ip link delete " + name);
    model_.vlans.erase(found);
    return {.what = name + " is gone"};
  }
  const MacAddress address = free_address();
  machine_.make_vlan(device, address);
  model_.vlans[device] = address;
  return {.what = name + " has " + to_string(address)};
}

HostStep HostSteps::offload() {
  static const std::vector<std::string> kFeatures = {"rxvlan", "rx-vlan-stag-hw-parse", "txvlan"};
  const std::string feature = draw_.one_of(kFeatures);
  const std::string word = draw_.one_in(2) ? " on" : " off";
  must_run("ethtool -K nic " + feature + word);
  return {.what = feature + word};
}

HostStep HostSteps::foreign_in_front() {
  if (model_.in_front != Foreign::none)
    model_.in_front = Foreign::none;
  else
    model_.in_front = draw_.one_in(2) ? Foreign::ends : Foreign::continues;
  machine_.put_foreign("nic", true, model_.in_front);
  constexpr const char* kWords[] = {"gone", "continues", "ends"};
  return {.what = kWords[static_cast<int>(model_.in_front)]};
}

HostStep HostSteps::foreign_behind() {
  model_.behind = !model_.behind;
  machine_.put_foreign("nic", false, model_.behind ? Foreign::continues : Foreign::none);
  return {.what = model_.behind ? "continues" : "gone"};
}

HostStep HostSteps::foreign_upper() {
  auto& [name, upper] = *any_upper(is_filtered);
  if (upper.in_front != Foreign::none)
    upper.in_front = Foreign::none;
  else
    upper.in_front = draw_.one_in(2) ? Foreign::ends : Foreign::continues;
  machine_.put_foreign(name, true, upper.in_front);
  constexpr const char* kWords[] = {": gone", ": continues", ": ends"};
  return {.what = name + kWords[static_cast<int>(upper.in_front)]};
}

HostStep HostSteps::remove_guard() {
  auto& [name, upper] = *any_upper([&](const ModelUpper& one) {
    return is_filtered(one) && (model_.daemon || one.address == one.address_when_set);
  });
  run("tc qdisc del dev " + name + " clsact");
  upper.guard_removed = true;
  upper.in_front = Foreign::none;
  return {.what = name, .receivers = {name}};
}

// The early drop, where it is at tc, and steering; somebody's filters go with them.
HostStep HostSteps::remove_early() {
  must_run("tc qdisc del dev nic clsact");
  model_.early_removed = model_.mode == AttachMode::tc || has_claims(model_);
  model_.in_front = Foreign::none;
  model_.behind = false;
  HostStep step{.what = "nic's clsact"};
  for (const auto& [name, upper] : model_.uppers) step.receivers.insert(name);
  return step;
}

HostStep HostSteps::attach() {
  attach_now(model_.mode);
  return {.what = std::string(text_of(model_.mode)) + ", again"};
}

HostStep HostSteps::attach_elsewhere() {
  std::vector<AttachMode> modes = {AttachMode::tc, AttachMode::native};
  if (draw_.has("generic")) modes.push_back(AttachMode::generic);
  const AttachMode before = model_.mode;
  attach_now(draw_.one_of(modes));
  const bool native = before == AttachMode::native || model_.mode == AttachMode::native;
  return {.what = std::string(text_of(model_.mode)), .everybody = native && before != model_.mode};
}

HostStep HostSteps::detach() {
  (void)must(mirror::detach(machine_.context(), "nic"));
  for (auto& [name, upper] : model_.uppers) upper.filter = {};
  HostStep step = attach_elsewhere();
  step.what = "and attach, " + step.what;
  step.everybody = true;
  step.daemon_mends = model_.daemon;
  return step;
}

}  // namespace rxf::test
