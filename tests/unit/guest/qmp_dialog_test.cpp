// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/qmp_dialog.h"

#include <gtest/gtest.h>

#include "tests/unit/guest/qmp_peer.h"

namespace rxf::guest {
namespace {

Json state_of(const std::string& nic) {
  return Json::array({{{"promiscuous", false},
                       {"name", nic},
                       {"main-mac", "52:54:00:12:34:56"},
                       {"unicast", "normal"},
                       {"vlan", "none"},
                       {"vlan-table", Json::array()},
                       {"unicast-table", Json::array()},
                       {"multicast", "normal"},
                       {"multicast-overflow", false},
                       {"unicast-overflow", false},
                       {"multicast-table", {"33:33:00:00:00:01"}},
                       {"broadcast-allowed", false}}});
}

std::string text_of(const QmpNews& news) {
  if (std::holds_alternative<QmpReady>(news)) return "ready";
  if (std::holds_alternative<QmpChanged>(news)) return "changed";
  if (std::holds_alternative<QmpReset>(news)) return "reset";
  if (std::holds_alternative<QmpLook>(news)) return "look";
  if (std::holds_alternative<QmpShutdown>(news)) return "shutdown";
  if (const auto* state = std::get_if<QmpState>(&news))
    return "state of " + state->state.name + (state->ability.addresses ? "" : ", no addresses") +
           (state->ability.vlans ? "" : ", no vlans");
  if (const auto* unsupported = std::get_if<QmpUnsupported>(&news))
    return (unsupported->no_such_nic ? "no such nic: " : "unsupported: ") + unsupported->why;
  const auto& garbage = std::get<QmpGarbage>(news);
  return (garbage.fatal ? "fatal: " : "garbage: ") + garbage.why;
}

using Texts = std::vector<std::string>;

Texts texts_of(const std::vector<QmpNews>& all) {
  Texts texts;
  for (const QmpNews& news : all) texts.push_back(text_of(news));
  return texts;
}

class QmpDialogs : public testing::Test {
 protected:
  Texts say(const std::string& text) { return texts_of(peer_.say(text)); }
  const Json& command() { return peer_.command(); }

  // Up to where its ability is known.
  void ask_once(const NicAbility& ability = {}) {
    peer_.negotiate();
    ask_again(ability);
  }
  Texts ask_again(const NicAbility& ability) {
    EXPECT_TRUE(dialog_.query());
    command();
    say(peer_.result(state_of("net0")));
    return texts_of(peer_.tell_ability(ability));
  }

  QmpDialog dialog_{"net0"};
  QmpPeer peer_{dialog_};
};

TEST_F(QmpDialogs, NegotiateFirst) {
  EXPECT_TRUE(dialog_.waiting());
  EXPECT_FALSE(dialog_.query());
  EXPECT_TRUE(command().is_null());

  EXPECT_EQ(say(std::string(kGreeting)), Texts{});
  EXPECT_TRUE(dialog_.waiting());
  EXPECT_FALSE(dialog_.query());
  EXPECT_EQ(command(), Json({{"execute", "qmp_capabilities"}, {"id", 1}}));
  EXPECT_EQ(dialog_.to_send(), "");

  EXPECT_EQ(say(peer_.result(Json::object())), Texts{"ready"});
  EXPECT_FALSE(dialog_.waiting());
  EXPECT_TRUE(command().is_null());
}

TEST_F(QmpDialogs, AskForTheAbilityOnceThenForTheStateAlone) {
  peer_.negotiate();
  ASSERT_TRUE(dialog_.query());
  EXPECT_TRUE(dialog_.waiting());
  EXPECT_FALSE(dialog_.query());
  EXPECT_EQ(command(), Json({{"execute", "query-rx-filter"}, {"arguments", {{"name", "net0"}}}, {"id", 2}}));
  EXPECT_EQ(say(peer_.result(state_of("net0"))), Texts{});
  EXPECT_TRUE(dialog_.waiting());
  EXPECT_FALSE(dialog_.query());
  EXPECT_EQ(command(), Json({{"execute", "qom-get"},
                             {"arguments", {{"path", "/machine/peripheral/net0"}, {"property", "ctrl_rx"}}},
                             {"id", 3}}));
  EXPECT_EQ(say(peer_.result(true)), Texts{});
  EXPECT_EQ(command(), Json({{"execute", "qom-get"},
                             {"arguments", {{"path", "/machine/peripheral/net0"}, {"property", "ctrl_vlan"}}},
                             {"id", 4}}));
  EXPECT_EQ(say(peer_.result(false)), Texts{"state of net0, no vlans"});
  EXPECT_FALSE(dialog_.waiting());

  ASSERT_TRUE(dialog_.query());
  EXPECT_EQ(command(), Json({{"execute", "query-rx-filter"}, {"arguments", {{"name", "net0"}}}, {"id", 5}}));
  EXPECT_EQ(say(peer_.result(state_of("net0"))), Texts{"state of net0, no vlans"});
  EXPECT_FALSE(dialog_.waiting());
}

TEST_F(QmpDialogs, TellTheStateAsAnswered) {
  ask_once();
  dialog_.query();
  command();
  const auto news = peer_.say(peer_.result(state_of("net0")));
  ASSERT_EQ(texts_of(news), Texts{"state of net0"});
  EXPECT_EQ(std::get<QmpState>(news[0]).state, decode_rx_filter(state_of("net0")[0]).value());
}

TEST_F(QmpDialogs, TellEachAbility) {
  peer_.negotiate();
  EXPECT_EQ(ask_again({.addresses = false, .vlans = true}), Texts{"state of net0, no addresses"});
}

// Another model's answer, and that of a QEMU that means something else by it.
TEST_F(QmpDialogs, TakeANicForAbleThatDoesNotSay) {
  peer_.negotiate();
  dialog_.query();
  command();
  say(peer_.result(state_of("net0")));
  command();
  EXPECT_EQ(say(peer_.error("Property 'e1000.ctrl_rx' not found")), Texts{});
  command();
  EXPECT_EQ(say(peer_.result("off")), Texts{"state of net0"});
  // Not to be relied upon: it may not have been there for a moment.
  EXPECT_EQ(ask_again({.vlans = false}), Texts{"state of net0, no vlans"});
}

TEST_F(QmpDialogs, AskForTheAbilityOfANicThatWasReplaced) {
  ask_once({.vlans = false});
  EXPECT_EQ(say(event("DEVICE_DELETED", {{"device", "net0"}, {"path", "/machine/peripheral/net0"}})), Texts{"reset"});
  EXPECT_EQ(ask_again({}), Texts{"state of net0"});
}

TEST_F(QmpDialogs, AskForTheAbilityOfANicThatWasAway) {
  ask_once({.vlans = false});
  dialog_.query();
  command();
  EXPECT_EQ(say(peer_.error("invalid net client name: net0")), Texts{"no such nic: invalid net client name: net0"});
  EXPECT_FALSE(dialog_.waiting());
  EXPECT_EQ(ask_again({}), Texts{"state of net0"});
}

struct EventRow {
  const char* name;
  std::string bytes;
  Texts news;
};

void PrintTo(const EventRow& row, std::ostream* out) { *out << row.name; }

class QmpEvents : public QmpDialogs, public testing::WithParamInterface<EventRow> {};

// At each point of a dialog: before and after the negotiation, between a command and its answer.
TEST_P(QmpEvents, MeanTheSameAtAnyTime) {
  say(std::string(kGreeting));
  EXPECT_EQ(say(GetParam().bytes), GetParam().news);
  command();
  EXPECT_EQ(say(GetParam().bytes), GetParam().news);
  EXPECT_EQ(say(peer_.result(Json::object())), Texts{"ready"});
  EXPECT_EQ(say(GetParam().bytes), GetParam().news);
  dialog_.query();
  command();
  Texts twice = GetParam().news;
  twice.insert(twice.end(), GetParam().news.begin(), GetParam().news.end());
  EXPECT_EQ(say(GetParam().bytes + peer_.result(state_of("net0")) + GetParam().bytes), twice);
  for (const bool last : {false, true}) {
    command();
    Texts expected = GetParam().news;
    if (last) expected.emplace_back("state of net0");
    EXPECT_EQ(say(GetParam().bytes + peer_.result(true)), expected);
  }
  EXPECT_FALSE(dialog_.waiting());
  EXPECT_TRUE(dialog_.query());
}

Json nic_data(const char* name, const char* path) {
  Json data = Json::object();
  if (name != nullptr) data["name"] = name;
  if (path != nullptr) data["path"] = path;
  return data;
}

std::string changed_at(const char* name, const char* path) {
  return event("NIC_RX_FILTER_CHANGED", nic_data(name, path));
}

std::string deleted(const char* device, const char* path) {
  Json data = {{"path", path}};
  if (device != nullptr) data["device"] = device;
  return event("DEVICE_DELETED", data);
}

const Texts kNone{};
constexpr const char* kBackend = "/machine/peripheral/net0/virtio-backend";

INSTANTIATE_TEST_SUITE_P(
    Rows, QmpEvents,
    testing::Values(
        EventRow{"changed", changed("net0"), {"changed"}}, EventRow{"changed_other", changed("net1"), kNone},
        EventRow{"changed_longer_name", changed("net00"), kNone},
        EventRow{"changed_name_alone", changed_at("net0", nullptr), {"changed"}},
        EventRow{"changed_path_alone", changed_at(nullptr, kBackend), {"changed"}},
        EventRow{"changed_path_of_device", changed_at(nullptr, "/machine/peripheral/net0"), {"changed"}},
        EventRow{"changed_path_other", changed_at(nullptr, "/machine/peripheral/net1/virtio-backend"), kNone},
        EventRow{"changed_path_longer", changed_at(nullptr, "/machine/peripheral/net00/virtio-backend"), kNone},
        // A NIC without an id may be the one that we know by another name.
        EventRow{
            "changed_nobody", changed_at(nullptr, "/machine/peripheral-anon/device[1]/virtio-backend"), {"changed"}},
        EventRow{"changed_no_data", event("NIC_RX_FILTER_CHANGED"), {"changed"}},
        EventRow{"reset", event("RESET", {{"guest", true}, {"reason", "guest-reset"}}), {"reset"}},
        EventRow{"wakeup", event("WAKEUP"), {"reset"}}, EventRow{"stop", event("STOP"), {"look"}},
        EventRow{"resume", event("RESUME"), {"look"}},
        EventRow{"migration", event("MIGRATION", {{"status", "completed"}}), {"look"}},
        EventRow{"shutdown", event("SHUTDOWN", {{"guest", false}, {"reason", "host-signal"}}), {"shutdown"}},
        EventRow{"deleted", deleted("net0", "/machine/peripheral/net0"), {"reset"}},
        EventRow{"deleted_backend", deleted(nullptr, kBackend), {"look"}},
        EventRow{"deleted_nobody", deleted(nullptr, "/machine/peripheral-anon/device[1]"), {"look"}},
        EventRow{"deleted_other", deleted("net1", "/machine/peripheral/net1"), kNone},
        EventRow{"something_else", event("RTC_CHANGE", {{"offset", 1}}), kNone},
        EventRow{"something_unheard_of", event("NIC_RX_FILTER_CHANGED_2"), kNone},
        EventRow{"several", changed("net0") + event("RESET") + changed("net0"), {"changed", "reset", "changed"}},
        EventRow{
            "name_no_string", "{\"event\": 7}\n", {"garbage: an event without name, or with data that is no object"}},
        EventRow{"data_no_object",
                 "{\"event\": \"RESET\", \"data\": []}\n",
                 {"garbage: an event without name, or with data that is no object"}},
        EventRow{"not_json", "what?\r\n", {"garbage: not JSON"}},
        EventRow{"list", "[]\n", {"garbage: not a JSON object"}},
        EventRow{"greeting_again",
                 std::string(kGreeting),
                 {"garbage: neither an event nor the answer to a command of ours"}},
        EventRow{"answer_without_id",
                 "{\"return\": {}}\n",
                 {"garbage: neither an event nor the answer to a command of ours"}},
        EventRow{"answer_to_another",
                 "{\"return\": [], \"id\": 99}\n",
                 {"garbage: neither an event nor the answer to a command of ours"}},
        EventRow{"error_to_nobody",
                 "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\n",
                 {"garbage: neither an event nor the answer to a command of ours"}},
        EventRow{"empty_lines", "\r\n\n \r\n", kNone}, EventRow{"nothing", "", kNone}),
    [](const auto& row) { return row.param.name; });

TEST_F(QmpDialogs, TakeIdsExactly) {
  peer_.negotiate();
  dialog_.query();
  command();  // its id is 2
  for (const char* id : {"\"2\"", "2.0", "-2", "null", "[2]", "1", "3", "true", "18446744073709551618"}) {
    EXPECT_EQ(say(std::string("{\"return\": [], \"id\": ") + id + "}\n"),
              Texts{"garbage: neither an event nor the answer to a command of ours"})
        << id;
    EXPECT_TRUE(dialog_.waiting());
  }
  EXPECT_EQ(say(peer_.result(state_of("net0"))), Texts{});
}

TEST_F(QmpDialogs, TakeAnAnswerOnce) {
  ask_once();
  dialog_.query();
  command();
  const std::string answer = peer_.result(state_of("net0"));
  EXPECT_EQ(say(answer + answer),
            (Texts{"state of net0", "garbage: neither an event nor the answer to a command of ours"}));
}

struct AnswerRow {
  const char* name;
  const char* member;  // of the answer beside its id
  const char* news;
};

void PrintTo(const AnswerRow& row, std::ostream* out) { *out << row.name; }

class QmpAnswers : public QmpDialogs, public testing::WithParamInterface<AnswerRow> {};

// What it knows of the NIC's ability stays out of it, and the next query is as any.
TEST_P(QmpAnswers, EndTheQuery) {
  ask_once();
  dialog_.query();
  const std::string id = command().at("id").dump();
  EXPECT_EQ(say(std::string("{") + GetParam().member + ", \"id\": " + id + "}\n"), Texts{GetParam().news});
  EXPECT_FALSE(dialog_.waiting());
  EXPECT_TRUE(dialog_.query());
  EXPECT_EQ(command().at("execute"), "query-rx-filter");
}

constexpr const char* kNeither = "garbage: an answer without return or error, or with both";

INSTANTIATE_TEST_SUITE_P(
    Rows, QmpAnswers,
    testing::Values(
        AnswerRow{"e1000",
                  R"("error": {"class": "GenericError", "desc": "net client(e0) doesn't support rx-filter querying"})",
                  "unsupported: net client(e0) doesn't support rx-filter querying"},
        AnswerRow{"netdev", R"("error": {"class": "GenericError", "desc": "net client(n0) isn't a NIC"})",
                  "unsupported: net client(n0) isn't a NIC"},
        AnswerRow{"nobody", R"("error": {"class": "GenericError", "desc": "invalid net client name: nope"})",
                  "no such nic: invalid net client name: nope"},
        AnswerRow{"no_command",
                  R"("error": {"class": "CommandNotFound", "desc": "The command query-rx-filter has not been found"})",
                  "unsupported: The command query-rx-filter has not been found"},
        AnswerRow{"other_error", R"("error": {"class": "GenericError", "desc": "not now"})",
                  "garbage: it refuses query-rx-filter: not now"},
        AnswerRow{"error_bare", R"("error": {})", "garbage: it refuses query-rx-filter: "},
        AnswerRow{"error_text", R"("error": "isn't a NIC")", "garbage: it refuses query-rx-filter: "},
        AnswerRow{"error_null", R"("error": null)", "garbage: it refuses query-rx-filter: "},
        AnswerRow{"error_number", R"("error": {"class": 1, "desc": 2})", "garbage: it refuses query-rx-filter: "},
        AnswerRow{"error_escape", R"("error": {"desc": "a\u001b[2J\nb"})",
                  "garbage: it refuses query-rx-filter: a?[2J?b"},
        AnswerRow{"neither", R"("result": [])", kNeither},
        AnswerRow{"both", R"("return": [], "error": {"desc": "isn't a NIC"})", kNeither},
        AnswerRow{"no_list", R"("return": {})", "garbage: query-rx-filter: no list"},
        AnswerRow{"null", R"("return": null)", "garbage: query-rx-filter: no list"},
        AnswerRow{"empty", R"("return": [])", "garbage: query-rx-filter: 0 NICs where one was asked for"},
        AnswerRow{"two", R"("return": [{}, {}])", "garbage: query-rx-filter: 2 NICs where one was asked for"},
        AnswerRow{"no_object", R"("return": [7])", "garbage: query-rx-filter: not an object"},
        AnswerRow{"member_missing", R"("return": [{"name": "net0"}])",
                  "garbage: query-rx-filter: promiscuous: missing"}),
    [](const auto& row) { return row.param.name; });

TEST_F(QmpDialogs, RefuseTheStateOfAnotherNic) {
  ask_once();
  dialog_.query();
  command();
  EXPECT_EQ(say(peer_.result(state_of("net1"))), Texts{"garbage: query-rx-filter: of another NIC, \"net1\""});
  EXPECT_FALSE(dialog_.waiting());
}

TEST_F(QmpDialogs, RepeatLittleOfALongError) {
  peer_.negotiate();
  dialog_.query();
  command();
  const Texts news = say(peer_.error("isn't a NIC " + std::string(100'000, 'x')));
  ASSERT_EQ(news.size(), 1U);
  EXPECT_LT(news[0].size(), 250U);
}

struct FatalRow {
  const char* name;
  std::string bytes;
  const char* why;
};

void PrintTo(const FatalRow& row, std::ostream* out) { *out << row.name; }

class FatalQmp : public QmpDialogs, public testing::WithParamInterface<FatalRow> {
 protected:
  void expect_the_end(const Texts& news) {
    EXPECT_EQ(news, Texts{std::string("fatal: ") + GetParam().why});
    command();
    EXPECT_FALSE(dialog_.waiting());
    EXPECT_FALSE(dialog_.query());
    EXPECT_EQ(say(std::string(kGreeting) + changed("net0")), Texts{});
    EXPECT_EQ(dialog_.to_send(), "");
  }
};

class FatalQmpGreeting : public FatalQmp {};

TEST_P(FatalQmpGreeting, IsTheEnd) { expect_the_end(say(GetParam().bytes + changed("net0"))); }

constexpr const char* kNoGreeting = "no greeting of QMP: is this a QMP socket?";

INSTANTIATE_TEST_SUITE_P(
    Rows, FatalQmpGreeting,
    testing::Values(
        FatalRow{"monitor_for_people", "QEMU 7.2.22 monitor - type 'help' for more information\r\n",
                 "not JSON where QEMU's greeting belongs: is this a QMP socket?"},
        FatalRow{"list", "[\"QMP\"]\n", "not a JSON object where QEMU's greeting belongs: is this a QMP socket?"},
        FatalRow{"event", changed("net0"), kNoGreeting}, FatalRow{"answer", "{\"return\": {}}\n", kNoGreeting},
        FatalRow{"text", "{\"QMP\": \"7.2\"}\n", kNoGreeting}, FatalRow{"null", "{\"QMP\": null}\n", kNoGreeting}),
    [](const auto& row) { return row.param.name; });

class FatalQmpLater : public FatalQmp {};

TEST_P(FatalQmpLater, IsTheEnd) {
  say(std::string(kGreeting));
  expect_the_end(say(GetParam().bytes));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, FatalQmpLater,
    testing::Values(
        FatalRow{"refused", "{\"id\": 1, \"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n",
                 "it refuses qmp_capabilities: no"},
        FatalRow{"refused_without_words", "{\"id\": 1, \"error\": true}\n", "it refuses qmp_capabilities: "},
        FatalRow{"neither", "{\"id\": 1}\n", "an answer without return or error"},
        FatalRow{"endless", std::string(QmpReader::kMaxMessage + 1, ' '), "a line of more than 1048576 bytes"}),
    [](const auto& row) { return row.param.name; });

TEST_F(QmpDialogs, SayWhatCameBeforeALineWithoutEnd) {
  peer_.negotiate();
  EXPECT_EQ(say(changed("net0") + std::string(QmpReader::kMaxMessage + 1, '{')),
            (Texts{"changed", "fatal: a line of more than 1048576 bytes"}));
}

TEST(QmpDialogWithoutName, AsksForTheOnlyNic) {
  QmpDialog dialog{std::nullopt};
  QmpPeer peer(dialog);
  peer.negotiate();
  ASSERT_TRUE(dialog.query());
  EXPECT_EQ(peer.command(), Json({{"execute", "query-rx-filter"}, {"id", 2}}));
  peer.say(peer.result(state_of("virtio-net-pci.1")));
  EXPECT_EQ(peer.command().at("arguments").at("path"), "/machine/peripheral/virtio-net-pci.1");
  peer.say(peer.error("Device '/machine/peripheral/virtio-net-pci.1' not found", "DeviceNotFound"));
  peer.command();
  EXPECT_EQ(texts_of(peer.say(peer.error("Device '/machine/peripheral/virtio-net-pci.1' not found", "DeviceNotFound"))),
            Texts{"state of virtio-net-pci.1"});
}

TEST(QmpDialogWithoutName, TakesEveryNicsEventsForItsOwn) {
  QmpDialog dialog{std::nullopt};
  QmpPeer peer(dialog);
  peer.negotiate();
  EXPECT_EQ(texts_of(peer.say(changed("net0") + changed("net1") + deleted("disk0", "/machine/peripheral/disk0"))),
            (Texts{"changed", "changed", "look"}));
}

TEST(QmpDialogWithoutName, KnowsItsOwnOnceItHasAnswered) {
  QmpDialog dialog{std::nullopt};
  QmpPeer peer(dialog);
  peer.negotiate();
  dialog.query();
  peer.command();
  peer.say(peer.result(state_of("net0")));
  peer.tell_ability({});
  EXPECT_EQ(texts_of(peer.say(deleted("disk0", "/machine/peripheral/disk0"))), Texts{"look"});
  dialog.query();
  peer.command();
  peer.say(peer.result(state_of("net0")));
  peer.tell_ability({});
  EXPECT_EQ(texts_of(peer.say(deleted("net0", "/machine/peripheral/net0"))), Texts{"reset"});
}

TEST(QmpDialogWithoutName, NeedsExactlyOneThatAnswers) {
  QmpDialog dialog{std::nullopt};
  QmpPeer peer(dialog);
  peer.negotiate();
  dialog.query();
  peer.command();
  EXPECT_EQ(texts_of(peer.say(peer.result(Json::array()))),
            Texts{"unsupported: no NIC of this guest can be asked for its filter"});
  dialog.query();
  peer.command();
  EXPECT_EQ(texts_of(peer.say(peer.result(Json::array({state_of("a")[0], state_of("b")[0]})))),
            Texts{"unsupported: several NICs can be asked: which one has to be said by its id"});
  EXPECT_FALSE(dialog.waiting());
}

// Another one after a hot unplug and plug, and nobody has said so.
TEST(QmpDialogWithoutName, AsksForTheAbilityOfAnotherNic) {
  QmpDialog dialog{std::nullopt};
  QmpPeer peer(dialog);
  peer.negotiate();
  for (const bool vlans : {false, true}) {
    dialog.query();
    peer.command();
    peer.say(peer.result(state_of(vlans ? "b" : "a")));
    EXPECT_EQ(texts_of(peer.tell_ability({.vlans = vlans})), Texts{vlans ? "state of b" : "state of a, no vlans"});
  }
}

TEST(QmpDialogName, MayBeAnyBytes) {
  QmpDialog dialog{"a\"\xff\n"};
  QmpPeer peer(dialog);
  peer.negotiate();
  ASSERT_TRUE(dialog.query());
  EXPECT_EQ(peer.command().at("arguments").at("name"), "a\"\xef\xbf\xbd\n");
}

}  // namespace
}  // namespace rxf::guest
