// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <memory>

struct foreign;

namespace rxf::test {

struct DestroyForeign {
  void operator()(foreign* skeleton) const;
};

// Somebody else's tc filter: on the ingress of a device of the calling thread's namespace, at one pref (its handle is
// 1), with a clsact of its own making where there is none. It stays there when this goes, for as long as the device.
// Throws std::system_error.
class ForeignFilter {
 public:
  ForeignFilter(std::uint32_t ifindex, std::uint32_t priority);

  // The frames with kEtherTypeExperimental that came by, tagged or not.
  [[nodiscard]] std::uint64_t frames() const;

 private:
  std::unique_ptr<foreign, DestroyForeign> skeleton_;
};

// Somebody else's XDP program, called foreign_xdp, which passes every frame. The same terms.
class ForeignXdp {
 public:
  enum class Mode { native, generic };
  ForeignXdp(std::uint32_t ifindex, Mode mode);

  [[nodiscard]] std::uint32_t id() const;

 private:
  std::unique_ptr<foreign, DestroyForeign> skeleton_;
};

}  // namespace rxf::test
