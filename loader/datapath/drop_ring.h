// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bpf/rx_filter_abi.h"
#include "loader/datapath/rule_maps.h"
#include "loader/model/result.h"

namespace rxf::datapath {

// For how long a lease is taken: a listener that was killed has gone after that. It is renewed several times in it.
inline constexpr std::uint64_t kLeaseNanoseconds = 3'000'000'000;

// Frames that may be sampled at once, whatever the rate is.
inline constexpr std::uint64_t kSampleBurst = 100;

// Samples of what is dropped at the hooks of one lower device, while this lives.
class DropRing {
 public:
  using Sink = std::function<void(const rxf_drop&)>;

  // The caller holds the lock of the pin directory for writing. `rate`: frames a second, 1 to 1,000,000; `now`:
  // nanoseconds of CLOCK_BOOTTIME as programs read it. Error ENOENT where the maps are missing, as of a device that an
  // earlier version attached; EBUSY, with the process id, where somebody else listens.
  static Result<DropRing> open(const std::string& pin_directory, std::uint64_t rate, std::uint64_t now, Sink sink);

  DropRing(DropRing&& other) noexcept;
  DropRing& operator=(DropRing&&) = delete;
  ~DropRing();  // gives the lease back

  // Error ENOENT where the pins are gone or others, so that nothing can come any more; EBUSY where the lease has run
  // out meanwhile and somebody else has one.
  Result<void> renew(std::uint64_t now);

  // Hands what is there to the sink.
  Result<void> take();

  [[nodiscard]] int fd() const;                   // readable when there is something to take
  [[nodiscard]] std::uint64_t unsampled() const;  // frames dropped since open() that are not shown
  [[nodiscard]] std::uint32_t lease_map_id() const { return lease_map_id_; }

 private:
  struct FreeRing {
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
  };

  DropRing() = default;
  Result<void> open_lease(const std::string& path);
  Result<void> open_ring(const std::string& path);
  Result<void> take_lease(std::uint64_t rate, std::uint64_t now);

  std::string lease_path_;
  std::uint32_t lease_map_id_ = 0;
  std::uint32_t owner_ = 0;  // 0: the lease is not ours
  std::unique_ptr<rxf_drop_lease, Unmap> lease_{nullptr, Unmap{0}};
  std::unique_ptr<Sink> sink_;  // where it is when this moves
  std::unique_ptr<ring_buffer, FreeRing> ring_;
};

}  // namespace rxf::datapath
