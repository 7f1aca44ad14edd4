// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/explain.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>

#include "loader/datapath/test_run.h"
#include "loader/mirror/early_hook.h"
#include "loader/mirror/guards.h"
#include "loader/mirror/lookup.h"
#include "loader/model/rejection.h"

namespace rxf::mirror {
namespace {

using datapath::TestFrame;
using datapath::TestRun;

static_assert(static_cast<int>(Why::dropped) == RXF_WHY_DROPPED && static_cast<int>(Why::filter) == RXF_WHY_FILTER &&
              static_cast<int>(Why::unfiltered) == RXF_WHY_UNFILTERED &&
              static_cast<int>(Why::too_short) == RXF_WHY_TOO_SHORT &&
              static_cast<int>(Why::control) == RXF_WHY_CONTROL &&
              static_cast<int>(Why::vlan_device) == RXF_WHY_VLAN_DEVICE &&
              static_cast<int>(Why::groups) == RXF_WHY_GROUPS && static_cast<int>(Why::address) == RXF_WHY_ADDRESS &&
              static_cast<int>(Why::no_upper) == RXF_WHY_NO_UPPER &&
              static_cast<int>(Why::promisc) == RXF_WHY_PROMISC &&
              static_cast<int>(Why::allmulti) == RXF_WHY_ALLMULTI && static_cast<int>(Why::source) == RXF_WHY_SOURCE &&
              RXF_WHYS == 12);

constexpr std::array<std::string_view, RXF_WHYS> kWhyNames = {"dropped",  "filter",      "unfiltered", "too-short",
                                                              "control",  "vlan-device", "groups",     "address",
                                                              "no-upper", "promisc",     "allmulti",   "source"};

constexpr std::size_t kUppersNamed = 4;

std::string early_sentence(Why why, const std::string& device) {
  switch (why) {
    case Why::filter:
      return "some upper's filter set takes it";
    case Why::control:
      return "link-local control";
    case Why::vlan_device:
      return "a VLAN device on " + device + " may take it";
    case Why::groups:
      return "it is broadcast or multicast that the host may want";
    case Why::address:
      return "the address is " + device + "'s own, or on its unicast list";
    case Why::no_upper:
      return "it stands down: the upper it was planned for is gone from " + device;
    case Why::promisc:
      return "it stands down: somebody else made " + device + " promiscuous";
    case Why::allmulti:
      return "it stands down: somebody else asked " + device + " for all multicast";
    case Why::source:
      return "an upper in source mode may take it by its source";
    case Why::dropped:
    case Why::unfiltered:
    case Why::too_short:
      break;
  }
  return "it cannot judge this frame";
}

std::string steering_sentence(Why why, const std::string& upper, const std::string& device) {
  const std::string claim = "it is a further address of " + upper + ", ";
  switch (why) {
    case Why::vlan_device:
      return claim + "but a VLAN device on " + device + " takes the frame";
    case Why::address:
      return claim + "but somebody else has it now, as their own or on the unicast list of " + device;
    case Why::no_upper:
      return claim + "which is gone from " + device;
    default:
      return claim + "which does not take the frame, or nothing is steered, in shadow";
  }
}

std::string guard_sentence(Why why) {
  if (why == Why::filter) return "its filter set takes it";
  if (why == Why::address) return "its own address, changed since its filter set was programmed";
  return why == Why::unfiltered ? "it has no filter set" : "too short to judge";
}

// Beside others, macvlan_handle_frame() hands a unicast frame to the upper with that address alone.
bool owns(const Upper& upper, const MacAddress& address) {
  return upper.address == address && upper.mode != UpperMode::passthru && upper.mode != UpperMode::source;
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kUppersNamed); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kUppersNamed) text += " and " + std::to_string(names.size() - kUppersNamed) + " more";
  return text;
}

// One of the hooks of a device, and the second instance of what is attached there, loaded when it is first asked.
struct AskedHook {
  Stage stage = Stage::early;
  EarlyHook hook = EarlyHook::tc;
  std::string device;
  std::uint32_t ifindex = 0;
  const char* program = nullptr;
  rxf_config config{};
  std::uint32_t attached = 0;  // program id; 0: none
  std::optional<TestRun> run{};
  std::vector<InFront> in_front{};
};

struct UpperHook {
  Upper upper;
  AskedHook guard;
};

AskedHook guard_hook(const netlink::Link& link, std::uint32_t index, std::uint32_t attached) {
  return {.stage = Stage::guard,
          .hook = attached == 0 ? EarlyHook::none : EarlyHook::tc,
          .device = link.name,
          .ifindex = link.ifindex,
          .program = datapath::kGuardProgram,
          .config = {.guard_index = index},
          .attached = attached};
}

// The hooks of one lower device.
class Hooks {
 public:
  // `only`: an upper whose guard alone is asked, and no steering; 0: everything.
  static Result<Hooks> open(Lowerdev& device, std::uint32_t only);

  Result<Explanation> explain(const AskedFrame& asked);

 private:
  Hooks(Lowerdev& device, bool one_upper) : device_(device), one_upper_(one_upper) {}

  Result<void> find_early(const rxf_meta& meta);
  Result<void> find_steering(const rxf_meta& meta);
  Result<void> find_uppers(std::uint32_t only);
  Result<void> look_in_front(AskedHook& hook, std::uint32_t priority);
  Result<TestRun::Answer> ask(AskedHook& hook, const TestFrame& frame) const;

  Result<HookRuling> ask_early(const TestFrame& bytes, const Frame& frame);
  Result<HookRuling> ask_guard(UpperHook& upper, const TestFrame& bytes, const Frame& frame) const;
  Result<HookRuling> ask_steering(const TestFrame& bytes, const Frame& frame);
  [[nodiscard]] std::string headline(const HookRuling& ruling, const Frame& frame) const;
  [[nodiscard]] bool is_for_others(const Frame& frame, const HookRuling& early) const;
  [[nodiscard]] bool is_on_way(const Upper& upper, const MacAddress& destination) const;
  [[nodiscard]] const HookRuling* refusal(const Frame& frame, const Explanation& explanation) const;
  [[nodiscard]] std::string passing_sentence(const Frame& frame, const Explanation& explanation) const;
  void conclude(const Frame& frame, Explanation& explanation) const;

  Lowerdev& device_;
  bool one_upper_;
  std::vector<Upper> all_uppers_;
  AskedHook early_, steering_;
  std::vector<UpperHook> guards_;
  std::map<MacAddress, std::string> steered_;  // the name of the upper that each further address is handed to
};

Result<Hooks> Hooks::open(Lowerdev& device, std::uint32_t only) {
  Hooks hooks(device, only != 0);
  const auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  if (auto done = hooks.find_early(*meta); !done) return std::unexpected(done.error());
  if (auto done = hooks.find_uppers(only); !done) return std::unexpected(done.error());
  if (only == 0)
    if (auto done = hooks.find_steering(*meta); !done) return std::unexpected(done.error());
  return hooks;
}

Result<void> Hooks::find_early(const rxf_meta& meta) {
  const auto state = early_state(device_, meta);
  if (!state) return std::unexpected(state.error());
  const bool tc = state->hook == EarlyHook::tc;
  early_ = {.stage = Stage::early,
            .hook = state->hook,
            .device = device_.link.name,
            .ifindex = device_.link.ifindex,
            .program = tc ? datapath::kEarlyTcProgram : datapath::kEarlyXdpProgram,
            .config = tc ? rxf_config{} : early_xdp_config(meta.judges_vlan != 0),
            .attached = state->hook == EarlyHook::none ? 0
                        : tc                           ? meta.early.prog_id
                                                       : meta.xdp_prog_id};
  return look_in_front(early_, meta.early.priority);
}

Result<void> Hooks::find_steering(const rxf_meta& meta) {
  const datapath::TcPlace place{
      .ifindex = device_.link.ifindex, .hook = datapath::TcHook::ingress, .program = datapath::kSteerProgram};
  const auto there = is_attached(device_, place, meta.steer_ingress);
  if (!there) return std::unexpected(there.error());
  steering_ = {.stage = Stage::steering,
               .device = device_.link.name,
               .ifindex = device_.link.ifindex,
               .program = datapath::kSteerProgram,
               .attached = *there ? meta.steer_ingress.prog_id : 0};
  if (auto done = look_in_front(steering_, meta.steer_ingress.priority); !done) return done;
  const auto claims = device_.maps.steering();
  if (!claims) return std::unexpected(claims.error());
  for (const auto& [address, claim] : *claims)
    for (const UpperHook& upper : guards_)
      if (upper.guard.attached != 0 && upper.guard.config.guard_index == claim.index)
        steered_.emplace(address, upper.upper.name);
  return {};
}

Result<void> Hooks::find_uppers(std::uint32_t only) {
  const auto records = device_.records();
  if (!records) return std::unexpected(records.error());
  const auto entries = device_.maps.uppers();
  if (!entries) return std::unexpected(entries.error());
  for (const netlink::Link* link : device_.host.uppers_of(device_.link.ifindex)) {
    const auto record = records->find(link->ifindex);
    all_uppers_.push_back({.ifindex = link->ifindex,
                           .name = link->name,
                           .address = link->address,
                           .mode = *link->upper_mode,
                           .filter = record == records->end() ? FilterSet{} : record->second.filter});
    if (only != 0 && link->ifindex != only) continue;
    const auto entry = entries->find(link->ifindex);
    const auto there = entry == entries->end() ? false : guard_is_attached(device_, link->ifindex, entry->second);
    if (!there) return std::unexpected(there.error());
    guards_.push_back({.upper = all_uppers_.back(),
                       .guard = *there ? guard_hook(*link, entry->second.index, entry->second.guard.prog_id)
                                       : guard_hook(*link, 0, 0)});
    if (!*there) continue;
    if (auto done = look_in_front(guards_.back().guard, entry->second.guard.priority); !done) return done;
  }
  return {};
}

Result<void> Hooks::look_in_front(AskedHook& hook, std::uint32_t priority) {
  if (hook.attached == 0) return {};
  OurPlace ours{.device = hook.device, .ifindex = hook.ifindex, .program_id = hook.attached, .priority = priority};
  if (hook.hook == EarlyHook::tc) ours.hook = datapath::TcHook::ingress;
  auto found = in_front_of(device_.host.socket, ours);
  if (!found) return std::unexpected(found.error());
  hook.in_front = std::move(*found);
  return {};
}

// The program's own ruling holds for what reaches it.
void tell_of_those_in_front(const AskedHook& hook, HookRuling& ruling) {
  ruling.in_front = hook.in_front;
  if (hook.in_front.empty()) return;
  ruling.sentence += "; unless it ends before, in ";
  for (std::size_t i = 0; i < hook.in_front.size(); ++i)
    ruling.sentence += (i == 0 ? "" : ", ") + to_string(hook.in_front[i]);
  ruling.sentence += ", which " + std::string(hook.in_front.size() == 1 ? "stands" : "stand") + " in front";
}

Result<TestRun::Answer> Hooks::ask(AskedHook& hook, const TestFrame& frame) const {
  if (!hook.run) {
    auto loaded = TestRun::load(hook.program, hook.config, device_.pins.path(), hook.attached);
    if (!loaded && loaded.error().code == ESTALE)
      return std::unexpected(Error{.text = "another version of the programs is attached to " + hook.device +
                                           ": rxfilter-loader attach " + device_.link.name,
                                   .code = ESTALE});
    if (!loaded) return wrap(loaded.error(), hook.device);
    hook.run = std::move(*loaded);
  }
  auto answer = hook.run->ask(hook.ifindex, frame);
  return answer ? answer : wrap(answer.error(), hook.device);
}

HookRuling ruling_of(const AskedHook& hook, const TestRun::Answer& answer) {
  HookRuling ruling{.stage = hook.stage,
                    .device = hook.device,
                    .hook = hook.hook,
                    .reason = static_cast<Verdict>(answer.ruling.reason),
                    .why = static_cast<Why>(answer.ruling.why)};
  const bool xdp = hook.hook == EarlyHook::xdp_native || hook.hook == EarlyHook::xdp_generic;
  ruling.enforced = !ruling.rejects() || answer.action == (xdp ? XDP_DROP : TC_ACT_SHOT);
  return ruling;
}

Result<HookRuling> Hooks::ask_early(const TestFrame& bytes, const Frame& frame) {
  const auto answer = ask(early_, bytes);
  if (!answer) return std::unexpected(answer.error());
  HookRuling ruling = ruling_of(early_, *answer);
  ruling.sentence = ruling.rejects() ? early_rejection(all_uppers_, frame, ruling.reason).text
                                     : early_sentence(ruling.why, device_.link.name);
  tell_of_those_in_front(early_, ruling);
  return ruling;
}

Result<HookRuling> Hooks::ask_steering(const TestFrame& bytes, const Frame& frame) {
  const auto answer = ask(steering_, bytes);
  if (!answer) return std::unexpected(answer.error());
  HookRuling ruling{.stage = Stage::steering, .device = steering_.device, .why = Why::filter};
  const auto target = steered_.find(frame.destination);
  ruling.sentence = "no upper has this as a further address";
  if (target == steered_.end()) {
    tell_of_those_in_front(steering_, ruling);
    return ruling;
  }
  if (answer->action == TC_ACT_REDIRECT) ruling.target = target->second;
  ruling.sentence = ruling.target
                        ? "it has this further address"
                        : steering_sentence(static_cast<Why>(answer->ruling.why), target->second, device_.link.name);
  tell_of_those_in_front(steering_, ruling);
  return ruling;
}

Result<HookRuling> Hooks::ask_guard(UpperHook& upper, const TestFrame& bytes, const Frame& frame) const {
  if (upper.guard.attached == 0) {
    const bool missing = !upper.upper.filter.unfiltered();
    return HookRuling{.stage = Stage::guard,
                      .device = upper.upper.name,
                      .hook = EarlyHook::none,
                      .why = Why::unfiltered,
                      .sentence = missing
                                      ? "it has a filter set but no guard: rxfilter-loader attach " + device_.link.name
                                      : "it has no filter set"};
  }
  const auto answer = ask(upper.guard, bytes);
  if (!answer) return std::unexpected(answer.error());
  HookRuling ruling = ruling_of(upper.guard, *answer);
  ruling.sentence = ruling.rejects() ? guard_rejection(upper.upper, frame, ruling.reason) : guard_sentence(ruling.why);
  tell_of_those_in_front(upper.guard, ruling);
  return ruling;
}

std::string Hooks::headline(const HookRuling& ruling, const Frame& frame) const {
  if (ruling.stage == Stage::guard || early_rejection(all_uppers_, frame, ruling.reason).named) return ruling.sentence;
  return "at the early drop (" + std::string(to_string(early_.hook)) + " on " + early_.device + "): " + ruling.sentence;
}

// Somebody who is no filtered upper may get what the early drop let through. The address of an upper beside others is
// on the device's list for that upper's sake.
bool Hooks::is_for_others(const Frame& frame, const HookRuling& early) const {
  if (one_upper_ || early.why == Why::dropped || early.why == Why::filter || early.why == Why::too_short) return false;
  return early.why != Why::address ||
         std::ranges::none_of(all_uppers_, [&](const Upper& upper) { return owns(upper, frame.destination); });
}

// Among several guards that drop a frame, that of an upper with the frame's address counts.
const HookRuling* Hooks::refusal(const Frame& frame, const Explanation& explanation) const {
  const HookRuling* chosen = nullptr;
  for (const HookRuling& ruling : explanation.hooks) {
    if (ruling.stage == Stage::early && ruling.rejects()) return &ruling;
    if (ruling.stage == Stage::early && is_for_others(frame, ruling)) return nullptr;
    if (ruling.stage != Stage::guard) continue;
    if (!ruling.rejects()) return nullptr;
    const auto upper = std::ranges::find(all_uppers_, ruling.device, &Upper::name);
    if (chosen == nullptr || (upper != all_uppers_.end() && !claim_text(*upper, frame.destination).empty()))
      chosen = &ruling;
  }
  return chosen;
}

std::string Hooks::passing_sentence(const Frame& frame, const Explanation& explanation) const {
  std::vector<std::string> admitting, unfiltered, parts;
  for (const HookRuling& ruling : explanation.hooks)
    if (ruling.stage == Stage::guard && !ruling.rejects())
      (ruling.why == Why::unfiltered ? unfiltered : admitting).push_back(ruling.device);
  if (!admitting.empty()) parts.push_back("admitted by the guard of " + list(admitting));
  if (!unfiltered.empty())
    parts.push_back(list(unfiltered) + (unfiltered.size() == 1 ? " is" : " are") + " unfiltered");
  for (const HookRuling& ruling : explanation.hooks)
    if (ruling.stage == Stage::early && is_for_others(frame, ruling))
      parts.push_back("let through by the early drop: " + ruling.sentence);
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text.empty() ? "nothing is attached that would drop it" : text;
}

void Hooks::conclude(const Frame& frame, Explanation& explanation) const {
  const HookRuling* ruling = refusal(frame, explanation);
  explanation.passes = ruling == nullptr;
  if (explanation.passes) {
    explanation.sentence = passing_sentence(frame, explanation);
    return;
  }
  explanation.reason = ruling->reason;
  explanation.enforced = ruling->enforced;
  explanation.sentence = headline(*ruling, frame);
}

// Those that go by the source get their copy besides.
bool Hooks::is_on_way(const Upper& upper, const MacAddress& destination) const {
  return owns(upper, destination) || upper.mode == UpperMode::source ||
         std::ranges::none_of(all_uppers_, [&](const Upper& one) { return owns(one, destination); });
}

Result<Explanation> Hooks::explain(const AskedFrame& asked) {
  Explanation explanation;
  if (asked.bytes.size() < datapath::kShortestFrame) {
    explanation.sentence = "too short to judge: " + std::to_string(asked.bytes.size()) + " bytes";
    return explanation;
  }
  const TestFrame bytes{.bytes = asked.bytes, .metadata = asked.metadata};
  const auto frame = parse_frame(asked.bytes, asked.metadata);
  if (!frame) return std::unexpected(frame.error());

  // False: the frame ends there.
  const auto add = [&](Result<HookRuling> ruling) -> Result<bool> {
    if (!ruling) return std::unexpected(ruling.error());
    explanation.hooks.push_back(std::move(*ruling));
    return !explanation.hooks.back().rejects() || !explanation.hooks.back().enforced;
  };
  if (early_.attached != 0) {
    const auto goes_on = add(ask_early(bytes, *frame));
    if (!goes_on) return std::unexpected(goes_on.error());
    if (!*goes_on) {
      conclude(*frame, explanation);
      return explanation;
    }
  }
  if (steering_.attached != 0)
    if (const auto added = add(ask_steering(bytes, *frame)); !added) return std::unexpected(added.error());
  const std::optional<std::string> target = explanation.hooks.empty() ? std::nullopt : explanation.hooks.back().target;
  for (UpperHook& upper : guards_) {
    if (target ? upper.upper.name != *target : !is_on_way(upper.upper, frame->destination)) continue;
    if (const auto added = add(ask_guard(upper, bytes, *frame)); !added) return std::unexpected(added.error());
  }
  conclude(*frame, explanation);
  return explanation;
}

struct FoundDevice {
  Lowerdev lower;
  std::uint32_t upper = 0;  // ifindex, where an upper was named
};

Result<FoundDevice> find(const Context& context, const std::string& name) {
  auto found = find_link({.name = name});
  if (!found) return std::unexpected(found.error());
  const std::uint32_t upper = found->link.is_upper() ? found->link.ifindex : 0;
  const auto link = upper != 0 ? lower_of(found->host, found->link) : Result<netlink::Link>(found->link);
  if (!link) return std::unexpected(link.error());
  auto lower = open_lowerdev(context, std::move(found->host), *link, datapath::PinDirectory::Access::read);
  if (!lower) return upper == 0 ? std::unexpected(lower.error()) : wrap(lower.error(), name);
  return FoundDevice{.lower = std::move(*lower), .upper = upper};
}

}  // namespace

std::string_view to_string(Why why) { return kWhyNames.at(static_cast<std::size_t>(why)); }

std::string_view to_string(Stage stage) {
  if (stage == Stage::early) return "early";
  return stage == Stage::steering ? "steering" : "guard";
}

Result<std::vector<Explanation>> explain(const Context& context, const std::string& name,
                                         const std::vector<AskedFrame>& frames) {
  auto found = find(context, name);
  if (!found) return std::unexpected(found.error());
  auto hooks = Hooks::open(found->lower, found->upper);
  if (!hooks) return std::unexpected(hooks.error());
  std::vector<Explanation> explanations;
  explanations.reserve(frames.size());
  for (const AskedFrame& frame : frames) {
    auto explanation = hooks->explain(frame);
    if (!explanation) return std::unexpected(explanation.error());
    explanations.push_back(std::move(*explanation));
  }
  return explanations;
}

}  // namespace rxf::mirror
