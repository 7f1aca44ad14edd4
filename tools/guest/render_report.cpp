// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>

#include "loader/cli/render_filter.h"
#include "loader/cli/text.h"
#include "tools/guest/guest_render.h"
#include "tools/guest/refusal_log.h"

namespace rxf::guest {

namespace {

using cli::Json;

constexpr std::size_t kRefusalLines = 10;

Json to_json(const std::vector<Refusal>& refusals) {
  Json list = Json::array();
  for (const Refusal& one : refusals)
    list.push_back({{"kind", to_string(one.kind)}, {"what", one.what}, {"why", one.why}});
  return list;
}

// "3 events", "1 event"; nothing of none.
std::string count_text(std::uint64_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// What went wrong is said only where something did.
std::string counters_text(const GuestCounters& counters) {
  std::vector<std::string> items = {
      count_text(counters.events, "event", "events"), count_text(counters.queries, "query", "queries"),
      count_text(counters.resets, "reset", "resets"), count_text(counters.changes, "change", "changes")};
  const auto add = [&items](std::uint64_t count, const std::string& one, const std::string& many) {
    if (count != 0) items.push_back(count_text(count, one, many));
  };
  add(counters.delayed, "query put off", "queries put off");
  add(counters.failures, "filter set not taken", "filter sets not taken");
  add(counters.garbage, "answer not understood", "answers not understood");
  return "  " + cli::join(items, ", ") + "\n";
}

std::string refused_text(const GuestCounters& counters) {
  std::vector<std::string> items;
  for (const auto& [kind, count] : counters.refused)
    if (count != 0) items.push_back(std::to_string(count) + " " + to_string(kind));
  return items.empty() ? "" : "  refused since the start: " + cli::join(items, ", ") + "\n";
}

std::string refusal_lines(const std::vector<Refusal>& refusals, std::uint64_t more) {
  std::string text;
  const std::size_t shown = std::min(refusals.size(), kRefusalLines);
  for (std::size_t i = 0; i < shown; ++i) text += "  - " + cli::printable(to_string(refusals[i])) + "\n";
  const std::uint64_t rest = refusals.size() - shown + more;
  return text + (rest == 0 ? "" : "  - and " + std::to_string(rest) + " more refused\n");
}

// "macvtap0: following net0 at /run/vm/a.qmp"
std::string headline(const GuestReport& report) {
  std::string text = cli::printable(report.upper) + ": " + cli::printable(report.state);
  if (!report.nic.empty()) text += "  " + cli::printable(report.nic);
  if (!report.qmp.empty()) text += std::string(report.nic.empty() ? "  " : " at ") + cli::printable(report.qmp);
  return text + "\n";
}

}  // namespace

std::string judgement_text(const std::string& upper, const Judgement& judgement, bool silent) {
  std::string text = cli::filter_text(upper, judgement.granted);
  if (silent) text += "  silent: its driver has not spoken since the last reset\n";
  for (const Refusal& one : judgement.refusals) text += "  - " + cli::printable(to_string(one)) + "\n";
  return text;
}

Json to_json(const std::string& upper, const Judgement& judgement, bool silent) {
  return {{"upper", upper},
          {"silent", silent},
          {"granted", cli::to_json(judgement.granted)},
          {"refusals", to_json(judgement.refusals)}};
}

std::string report_text(const FoundReport& found) {
  const GuestReport& report = found.report;
  std::string text = headline(report) + "  " + cli::filter_summary(report.granted) + "\n";
  if (report.shadow) text += "  shadow: judged and counted, not programmed\n";
  text += counters_text(report.counters) + refused_text(report.counters) +
          refusal_lines(report.refusals, report.more_refusals);
  if (!report.why.empty()) text += "  ! " + cli::printable(report.why) + "\n";
  if (found.followed == false) text += "  ! no process follows it any more: the filter set stays as it was\n";
  return text;
}

Json to_json(const FoundReport& found) {
  Json json = to_json(found.report);
  json["followed"] = found.followed ? Json(*found.followed) : Json();
  return json;
}

}  // namespace rxf::guest
