// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/guest_process.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/support/must.h"

namespace rxf::test {
namespace {

std::string reports_in(const std::string& directory) { return directory + "/guests"; }
std::string log_in(const std::string& directory) { return directory + "/guest-log"; }

std::vector<std::string> command(const std::string& api, const std::string& directory,
                                 const GuestProcess::Options& options) {
  std::vector<std::string> all = options.launcher;
  for (const std::string& argument : {GuestProcess::binary(), std::string("run"), std::string("--api"), api,
                                      std::string("--state"), reports_in(directory)})
    all.push_back(argument);
  all.insert(all.end(), options.arguments.begin(), options.arguments.end());
  return all;
}

ChildProcess::Options surroundings(const std::string& directory, const Notices& notices,
                                   const GuestProcess::Options& options) {
  ChildProcess::Options all{.environment = options.environment, .error_file = log_in(directory)};
  all.environment.push_back(notices.variable());
  return all;
}

}  // namespace

GuestProcess::GuestProcess(const std::string& api, const std::string& directory, const Options& options)
    : directory_(directory),
      notices_(directory + "/guest-notify"),
      child_(command(api, directory, options), surroundings(directory, notices_, options)) {}

std::string GuestProcess::binary() { return RXF_GUEST; }

std::optional<guest::GuestReport> GuestProcess::report(const std::string& upper) const {
  const auto found = must(guest::read_reports(reports_in(directory_)));
  for (const guest::FoundReport& report : found.reports)
    if (report.report.upper == upper) return report.report;
  return std::nullopt;
}

std::string GuestProcess::log() const {
  std::ostringstream text;
  text << std::ifstream(log_in(directory_)).rdbuf();
  return text.str();
}

int GuestProcess::logged(const std::vector<std::string>& parts) const {
  std::ifstream file(log_in(directory_));
  int lines = 0;
  for (std::string line; std::getline(file, line);)
    if (std::ranges::all_of(parts, [&](const std::string& part) { return line.contains(part); })) ++lines;
  return lines;
}

}  // namespace rxf::test
