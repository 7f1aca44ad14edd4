// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <memory>

#include "loader/util/fd.h"

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

// Somebody else's program, called foreign_ok, which keeps every frame from whoever comes after it on the same hook
// (TC_ACT_OK). It goes with this. Throws std::system_error.
class ForeignOk {
 public:
  enum class Hook { ingress, egress };
  // A tc filter at that pref.
  ForeignOk(std::uint32_t ifindex, Hook hook, std::uint32_t priority);
  // On the tcx hook (Linux 6.6).
  ForeignOk(std::uint32_t ifindex, Hook hook);
  ~ForeignOk();
  ForeignOk(const ForeignOk&) = delete;
  ForeignOk& operator=(const ForeignOk&) = delete;

  // Whether the running kernel has tcx.
  static bool has_tcx();

  [[nodiscard]] std::uint32_t id() const;

 private:
  std::unique_ptr<foreign, DestroyForeign> skeleton_;
  std::uint32_t ifindex_;
  Hook hook_;
  std::uint32_t priority_ = 0;  // 0: tcx
  Fd link_;
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
