// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/support/random_host_model.h"

namespace rxf::test {

// What is drawn at random on a host. The same seed gives the same, as long as the model is the same.
class HostDraw {
 public:
  // What never comes, of steps by their names and of these: frames with "priority" tags in front of others; uppers
  // "passthru", "source", "elsewhere"; addresses that somebody has "claimed"; attached as "generic".
  HostDraw(std::uint64_t seed, std::set<std::string> without) : random_(seed), without_(std::move(without)) {}

  [[nodiscard]] bool has(const std::string& kind) const { return !without_.contains(kind); }

  [[nodiscard]] std::uint32_t below(std::size_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  [[nodiscard]] const T& one_of(const std::vector<T>& all) {
    return all.at(below(all.size()));
  }

  // One that nobody has had.
  [[nodiscard]] MacAddress fresh_address();
  // A group of the few that everybody joins, lists and sends to.
  [[nodiscard]] MacAddress group();
  [[nodiscard]] AddressSet sources();
  [[nodiscard]] std::uint16_t vid();

  // Further addresses are the upper's own pool, but now and then one that others have or had.
  [[nodiscard]] FilterSet filter(const HostModel& model, const std::string& upper);

  // Frames of every kind: to each address that matters, with tags of all sorts.
  [[nodiscard]] std::vector<SentFrame> burst(const HostModel& model);
  // A few of them, each of which may be sent again and again.
  [[nodiscard]] std::vector<SentFrame> stream(const HostModel& model, std::size_t count);

  // An address that some filter set claims; a fresh one where there is none.
  [[nodiscard]] MacAddress claimed_or_fresh(const HostModel& model);

 private:
  [[nodiscard]] VlanTag tag(std::uint16_t vid);
  void add_tags(SentFrame& frame);
  [[nodiscard]] AddressFilter addresses(const HostModel& model, const std::string& upper);
  [[nodiscard]] MacAddress somebody_elses(const HostModel& model, const std::string& upper);

  std::mt19937_64 random_;
  std::set<std::string> without_;
  std::uint16_t addresses_ = 0;
};

// Everything that frames of a burst are sent to, each once.
[[nodiscard]] std::vector<MacAddress> destinations(const HostModel& model);

}  // namespace rxf::test
