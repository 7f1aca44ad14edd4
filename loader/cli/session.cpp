// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/session.h"

#include "loader/cli/parsing.h"
#include "loader/cli/text.h"

namespace rxf::cli {

namespace {

constexpr const char* kProgram = "rxfilter-loader";

}  // namespace

void Session::print(const Json& answer) const { print_json(out, answer, pretty); }

void Session::note(const std::string& sentence) const { err << kProgram << ": note: " << printable(sentence) << '\n'; }

void Session::notes(const std::vector<std::string>& sentences) const {
  for (const std::string& sentence : sentences) note(sentence);
}

void Session::complain(const Error& error) const { cli::complain(err, kProgram, error); }

Result<void> for_each_device(const Session& session, const std::vector<std::string>& devices,
                             const std::function<Result<void>(const std::string&)>& step) {
  Result<void> first;
  for (const std::string& device : devices) {
    const Result<void> done = step(device);
    if (done) continue;
    if (first)
      first = done;
    else
      session.complain(done.error());
  }
  return first;
}

}  // namespace rxf::cli
