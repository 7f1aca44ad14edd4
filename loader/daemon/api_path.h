// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "loader/model/result.h"

namespace rxf::daemon {

inline constexpr const char* kRuntimeDirectory = "/run/rxfilter";

// Of the caller's network namespace: /run/rxfilter/api.sock in the initial one, api@COOKIE.sock in any other.
std::string default_api_path();

// For bind(2) and connect(2). Error where `path` is empty or longer than 107 bytes.
Result<sockaddr_un> api_address(const std::string& path);

// As bind(2) and connect(2) take it.
inline const sockaddr* generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

// The file that is locked (flock(2)) from an edit's get to its set. The daemon makes it for those who may connect:
// nobody else can hold them up.
[[nodiscard]] std::string edit_lock_path(const std::string& api);

}  // namespace rxf::daemon
