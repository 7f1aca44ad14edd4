// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loader/daemon/api_client.h"

namespace rxf::guest {

// Why the daemon did not do something.
enum class Trouble {
  no_daemon,  // nobody answers
  no_device,  // there is no such upper
  taken,      // somebody else has one of the addresses
  refused     // anything else
};

struct Failure {
  Trouble trouble = Trouble::refused;
  std::string why;
};

template <class T>
using Answered = std::expected<T, Failure>;

struct Programmed {
  FilterSet in_force;
  std::map<MacAddress, std::string> taken;  // left out: somebody else has them, and the daemon's words for it
  std::vector<std::string> warnings;
};

// The daemon, as all guests of this process share it: one connection, made anew where it broke. A request that gets no
// answer has failed after kPatience; for some time after that nothing is asked, so that a daemon that hangs does not
// hold up who waits for QEMU.
class Programmer {
 public:
  static constexpr std::chrono::seconds kPatience{3};
  static constexpr std::chrono::seconds kPause{5};         // after no answer
  static constexpr std::chrono::milliseconds kRetry{900};  // after no connection
  static constexpr std::size_t kMostTried = 64;            // addresses one by one; as many as QEMU's tables hold

  explicit Programmer(std::string api) : api_(std::move(api)) {}

  // The filter set of that upper; unfiltered where it has none.
  Answered<FilterSet> in_force(const std::string& upper);
  // Of all links.
  Answered<std::vector<daemon::ApiLinkAnswer>> all();

  // `before` is in force. Where somebody else has an address that is new in `wanted` - one on the list of the lower
  // device, from another network namespace, cannot be seen before - the others are put in force without it.
  Answered<Programmed> program(const std::string& upper, const FilterSet& wanted, const FilterSet& before);

 private:
  using Clock = std::chrono::steady_clock;
  template <class Ask>
  auto ask(const Ask& request) -> Answered<typename decltype(request(std::declval<daemon::ApiClient&>()))::value_type>;
  Answered<void> connect();
  Failure lost(const Error& error);
  Answered<std::vector<std::string>> set(const std::string& upper, const FilterSet& wanted);
  Answered<Programmed> one_by_one(const std::string& upper, const FilterSet& wanted, const FilterSet& before);

  std::string api_;
  std::optional<daemon::ApiClient> client_;
  Clock::time_point not_before_{};
  std::string why_not_;
};

}  // namespace rxf::guest
