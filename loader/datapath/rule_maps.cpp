// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/rule_maps.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <vector>

#include "loader/datapath/bpf_object.h"

namespace rxf::datapath {
namespace {

struct Layout {
  std::uint32_t key;
  std::uint32_t value;
};

Layout layout_of(std::string_view map) {
  if (map == "mode") return {4, sizeof(rxf_mode)};
  if (map == "slots") return {4, sizeof(rxf_slot)};
  if (map == "addresses") return {sizeof(rxf_address_key), sizeof(rxf_address)};
  if (map == "steering") return {sizeof(rxf_steering_key), sizeof(rxf_steering)};
  if (map == "counters") return {4, sizeof(rxf_counters)};
  if (map == "vlans") return {4, sizeof(rxf_vlan_list)};
  if (map == "uppers") return {4, sizeof(rxf_upper)};
  if (map == "filters") return {4, sizeof(rxf_filter)};
  return {4, sizeof(rxf_meta)};
}

Result<bpf_map_info> map_info(int fd) {
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return system_error(errno, "BPF map information");
  return info;
}

Result<void> check_layout(const char* name, int fd) {
  const auto info = map_info(fd);
  if (!info) return std::unexpected(info.error());
  const Layout layout = layout_of(name);
  if (info->key_size == layout.key && info->value_size == layout.value) return {};
  return system_error(EPROTO, std::string("map ") + name + " has another layout (made by another version of rxfilter)");
}

rxf_address_key key_of(std::uint32_t slot, const MacAddress& address) {
  rxf_address_key key{.slot = static_cast<__u16>(slot)};
  std::copy(address.bytes.begin(), address.bytes.end(), std::begin(key.address));
  return key;
}

rxf_steering_key key_of(const MacAddress& address) {
  rxf_steering_key key{};
  std::copy(address.bytes.begin(), address.bytes.end(), std::begin(key.address));
  return key;
}

// Fills a fixed text field, always terminated; a list that does not fit is cut at a comma.
template <std::size_t N>
void put_list(char (&field)[N], std::string text) {
  if (text.size() >= N) {
    text.resize(text.rfind(',', N - 5));
    text += ",...";
  }
  std::copy_n(text.begin(), text.size(), field);
}

Result<void> update(int fd, const void* key, const void* value, std::uint64_t flags, const char* what) {
  if (bpf_map_update_elem(fd, key, value, flags) != 0) return system_error(errno, what);
  return {};
}

// Deleting what is not there is done already.
Result<void> remove(int fd, const void* key, const char* what) {
  if (bpf_map_delete_elem(fd, key) != 0 && errno != ENOENT) return system_error(errno, what);
  return {};
}

// Calls `visit` for every element. The caller's lock keeps others from deleting meanwhile.
template <class Key, class Value>
Result<void> for_each(int fd, const std::function<void(const Key&, const Value&)>& visit) {
  Key key{}, next{};
  const auto value = std::make_unique<Value>();
  for (const void* from = nullptr; bpf_map_get_next_key(fd, from, &next) == 0; from = &key) {
    key = next;
    if (bpf_map_lookup_elem(fd, &key, value.get()) == 0) visit(key, *value);
  }
  if (errno != ENOENT) return system_error(errno, "read a BPF map");
  return {};
}

}  // namespace

void Unmap::operator()(void* memory) const { ::munmap(memory, length); }

Result<RuleMaps> RuleMaps::from(const std::function<Result<Fd>(const char*)>& open_map) {
  RuleMaps maps;
  for (const char* name : kRuleMapNames) {
    auto fd = open_map(name);
    if (!fd) return std::unexpected(fd.error());
    if (auto checked = check_layout(name, fd->get()); !checked) return std::unexpected(checked.error());
    maps.fds_.emplace(name, std::move(*fd));
  }
  if (auto mapped = maps.map_arrays(); !mapped) return std::unexpected(mapped.error());
  return maps;
}

Result<RuleMaps> RuleMaps::open(const std::string& pin_directory) {
  return from([&](const char* name) -> Result<Fd> {
    const std::string path = pin_directory + "/" + name;
    Fd fd(bpf_obj_get(path.c_str()));
    if (!fd) return system_error(errno, "open " + path);
    return fd;
  });
}

std::vector<std::string> RuleMaps::damaged(const std::string& pin_directory) {
  std::vector<std::string> names;
  for (const char* name : kRuleMapNames) {
    const Fd fd(bpf_obj_get((pin_directory + "/" + name).c_str()));
    if (!fd || !check_layout(name, fd.get())) names.emplace_back(name);
  }
  return names;
}

Result<RuleMaps> RuleMaps::of(const bpf_object* object) {
  return from([&](const char* name) -> Result<Fd> {
    Fd fd(::fcntl(bpf_object__find_map_fd_by_name(object, name), F_DUPFD_CLOEXEC, 0));
    if (!fd) return system_error(ENOENT, std::string("map ") + name);
    return fd;
  });
}

Result<void> RuleMaps::map_arrays() {
  const auto info = map_info(fd("slots"));
  if (!info) return std::unexpected(info.error());
  rules_map_id_ = info->id;
  const auto map = [&](const char* name, std::size_t size) -> Result<void*> {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t length = (size + page - 1) / page * page;
    void* memory = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd(name), 0);
    if (memory == MAP_FAILED) return system_error(errno, std::string("mmap map ") + name);
    return memory;
  };
  const auto mode = map("mode", sizeof(rxf_mode));
  if (!mode) return std::unexpected(mode.error());
  mode_ = Mapped<rxf_mode>(static_cast<rxf_mode*>(*mode), Unmap{sizeof(rxf_mode)});
  const auto slots = map("slots", sizeof(rxf_slot) * RXF_MAX_SLOTS);
  if (!slots) return std::unexpected(slots.error());
  slots_ = Mapped<rxf_slot>(static_cast<rxf_slot*>(*slots), Unmap{sizeof(rxf_slot) * RXF_MAX_SLOTS});
  return {};
}

std::uint64_t RuleMaps::rules(std::uint32_t slot) const { return slots_.get()[slot].rules; }

VlanSet RuleMaps::vlans(std::uint32_t slot) const {
  std::array<std::uint64_t, RXF_VLAN_WORDS> words{};
  std::copy_n(slots_.get()[slot].vlan, words.size(), words.begin());
  return VlanSet::from_words(words);
}

std::uint32_t RuleMaps::active(std::uint32_t index) const {
  return static_cast<std::uint32_t>(RXF_ACTIVE_SLOT(mode_->active[index]));
}

std::uint64_t RuleMaps::sole() const { return mode_->sole; }

std::uint64_t RuleMaps::control() const { return mode_->control; }

std::uint64_t RuleMaps::deadline() const { return mode_->deadline; }

Result<std::map<std::uint32_t, AddressSet>> RuleMaps::addresses() const {
  std::map<std::uint32_t, AddressSet> found;
  const auto done =
      for_each<rxf_address_key, rxf_address>(fd("addresses"), [&](const rxf_address_key& key, const rxf_address&) {
        found[key.slot].insert(MacAddress::from_bytes(key.address));
      });
  if (!done) return std::unexpected(done.error());
  return found;
}

void RuleMaps::store_rules(std::uint32_t slot, std::uint64_t rules) {
  assert(slot < RXF_MAX_SLOTS);
  if (slots_.get()[slot].rules == rules) return;
  __atomic_store_n(&slots_.get()[slot].rules, rules, __ATOMIC_RELEASE);
  wrote();
}

void RuleMaps::store_vlans(std::uint32_t slot, const VlanSet& vlans) {
  assert(slot < RXF_MAX_SLOTS);
  const auto words = vlans.words();
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto* word = &slots_.get()[slot].vlan[i];
    if (*word == words[i]) continue;
    __atomic_store_n(word, words[i], __ATOMIC_RELEASE);
    wrote();
  }
}

void RuleMaps::store(__u64& word, std::uint64_t value) {
  if (word == value) return;
  __atomic_store_n(&word, __u64{value}, __ATOMIC_RELEASE);
  wrote();
}

void RuleMaps::activate(std::uint32_t index, std::uint32_t slot, std::uint32_t ifindex) {
  assert(index < RXF_MAX_UPPERS && slot < RXF_MAX_SLOTS);
  store(mode_->active[index], std::uint64_t{ifindex} << 32 | slot);
}

void RuleMaps::store_sole(std::uint64_t sole) { store(mode_->sole, sole); }

void RuleMaps::store_control(std::uint64_t control) { store(mode_->control, control); }

void RuleMaps::store_deadline(std::uint64_t deadline) { store(mode_->deadline, deadline); }

Result<void> RuleMaps::insert(std::uint32_t slot, const MacAddress& address, std::uint32_t ifindex) {
  const rxf_address_key key = key_of(slot, address);
  rxf_address value{.ifindex = ifindex};
  const std::string text = to_string(address);
  std::copy_n(text.begin(), text.size(), value.address);
  if (bpf_map_update_elem(fd("addresses"), &key, &value, BPF_NOEXIST) != 0) {
    if (errno == E2BIG)
      return system_error(E2BIG, "more than " + std::to_string(RXF_MAX_ADDRESS_ENTRIES) +
                                     " addresses on this lower device, old and new sets together");
    return system_error(errno, "insert " + text + " into map addresses");
  }
  wrote();
  return {};
}

Result<void> RuleMaps::erase(std::uint32_t slot, const MacAddress& address) {
  const rxf_address_key key = key_of(slot, address);
  auto done = remove(fd("addresses"), &key, "delete from map addresses");
  wrote();
  return done;
}

Result<std::map<MacAddress, rxf_steering>> RuleMaps::steering() const {
  std::map<MacAddress, rxf_steering> found;
  const auto done = for_each<rxf_steering_key, rxf_steering>(
      fd("steering"), [&](const rxf_steering_key& key, const rxf_steering& claim) {
        found.emplace(MacAddress::from_bytes(key.address), claim);
      });
  if (!done) return std::unexpected(done.error());
  return found;
}

Result<void> RuleMaps::insert_steering(const MacAddress& address, const rxf_steering& claim) {
  const rxf_steering_key key = key_of(address);
  auto done = update(fd("steering"), &key, &claim, BPF_NOEXIST, "insert into map steering");
  wrote();
  return done;
}

Result<void> RuleMaps::erase_steering(const MacAddress& address) {
  const rxf_steering_key key = key_of(address);
  auto done = remove(fd("steering"), &key, "delete from map steering");
  wrote();
  return done;
}

Result<void> RuleMaps::describe_vlans(std::uint32_t slot, std::uint32_t ifindex, const std::string& text) {
  rxf_vlan_list value{.ifindex = ifindex};
  put_list(value.vlans, text);
  return update(fd("vlans"), &slot, &value, BPF_ANY, "update map vlans");
}

Result<void> RuleMaps::forget_vlans(std::uint32_t slot) { return remove(fd("vlans"), &slot, "delete from map vlans"); }

Result<std::map<std::uint32_t, rxf_upper>> RuleMaps::uppers() const {
  std::map<std::uint32_t, rxf_upper> found;
  const auto done = for_each<std::uint32_t, rxf_upper>(
      fd("uppers"), [&](const std::uint32_t& ifindex, const rxf_upper& upper) { found.emplace(ifindex, upper); });
  if (!done) return std::unexpected(done.error());
  return found;
}

Result<void> RuleMaps::put_upper(std::uint32_t ifindex, const rxf_upper& upper) {
  return update(fd("uppers"), &ifindex, &upper, BPF_ANY, "update map uppers");
}

Result<void> RuleMaps::erase_upper(std::uint32_t ifindex) {
  return remove(fd("uppers"), &ifindex, "delete from map uppers");
}

Result<std::map<std::uint32_t, std::unique_ptr<rxf_filter>>> RuleMaps::filters() const {
  std::map<std::uint32_t, std::unique_ptr<rxf_filter>> found;
  const auto done =
      for_each<std::uint32_t, rxf_filter>(fd("filters"), [&](const std::uint32_t& ifindex, const rxf_filter& filter) {
        found.emplace(ifindex, std::make_unique<rxf_filter>(filter));
      });
  if (!done) return std::unexpected(done.error());
  return found;
}

Result<void> RuleMaps::put_filter(std::uint32_t ifindex, const rxf_filter& filter) {
  return update(fd("filters"), &ifindex, &filter, BPF_ANY, "update map filters");
}

Result<void> RuleMaps::erase_filter(std::uint32_t ifindex) {
  return remove(fd("filters"), &ifindex, "delete from map filters");
}

Result<rxf_meta> RuleMaps::meta() const {
  rxf_meta meta{};
  const std::uint32_t key = 0;
  if (bpf_map_lookup_elem(fd("meta"), &key, &meta) != 0) return system_error(errno, "read map meta");
  return meta;
}

Result<void> RuleMaps::put_meta(const rxf_meta& meta) {
  const std::uint32_t key = 0;
  return update(fd("meta"), &key, &meta, BPF_ANY, "update map meta");
}

Result<rxf_counters> RuleMaps::counters(std::uint32_t key) const {
  std::vector<rxf_counters> cpus(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_lookup_elem(fd("counters"), &key, cpus.data()) != 0) return system_error(errno, "read map counters");
  rxf_counters sum{};
  const auto add = [](rxf_counter& to, const rxf_counter& from) {
    to.packets += from.packets;
    to.bytes += from.bytes;
  };
  for (const rxf_counters& cpu : cpus) {
    add(sum.admitted, cpu.admitted);
    add(sum.dropped_vlan, cpu.dropped_vlan);
    add(sum.dropped_broadcast, cpu.dropped_broadcast);
    add(sum.dropped_multicast, cpu.dropped_multicast);
    add(sum.dropped_unicast, cpu.dropped_unicast);
  }
  return sum;
}

Result<void> RuleMaps::reset_counters(std::uint32_t key) {
  const std::vector<rxf_counters> zero(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  return update(fd("counters"), &key, zero.data(), BPF_ANY, "reset map counters");
}

}  // namespace rxf::datapath
