// SPDX-License-Identifier: GPL-2.0-only
// QEMU says anything: through the dialog, to what the guest asks for and what it is granted, under any policy. The
// input: four bytes that choose the policy, then lines. A line that begins with '=' is the result of the command that
// is out, whatever its id; every other one is said as it is.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tools/guest/policy.h"
#include "tools/guest/qmp_dialog.h"

namespace rxf::guest {
namespace {

constexpr std::size_t kChoices = 4;
constexpr MacAddress kConfigured{{0x52, 0x54, 0x00, 0x12, 0x34, 0x56}};
constexpr MacAddress kFurther{{0x02, 0x00, 0x00, 0x00, 0x00, 0xa1}};
constexpr MacAddress kTaken{{0x02, 0x00, 0x00, 0x00, 0x00, 0xa2}};
constexpr MacAddress kAllNodes{{0x33, 0x33, 0x00, 0x00, 0x00, 0x01}};

// Also where assertions are compiled out.
void require(bool condition) {
  if (!condition) std::abort();
}

const Owners& owners() {
  static const Owners owners = {{kTaken, "eth2"}, {MacAddress{{0x02, 0, 0, 0, 0, 0x99}}, "macvtap1"}};
  return owners;
}

// Bits 0-1: any, none, one address, one vendor. Bits 2-4: the limit.
AddressRule rule_of(unsigned choice, const MacAddress& address) {
  constexpr std::array<std::size_t, 8> kLimits = {FilterSet::kMaxAddresses, 0, 1, 2, 3, 64, 1023,
                                                  FilterSet::kMaxAddresses};
  AddressRule rule{.any = (choice & 3) == 0, .limit = kLimits[(choice >> 2) & 7]};
  if ((choice & 3) == 2) rule.allowed = {{.address = address}};
  if ((choice & 3) == 3) {
    const auto& b = address.bytes;
    rule.allowed = {{.address = {{b[0], b[1], b[2], 0, 0, 0}}, .bits = 24}};
  }
  return rule;
}

Policy policy_of(std::string_view choices) {
  const auto choice = [choices](std::size_t at) { return static_cast<unsigned char>(choices[at]); };
  Policy policy{.main_mac = rule_of(choice(0) & 3U, kFurther),
                .unicast = rule_of(choice(1), kFurther),
                .multicast = rule_of(choice(2), kAllNodes),
                .all_multicast = (choice(3) & 1) != 0,
                .promisc = (choice(3) & 2) != 0,
                .allmulti = (choice(3) & 4) == 0};
  if ((choice(3) & 8) != 0) policy.vlans = VlanSet::parse("10,42-50,4094").value_or(VlanSet());
  if ((choice(3) & 16) != 0) policy.vlans = VlanSet();
  return policy;
}

void check_text(std::string_view text) {
  require(text.size() < 300);
  require(std::ranges::none_of(text, [](char one) { return static_cast<unsigned char>(one) < ' ' || one == '\x7f'; }));
}

void check(const GuestRequest& request) {
  require(std::ranges::all_of(request.unicast, [](const MacAddress& one) { return check_unicast(one).has_value(); }));
  require(
      std::ranges::all_of(request.multicast, [](const MacAddress& one) { return check_multicast(one).has_value(); }));
  require(!request.any_vlan || request.vlans.empty());
  if (!request.silent) return;
  require(!request.promisc && !request.any_unicast && request.any_multicast);
  require(request.unicast.empty() && request.multicast.empty() && request.vlans.empty());
}

bool within(VlanSet some, const VlanSet& all) {
  some -= all;
  return some.empty();
}

bool within(const AddressSet& some, const AddressSet& all) { return difference(some, all).empty(); }

// One policy, and what is asked of it.
struct Case {
  const Policy& policy;
  const GuestRequest& request;
  const FilterSet& previous;

  [[nodiscard]] bool may_have(const MacAddress& address) const {
    if (address == kConfigured) return true;
    const bool main = address == request.main_mac && policy.main_mac.allows(address);
    return (main || policy.unicast.allows(address)) && !owners().contains(address);
  }

  void check_addresses(const AddressFilter& granted) const {
    const AddressSet own = {kConfigured, request.main_mac};
    require(granted.unicast.contains(kConfigured));
    require(std::ranges::all_of(granted.unicast, [this](const MacAddress& one) { return may_have(one); }));
    require(difference(granted.unicast, own).size() <= policy.unicast.limit);
    require(std::ranges::all_of(granted.multicast, [this](const auto& one) { return policy.multicast.allows(one); }));
    require(granted.multicast.size() <= policy.multicast.limit);
  }

  // What it had, it keeps, where it still asks for it and may have it.
  void check_kept(const AddressFilter& granted) const {
    if (policy.all_multicast || !previous.addresses) return;
    AddressSet kept;
    for (const MacAddress& address : previous.addresses->multicast)
      if (request.multicast.contains(address)) kept.insert(address);
    require(within(kept, granted.multicast));
  }

  void check_flags(const FilterFlags& granted) const {
    require(granted.broadcast);
    require(!granted.promisc || (policy.promisc && (request.promisc || request.any_unicast)));
    const bool every = (request.any_multicast || request.promisc) && policy.allmulti && policy.multicast.allows_every();
    require(!granted.allmulti || policy.all_multicast || every);
  }

  void check_vlans(const std::optional<VlanSet>& granted) const {
    const bool any = request.any_vlan || (request.promisc && policy.promisc);
    if (policy.vlans)
      return require(granted && within(*granted, *policy.vlans) && (any || within(*granted, request.vlans)));
    require(granted ? *granted == request.vlans : any);
  }

  // What is not granted is refused.
  void check_whole(const FilterSet& granted) const {
    const AddressFilter& addresses = *granted.addresses;
    const bool promisc = addresses.flags.promisc;
    AddressSet unicast = request.unicast;
    unicast.insert(request.main_mac);
    require(promisc || (!request.promisc && !request.any_unicast && within(unicast, addresses.unicast)));
    require(promisc || addresses.flags.allmulti ||
            (!request.any_multicast && within(request.multicast, addresses.multicast)));
    require(!granted.vlans || (!request.any_vlan && within(request.vlans, *granted.vlans)));
  }

  void check(const Judgement& judgement) const {
    require(validate(judgement.granted).has_value() && judgement.granted.addresses);
    check_addresses(judgement.granted.addresses.value());
    check_kept(*judgement.granted.addresses);
    check_flags(judgement.granted.addresses->flags);
    check_vlans(judgement.granted.vlans);
    for (const Refusal& refusal : judgement.refusals) check_text(refusal.what + refusal.why);
    require(!request.silent || judgement.refusals.empty());
    if (!request.silent && judgement.refusals.empty()) check_whole(judgement.granted);
  }
};

class Guest {
 public:
  explicit Guest(std::string_view choices)
      : policy_(policy_of(choices)),
        dialog_((choices[0] & 4) != 0 ? std::nullopt : std::optional<std::string>("net0")) {}

  // In two pieces: nothing comes of the first.
  void say(std::string_view line) {
    const std::string text = answer_of(line) + "\n";
    const std::size_t half = text.size() / 2;
    require(dialog_.received(std::string_view(text).substr(0, half)).empty());
    for (const QmpNews& news : dialog_.received(std::string_view(text).substr(half))) take(news);
    if (dialog_.query()) require(!dead_ && ready_);
    require(!dead_ || !dialog_.waiting());
    check_sent(dialog_.to_send());
  }

 private:
  [[nodiscard]] std::string answer_of(std::string_view line) const {
    if (!line.starts_with('=')) return std::string(line);
    return R"({"id": )" + std::to_string(id_) + R"(, "return": )" + std::string(line.substr(1)) + "}";
  }

  // One command, of those that change nothing.
  void check_sent(const std::string& text) {
    if (text.empty()) return;
    require(text.find('\n') == text.size() - 1 && text.size() < 1024);
    const auto sent = nlohmann::json::parse(text, nullptr, false);
    require(sent.is_object() && sent.at("id") == ++id_);
    const auto& command = sent.at("execute");
    require(command == "qmp_capabilities" || command == "query-rx-filter" || command == "qom-get");
    require((command == "qmp_capabilities") == (id_ == 1));
  }

  void take(const QmpNews& news) {
    require(!dead_);
    if (std::holds_alternative<QmpReady>(news)) require(!std::exchange(ready_, true));
    if (std::holds_alternative<QmpChanged>(news)) history_.spoken = true;
    if (std::holds_alternative<QmpReset>(news)) history_ = {};
    if (const auto* state = std::get_if<QmpState>(&news)) judge_state(*state);
    if (const auto* unsupported = std::get_if<QmpUnsupported>(&news)) check_text(unsupported->why);
    if (const auto* garbage = std::get_if<QmpGarbage>(&news)) {
      check_text(garbage->why);
      dead_ = garbage->fatal;
    }
  }

  void judge_state(const QmpState& answer) {
    require(ready_ && !answer.state.name.empty());
    history_.saw(answer.state, answer.ability);
    const GuestRequest request = request_of(answer.state, answer.ability, history_);
    check(request);
    const Case asked{policy_, request, granted_};
    const Judgement judgement = judge(policy_, kConfigured, request, granted_, owners());
    asked.check(judgement);
    // Where nothing has changed, nothing is to be programmed.
    require(judge(policy_, kConfigured, request, judgement.granted, owners()) == judgement);
    granted_ = judgement.granted;
  }

  Policy policy_;
  QmpDialog dialog_;
  GuestHistory history_;
  FilterSet granted_;
  std::uint64_t id_ = 0;  // of the last command
  bool ready_ = false;
  bool dead_ = false;
};

}  // namespace
}  // namespace rxf::guest

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using rxf::guest::kChoices;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.size() < kChoices) return 0;
  rxf::guest::Guest guest(input.substr(0, kChoices));
  input.remove_prefix(kChoices);
  while (!input.empty()) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    guest.say(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  return 0;
}
