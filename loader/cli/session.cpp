// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/session.h"

#include "loader/cli/text.h"

namespace rxf::cli {

namespace {

constexpr int kIndent = 4;

}  // namespace

void Session::print(const Json& answer) const {
  out << answer.dump(pretty ? kIndent : -1, ' ', false, Json::error_handler_t::replace) << '\n';
}

void Session::note(const std::string& sentence) const {
  err << "rxfilter-loader: note: " << printable(sentence) << '\n';
}

void Session::notes(const std::vector<std::string>& sentences) const {
  for (const std::string& sentence : sentences) note(sentence);
}

void Session::complain(const Error& error) const { err << "rxfilter-loader: " << printable(error.text) << '\n'; }

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
