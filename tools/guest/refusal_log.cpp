// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/refusal_log.h"

namespace rxf::guest {

std::string to_string(const Refusal& refusal) {
  return std::string(to_string(refusal.kind)) + " " + refusal.what + " refused: " + refusal.why;
}

std::vector<std::string> RefusalLog::note(const std::vector<Refusal>& refusals,
                                          std::map<RefusalKind, std::uint64_t>& counts) {
  std::vector<std::string> lines;
  std::set<Thing> now;
  for (const Refusal& refusal : refusals) {
    if (!now.insert({refusal.kind, refusal.what}).second || standing_.contains({refusal.kind, refusal.what})) continue;
    ++counts[refusal.kind];
    if (std::string line = line_for(refusal); !line.empty()) lines.push_back(std::move(line));
  }
  standing_ = std::move(now);
  return lines;
}

// "" where nothing is to be said.
std::string RefusalLog::line_for(const Refusal& refusal) {
  if (full_ || logged_.contains({refusal.kind, refusal.what})) return "";
  full_ = logged_.size() == kMost;
  if (full_) return "further refusals are counted only: see rxfilter-guest status";
  logged_.insert({refusal.kind, refusal.what});
  return to_string(refusal);
}

}  // namespace rxf::guest
