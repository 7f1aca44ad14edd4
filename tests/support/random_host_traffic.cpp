// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/random_host_traffic.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "tests/support/packet.h"
#include "tests/support/random_host_oracle.h"

namespace rxf::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPause = std::chrono::microseconds(500);
constexpr std::uint64_t kMostStreamed = 1500;  // fewer than a tap's queue holds
// Fewer than the shortest queue on the way holds (a veth's ring for XDP, 256).
constexpr std::size_t kBatch = 100;
constexpr auto kPatience = std::chrono::seconds(10);
constexpr int kPollMs = 20;
constexpr int kQuietMs = 2;
constexpr std::uint32_t kBarrier = 0;  // Marker::kind
constexpr std::size_t kShown = 6;

Bytes bytes_of(const SentFrame& frame, const Marker& marker) {
  return to_bytes(
      {.destination = frame.destination, .source = frame.source, .tags = frame.tags, .payload = to_payload(marker)});
}

}  // namespace

Sent dues_of(const HostModel& model, std::uint32_t kind, std::vector<SentFrame> frames) {
  Sent sent{.kind = kind, .frames = std::move(frames)};
  for (const std::string& receiver : receivers(model))
    for (const SentFrame& frame : sent.frames) sent.dues[receiver].push_back(due(model, receiver, frame));
  return sent;
}

HostStream::HostStream(FrameSender sender, std::uint32_t kind, std::vector<SentFrame> frames)
    : sender_(std::move(sender)), kind_(kind), frames_(std::move(frames)), writer_([this] { write(); }) {}

void HostStream::write() {
  while (!stopping_ && next_ < kMostStreamed) {
    const std::uint64_t number = next_;
    const SentFrame& frame = frames_[number % frames_.size()];
    const Bytes bytes = bytes_of(frame, {.kind = kind_, .sequence = number});
    // The lower device's receive queue is full: that is no matter of filters.
    while (!sender_.try_send(bytes, frame.metadata)) std::this_thread::yield();
    ++next_;
    std::this_thread::sleep_for(kPause);
  }
}

void HostStream::run_on() const {
  const std::uint64_t until = std::min(next_ + frames_.size(), kMostStreamed);
  while (next_ < until) std::this_thread::sleep_for(kPause);
}

std::uint64_t HostStream::stop() {
  stopping_ = true;
  if (writer_.joinable()) writer_.join();
  return next_;
}

// The host gets link-local control whatever happens.
void HostTraffic::pass_barrier() {
  const Marker barrier{.kind = kBarrier, .sequence = barriers_++};
  const SentFrame frame{
      .destination = {{0x01, 0x80, 0xc2, 0, 0, 0x0e}}, .source = {{0x02, 0, 0, 0, 0, 1}}, .tags = {}, .metadata = {}};
  sender_.send(bytes_of(frame, barrier));
  const auto deadline = Clock::now() + kPatience;
  for (ears_.collect(); ears_.heard(kHostReceiver, barrier) == 0; ears_.collect()) {
    if (Clock::now() > deadline) throw std::runtime_error("the host lost a frame of link-local control");
    ears_.wait(kPollMs);
  }
}

void HostTraffic::send(Sent& sent) {
  for (const SentFrame& frame : sent.frames) {
    sender_.send(bytes_of(frame, {.kind = sent.kind, .sequence = sent.count++}), frame.metadata);
    if (sent.count % kBatch == 0) pass_barrier();
  }
  pass_barrier();
}

bool HostTraffic::is_complete(const Sent& sent) const {
  for (const auto& [receiver, dues] : sent.dues)
    for (std::uint64_t n = 0; n < sent.count; ++n)
      if (dues[n % dues.size()] == Due::must && ears_.heard(receiver, {.kind = sent.kind, .sequence = n}) == 0)
        return false;
  return true;
}

std::vector<std::string> HostTraffic::look(const Sent& sent, bool at_missing) const {
  std::vector<std::string> wrong;
  for (const auto& [receiver, dues] : sent.dues)
    for (std::uint64_t n = 0; n < sent.count && wrong.size() < kShown; ++n) {
      const Due due = dues[n % dues.size()];
      const unsigned times = ears_.heard(receiver, {.kind = sent.kind, .sequence = n});
      const bool missing = at_missing && due == Due::must && times == 0;
      if (!missing && times <= (due == Due::must_not ? 0U : 1U)) continue;
      wrong.push_back(receiver + " got frame " + std::to_string(n) + " (" + to_string(sent.frames[n % dues.size()]) +
                      ") " + std::to_string(times) + " times; it " + std::string(to_string(due)));
    }
  return wrong;
}

std::vector<std::string> HostTraffic::problems(const Sent& sent) {
  pass_barrier();
  const auto deadline = Clock::now() + kPatience;
  while (!is_complete(sent) && Clock::now() < deadline) {
    ears_.wait(kPollMs);
    ears_.collect();
  }
  ears_.wait(kQuietMs);
  ears_.collect();
  return look(sent, true);
}

std::vector<std::string> HostTraffic::surplus(const Sent& sent) const { return look(sent, false); }

}  // namespace rxf::test
