// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/daemon/api_path.h"
#include "loader/model/filter_change.h"
#include "loader/model/filter_set.h"
#include "loader/netlink/links.h"
#include "loader/netlink/socket.h"

namespace rxf::daemon {

// What the API says about a link.
struct ApiLinkAnswer {
  std::uint32_t ifindex = 0;
  std::string name;
  std::optional<FilterSet> filter;  // absent: no filter can be programmed here

  bool operator==(const ApiLinkAnswer&) const = default;
};

// What a subscriber is told.
struct ApiNotice {
  bool gone = false;     // the link was deleted: `link` has ifindex and name
  bool overrun = false;  // notices were lost, and there is no `link`: everything has to be looked at anew
  ApiLinkAnswer link;    // as it is now

  bool operator==(const ApiNotice&) const = default;
};

// A client of the API socket of `rxfilter-loader run`. It waits for answers up to its patience: then the error is
// ETIMEDOUT, exit timeout. A refusal has the daemon's sentence as its text, the daemon's code, and the exit that
// suits it. Not thread-safe.
class ApiClient {
 public:
  static constexpr std::chrono::milliseconds kPatience{10'000};

  // ENOENT and ECONNREFUSED: no daemon listens there. EACCES: the text says who may connect.
  static Result<ApiClient> connect(const std::string& path, std::chrono::milliseconds patience = kPatience);

  Result<ApiLinkAnswer> get(const netlink::LinkName& link);
  Result<std::vector<ApiLinkAnswer>> all();
  // In force when it returns; with the daemon's warnings.
  Result<std::vector<std::string>> set(const netlink::LinkName& link, const FilterChange& change);

  // From now on next() has what changes. A connection for nothing else: notices that come before the answer to a
  // request are lost.
  Result<void> subscribe();
  // Waits for a notice; nullopt when the time is over.
  Result<std::optional<ApiNotice>> next(std::chrono::milliseconds time);

  // For poll(2).
  [[nodiscard]] int fd() const { return socket_.fd(); }

 private:
  ApiClient(std::string path, std::chrono::milliseconds patience, Fd connected)
      : path_(std::move(path)), patience_(patience), socket_(netlink::Socket::over(std::move(connected))) {}
  Result<void> request(nlmsghdr* message, const netlink::Socket::Handler& handler = {});

  std::string path_;
  std::chrono::milliseconds patience_;
  netlink::Socket socket_;
  std::vector<ApiNotice> notices_;  // read, and not yet asked for
};

}  // namespace rxf::daemon
