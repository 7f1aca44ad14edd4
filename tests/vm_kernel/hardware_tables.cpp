// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/hardware_tables.h"

#include <chrono>
#include <ostream>
#include <thread>

#include "tests/support/must.h"

namespace rxf::test {
namespace {

constexpr int kTries = 200;
constexpr auto kBetween = std::chrono::milliseconds(50);

AddressSet addresses(const nlohmann::json& table) {
  AddressSet addresses;
  for (const auto& text : table) addresses.insert(must(MacAddress::parse(text.get<std::string>())));
  return addresses;
}

void print(std::ostream& out, const char* name, const AddressSet& addresses) {
  out << ", " << name << " {";
  for (const MacAddress& address : addresses) out << " " << to_string(address);
  out << " }";
}

}  // namespace

void PrintTo(const HardwareTables& tables, std::ostream* out) {
  *out << to_string(tables.address) << (tables.promiscuous ? ", promiscuous" : "")
       << (tables.all_multicast ? ", all multicast" : "") << (tables.unicast_overflow ? ", unicast overflow" : "");
  print(*out, "unicast", tables.unicast);
  print(*out, "multicast", tables.multicast);
  *out << ", VLANs {";
  for (const std::uint16_t vid : tables.vlans) *out << " " << vid;
  *out << " }";
}

HardwareTables hardware_tables(QmpClient& monitor, const std::string& id) {
  const nlohmann::json all = monitor.ask("query-rx-filter", {{"name", id}});
  const nlohmann::json& info = all.at(0);
  return {
      .promiscuous = info.at("promiscuous"),
      .all_multicast = info.at("multicast") == "all",
      .unicast_overflow = info.at("unicast-overflow"),
      .address = must(MacAddress::parse(info.at("main-mac").get<std::string>())),
      .unicast = addresses(info.at("unicast-table")),
      .multicast = addresses(info.at("multicast-table")),
      .vlans = info.at("vlan-table").get<std::set<std::uint16_t>>(),
  };
}

HardwareTables hardware_tables_becoming(QmpClient& monitor, const std::string& id, const HardwareTables& expected) {
  HardwareTables tables = hardware_tables(monitor, id);
  for (int i = 1; i < kTries && tables != expected; ++i) {
    std::this_thread::sleep_for(kBetween);
    tables = hardware_tables(monitor, id);
  }
  return tables;
}

}  // namespace rxf::test
