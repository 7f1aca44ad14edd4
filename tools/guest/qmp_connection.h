// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "loader/daemon/event_loop.h"
#include "loader/util/fd.h"
#include "tools/guest/qmp_dialog.h"
#include "tools/guest/timer.h"
#include "tools/guest/token_bucket.h"

namespace rxf::guest {

// Always a connection to QEMU's monitor socket, or on the way to one. Nothing here waits for QEMU: who hangs, is cut
// off after a while, and who talks too much is read slowly.
class QmpConnection {
 public:
  static constexpr std::chrono::seconds kPatience{5};  // for an answer
  static constexpr std::chrono::seconds kFirstPause{1};
  static constexpr std::chrono::seconds kLongestPause{30};
  static constexpr double kBytesASecond = 4 << 20;

  // Whom it tells; both are there, and neither destroys the connection.
  struct Told {
    std::function<void(const QmpNews& news)> news;
    std::function<void(const std::string& why)> lost;  // also where there was none; it is tried again
  };

  // Begins with the next turn of the loop, which outlives it.
  QmpConnection(sd_event* loop, std::string path, std::optional<std::string> nic, Told told);
  QmpConnection(const QmpConnection&) = delete;
  QmpConnection& operator=(const QmpConnection&) = delete;

  // Asks for the state of the NIC: QmpState or QmpUnsupported will be told, or the connection be lost. False, and
  // nothing is asked, where there is no connection or an answer is out.
  bool query();

 private:
  static int on_io(sd_event_source* source, int fd, std::uint32_t events, void* self);
  void connect();
  Result<void> open();
  void serve(std::uint32_t events);
  bool read();
  void hear(std::string_view bytes);
  void write();
  void watch();
  void wait_for_answer(bool anew);
  void give_up_waiting();
  void lose(const std::string& why);

  sd_event* loop_;
  std::string path_;
  std::optional<std::string> nic_;
  Told told_;

  Fd fd_;
  std::optional<QmpDialog> dialog_;  // of this connection
  bool ready_ = false;
  bool overdue_ = false;  // an answer
  std::string unsent_;
  TokenBucket bytes_;
  std::chrono::seconds pause_ = kFirstPause;

  daemon::SourcePtr io_;
  Timer again_;  // connect
  Timer slow_;   // read on
  Timer patience_;
};

}  // namespace rxf::guest
