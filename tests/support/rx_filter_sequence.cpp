// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/rx_filter_sequence.h"

#include <fstream>

#include "tests/support/must.h"

namespace rxf::test {
namespace {

using guest::GuestRequest;
using nlohmann::json;

// "4095-0", the table of a NIC that was reset, stands for all of its 4096 items.
json expanded(json answer) {
  for (json& nic : answer) {
    json& table = nic.at("vlan-table");
    if (table != "4095-0") continue;
    table = json::array();
    for (unsigned vid = 4096; vid-- > 0;) table.push_back(vid);
  }
  return answer;
}

AddressSet addresses_of(const json& list) {
  AddressSet addresses;
  for (const json& item : list) addresses.insert(must(MacAddress::parse(item.get<std::string>())));
  return addresses;
}

GuestRequest request_of(const json& value) {
  return {.silent = value.at("silent").get<bool>(),
          .main_mac = must(MacAddress::parse(value.at("main_mac").get<std::string>())),
          .promisc = value.at("promisc").get<bool>(),
          .any_unicast = value.at("any_unicast").get<bool>(),
          .unicast = addresses_of(value.at("unicast")),
          .any_multicast = value.at("any_multicast").get<bool>(),
          .multicast = addresses_of(value.at("multicast")),
          .any_vlan = value.at("any_vlan").get<bool>(),
          .vlans = must(VlanSet::parse(value.at("vlans").get<std::string>()))};
}

RxFilterStep step_of(const json& value) {
  RxFilterStep step{.step = value.at("step").get<std::string>(),
                    .events = value.at("events").get<std::vector<std::string>>(),
                    .answer = expanded(value.at("answer"))};
  if (const auto request = value.find("request"); request != value.end()) step.request = request_of(*request);
  return step;
}

void read_into(std::vector<RxFilterSequence>& sequences, const std::string& file) {
  for (const json& value : json::parse(std::ifstream(std::string(RXF_TESTS) + "/golden/" + file))) {
    RxFilterSequence sequence{
        .name = value.at("name").get<std::string>(),
        .ability = {.addresses = value.at("ctrl_rx").get<bool>(), .vlans = value.at("ctrl_vlan").get<bool>()}};
    for (const json& step : value.at("steps")) sequence.steps.push_back(step_of(step));
    sequences.push_back(std::move(sequence));
  }
}

json to_json(const AddressSet& addresses) {
  json list = json::array();
  for (const MacAddress& address : addresses) list.push_back(to_string(address));
  return list;
}

}  // namespace

void PrintTo(const RxFilterSequence& sequence, std::ostream* out) { *out << sequence.name; }

const std::vector<RxFilterSequence>& rx_filter_sequences() {
  static const std::vector<RxFilterSequence> sequences = [] {
    std::vector<RxFilterSequence> read;
    read_into(read, "rx_filter_query.json");
    read_into(read, "rx_filter_recorded.json");
    return read;
  }();
  return sequences;
}

std::string to_text(const GuestRequest& request) {
  nlohmann::ordered_json text;
  text["silent"] = request.silent;
  text["main_mac"] = to_string(request.main_mac);
  text["promisc"] = request.promisc;
  text["any_unicast"] = request.any_unicast;
  text["unicast"] = to_json(request.unicast);
  text["any_multicast"] = request.any_multicast;
  text["multicast"] = to_json(request.multicast);
  text["any_vlan"] = request.any_vlan;
  text["vlans"] = to_string(request.vlans);
  return text.dump();
}

}  // namespace rxf::test
