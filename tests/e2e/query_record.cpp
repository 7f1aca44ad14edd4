// SPDX-License-Identifier: GPL-2.0-only
#include "tests/e2e/query_record.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/guest_image.h"

namespace rxf::test {
namespace {

using Json = nlohmann::ordered_json;

// "4095-0": all that there are, which nobody wants to read.
void shorten(Json& answer) {
  for (Json& nic : answer)
    if (nic["vlan-table"].size() == 4096) nic["vlan-table"] = "4095-0";
}

Json events_of(QmpClient& monitor) {
  Json events = Json::array();
  for (const Json& event : monitor.take_events()) {
    if (event["event"] == "NIC_RX_FILTER_CHANGED") events.push_back("changed");
    if (event["event"] == "RESET") events.push_back("reset");
  }
  return events;
}

// "recorded: QEMU 7.2.22, Linux 6.12.95+deb12-cloud-amd64"
std::string source(QmpClient& monitor) {
  const Json version = monitor.ask("query-version")["qemu"];
  const std::string& kernel = guest_image().kernel;
  return "recorded: QEMU " + version["major"].dump() + "." + version["minor"].dump() + "." + version["micro"].dump() +
         ", Linux " + kernel.substr(kernel.find("vmlinuz-") + 8);
}

// Of the tests that run: a guest is one suite's.
std::string suite_name() {
  const auto* suite = testing::UnitTest::GetInstance()->current_test_suite();
  const std::string name = suite == nullptr ? "" : suite->name();
  return name.substr(name.find('/') + 1);
}

Json rows_in(const std::string& path) {
  std::ifstream file(path);
  return file.is_open() ? Json::parse(file) : Json::array();
}

// A line each for what one compares.
std::string text_of(const Json& rows) {
  std::string text = "[";
  for (const Json& row : rows) {
    Json head = row;
    head["steps"] = Json::array();
    std::string line = head.dump();
    line.resize(line.size() - 2);  // "]}"
    text += (text.size() > 1 ? ",\n" : "\n") + line;
    for (const Json& step : row["steps"])
      text += std::string(&step == &row["steps"].front() ? "" : ",") + "\n  {\"step\":" + step["step"].dump() +
              ",\"events\":" + step["events"].dump() + ",\n   \"answer\":" + step["answer"].dump() + "}";
    text += "]}";
  }
  return text + "\n]\n";
}

}  // namespace

QueryRecord::QueryRecord(QemuGuest& guest, const std::string& nic_options) : guest_(guest) {
  const char* path = std::getenv("RXF_RECORD");
  if (path == nullptr) return;
  path_ = path;
  rows_ = rows_in(path_);
  rows_.push_back({{"name", suite_name()},
                   {"source", source(guest.monitor())},
                   {"ctrl_rx", nic_options.find("ctrl_rx=off") == std::string::npos},
                   {"ctrl_vlan", nic_options.find("ctrl_vlan=off") == std::string::npos},
                   {"steps", Json::array()}});
  add("power-on");
}

void QueryRecord::add(const std::string& step) {
  if (path_.empty()) return;
  auto answer = guest_.monitor().ask("query-rx-filter");
  shorten(answer);
  rows_.back()["steps"].push_back(
      {{"step", step}, {"events", events_of(guest_.monitor())}, {"answer", std::move(answer)}});
  std::ofstream(path_) << text_of(rows_);
}

}  // namespace rxf::test
