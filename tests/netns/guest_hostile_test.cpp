// SPDX-License-Identifier: GPL-2.0-only
// What a QEMU can say that is none: nobody crashes, the last good filter set stays in force, the log says it once,
// other guests of the same process are served meanwhile, and when it comes to its senses it is followed again.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <thread>

#include "tests/support/guest_fixture.h"
#include "tests/support/must.h"
#include "tools/guest/qmp_connection.h"

namespace rxf::test {
namespace {

using nlohmann::json;

constexpr const char* kQuery = "query-rx-filter";

struct Row {
  const char* name;
  std::function<void(FakeQmp& qemu, const FakeNic& nic)> act;
  const char* says;  // what the log has of it, once; empty: nothing
};

// The answer to a query, as it is.
Row answer(const char* name, std::string text, const char* says) {
  return {name, [text](FakeQmp& qemu, const FakeNic&) { qemu.reply(kQuery, text + "\n"); }, says};
}

Row value(const char* name, const std::string& returned, const char* says) {
  return answer(name, R"({"id": @ID, "return": )" + returned + "}", says);
}

// The guest's own NIC with one member that is wrong.
Row member(const char* name, const char* key, json wrong, const char* says) {
  return {name,
          [=](FakeQmp& qemu, const FakeNic& nic) {
            json entry = nic.to_json();
            entry[key] = wrong;
            qemu.reply(kQuery, R"({"id": @ID, "return": )" + json::array({entry}).dump() + "}\n");
          },
          says};
}

Row without(const char* name, const char* key, const char* says) {
  return {name,
          [=](FakeQmp& qemu, const FakeNic& nic) {
            json entry = nic.to_json();
            entry.erase(key);
            qemu.reply(kQuery, R"({"id": @ID, "return": )" + json::array({entry}).dump() + "}\n");
          },
          says};
}

// Unasked bytes.
Row bytes(const char* name, std::string text, const char* says) {
  return {name, [text](FakeQmp& qemu, const FakeNic&) { qemu.send(text); }, says};
}

// At the next connection.
Row anew(const char* name, std::function<void(FakeQmp& qemu)> act, const char* says) {
  return {name,
          [act](FakeQmp& qemu, const FakeNic&) {
            act(qemu);
            qemu.hang_up();
          },
          says};
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string both_members() { return R"({"id": @ID, "return": [], "error": {"class": "GenericError", "desc": "x"}})"; }

std::vector<Row> broken_answers() {
  return {
      answer("not JSON", "nonsense", "not JSON"),
      answer("cut short", R"({"id": @ID, "return": [{"name": "net0", "main-m)", "not JSON"),
      answer("not UTF-8", "{\"id\": @ID, \"return\": [\"\xff\xfe\"]}", "not JSON"),
      answer("a NUL", std::string("{\"id\": \0 @ID}", 13), "not JSON"),
      answer("no object", "[1, 2]", "not a JSON object"),
      answer("deep", repeated("[", 200'000), "deeper than"),
      answer("deep objects", R"({"id": @ID, "return": )" + repeated(R"({"a":)", 50'000), "deeper than"),
      answer("neither", R"({"id": @ID})", "without return or error"),
      answer("both", both_members(), "without return or error"),
      answer("another error", R"({"id": @ID, "error": {"class": "GenericError", "desc": "boom"}})", "boom"),
      answer("error of wrong type", R"({"id": @ID, "error": 7})", "refuses query-rx-filter"),
      answer("words for the log",
             R"({"id": @ID, "error": {"class": "x", "desc": "a\nrxfilter-guest: up0: gone\u001b[2J"}})",
             "refuses query-rx-filter"),
      answer("endless", repeated("x", 3 << 20), "a line of more than"),
      value("no list", "{}", "no list"),
      value("null", "null", "no list"),
      value("a string", "\"x\"", "no list"),
      value("list of numbers", "[7]", "query-rx-filter: "),
      value("list of lists", "[[]]", "query-rx-filter: "),
      value("no NIC", "[]", "no NIC of this guest"),
      value("several NICs", "[{}, {}]", "several NICs"),
  };
}

std::vector<Row> broken_members() {
  std::vector<Row> rows;
  for (const char* key : {"name", "main-mac", "promiscuous", "unicast", "multicast", "vlan", "unicast-overflow",
                          "multicast-overflow", "unicast-table", "multicast-table", "vlan-table"}) {
    rows.push_back(without(key, key, key));
    rows.push_back(member(key, key, json::object(), key));
  }
  rows.push_back(member("MAC", "main-mac", "02:00", "main-mac"));
  rows.push_back(member("mode", "unicast", "some", "unicast"));
  rows.push_back(member("table of numbers", "unicast-table", json::array({1}), "unicast-table"));
  rows.push_back(member("table of no MACs", "multicast-table", json::array({"zz"}), "multicast-table"));
  rows.push_back(member("VLAN too large", "vlan-table", json::array({4096}), "vlan-table"));
  rows.push_back(member("VLAN negative", "vlan-table", json::array({-1}), "vlan-table"));
  rows.push_back(member("VLAN with a point", "vlan-table", json::array({1.5}), "vlan-table"));
  return rows;
}

std::vector<Row> broken_conversations() {
  return {
      answer("another id", R"({"id": 12345678, "return": []})", "neither an event nor the answer"),
      answer("id of another type", R"({"id": "@ID", "return": []})", "neither an event nor the answer"),
      {"silent", [](FakeQmp& qemu, const FakeNic&) { qemu.reply(kQuery, std::nullopt); }, "no answer within 5 s"},
      anew(
          "slow", [](FakeQmp& qemu) { qemu.dribble(std::chrono::milliseconds(50)); }, "no answer within 5 s"),
      bytes("an answer that nobody asked for",
            R"({"id": 1, "return": {}})"
            "\n",
            "neither an event nor the answer"),
      bytes("event without a name",
            R"({"event": 5})"
            "\n",
            "an event without name"),
      bytes("event with other data",
            R"({"event": "RESUME", "data": []})"
            "\n",
            "an event without name"),
      bytes("many events",
            repeated(R"({"event": "X", "data": {}, "timestamp": {}})"
                     "\r\n",
                     200'000),
            ""),
      bytes("much nonsense", repeated("x\n", 2'000'000), "not JSON"),
      anew(
          "dies in the greeting", [](FakeQmp& qemu) { qemu.hang_up_after(10); }, "closed the connection"),
      anew(
          "dies in the answer", [](FakeQmp& qemu) { qemu.hang_up_after(300); }, "closed the connection"),
      anew(
          "another protocol", [](FakeQmp& qemu) { qemu.greet("HTTP/1.1 400 Bad Request\r\n"); },
          "is this a QMP socket?"),
      anew(
          "another JSON", [](FakeQmp& qemu) { qemu.greet("{}\r\n"); }, "is this a QMP socket?"),
      anew(
          "no greeting", [](FakeQmp& qemu) { qemu.greet(std::nullopt); }, "no answer within 5 s"),
      anew(
          "endless greeting", [](FakeQmp& qemu) { qemu.greet(repeated("{", 3 << 20)); }, "a line of more than"),
      anew(
          "not negotiable",
          [](FakeQmp& qemu) {
            qemu.reply("qmp_capabilities", R"({"id": @ID, "error": {"desc": "no"}})"
                                           "\n");
          },
          "refuses qmp_capabilities"),
      anew(
          "never negotiated", [](FakeQmp& qemu) { qemu.reply("qmp_capabilities", std::nullopt); },
          "no answer within 5 s"),
      anew(
          "no property", [](FakeQmp& qemu) { qemu.reply("qom-get", std::nullopt); }, "no answer within 5 s"),
  };
}

std::vector<Row> all_rows() {
  std::vector<Row> all;
  for (const auto& some : {broken_answers(), broken_members(), broken_conversations()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

class GuestHostileTest : public GuestFixture {
 protected:
  static constexpr std::chrono::seconds kLong{60};  // QEMU is tried again every 30 s at last

  static FakeNic other(unsigned number) { return wanting(number).on_vlan(3000); }
  static std::string prefix(unsigned number) { return upper_name(number) + ": "; }

  // How long the change of a guest takes, at most, over that time.
  std::chrono::milliseconds slowest_change(unsigned number, std::chrono::milliseconds time) {
    using Clock = std::chrono::steady_clock;
    std::chrono::milliseconds slowest{0};
    bool more = false;
    for (const auto end = Clock::now() + time; Clock::now() < end;
         std::this_thread::sleep_for(std::chrono::milliseconds(100))) {
      more = !more;
      const FakeNic nic = more ? other(number) : wanting(number);
      const auto begun = Clock::now();
      qemu(number).change(nic);
      EXPECT_TRUE(becomes(number, granted_for(nic)));
      slowest = std::max(slowest, std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - begun));
    }
    return slowest;
  }
};

// All at once, in one process, beside guest 0, which behaves.
TEST_F(GuestHostileTest, EachIsContained) {
  const std::vector<Row> rows = all_rows();
  const auto count = static_cast<unsigned>(rows.size());
  for (unsigned i = 0; i <= count; ++i) add_guest(i, "changes = 100\n");
  follow();
  for (unsigned i = 0; i <= count; ++i) ASSERT_TRUE(becomes(i, granted_for(wanting(i)))) << i;

  for (unsigned i = 1; i <= count; ++i) {
    rows[i - 1].act(qemu(i), wanting(i));
    qemu(i).event("NIC_RX_FILTER_CHANGED", {{"name", "net0"}});
  }
  const auto slowest = slowest_change(0, std::chrono::seconds(7));
  std::cout << "  " << count << " hostile QEMUs; the slowest change of another guest took " << slowest.count()
            << " ms\n";
  EXPECT_LT(slowest, guest::QmpConnection::kPatience) << "somebody was waited for";

  for (unsigned i = 1; i <= count; ++i) {
    const Row& row = rows[i - 1];
    SCOPED_TRACE(upper_name(i) + ", " + row.name);
    if (*row.says != '\0') {
      EXPECT_TRUE(logs({prefix(i), row.says}));
    }
    EXPECT_EQ(in_force(i), granted_for(wanting(i)));
    EXPECT_EQ(guests().logged({prefix(i), row.says}), *row.says == '\0' ? 0 : 1);
    EXPECT_LE(guests().logged({prefix(i)}), 3);
  }
  EXPECT_EQ(guests().logged({"gone\x1b"}), 0);

  for (unsigned i = 1; i <= count; ++i) {
    const std::string says = rows[i - 1].says;
    qemu(i).be_good();
    if (says.contains("no answer")) qemu(i).hang_up();  // it would wait for that answer
    qemu(i).change(other(i));
    qemu(i).event("NIC_RX_FILTER_CHANGED", {{"name", "net0"}});
  }
  for (unsigned i = 1; i <= count; ++i)
    EXPECT_TRUE(becomes(i, granted_for(other(i)), kLong)) << upper_name(i) << ", " << rows[i - 1].name;
  guests().signal(SIGTERM);
  EXPECT_EQ(guests().wait(), 0);
}

}  // namespace
}  // namespace rxf::test
