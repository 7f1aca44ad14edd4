// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <utility>

#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::daemon {

// The socket at which the API listens.
class ApiListener {
 public:
  // The one that systemd passed to this process, where it did (sd_listen_fds(3)); it stays systemd's in every respect.
  //
  // Else a new one at `path`, mode 0660, of `group` (a name or number) where that is given. A socket that is there and
  // at which nobody listens is replaced; one at which somebody does is error EADDRINUSE with the process id, and what
  // is no socket is EEXIST. The directory is made where it is missing, mode 0750.
  static Result<ApiListener> open(const std::string& path, const std::optional<std::string>& group);

  ApiListener(ApiListener&&) = default;
  ApiListener& operator=(ApiListener&&) = delete;
  // Removes what open() made, where it is still there.
  ~ApiListener();

  // Non-blocking.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit ApiListener(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
  std::string path_;  // empty where the file is not ours
  struct stat file_ {};
};

}  // namespace rxf::daemon
