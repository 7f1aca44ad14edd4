// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/qmp_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "loader/daemon/api_path.h"

namespace rxf::guest {
namespace {

using Clock = TokenBucket::Clock;

// In one turn of the loop: others have theirs between.
constexpr std::size_t kMostAtOnce = 1 << 16;

// It is an answer, or as much as one: the next is waited for anew.
bool is_progress(const QmpNews& news) {
  return std::holds_alternative<QmpReady>(news) || std::holds_alternative<QmpState>(news) ||
         std::holds_alternative<QmpUnsupported>(news);
}

const QmpGarbage* fatal(const QmpNews& news) {
  const auto* garbage = std::get_if<QmpGarbage>(&news);
  return garbage != nullptr && garbage->fatal ? garbage : nullptr;
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return system_error(ENAMETOOLONG, "connect");
  std::ranges::copy(path, address.sun_path);
  return address;
}

}  // namespace

QmpConnection::QmpConnection(sd_event* loop, std::string path, std::optional<std::string> nic, Told told)
    : loop_(loop),
      path_(std::move(path)),
      nic_(std::move(nic)),
      told_(std::move(told)),
      bytes_(kBytesASecond, 2 * kBytesASecond, Clock::now()),
      again_(loop, [this] { connect(); }),
      slow_(loop, [this] { watch(); }),
      patience_(loop, [this] { give_up_waiting(); }) {
  again_.start(std::chrono::microseconds(0));
}

int QmpConnection::on_io(sd_event_source* /*source*/, int /*fd*/, std::uint32_t events, void* self) {
  static_cast<QmpConnection*>(self)->serve(events);
  return 0;
}

void QmpConnection::connect() {
  if (auto done = open(); !done) return lose(done.error().text);
  dialog_.emplace(nic_);
  write();
  if (fd_) wait_for_answer(true);
}

// connect(2) of a UNIX socket does not wait: where its queue is full, the error is EAGAIN.
Result<void> QmpConnection::open() {
  const auto address = address_of(path_);
  if (!address) return std::unexpected(address.error());
  fd_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return system_error(errno, "socket");
  if (::connect(fd_.get(), daemon::generic(*address), sizeof(*address)) != 0) return system_error(errno, "connect");
  sd_event_source* io = nullptr;
  const int added = sd_event_add_io(loop_, &io, fd_.get(), EPOLLIN, on_io, this);
  io_.reset(io);
  return added < 0 ? system_error(added, "event loop") : Result<void>{};
}

void QmpConnection::serve(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) write();
  if (fd_ && (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) (void)read();
}

// False where there is no more to read.
bool QmpConnection::read() {
  std::string chunk(kMostAtOnce, '\0');
  const ssize_t size = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size <= 0) {
    lose(size == 0 ? "QEMU closed the connection" : system_error(errno, "recv").error().text);
    return false;
  }
  bytes_.spend(static_cast<double>(size), Clock::now());
  hear(std::string_view(chunk).substr(0, static_cast<std::size_t>(size)));
  return static_cast<bool>(fd_);
}

// What is told may ask.
void QmpConnection::hear(std::string_view bytes) {
  const std::vector<QmpNews> heard = dialog_->received(bytes);
  for (const QmpNews& news : heard) {
    if (std::holds_alternative<QmpReady>(news)) ready_ = true;
    if (std::holds_alternative<QmpState>(news)) pause_ = kFirstPause;
    told_.news(news);
    if (!fd_) return;
    if (const QmpGarbage* why = fatal(news)) return lose(why->why);
  }
  write();
  if (fd_) wait_for_answer(std::ranges::any_of(heard, is_progress));
}

bool QmpConnection::query() {
  if (!ready_ || !dialog_ || !dialog_->query()) return false;
  write();
  if (fd_) wait_for_answer(true);
  return true;
}

// A few hundred bytes at most: nothing is asked while an answer is out.
void QmpConnection::write() {
  unsent_ += dialog_->to_send();
  if (!unsent_.empty()) {
    const ssize_t size = ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN && errno != EINTR) return lose(system_error(errno, "send").error().text);
    if (size > 0) unsent_.erase(0, static_cast<std::size_t>(size));
  }
  watch();
}

void QmpConnection::watch() {
  const auto wait = bytes_.wait(Clock::now());
  if (wait.count() > 0) slow_.start_unless_running(wait);
  const bool reads = wait.count() == 0;
  sd_event_source_set_io_events(io_.get(), (reads ? EPOLLIN : 0U) | (unsent_.empty() ? 0U : EPOLLOUT));
}

void QmpConnection::wait_for_answer(bool anew) {
  if (anew || !dialog_->waiting()) overdue_ = false;
  if (!dialog_->waiting()) return patience_.stop();
  if (anew) return patience_.start(kPatience);
  if (!overdue_) patience_.start_unless_running(kPatience);
}

// The answer may have come while the loop was held up elsewhere: it is there to be read then.
void QmpConnection::give_up_waiting() {
  overdue_ = true;
  for (std::size_t unread = QmpReader::kMaxMessage; unread > 0 && read(); unread -= kMostAtOnce) {
  }
  if (!fd_ || !overdue_) return;
  lose("no answer within " + std::to_string(kPatience.count()) + " s" +
       (ready_ ? "" : "; a monitor serves one client at a time, and this one may have another"));
}

void QmpConnection::lose(const std::string& why) {
  io_.reset();
  fd_ = Fd();
  dialog_.reset();
  ready_ = false;
  overdue_ = false;
  unsent_.clear();
  slow_.stop();
  patience_.stop();
  again_.start(pause_);
  pause_ = std::min(2 * pause_, kLongestPause);
  told_.lost(why);
}

}  // namespace rxf::guest
