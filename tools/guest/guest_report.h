// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loader/cli/filter_json.h"
#include "tools/guest/policy.h"

namespace rxf::guest {

// Since the process began.
struct GuestCounters {
  std::uint64_t events = 0;                      // NIC_RX_FILTER_CHANGED
  std::uint64_t queries = 0;                     // query-rx-filter that was answered
  std::uint64_t resets = 0;                      // RESET
  std::uint64_t changes = 0;                     // filter sets programmed (in shadow: that would have been)
  std::uint64_t delayed = 0;                     // queries put off by the limit of changes a second
  std::uint64_t connections = 0;                 // to QEMU
  std::uint64_t garbage = 0;                     // what QEMU said and could not be understood
  std::uint64_t failures = 0;                    // filter sets the daemon did not take
  std::map<RefusalKind, std::uint64_t> refused;  // things asked for anew and refused, by kind; absent: none

  bool operator==(const GuestCounters&) const = default;
};

// Of one guest interface, for `rxfilter-guest status`.
struct GuestReport {
  static constexpr std::size_t kMaxRefusals = 256;  // as written; how many there are beyond is told

  std::string upper;
  std::string qmp;    // empty: none
  std::string nic;    // as QEMU names it; empty where not known
  std::string state;  // "following", "silent", "profile", "connecting", "no-daemon", "no-device": one word
  std::string why;    // the sentence behind it, where something is missing
  bool shadow = false;
  FilterSet granted;                // in force, as far as we know (in shadow: what would be)
  std::vector<Refusal> refusals;    // of the last judgement
  std::uint64_t more_refusals = 0;  // beside those
  GuestCounters counters;

  bool operator==(const GuestReport&) const = default;
};

// At most kMaxRefusals refusals; the others are added to "more_refusals".
[[nodiscard]] cli::Json to_json(const GuestReport& report);
// What to_json() wrote. Usage error that begins with `source` for anything else.
Result<GuestReport> parse_report(std::string_view text, const std::string& source);

// DIRECTORY/UPPER.json, replaced at one instant (rename(2)), readable for all. `directory` exists.
Result<void> write_report(const std::string& directory, const GuestReport& report);
void remove_report(const std::string& directory, const std::string& upper);

struct FoundReport {
  GuestReport report;
  std::optional<bool> followed;  // a process is behind it still; absent for who may not know

  bool operator==(const FoundReport&) const = default;
};

struct FoundReports {
  std::vector<FoundReport> reports;  // by upper
  std::vector<Error> unreadable;     // files that are no reports
};

// One of them. Exit::not_attached where there is none.
Result<FoundReport> read_report(const std::string& directory, const std::string& upper);
// All that are in `directory`; none where the directory is not there.
Result<FoundReports> read_reports(const std::string& directory);

}  // namespace rxf::guest
