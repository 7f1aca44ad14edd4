// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/reconcile.h"

#include <cstring>

#include "loader/datapath/rule_writer.h"
#include "loader/mirror/damaged_records.h"
#include "loader/mirror/guards.h"
#include "loader/mirror/kernel_lists.h"
#include "loader/mirror/steering.h"
#include "loader/mirror/upper_identity.h"
#include "loader/model/claims.h"

namespace rxf::mirror {
namespace {

// What all uppers together want on the lower device's unicast list.
AddressSet below(const LowerdevPlan& plan) {
  AddressSet all;
  for (const auto& [ifindex, upper] : plan.uppers) all.insert(upper.kernel.below.begin(), upper.kernel.below.end());
  return all;
}

class Reconciliation {
 public:
  Reconciliation(Lowerdev& device, Goal goal, std::vector<std::string>& notes)
      : device_(device), goal_(goal), notes_(notes) {}

  Result<Reconciled> run();

 private:
  Result<void> read();
  void set_vanished_apart();
  [[nodiscard]] AddressSet owned_below() const;
  Result<void> widen();
  Result<void> guard();
  Result<void> steer();
  static Result<void> wait();
  Result<void> write();
  Result<void> unguard();
  Result<void> unsteer();
  Result<void> narrow();
  Result<void> forget_vanished();

  Lowerdev& device_;
  Goal goal_;
  std::vector<std::string>& notes_;
  Records records_;
  Records vanished_;  // of uppers that are gone
  LowerdevPlan plan_;
  datapath::DesiredRules desired_;
  bool changed_ = false;
  std::vector<Departed> gone_;
};

Result<void> Reconciliation::read() {
  if (auto done = forget_damaged_records(device_, notes_); !done) return done;
  if (auto done = forget_strangers(device_, notes_); !done) return done;
  auto records = device_.records();
  if (!records) return std::unexpected(records.error());
  records_ = std::move(*records);
  if (goal_.nothing)
    for (auto& [ifindex, record] : records_) record.filter = {};
  const auto snapshot = device_.whole_snapshot(records_);
  if (!snapshot) return std::unexpected(snapshot.error());
  set_vanished_apart();
  plan_ = plan(*snapshot);
  for (const Conflict& conflict : conflicts(*snapshot)) notes_.push_back(to_string(conflict));
  return {};
}

void Reconciliation::set_vanished_apart() {
  for (auto record = records_.begin(); record != records_.end();) {
    const auto next = std::next(record);
    if (device_.upper(record->first) == nullptr) vanished_.insert(records_.extract(record));
    record = next;
  }
}

// What of the lower device's unicast list is there on our behalf, whoever asked for it.
AddressSet Reconciliation::owned_below() const {
  AddressSet owned;
  for (const Records* records : {&records_, &vanished_})
    for (const auto& [ifindex, record] : *records) owned.insert(record.owned_below.begin(), record.owned_below.end());
  return owned;
}

Result<void> Reconciliation::widen() {
  ListsSeen seen;
  for (const auto& [ifindex, planned] : plan_.uppers)
    if (auto done = widen_kernel_lists(device_, *device_.upper(ifindex), records_[ifindex], planned.kernel, seen);
        !done)
      return done;
  return {};
}

Result<void> Reconciliation::guard() {
  desired_ = {.wanted = plan_.early.wanted, .host = plan_.early.host, .sole = plan_.early.sole};
  const AddressSet listed = owned_below();
  for (const auto& [ifindex, planned] : plan_.uppers) {
    const auto index = ensure_guard(device_, *device_.upper(ifindex), goal_.refresh, changed_, notes_);
    if (!index) return std::unexpected(index.error());
    desired_.guards.push_back({.index = *index, .ifindex = ifindex, .rules = planned.guard});
    for (const MacAddress& address : planned.steered)
      desired_.steering[address] = {
          .index = *index,
          .flags = (planned.steer_egress ? RXF_STEER_EGRESS : 0U) | (listed.contains(address) ? RXF_STEER_LISTED : 0U)};
  }
  return {};
}

Result<void> Reconciliation::steer() {
  const auto attached = ensure_steering(device_, plan_, goal_.refresh, notes_);
  if (!attached) return std::unexpected(attached.error());
  changed_ = changed_ || *attached;
  return {};
}

Result<void> Reconciliation::wait() {
  auto created = datapath::GracePeriod::create();
  return created ? created->wait() : std::unexpected(created.error());
}

// The index of a new guard may be that of one detached just now, in which a frame may still be on its way.
Result<void> Reconciliation::write() {
  if (changed_)
    if (auto done = wait(); !done) return done;
  return datapath::write_rules(device_.maps, desired_, [&] { return wait(); });
}

Result<void> Reconciliation::unguard() {
  const auto entries = device_.maps.uppers();
  if (!entries) return std::unexpected(entries.error());
  for (const auto& [ifindex, entry] : *entries) {
    if (plan_.uppers.contains(ifindex)) continue;
    if (device_.upper(ifindex) == nullptr)
      gone_.push_back({.ifindex = ifindex, .name = {entry.name, strnlen(entry.name, sizeof(entry.name))}});
    if (auto done = remove_guard(device_, ifindex, entry); !done) return done;
  }
  return {};
}

Result<void> Reconciliation::unsteer() { return remove_surplus_steering(device_, plan_); }

Result<void> Reconciliation::narrow() {
  for (auto& [ifindex, record] : records_) {
    const auto planned = plan_.uppers.find(ifindex);
    const KernelLists wanted = planned == plan_.uppers.end() ? KernelLists{} : planned->second.kernel;
    if (auto done = narrow_kernel_lists(device_, *device_.upper(ifindex), record, wanted, below(plan_), notes_); !done)
      return done;
  }
  return {};
}

// Its own lists and its guard went with it; what was put on the lower device's list for it is still there.
Result<void> Reconciliation::forget_vanished() {
  for (auto& [ifindex, record] : vanished_)
    if (auto done = forget_kernel_lists(device_, ifindex, record, below(plan_)); !done) return done;
  return {};
}

Result<Reconciled> Reconciliation::run() {
  using Step = Result<void> (Reconciliation::*)();
  for (const Step step : {&Reconciliation::read, &Reconciliation::widen, &Reconciliation::guard, &Reconciliation::steer,
                          &Reconciliation::write, &Reconciliation::unguard, &Reconciliation::unsteer,
                          &Reconciliation::narrow, &Reconciliation::forget_vanished})
    if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
  return Reconciled{.changed = changed_, .gone = std::move(gone_)};
}

}  // namespace

Result<Reconciled> reconcile(Lowerdev& device, Goal goal, std::vector<std::string>& notes) {
  return Reconciliation(device, goal, notes).run();
}

}  // namespace rxf::mirror
