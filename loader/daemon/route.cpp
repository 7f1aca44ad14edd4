// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/route.h"

#include <fcntl.h>
#include <sys/file.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "loader/daemon/api_client.h"
#include "loader/mirror/lookup.h"
#include "loader/netlink/socket.h"
#include "loader/util/fd.h"

namespace rxf::daemon {
namespace {

constexpr std::chrono::seconds kPatience{3};

using Rewrite = std::function<Result<EditedFilter>(const FilterSet& now)>;

Route route_of(mirror::Keeper keeper) { return keeper == mirror::Keeper::kernel ? Route::kernel : Route::in_process; }

// nullopt where nobody listens.
Result<std::optional<ApiClient>> find_daemon(const std::string& api) {
  auto client = ApiClient::connect(api);
  if (client) return std::optional(std::move(*client));
  const int code = client.error().code;
  if (code == ENOENT || code == ECONNREFUSED) return std::nullopt;
  return std::unexpected(client.error());
}

// An edit is a get and a set: one at a time. It is let go when the descriptor is closed. Without the file, as where
// systemd made the socket, nobody is kept out.
Result<Fd> lock_edits(const std::string& api) {
  Fd file(::open(edit_lock_path(api).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (file && ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() > end)
      return std::unexpected(Error{.text = "somebody else has been editing filter sets over " + api + " for " +
                                           std::to_string(kPatience.count()) + " s: nothing was changed, try again",
                                   .code = ETIMEDOUT,
                                   .exit = Exit::timeout});
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return file;
}

// Where no filter can be programmed the daemon itself says why.
Result<SetAnswer> set_through(ApiClient& client, const std::string& api, const std::string& upper,
                              const Rewrite& rewritten) {
  const auto lock = lock_edits(api);
  if (!lock) return std::unexpected(lock.error());
  const auto now = client.get({.name = upper});
  if (!now) return std::unexpected(now.error());
  const FilterSet before = now->filter.value_or(FilterSet{});
  auto wanted = rewritten(before);
  if (!wanted) return wrap(wanted.error(), upper);
  const auto warnings = client.set({.ifindex = now->ifindex}, exactly(wanted->filter));
  if (!warnings) return std::unexpected(warnings.error());
  SetAnswer answer{.filter = std::move(wanted->filter), .report = {.notes = std::move(wanted->notes)}};
  answer.report.notes.insert(answer.report.notes.end(), warnings->begin(), warnings->end());
  answer.report.changed = answer.filter != before;
  answer.route = Route::daemon;
  return answer;
}

// The words of those who look for themselves.
std::unexpected<Error> why_no_filter(std::uint32_t ifindex) {
  auto socket = netlink::Socket::open();
  if (!socket) return std::unexpected(socket.error());
  const auto link = netlink::link_by_index(*socket, ifindex);
  if (!link) return std::unexpected(link.error());
  if (!link->is_upper()) return mirror::no_upper(link->name);
  const auto lower = netlink::link_by_index(*socket, link->lower.value_or(0));
  return wrap(mirror::not_attached(lower ? lower->name : "the lower device").error(), link->name);
}

Result<FilterSet> get_through(ApiClient& client, const std::string& upper) {
  const auto answer = client.get({.name = upper});
  if (!answer) return std::unexpected(answer.error());
  if (answer->filter) return *answer->filter;
  return why_no_filter(answer->ifindex);
}

}  // namespace

std::string_view to_string(Route route) {
  constexpr std::array<std::string_view, 3> kNames = {"the daemon", "the kernel", "in-process"};
  return kNames.at(static_cast<std::size_t>(route));
}

Result<SetAnswer> set(const mirror::Context& context, const std::string& api, const std::string& upper,
                      const FilterEdit& edit) {
  auto client = find_daemon(api);
  if (!client) return std::unexpected(client.error());
  if (*client) return set_through(**client, api, upper, [&](const FilterSet& now) { return edited(now, edit); });
  auto done = mirror::set(context, upper, edit);
  if (!done) return std::unexpected(done.error());
  return SetAnswer{
      .filter = std::move(done->filter), .report = std::move(done->report), .route = route_of(done->keeper)};
}

Result<GetAnswer> get(const mirror::Context& context, const std::string& api, const std::string& upper) {
  auto client = find_daemon(api);
  if (!client) return std::unexpected(client.error());
  auto filter = *client ? get_through(**client, upper) : mirror::get(context, upper);
  if (!filter) return std::unexpected(filter.error());
  const auto keeper = *client ? mirror::Keeper::maps : mirror::keeper(upper).value_or(mirror::Keeper::maps);
  return GetAnswer{.filter = std::move(*filter), .route = *client ? Route::daemon : route_of(keeper)};
}

Result<SetAnswer> clear(const mirror::Context& context, const std::string& api, const std::string& upper) {
  auto client = find_daemon(api);
  if (!client) return std::unexpected(client.error());
  if (*client) return set_through(**client, api, upper, [](const FilterSet&) { return EditedFilter{}; });
  auto done = mirror::clear(context, upper);
  if (!done) return std::unexpected(done.error());
  return SetAnswer{.report = std::move(*done), .route = route_of(mirror::keeper(upper).value_or(mirror::Keeper::maps))};
}

}  // namespace rxf::daemon
