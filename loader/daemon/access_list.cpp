// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/access_list.h"

#include <grp.h>
#include <linux/if.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>

namespace rxf::daemon {
namespace {

constexpr const char* kAnyUpper = "*";

bool is_upper(const std::string& text) {
  const auto never_in_a_name = [](char c) { return c == '/' || c == ':' || c == ' ' || c == '\0'; };
  return !text.empty() && text.size() < IFNAMSIZ && std::ranges::none_of(text, never_in_a_name);
}

// uid_t and gid_t are as wide; the highest number means nobody in the system's calls.
std::optional<std::uint32_t> parse_id(const std::string& text) {
  std::uint32_t id = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, id);
  const bool whole = error == std::errc() && stop == end;
  return whole && id != std::numeric_limits<std::uint32_t>::max() ? std::optional(id) : std::nullopt;
}

Result<uid_t> user_id(const std::string& name) {
  if (const passwd* user = ::getpwnam(name.c_str())) return user->pw_uid;
  if (const auto id = parse_id(name)) return *id;
  return usage_error("no such user \"" + name + "\"");
}

}  // namespace

Result<gid_t> group_id(const std::string& name) {
  if (const group* found = ::getgrnam(name.c_str())) return found->gr_gid;
  if (const auto id = parse_id(name)) return *id;
  return usage_error("no such group \"" + name + "\"");
}

Result<AccessList::Entry> AccessList::parse_entry(const std::string& text) {
  // A device's name may have a '=' in it, a user's not.
  const std::size_t split = text.rfind('=');
  if (split == std::string::npos || !is_upper(text.substr(0, split)))
    return usage_error("not UPPER=USER or UPPER=@GROUP");
  const std::string who = text.substr(split + 1);
  const bool is_group = who.starts_with('@');
  const auto id = is_group ? group_id(who.substr(1)) : user_id(who);
  if (!id) return std::unexpected(id.error());
  return Entry{.upper = text.substr(0, split), .is_group = is_group, .id = *id};
}

Result<AccessList> AccessList::parse(const std::vector<std::string>& entries) {
  AccessList list;
  for (const std::string& text : entries) {
    auto entry = parse_entry(text);
    if (!entry) return wrap(entry.error(), "allow \"" + text + "\"");
    list.entries_.push_back(std::move(*entry));
  }
  return list;
}

bool AccessList::allows(const Peer& peer, const std::string& upper) const {
  if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    if (entry.upper != kAnyUpper && entry.upper != upper) return false;
    return entry.is_group ? std::ranges::count(peer.groups, entry.id) != 0 : entry.id == peer.uid;
  });
}

}  // namespace rxf::daemon
