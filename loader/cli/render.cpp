// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/render.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <optional>

#include "loader/cli/render_filter.h"
#include "loader/cli/text.h"

namespace rxf::cli {

namespace {

using mirror::AttachMode;
using mirror::Count;
using mirror::Counters;
using mirror::EarlyHook;
using mirror::LowerdevStatus;
using mirror::Unconfirmed;
using mirror::Undo;
using mirror::UpperStatus;

constexpr std::array kDropReasons = {Verdict::vlan, Verdict::unicast, Verdict::multicast, Verdict::broadcast};

Count dropped_for(const Counters& counters, Verdict reason) {
  const auto found = counters.dropped.find(reason);
  return found == counters.dropped.end() ? Count{} : found->second;
}

std::string count_text(const Count& count) {
  return std::to_string(count.packets) + (count.packets == 1 ? " packet" : " packets") + " (" +
         bytes_text(count.bytes) + ")";
}

// " 12.5/s"
std::string rate_text(const std::optional<double>& rate) {
  if (!rate) return "";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), " %.*f/s", *rate == std::round(*rate) ? 0 : 1, *rate);
  return text.data();
}

std::optional<double> dropping(const CounterRates* rates, Verdict reason) {
  return rates == nullptr ? std::nullopt : std::optional(rates->dropped_for(reason));
}

// "dropped vlan 3 packets (180 B), unicast 1 packet (60 B)"; reasons that dropped nothing are left out.
std::string dropped_text(const Counters& counters, const CounterRates* rates) {
  std::vector<std::string> items;
  for (const Verdict reason : kDropReasons)
    if (const Count count = dropped_for(counters, reason); count.packets != 0)
      items.push_back(std::string(to_string(reason)) + " " + count_text(count) + rate_text(dropping(rates, reason)));
  return "dropped " + (items.empty() ? "nothing" : join(items, ", "));
}

std::string hook_text(EarlyHook hook) {
  std::string text(mirror::to_string(hook));
  std::replace(text.begin(), text.end(), '-', ' ');
  return text;
}

std::string headline(const LowerdevStatus& status) {
  return printable(status.device) + ": " + (status.reason.empty() ? "" : printable(status.reason) + " -> ") +
         "early drop: " + hook_text(status.early) + (status.dispatcher ? ", through libxdp's dispatcher" : "") + "\n";
}

std::string upper_line(const UpperStatus& upper) {
  const std::string start = "  " + printable(upper.name) + "  " + std::string(to_string(upper.mode)) + "  ";
  if (upper.filter.unfiltered()) return start + "unfiltered\n";
  return start + (upper.guard ? "guard" : "no guard") + "  " + filter_summary(upper.filter) + "\n";
}

std::string upper_counters(const UpperStatus& upper, const StatusRates* rates) {
  if (!upper.counters) return {};
  std::optional<CounterRates> own;
  if (rates != nullptr) own = rates->guard_of(upper.ifindex);
  return "    admitted " + count_text(upper.counters->admitted) +
         rate_text(own ? std::optional(own->admitted) : std::nullopt) + "; " +
         dropped_text(*upper.counters, own ? &*own : nullptr) + "\n";
}

// `counters`: the text below an upper's line.
std::string uppers_text(const LowerdevStatus& status, const std::function<std::string(const UpperStatus&)>& counters) {
  if (status.uppers.empty()) return "  no macvlan or macvtap on it yet\n";
  std::string text;
  for (const UpperStatus& upper : status.uppers) text += upper_line(upper) + counters(upper);
  return text;
}

std::string_view mode_text(AttachMode mode) {
  constexpr std::array<std::string_view, 4> kNames = {"auto", "tc", "native", "generic"};
  return kNames.at(static_cast<std::size_t>(mode));
}

std::string undo_text(const Unconfirmed& confirm) {
  if (confirm.undo == Undo::detach) return "detached";
  return (confirm.undo == Undo::shadow ? "in shadow" : "in force") + std::string(" as before, --mode ") +
         std::string(mode_text(confirm.mode));
}

Json to_json(const std::optional<Unconfirmed>& confirm) {
  if (!confirm) return nullptr;
  return {{"seconds_left", confirm->seconds_left}, {"undo", to_string(confirm->undo)}};
}

std::string problems_text(const LowerdevStatus& status) {
  std::string text;
  for (const std::string& problem : status.problems) text += "  ! " + printable(problem) + "\n";
  return text;
}

Json to_json(const Count& count) { return {{"packets", count.packets}, {"bytes", count.bytes}}; }

Json dropped_json(const Counters& counters) {
  Json object = Json::object();
  for (const Verdict reason : kDropReasons)
    object[std::string(to_string(reason))] = to_json(dropped_for(counters, reason));
  return object;
}

Json to_json(const UpperStatus& upper) {
  const auto& addresses = upper.filter.addresses;
  return {{"name", upper.name},
          {"ifindex", upper.ifindex},
          {"mode", to_string(upper.mode)},
          {"filtered", !upper.filter.unfiltered()},
          {"guard", upper.guard},
          {"unicast", addresses ? Json(addresses->unicast.size()) : Json()},
          {"multicast", addresses ? Json(addresses->multicast.size()) : Json()},
          {"vlans", upper.filter.vlans ? Json(to_string(*upper.filter.vlans)) : Json()},
          {"flags", addresses ? Json(names(addresses->flags)) : Json()}};
}

Json counters_json(const LowerdevStatus& status) {
  Json guard = Json::object();
  for (const UpperStatus& upper : status.uppers)
    if (upper.counters)
      guard[upper.name] = {{"admitted", to_json(upper.counters->admitted)}, {"dropped", dropped_json(*upper.counters)}};
  return {{"early", {{"dropped", dropped_json(status.early_counters)}}}, {"guard", guard}};
}

}  // namespace

std::string arming_text(const LowerdevStatus& status) {
  std::string text = status.shadow ? "  shadow: counted, not dropped\n" : "";
  if (status.confirm && status.confirm->seconds_left != 0)
    text += "  unconfirmed: " + std::to_string(status.confirm->seconds_left) + " s left, then " +
            undo_text(*status.confirm) + "\n";
  return text;
}

std::string attachment_text(const LowerdevStatus& status, bool dry_run) {
  const auto no_counters = [](const UpperStatus&) { return std::string(); };
  return headline(status) + arming_text(status) + uppers_text(status, no_counters) +
         (dry_run ? "" : "  pinned at " + status.pin_directory + "\n") + problems_text(status);
}

std::string status_text(const LowerdevStatus& status, const StatusRates* rates) {
  const auto counters = [rates](const UpperStatus& upper) { return upper_counters(upper, rates); };
  return headline(status) + arming_text(status) + uppers_text(status, counters) +
         "  early drop: " + dropped_text(status.early_counters, rates == nullptr ? nullptr : &rates->early) + "\n" +
         "  pinned at " + status.pin_directory + "\n" + problems_text(status);
}

Json to_json(const LowerdevStatus& status) {
  Json uppers = Json::array();
  for (const UpperStatus& upper : status.uppers) uppers.push_back(to_json(upper));
  return {{"device", status.device},
          {"ifindex", status.ifindex},
          {"early_drop", mirror::to_string(status.early)},
          {"reason", status.reason},
          {"dispatcher", status.dispatcher},
          {"shadow", status.shadow},
          {"confirm", to_json(status.confirm)},
          {"pinned", status.pin_directory},
          {"uppers", uppers},
          {"counters", counters_json(status)},
          {"problems", status.problems}};
}

Json to_watched_json(const LowerdevStatus& status, const StatusRates* rates) {
  Json json = to_json(status);
  const auto put = [](Json& count, const std::optional<double>& rate) {
    count["packets_per_second"] = rate ? Json(*rate) : Json();
  };
  const auto put_dropped = [&](Json& dropped, const CounterRates* own) {
    for (const Verdict reason : kDropReasons) put(dropped[std::string(to_string(reason))], dropping(own, reason));
  };
  put_dropped(json["counters"]["early"]["dropped"], rates == nullptr ? nullptr : &rates->early);
  for (const UpperStatus& upper : status.uppers) {
    if (!upper.counters) continue;
    const CounterRates own = rates == nullptr ? CounterRates{} : rates->guard_of(upper.ifindex);
    Json& guard = json["counters"]["guard"][upper.name];
    put(guard["admitted"], rates == nullptr ? std::nullopt : std::optional(own.admitted));
    put_dropped(guard["dropped"], rates == nullptr ? nullptr : &own);
  }
  return json;
}

}  // namespace rxf::cli
