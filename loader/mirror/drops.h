// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "loader/mirror/dropped_frame.h"
#include "loader/mirror/operations.h"

namespace rxf::mirror {

inline constexpr std::uint64_t kUsualDropRate = 1000;
inline constexpr std::uint64_t kHighestDropRate = 1'000'000;

// Hears of what is dropped on one lower device for as long as it lives: on every hook, but no more than so many frames
// a second. Nobody else can meanwhile; when it is killed, that is over 3 seconds later.
class DropListener {
 public:
  using Sink = std::function<void(const DroppedFrame&)>;

  // Errors: those of open_lowerdev(); EBUSY, with the process id, where somebody else listens; ESTALE where the
  // programs are an earlier version's, which tell nothing.
  static Result<DropListener> open(const Context& context, const std::string& device, std::uint64_t rate, Sink sink);

  [[nodiscard]] const std::string& device() const;
  [[nodiscard]] int fd() const;  // for poll(2): readable when there is something to take
  Result<void> take();           // hands it to the sink

  // To be called every kRenewDropsMs. Exit::not_attached where the device has been detached; EBUSY where this came too
  // late and somebody else listens by now.
  Result<void> renew();

  [[nodiscard]] std::uint64_t untold() const;  // dropped frames that came too fast

 private:
  struct State;
  struct Forget {
    void operator()(State* state) const;
  };

  explicit DropListener(std::unique_ptr<State, Forget> state) : state_(std::move(state)) {}

  std::unique_ptr<State, Forget> state_;
};

inline constexpr int kRenewDropsMs = 1000;

}  // namespace rxf::mirror
