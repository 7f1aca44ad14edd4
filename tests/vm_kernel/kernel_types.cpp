// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/kernel_types.h"

#include <bpf/btf.h>

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace rxf::test {
namespace {

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};

const btf& kernel_types() {
  static const std::unique_ptr<btf, FreeBtf> types(btf__load_vmlinux_btf());
  if (!types) throw std::system_error(errno, std::generic_category(), "the running kernel's BTF");
  return *types;
}

std::optional<std::int64_t> enumerator_of(const btf& types, const btf_type& type, const std::string& name) {
  if (!btf_is_enum(&type)) return std::nullopt;
  const struct btf_enum* enumerators = btf_enum(&type);
  for (std::uint16_t i = 0; i < btf_vlen(&type); ++i)
    if (name == btf__name_by_offset(&types, enumerators[i].name_off)) return enumerators[i].val;
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> kernel_enumerator(const std::string& name) {
  const btf& types = kernel_types();
  for (std::uint32_t id = 1; id < btf__type_cnt(&types); ++id)
    if (const auto value = enumerator_of(types, *btf__type_by_id(&types, id), name)) return value;
  return std::nullopt;
}

std::uint16_t rx_filter_attribute() {
  static const auto number = kernel_enumerator("IFLA_RX_FILTER");
  if (!number) throw std::runtime_error("the running kernel's BTF has no enumerator IFLA_RX_FILTER");
  return static_cast<std::uint16_t>(*number);
}

}  // namespace rxf::test
