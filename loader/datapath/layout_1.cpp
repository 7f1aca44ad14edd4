// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/layout_1.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <map>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/pinned_map.h"

namespace rxf::datapath::layout_1 {
namespace {

// Without a descriptor where there is no such pin.
Result<PinnedMap> open_old(const std::string& path) {
  auto map = open_pinned(path);
  if (!map && map.error().code == ENOENT) return PinnedMap{};
  return map;
}

Result<void> put(int fd, const void* key, const void* value) {
  if (bpf_map_update_elem(fd, key, value, BPF_ANY) != 0) return system_error(errno, "write a BPF map");
  return {};
}

class Conversion {
 public:
  explicit Conversion(std::string directory) : directory_(std::move(directory)) {}

  Result<void> run();

 private:
  using Fill = std::function<Result<void>(int old_fd, int new_fd)>;

  Result<void> convert(const char* name, std::uint32_t old_size, const Fill& fill);
  Result<void> read_uppers(int fd);
  Result<void> fill_mode(int old_fd, int new_fd) const;
  Result<void> fill_uppers(int new_fd) const;
  static Result<void> fill_meta(int old_fd, int new_fd);

  std::string directory_;
  ObjectPtr fresh_;
  std::map<std::uint32_t, Upper> uppers_;  // by ifindex; empty where they are converted already
};

Result<void> Conversion::read_uppers(int fd) {
  __u32 key = 0;
  for (const __u32* from = nullptr; bpf_map_get_next_key(fd, from, &key) == 0; from = &key)
    if (Upper upper{}; bpf_map_lookup_elem(fd, &key, &upper) == 0) uppers_.emplace(key, upper);
  return errno == ENOENT ? Result<void>{} : system_error(errno, "read a BPF map");
}

Result<void> Conversion::fill_mode(int old_fd, int new_fd) const {
  const __u32 key = 0;
  Mode old{};
  if (bpf_map_lookup_elem(old_fd, &key, &old) != 0) return system_error(errno, "read a BPF map");
  rxf_mode mode{};
  std::copy(std::begin(old.active), std::end(old.active), std::begin(mode.active));
  for (const auto& [ifindex, upper] : uppers_)
    if (upper.index < RXF_MAX_UPPERS && mode.active[upper.index] != RXF_NO_SLOT)
      mode.active[upper.index] |= std::uint64_t{ifindex} << 32;
  return put(new_fd, &key, &mode);
}

Result<void> Conversion::fill_uppers(int new_fd) const {
  for (const auto& [ifindex, old] : uppers_) {
    rxf_upper upper{.index = old.index, .guard = old.guard};
    std::copy(std::begin(old.name), std::end(old.name), upper.name);
    if (auto done = put(new_fd, &ifindex, &upper); !done) return done;
  }
  return {};
}

Result<void> Conversion::fill_meta(int old_fd, int new_fd) {
  const __u32 key = 0;
  Meta old{};
  if (bpf_map_lookup_elem(old_fd, &key, &old) != 0) return system_error(errno, "read a BPF map");
  rxf_meta meta{.abi = old.abi,
                .ifindex = old.ifindex,
                .netns_cookie = old.netns_cookie,
                .requested_mode = old.requested_mode,
                .early_hook = old.early_hook,
                .xdp_prog_id = old.xdp_prog_id,
                .judges_vlan = old.judges_vlan,
                .early = old.early};
  std::copy(std::begin(old.name), std::end(old.name), meta.name);
  return put(new_fd, &key, &meta);
}

// Whole under another name, then in one step in the old one's place.
Result<void> Conversion::convert(const char* name, std::uint32_t old_size, const Fill& fill) {
  const std::string path = directory_ + "/" + name;
  const std::string next = path + "%next";
  const auto old = open_old(path);
  if (!old) return std::unexpected(old.error());
  if (old->fd && old->info.value_size != old_size) return {};
  const int fresh = bpf_object__find_map_fd_by_name(fresh_.get(), name);
  if (old->fd)
    if (auto filled = fill(old->fd.get(), fresh); !filled) return filled;
  ::unlink(next.c_str());
  if (bpf_obj_pin(fresh, next.c_str()) != 0) return system_error(errno, "pin " + next);
  if (std::rename(next.c_str(), path.c_str()) != 0) return system_error(errno, "rename " + next);
  return {};
}

Result<void> Conversion::run() {
  auto fresh = load_object(embedded_object(), nullptr, {}, "");
  if (!fresh) return std::unexpected(fresh.error());
  fresh_ = std::move(*fresh);
  const auto uppers = open_old(directory_ + "/uppers");
  if (!uppers) return std::unexpected(uppers.error());
  if (uppers->fd && uppers->info.value_size == sizeof(Upper))
    if (auto done = read_uppers(uppers->fd.get()); !done) return done;

  // `mode` before `uppers`, from which it takes whose each index is.
  if (auto done = convert("mode", sizeof(Mode), [&](int from, int to) { return fill_mode(from, to); }); !done)
    return done;
  if (auto done = convert("uppers", sizeof(Upper), [&](int /*from*/, int to) { return fill_uppers(to); }); !done)
    return done;
  if (auto done = convert("steering", 0, [](int, int) { return Result<void>{}; }); !done) return done;
  return convert("meta", sizeof(Meta), fill_meta);
}

}  // namespace

Result<void> convert(const std::string& pin_directory) { return Conversion(pin_directory).run(); }

}  // namespace rxf::datapath::layout_1
