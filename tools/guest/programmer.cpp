// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/programmer.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "loader/model/filter_change.h"

namespace rxf::guest {
namespace {

// The connection is of no use any more.
bool is_broken(const Error& error) {
  static constexpr int kCodes[] = {ECONNRESET, EPIPE, ENOTCONN, ETIMEDOUT, EAGAIN, EBADMSG};
  return std::ranges::find(kCodes, error.code) != std::end(kCodes);
}

bool is_hung_up(const Error& error) { return error.code == ECONNRESET || error.code == EPIPE; }

Failure failure_of(const Error& error) {
  const Trouble trouble = error.code == ENODEV       ? Trouble::no_device
                          : error.code == EADDRINUSE ? Trouble::taken
                                                     : Trouble::refused;
  return {.trouble = trouble, .why = error.text};
}

AddressSet unicast_of(const FilterSet& filter) { return filter.addresses ? filter.addresses->unicast : AddressSet{}; }

}  // namespace

Answered<void> Programmer::connect() {
  if (client_) return {};
  if (Clock::now() < not_before_) return std::unexpected(Failure{.trouble = Trouble::no_daemon, .why = why_not_});
  auto client = daemon::ApiClient::connect(api_, kPatience);
  if (!client) return std::unexpected(lost(client.error()));
  client_ = std::move(*client);
  return {};
}

Failure Programmer::lost(const Error& error) {
  const bool hangs = error.code == ETIMEDOUT || error.code == EAGAIN;
  client_.reset();
  why_not_ = error.text;
  not_before_ = Clock::now() + (hangs ? std::chrono::milliseconds(kPause) : kRetry);
  return {.trouble = Trouble::no_daemon, .why = why_not_};
}

// A connection of before may be one to a daemon that has gone since, and another one be there.
template <class Ask>
auto Programmer::ask(const Ask& request)
    -> Answered<typename decltype(request(std::declval<daemon::ApiClient&>()))::value_type> {
  const bool old = client_.has_value();
  if (auto there = connect(); !there) return std::unexpected(there.error());
  auto done = request(*client_);
  if (!done && old && is_hung_up(done.error())) {
    client_.reset();
    if (auto there = connect(); !there) return std::unexpected(there.error());
    done = request(*client_);
  }
  if (done) return std::move(*done);
  return std::unexpected(is_broken(done.error()) ? lost(done.error()) : failure_of(done.error()));
}

Answered<FilterSet> Programmer::in_force(const std::string& upper) {
  const auto link = ask([&](daemon::ApiClient& client) { return client.get({.name = upper}); });
  if (!link) return std::unexpected(link.error());
  return link->filter.value_or(FilterSet{});
}

Answered<std::vector<daemon::ApiLinkAnswer>> Programmer::all() {
  return ask([](daemon::ApiClient& client) { return client.all(); });
}

Answered<std::vector<std::string>> Programmer::set(const std::string& upper, const FilterSet& wanted) {
  return ask([&](daemon::ApiClient& client) { return client.set({.name = upper}, exactly(wanted)); });
}

Answered<Programmed> Programmer::program(const std::string& upper, const FilterSet& wanted, const FilterSet& before) {
  auto done = set(upper, wanted);
  if (done) return Programmed{.in_force = wanted, .taken = {}, .warnings = std::move(*done)};
  if (done.error().trouble != Trouble::taken) return std::unexpected(done.error());
  return one_by_one(upper, wanted, before);
}

// First everything but what is new, then one more each time.
Answered<Programmed> Programmer::one_by_one(const std::string& upper, const FilterSet& wanted,
                                            const FilterSet& before) {
  const AddressSet added = difference(unicast_of(wanted), unicast_of(before));
  Programmed result{.in_force = wanted, .taken = {}, .warnings = {}};
  result.in_force.addresses->unicast = difference(unicast_of(wanted), added);
  if (const auto done = set(upper, result.in_force); !done) return std::unexpected(done.error());
  for (const MacAddress& address : added) {
    if (result.taken.size() >= kMostTried) {
      result.taken[address] = "too many others are taken";
      continue;
    }
    FilterSet with = result.in_force;
    with.addresses->unicast.insert(address);
    const auto done = set(upper, with);
    if (done)
      result.in_force = with;
    else if (done.error().trouble == Trouble::taken)
      result.taken[address] = done.error().why;
    else
      return std::unexpected(done.error());
  }
  return result;
}

}  // namespace rxf::guest
