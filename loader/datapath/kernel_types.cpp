// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/kernel_types.h"

#include <bpf/btf.h>

#include <memory>

namespace rxf::datapath {
namespace {

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};

std::optional<std::int64_t> enumerator_of(const btf& types, const btf_type& type, const std::string& name) {
  if (!btf_is_enum(&type)) return std::nullopt;
  const struct btf_enum* enumerators = btf_enum(&type);
  for (std::uint16_t i = 0; i < btf_vlen(&type); ++i)
    if (name == btf__name_by_offset(&types, enumerators[i].name_off)) return enumerators[i].val;
  return std::nullopt;
}

}  // namespace

// The types take megabytes, so they are not kept.
std::vector<std::optional<std::int64_t>> kernel_enumerators(const std::vector<std::string>& names) {
  std::vector<std::optional<std::int64_t>> values(names.size());
  const std::unique_ptr<btf, FreeBtf> types(btf__parse_raw("/sys/kernel/btf/vmlinux"));
  if (!types) return values;
  for (std::uint32_t id = 1; id < btf__type_cnt(types.get()); ++id)
    for (std::size_t i = 0; i < names.size(); ++i)
      if (!values[i]) values[i] = enumerator_of(*types, *btf__type_by_id(types.get(), id), names[i]);
  return values;
}

std::optional<std::int64_t> kernel_enumerator(const std::string& name) { return kernel_enumerators({name}).front(); }

std::uint64_t tag_stripping_features() {
  static const auto bits = kernel_enumerators({"NETIF_F_HW_VLAN_CTAG_RX_BIT", "NETIF_F_HW_VLAN_STAG_RX_BIT"});
  std::uint64_t features = 0;
  for (const auto& bit : bits) {
    if (!bit || *bit < 0 || *bit >= 64) return 0;
    features |= std::uint64_t{1} << *bit;
  }
  return features;
}

std::optional<std::uint16_t> rx_filter_attribute() {
  static const auto number = kernel_enumerator("IFLA_RX_FILTER");
  if (!number || *number <= 0 || *number > UINT16_MAX) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

}  // namespace rxf::datapath
