// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/drop_ring.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/pinned_map.h"
#include "loader/util/fd.h"

namespace rxf::datapath {
namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

void store(__u64& word, std::uint64_t value) { __atomic_store_n(&word, __u64{value}, __ATOMIC_RELEASE); }

std::uint64_t load(const __u64& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }

std::unexpected<Error> somebody_listens(std::uint32_t owner) {
  return std::unexpected(
      Error{.text = "process " + std::to_string(owner) + " listens already, one can at a time", .code = EBUSY});
}

int hand_over(void* sink, void* data, std::size_t size) {
  if (size >= sizeof(rxf_drop)) (*static_cast<DropRing::Sink*>(sink))(*static_cast<const rxf_drop*>(data));
  return 0;
}

}  // namespace

Result<void> DropRing::open_lease(const std::string& path) {
  const auto map = open_pinned(path);
  if (!map) return std::unexpected(map.error());
  if (map->info.value_size != sizeof(rxf_drop_lease)) return system_error(EPROTO, path);
  void* memory = ::mmap(nullptr, sizeof(rxf_drop_lease), PROT_READ | PROT_WRITE, MAP_SHARED, map->fd.get(), 0);
  if (memory == MAP_FAILED) return system_error(errno, "mmap " + path);
  lease_ = {static_cast<rxf_drop_lease*>(memory), Unmap{sizeof(rxf_drop_lease)}};
  lease_map_id_ = map->info.id;
  lease_path_ = path;
  return {};
}

Result<void> DropRing::open_ring(const std::string& path) {
  const auto map = open_pinned(path);
  if (!map) return std::unexpected(map.error());
  ring_.reset(ring_buffer__new(map->fd.get(), hand_over, sink_.get(), nullptr));
  if (!ring_) return system_error(errno, "open " + path + " (" + last_library_message() + ")");
  return {};
}

Result<void> DropRing::take_lease(std::uint64_t rate, std::uint64_t now) {
  if (now < load(lease_->deadline)) return somebody_listens(lease_->owner);
  store(lease_->interval, kNanosecondsPerSecond / rate);
  store(lease_->burst, (kSampleBurst - 1) * (kNanosecondsPerSecond / rate));
  store(lease_->next, 0);
  store(lease_->unsampled, 0);
  owner_ = static_cast<std::uint32_t>(::getpid());
  __atomic_store_n(&lease_->owner, owner_, __ATOMIC_RELEASE);
  store(lease_->deadline, now + kLeaseNanoseconds);
  return {};
}

Result<DropRing> DropRing::open(const std::string& pin_directory, std::uint64_t rate, std::uint64_t now, Sink sink) {
  capture_library_messages();
  DropRing ring;
  // What an earlier listener has left is not for this one.
  ring.sink_ = std::make_unique<Sink>([](const rxf_drop&) {});
  if (auto done = ring.open_lease(pin_directory + "/drop_lease"); !done) return std::unexpected(done.error());
  if (now < load(ring.lease_->deadline)) return somebody_listens(ring.lease_->owner);
  if (auto done = ring.open_ring(pin_directory + "/drops"); !done) return std::unexpected(done.error());
  if (auto done = ring.take(); !done) return std::unexpected(done.error());
  *ring.sink_ = std::move(sink);
  if (auto done = ring.take_lease(rate, now); !done) return std::unexpected(done.error());
  return ring;
}

DropRing::DropRing(DropRing&& other) noexcept
    : lease_path_(std::move(other.lease_path_)),
      lease_map_id_(other.lease_map_id_),
      owner_(std::exchange(other.owner_, 0)),
      lease_(std::move(other.lease_)),
      sink_(std::move(other.sink_)),
      ring_(std::move(other.ring_)) {}

DropRing::~DropRing() {
  if (owner_ == 0 || lease_->owner != owner_) return;
  store(lease_->deadline, 0);
  __atomic_store_n(&lease_->owner, 0U, __ATOMIC_RELEASE);
}

Result<void> DropRing::renew(std::uint64_t now) {
  const auto there = open_pinned(lease_path_);
  if (!there) return std::unexpected(there.error());
  if (there->info.id != lease_map_id_) return system_error(ENOENT, lease_path_);
  if (const std::uint32_t owner = lease_->owner; owner != owner_) return somebody_listens(owner);
  store(lease_->deadline, now + kLeaseNanoseconds);
  return {};
}

Result<void> DropRing::take() {
  const int taken = ring_buffer__consume(ring_.get());
  return taken < 0 ? system_error(taken, "read the ring buffer of dropped frames") : Result<void>{};
}

int DropRing::fd() const { return ring_buffer__epoll_fd(ring_.get()); }

std::uint64_t DropRing::unsampled() const { return load(lease_->unsampled); }

}  // namespace rxf::datapath
