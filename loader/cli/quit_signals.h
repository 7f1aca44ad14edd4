// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <signal.h>

#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::cli {

// For as long as this lives, SIGINT and SIGTERM end nothing but are told, and a write to a pipe that nobody reads is an
// error and no signal. For the calling thread.
class QuitSignals {
 public:
  static Result<QuitSignals> catch_all();

  QuitSignals(QuitSignals&& other) noexcept = default;
  QuitSignals& operator=(QuitSignals&&) = delete;
  ~QuitSignals();

  [[nodiscard]] int fd() const { return fd_.get(); }  // for poll(2): readable once there was one

  // Returns whether there is a reason to quit within the time: a signal, or nobody reads standard output any more.
  [[nodiscard]] bool wait(int timeout_ms) const;

 private:
  QuitSignals(Fd fd, const sigset_t& caught, const sigset_t& before)
      : fd_(std::move(fd)), caught_(caught), before_(before) {}

  Fd fd_;
  sigset_t caught_;
  sigset_t before_;
};

}  // namespace rxf::cli
