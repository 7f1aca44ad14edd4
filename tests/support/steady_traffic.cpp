// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/steady_traffic.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "tests/support/packet.h"

namespace rxf::test {
namespace {

constexpr auto kPause = std::chrono::microseconds(500);
constexpr std::uint64_t kRounds = 25;  // of all destinations
constexpr auto kPatience = std::chrono::seconds(3);
constexpr int kPollMs = 50;

}  // namespace

SteadyTraffic::SteadyTraffic(FrameSender sender, std::vector<MacAddress> destinations)
    : sender_(std::move(sender)), destinations_(std::move(destinations)), writer_([this] { write(); }) {}

void SteadyTraffic::write() {
  while (!stopping_) {
    const std::uint64_t number = next_++;
    const Packet packet{.destination = destinations_[number % destinations_.size()],
                        .payload = to_payload({.sequence = number})};
    // The lower device's receive queue is full: that is no matter of filters.
    while (!sender_.try_send(to_bytes(packet))) std::this_thread::yield();
    std::this_thread::sleep_for(kPause);
  }
}

void SteadyTraffic::run_on() const {
  const std::uint64_t until = next_ + kRounds * destinations_.size();
  while (next_ < until) std::this_thread::sleep_for(kPause);
}

void SteadyTraffic::stop() {
  stopping_ = true;
  if (writer_.joinable()) writer_.join();
}

Numbers SteadyTraffic::numbers(const MacAddress& destination, std::uint64_t begin, std::uint64_t end) const {
  Numbers found;
  for (std::uint64_t number = begin; number < end; ++number)
    if (destinations_[number % destinations_.size()] == destination) found.insert(number);
  return found;
}

bool Ear::take_one(int timeout_ms) {
  if (auto* listener = std::get_if<PacketListener>(&source_)) {
    const auto heard = listener->hear(timeout_ms);
    if (heard) heard_.insert(heard->marker.sequence);
    return heard.has_value();
  }
  const auto frame = std::get<TapReader>(source_).read_frame(timeout_ms);
  if (!frame) return false;
  if (const auto marker = find_marker(*frame)) heard_.insert(marker->sequence);
  return true;
}

const Numbers& Ear::heard() {
  while (take_one(0)) continue;
  return heard_;
}

Numbers Ear::missing(const Numbers& wanted) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!std::ranges::includes(heard(), wanted) && std::chrono::steady_clock::now() < deadline) take_one(kPollMs);
  Numbers rest;
  std::ranges::set_difference(wanted, heard_, std::inserter(rest, rest.end()));
  return rest;
}

std::string to_string(const Numbers& numbers) {
  constexpr std::size_t kShown = 5;
  if (numbers.empty()) return "none";
  std::string text;
  std::size_t shown = 0;
  for (const std::uint64_t number : numbers) {
    if (shown == kShown) return text + " and " + std::to_string(numbers.size() - kShown) + " more";
    text += (shown++ == 0 ? "" : ", ") + std::to_string(number);
  }
  return text;
}

}  // namespace rxf::test
