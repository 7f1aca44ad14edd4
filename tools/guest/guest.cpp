// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/guest.h"

#include <syslog.h>

#include <algorithm>
#include <cerrno>

#include "tools/guest/host_addresses.h"

namespace rxf::guest {
namespace {

// As its driver would leave a NIC that was just reset.
GuestRequest safe_request(const MacAddress& main_mac) {
  const RxFilterState power_on{
      .promiscuous = true, .unicast = RxMode::normal, .vlan = RxMode::all, .main_mac = main_mac};
  return request_of(power_on, {}, {});
}

const char* trouble_word(Trouble trouble) {
  switch (trouble) {
    case Trouble::no_daemon:
      return "no-daemon";
    case Trouble::no_device:
      return "no-device";
    case Trouble::taken:
    case Trouble::refused:
      break;
  }
  return "refused";
}

bool allows_any(const AddressRule& rule) { return rule.any || !rule.allowed.empty(); }

// Who has what costs two dumps: only where it can decide anything.
bool needs_owners(const Policy& policy, const MacAddress& configured, const GuestRequest& request) {
  if (request.main_mac != configured && allows_any(policy.main_mac)) return true;
  return allows_any(policy.unicast) && (request.any_unicast || !request.unicast.empty());
}

}  // namespace

Guest::Guest(GuestSettings settings, FollowLock lock, const Surroundings& around)
    : settings_(std::move(settings)),
      lock_(std::move(lock)),
      around_(around),
      first_answer_(around.loop, [this] { settle(); }),
      poll_(around.loop, [this] { look(); }),
      retry_(around.loop, [this] { settle(); }),
      report_(around.loop, [this] { write_report(); }) {
  begin_pace();
}

void Guest::begin_pace() {
  if (pace_) delayed_ += pace_->delayed();
  pace_.emplace(around_.loop, settings_.changes, [this] { return qemu_ && qemu_->query(); });
}

void Guest::begin() {
  if (settings_.qmp) first_answer_.start(kFirstAnswer);
  look();
  if (!settings_.qmp) return;
  qemu_ = std::make_unique<QmpConnection>(
      around_.loop, *settings_.qmp, settings_.nic,
      QmpConnection::Told{
          .news = [this](const QmpNews& news) { std::visit([this](const auto& it) { hear(it); }, news); },
          .lost = [this](const std::string& why) { lose_qemu(why); }});
}

void Guest::change(GuestSettings settings) {
  const bool other_pace = settings.changes != settings_.changes;
  settings_ = std::move(settings);
  refusal_log_ = {};
  garbage_ = {};
  if (other_pace) begin_pace();
  look();
}

void Guest::look() {
  taken_.clear();
  in_force_.reset();
  poll_.start(std::chrono::seconds(settings_.poll));
  settle();
  pace_->want();
}

void Guest::saw_link(const netlink::Link& link) {
  if (link.ifindex == ifindex_ && link.address == address_ && !(upper_problem_ && trouble_ == Trouble::no_device))
    return;
  look();
}

// QEMU's side

void Guest::hear(const QmpReady& /*ready*/) {
  ++counters_.connections;
  history_ = {};
  ending_ = false;
  in_force_.reset();
  mark();
  pace_->want();
}

void Guest::hear(const QmpChanged& /*changed*/) {
  ++counters_.events;
  history_.spoken = true;
  mark();
  pace_->want();
}

void Guest::hear(const QmpReset& /*reset*/) {
  ++counters_.resets;
  history_ = {};
  mark();
  pace_->want();
}

void Guest::hear(const QmpLook& /*look*/) { pace_->want(); }

void Guest::hear(const QmpShutdown& /*shutdown*/) { ending_ = true; }

void Guest::answers() {
  answered_ = true;
  first_answer_.stop();
  if (qemu_problem_.ends()) say(LOG_INFO, "QEMU answers");
}

void Guest::hear(const QmpState& answer) {
  ++counters_.queries;
  answers();
  if (nic_problem_.ends()) say(LOG_NOTICE, "its NIC can be asked now");
  unsupported_ = false;
  nic_ = answer.state.name;
  history_.saw(answer.state, answer.ability);
  request_ = request_of(answer.state, answer.ability, history_);
  settle();
  pace_->answered();
}

// What is in force stays, but for a profile: it is made for this.
void Guest::hear(const QmpUnsupported& answer) {
  answers();
  unsupported_ = true;
  if (nic_problem_.begins(answer.why))
    say(LOG_NOTICE, answer.why + (has_profile() ? ": its profile counts" : ": the filter set in force stays"));
  settle();
  pace_->answered();
}

// What is fatal is told once more, by the loss of the connection.
void Guest::hear(const QmpGarbage& garbage) {
  ++counters_.garbage;
  mark();
  if (garbage.fatal) return;
  if (garbage_.is_new(garbage.why))
    say(LOG_WARNING, "QEMU: " + garbage.why + (garbage_.full() ? "; more of this kind is only counted" : ""));
  pace_->answered();
}

// A QEMU that comes and goes is told of once a minute.
void Guest::lose_qemu(const std::string& why) {
  pace_->forget();
  const auto now = Clock::now();
  const bool begins = qemu_problem_.begins(why);
  if (lost_.is_new(why) || (begins && now > quiet_until_)) {
    quiet_until_ = now + kQuiet;
    say(ending_ ? LOG_INFO : LOG_NOTICE, "QEMU at " + *settings_.qmp + ": " + why + ": the filter set in force stays");
  }
  mark();
  if (!first_answer_.running()) return;
  first_answer_.stop();
  settle();
}

// The upper's side

bool Guest::has_profile() const { return settings_.profile && (!settings_.qmp || unsupported_); }

void Guest::settle() {
  mark();
  const auto upper = netlink::link_by_name(around_.links, settings_.upper);
  if (!upper) return fail({.trouble = Trouble::no_device, .why = upper.error().text});
  meet(*upper);
  if (!settings_.shadow && !read_in_force()) return;
  const auto filter = wanted(*upper);
  if (!filter) return recover();
  put_in_force(*filter);
  note_refusals();
}

// Another device of that name is another guest's, until QEMU says what it asks for.
void Guest::meet(const netlink::Link& upper) {
  address_ = upper.address;
  if (upper.ifindex == std::exchange(ifindex_, upper.ifindex)) return;
  request_.reset();
  in_force_.reset();
  granted_ = {};
  ours_ = false;
}

bool Guest::read_in_force() {
  if (in_force_) return true;
  auto found = around_.programmer.in_force(settings_.upper);
  if (!found) {
    fail(found.error());
    return false;
  }
  if (found->unfiltered()) bare_ = true;
  if (ours_ && *found != granted_) say(LOG_NOTICE, "somebody else has changed its filter set: it is programmed again");
  granted_ = *found;
  in_force_ = std::move(*found);
  return true;
}

// What is safe is for an upper that would receive everything without it.
std::optional<FilterSet> Guest::wanted(const netlink::Link& upper) {
  refusals_.clear();
  if (has_profile()) return settings_.profile;
  const MacAddress configured = settings_.mac.value_or(upper.address);
  if (request_) return judged(upper, configured, *request_);
  if ((bare_ || settings_.shadow) && !first_answer_.running())
    return judged(upper, configured, safe_request(configured));
  return std::nullopt;
}

FilterSet Guest::judged(const netlink::Link& upper, const MacAddress& configured, const GuestRequest& request) {
  const Owners others = needs_owners(settings_.policy, configured, request) ? owners(upper) : Owners{};
  Judgement judgement = judge(settings_.policy, configured, request, granted_, others);
  leave_out(judgement, taken_);
  if (judgement.granted.addresses) judgement.granted.addresses->unicast.erase(upper.address);
  refusals_ = std::move(judgement.refusals);
  return std::move(judgement.granted);
}

// What cannot be read is seen by the daemon: it refuses the address itself.
Owners Guest::owners(const netlink::Link& upper) {
  const auto links = netlink::links(around_.links);
  if (!links) return {};
  return host_addresses(upper, *links, around_.programmer.all().value_or(std::vector<daemon::ApiLinkAnswer>{}));
}

void Guest::leave_out(Judgement& judgement, const std::map<MacAddress, std::string>& taken) const {
  if (!judgement.granted.addresses) return;
  for (const auto& [address, why] : taken)
    if (judgement.granted.addresses->unicast.erase(address) > 0)
      judgement.refusals.push_back(taken_refusal(address, why));
}

Refusal Guest::taken_refusal(const MacAddress& address, const std::string& why) const {
  const bool main = request_ && request_->main_mac == address;
  return {.kind = main ? RefusalKind::main_mac : RefusalKind::unicast, .what = to_string(address), .why = why};
}

void Guest::put_in_force(const FilterSet& wanted) {
  if (settings_.shadow) {
    if (wanted != std::exchange(granted_, wanted)) ++counters_.changes;
    return recover();
  }
  if (in_force_ != wanted) return program(wanted);
  ours_ = true;
  recover();
}

void Guest::program(const FilterSet& wanted) {
  auto done = around_.programmer.program(settings_.upper, wanted, *in_force_);
  if (!done) {
    ++counters_.failures;
    in_force_.reset();
    return fail(done.error());
  }
  ++counters_.changes;
  for (const std::string& warning : done->warnings)
    if (warnings_.is_new(warning)) say(LOG_NOTICE, warning);
  for (const auto& [address, why] : done->taken) refusals_.push_back(taken_refusal(address, why));
  taken_.merge(done->taken);
  granted_ = done->in_force;
  in_force_ = std::move(done->in_force);
  ours_ = true;
  recover();
}

void Guest::note_refusals() {
  for (const std::string& line : refusal_log_.note(refusals_, counters_.refused)) say(LOG_NOTICE, line);
}

// A device is heard of when it comes.
void Guest::fail(const Failure& failure) {
  const bool other = upper_problem_ && trouble_ != failure.trouble;
  trouble_ = failure.trouble;
  if (upper_problem_.begins(failure.why) || other) say(LOG_WARNING, failure.why + ": tried again");
  if (failure.trouble != Trouble::no_device) retry_.start(failure.trouble == Trouble::no_daemon ? kRetry : kSlowRetry);
  mark();
}

void Guest::recover() {
  retry_.stop();
  if (upper_problem_.ends()) say(LOG_NOTICE, "in force");
  mark();
}

// What is told

void Guest::say(int priority, const std::string& text) { around_.log(priority, settings_.upper + ": " + text); }

bool Guest::in_step() const {
  if (upper_problem_) return false;
  return has_profile() || (answered_ && !qemu_problem_ && !nic_problem_);
}

Guest::State Guest::state() const {
  if (upper_problem_) return {trouble_word(trouble_), upper_problem_.why()};
  if (has_profile()) return {"profile", nic_problem_.why()};
  if (qemu_problem_ || !answered_) return {"connecting", qemu_problem_ ? qemu_problem_.why() : "no answer so far"};
  if (nic_problem_) return {"silent", nic_problem_.why()};
  return {request_ && !request_->silent ? "following" : "silent", ""};
}

GuestReport Guest::report() const {
  const State now = state();
  GuestReport report{.upper = settings_.upper,
                     .qmp = settings_.qmp.value_or(""),
                     .nic = settings_.nic.value_or(nic_),
                     .state = now.word,
                     .why = now.why,
                     .shadow = settings_.shadow,
                     .granted = granted_,
                     .refusals = refusals_,
                     .counters = counters_};
  report.counters.delayed = delayed_ + pace_->delayed();
  return report;
}

void Guest::write_report() {
  report_.stop();
  const auto written = guest::write_report(around_.state_directory, report());
  if (written) report_problem_.ends();
  if (!written && report_problem_.begins(written.error().text)) say(LOG_WARNING, written.error().text);
  around_.told();
}

}  // namespace rxf::guest
