// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <memory>

struct dispatched;
struct xdp_program;

namespace rxf::test {

// Somebody else's XDP program in native mode, through libxdp's dispatcher: it passes every frame on. On a device of the
// calling thread's network namespace; destroyed on the same thread, there. Throws std::system_error.
class DispatchedXdp {
 public:
  // Programs run by their priority, the lowest first, rxfilter's at 10.
  DispatchedXdp(std::uint32_t ifindex, unsigned priority);
  // detach(), if it is not yet.
  ~DispatchedXdp();
  DispatchedXdp(const DispatchedXdp&) = delete;
  DispatchedXdp& operator=(const DispatchedXdp&) = delete;

  void detach();

  // The frames with kEtherTypeExperimental that came by, tagged once or not.
  [[nodiscard]] std::uint64_t frames() const;

 private:
  struct Destroy {
    void operator()(dispatched* skeleton) const;
    void operator()(xdp_program* program) const;
  };

  std::uint32_t ifindex_;
  std::unique_ptr<dispatched, Destroy> skeleton_;
  std::unique_ptr<xdp_program, Destroy> program_;
  bool attached_ = false;
};

}  // namespace rxf::test
