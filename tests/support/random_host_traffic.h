// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/frame_sender.h"
#include "tests/support/random_host_ears.h"
#include "tests/support/random_host_model.h"

namespace rxf::test {

// Frames that were sent in turn, and what of them is due to whom.
struct Sent {
  std::uint32_t kind = 0;  // Marker::kind
  std::vector<SentFrame> frames;
  std::uint64_t count = 0;                         // the n-th was frames[n % frames.size()], with sequence n
  std::map<std::string, std::vector<Due>> dues{};  // by receiver, of each of `frames`
};

[[nodiscard]] Sent dues_of(const HostModel& model, std::uint32_t kind, std::vector<SentFrame> frames);

// Sends frames in turn on a thread of its own, some 2,000 a second, until it is stopped or has sent as many as the
// shortest queue holds.
class HostStream {
 public:
  HostStream(FrameSender sender, std::uint32_t kind, std::vector<SentFrame> frames);
  ~HostStream() { stop(); }
  HostStream(const HostStream&) = delete;
  HostStream& operator=(const HostStream&) = delete;

  // Lets each of them be sent once more.
  void run_on() const;
  // Returns how many were sent.
  std::uint64_t stop();

 private:
  void write();

  FrameSender sender_;
  std::uint32_t kind_;
  std::vector<SentFrame> frames_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> next_ = 0;
  std::thread writer_;
};

// Sends frames and tells who got what they should not have got, or did not get what they should.
class HostTraffic {
 public:
  HostTraffic(FrameSender sender, HostEars& ears) : sender_(std::move(sender)), ears_(ears) {}

  // Sends each of them once.
  void send(Sent& sent);

  // Waits until everything that is due is there, with patience. Returns sentences about what is wrong, a few at most.
  std::vector<std::string> problems(const Sent& sent);

  // What arrived although it must not: also when it comes late.
  [[nodiscard]] std::vector<std::string> surplus(const Sent& sent) const;

 private:
  void pass_barrier();
  [[nodiscard]] bool is_complete(const Sent& sent) const;
  [[nodiscard]] std::vector<std::string> look(const Sent& sent, bool at_missing) const;

  FrameSender sender_;
  HostEars& ears_;
  std::uint64_t barriers_ = 0;
};

}  // namespace rxf::test
