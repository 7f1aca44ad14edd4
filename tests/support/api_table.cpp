// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/api_table.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <string>

#include "loader/netlink/rx_filter_link.h"
#include "tests/support/raw_api_client.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using Filters = std::vector<Buffer>;
using netlink::kExtFilterRxFilter;

// Where the first attribute of a message with an ifinfomsg is.
constexpr std::uint32_t kFirstAttribute = NLMSG_HDRLEN + sizeof(ifinfomsg);
// What comes later than the answer of a set does, comes soon.
constexpr std::chrono::milliseconds kSoon{60'000};
constexpr std::uint32_t kNoSuchIfindex = 0x7ffffff0;

const Buffer kUnfiltered = {0x04, 0x00, 0x42, 0x80};
// IFLA_RX_FILTER with no VLAN at all, which is the least that a filter can be in one piece.
Buffer no_vlan() {
  Buffer bytes = {0x0c, 0x02, 0x42, 0x80, 0x08, 0x02, 0x02, 0x80, 0x04, 0x02, 0x01, 0x00};
  bytes.resize(bytes.size() + 512);
  return bytes;
}
// With a multicast address as a unicast one.
const Buffer kWrong = {0x18, 0x00, 0x42, 0x80, 0x14, 0x00, 0x01, 0x80, 0x10, 0x00, 0x02, 0x80,
                       0x0a, 0x00, 0x01, 0x00, 0x01, 0x00, 0x5e, 0x00, 0x00, 0x01, 0x00, 0x00};

Buffer get_message(std::uint32_t ifindex, std::uint32_t ext_mask, int flags = 0) {
  return link_message(RTM_GETLINK, flags, ifindex, {u32_attribute(IFLA_EXT_MASK, ext_mask)});
}

Buffer set_message(const RawApiClient& client, std::uint32_t ifindex, const Buffer& attribute) {
  return link_message(RTM_SETLINK, 0, ifindex, {client.numbered(attribute)});
}

// A client, and the links, unfiltered.
struct Bench {
  explicit Bench(const ApiUnderTest& api) : client(api) { set(kUnfiltered); }

  void set(const Buffer& attribute) {
    const Said end = client.ask(set_message(client, upper, attribute)).end;
    EXPECT_EQ(end.code, 0) << end.words;
  }
  Filters get(std::uint32_t ifindex, std::uint32_t ext_mask) {
    return client.ask(get_message(ifindex, ext_mask)).filters(ifindex);
  }
  Filters get() { return get(upper, kExtFilterRxFilter); }
  int code_of(const Buffer& message) { return client.ask(message).end.code; }

  RawApiClient client;
  std::uint32_t upper = ifindex_of("upper");
  std::uint32_t veth = ifindex_of("far");
};

// IFLA_RX_FILTER may be pages long.
void expect_filters(const Filters& filters, const Filters& expected, const std::string& where) {
  const auto text = [](const Filters& list) {
    std::string hex;
    for (const Buffer& one : list) {
      for (const std::uint8_t byte : one) hex += "0123456789abcdef"[byte >> 4], hex += "0123456789abcdef"[byte & 15];
      hex += ' ';
    }
    return hex;
  };
  EXPECT_TRUE(filters == expected) << where << ": " << text(filters) << "\ninstead of " << text(expected);
}

// A link's filter in every answer there is.
void expect_stated(Bench& bench, std::uint32_t ifindex, const Filters& expected) {
  expect_filters(bench.get(ifindex, kExtFilterRxFilter), expected, "get");
  expect_filters(bench.get(ifindex, RTEXT_FILTER_SKIP_STATS), {}, "get without the bit");
  expect_filters(bench.client.ask(link_message(RTM_GETLINK, 0, ifindex, {})).filters(ifindex), {},
                 "get without a mask");
  expect_filters(bench.client.ask(get_message(0, kExtFilterRxFilter, NLM_F_DUMP)).filters(ifindex), expected, "dump");
  expect_filters(bench.client.ask(get_message(0, RTEXT_FILTER_SKIP_STATS, NLM_F_DUMP)).filters(ifindex), {},
                 "dump without the bit");
}

void expect_blamed(const Said& end, const GoldenRow& row) {
  EXPECT_FALSE(end.words.empty());
  if (row.offset) {
    EXPECT_EQ(end.offset, kFirstAttribute + *row.offset) << end.words;
  } else if (end.offset) {
    EXPECT_GE(*end.offset, kFirstAttribute) << end.words;
    EXPECT_LT(*end.offset, kFirstAttribute + row.request.size()) << end.words;
  }
}

const ApiCase kCases[] = {
    {"UnknownIfindex",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       EXPECT_EQ(bench.code_of(set_message(bench.client, kNoSuchIfindex, no_vlan())), ENODEV);
       EXPECT_EQ(bench.code_of(get_message(kNoSuchIfindex, kExtFilterRxFilter)), ENODEV);
     }},
    {"UnknownName",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       const Buffer filter = bench.client.numbered(no_vlan());
       const Buffer name = text_attribute(IFLA_IFNAME, "nobody");
       EXPECT_EQ(bench.code_of(link_message(RTM_SETLINK, 0, 0, {name, filter})), ENODEV);
       EXPECT_EQ(bench.code_of(link_message(RTM_GETLINK, 0, 0, {name})), ENODEV);
     }},
    {"ByName",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       const Buffer name = text_attribute(IFLA_IFNAME, "upper");
       const Buffer mask = u32_attribute(IFLA_EXT_MASK, kExtFilterRxFilter);
       EXPECT_EQ(bench.code_of(link_message(RTM_SETLINK, 0, 0, {name, bench.client.numbered(no_vlan())})), 0);
       expect_filters(bench.client.ask(link_message(RTM_GETLINK, 0, 0, {name, mask})).filters(bench.upper), {no_vlan()},
                      "get by name");
     }},
    {"ByAlternativeName",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       const Buffer name = text_attribute(IFLA_ALT_IFNAME, kAlternativeName);
       const Buffer mask = u32_attribute(IFLA_EXT_MASK, kExtFilterRxFilter);
       EXPECT_EQ(bench.code_of(link_message(RTM_SETLINK, 0, 0, {name, bench.client.numbered(no_vlan())})), 0);
       expect_filters(bench.client.ask(link_message(RTM_GETLINK, 0, 0, {name, mask})).filters(bench.upper), {no_vlan()},
                      "get by alternative name");
     }},
    {"NeitherIndexNorName",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       EXPECT_EQ(bench.code_of(set_message(bench.client, 0, no_vlan())), EINVAL);
       EXPECT_EQ(bench.code_of(get_message(0, kExtFilterRxFilter)), EINVAL);
     }},
    {"NewlinkOfALinkThatIsThere",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       const Buffer filter = bench.client.numbered(no_vlan());
       EXPECT_EQ(bench.code_of(link_message(RTM_NEWLINK, 0, bench.upper, {filter})), 0);
       expect_filters(bench.get(), {no_vlan()}, "get");
       EXPECT_EQ(
           bench.code_of(link_message(RTM_NEWLINK, NLM_F_CREATE, bench.upper, {bench.client.numbered(kUnfiltered)})),
           0);
       expect_filters(bench.get(), {kUnfiltered}, "get");
     }},
    {"NewlinkOfNone",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       const Buffer name = text_attribute(IFLA_IFNAME, "newcomer");
       const Buffer filter = bench.client.numbered(no_vlan());
       const Buffer kind = nest_attribute(IFLA_LINKINFO, text_attribute(IFLA_INFO_KIND, "macvtap"));
       const Buffer lower = u32_attribute(IFLA_LINK, ifindex_of("far"));
       EXPECT_EQ(bench.code_of(link_message(RTM_NEWLINK, 0, 0, {name, filter})), ENODEV);
       EXPECT_EQ(bench.code_of(link_message(RTM_NEWLINK, NLM_F_CREATE, 0, {name, filter})), EOPNOTSUPP);
       EXPECT_EQ(bench.code_of(link_message(RTM_NEWLINK, NLM_F_CREATE, 0, {name, lower, kind, filter})), EOPNOTSUPP);
       EXPECT_THROW(ifindex_of("newcomer"), std::system_error);
     }},
    {"OfTwoFiltersTheLastCounts",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       const Buffer filter = bench.client.numbered(no_vlan());
       const Buffer none = bench.client.numbered(kUnfiltered);
       EXPECT_EQ(bench.code_of(link_message(RTM_SETLINK, 0, bench.upper, {none, filter})), 0);
       expect_filters(bench.get(), {no_vlan()}, "get");
     }},
    {"ExtMaskInASetIsNoHindrance",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       const Buffer mask = u32_attribute(IFLA_EXT_MASK, kExtFilterRxFilter);
       EXPECT_EQ(bench.code_of(link_message(RTM_SETLINK, 0, bench.upper, {mask, bench.client.numbered(no_vlan())})), 0);
       expect_filters(bench.get(), {no_vlan()}, "get");
     }},
    {"NoAckUnlessAskedFor",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       bench.client.send(set_message(bench.client, bench.upper, no_vlan()));
       expect_filters(bench.get(), {no_vlan()}, "get");
       EXPECT_TRUE(bench.client.unasked().empty());
       bench.client.send(set_message(bench.client, bench.upper, kWrong));
       expect_filters(bench.get(), {no_vlan()}, "get");
       const auto unasked = bench.client.unasked();
       ASSERT_EQ(unasked.size(), 1U);
       EXPECT_EQ(unasked[0].type, NLMSG_ERROR);
       EXPECT_EQ(unasked[0].code, EADDRNOTAVAIL);
     }},
    {"EchoIsTheLinkAsItIsNow",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       const auto answer =
           bench.client.ask(link_message(RTM_SETLINK, NLM_F_ECHO, bench.upper, {bench.client.numbered(no_vlan())}));
       EXPECT_EQ(answer.end.code, 0);
       expect_filters(answer.filters(bench.upper), {no_vlan()}, "echo");
     }},
    {"SeveralMessagesInAPacket",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       const auto answers = bench.client.ask_all(
           {set_message(bench.client, bench.upper, no_vlan()), get_message(bench.upper, kExtFilterRxFilter),
            set_message(bench.client, bench.upper, kWrong), set_message(bench.client, bench.upper, kUnfiltered),
            get_message(bench.upper, kExtFilterRxFilter)});
       EXPECT_EQ(answers[0].end.code, 0);
       expect_filters(answers[1].filters(bench.upper), {no_vlan()}, "first get");
       EXPECT_EQ(answers[2].end.code, EADDRNOTAVAIL);
       EXPECT_EQ(answers[3].end.code, 0);
       expect_filters(answers[4].filters(bench.upper), {kUnfiltered}, "second get");
     }},
    {"WhatIsNoRequestIsIgnored",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       Buffer message = set_message(bench.client, bench.upper, no_vlan());
       message[offsetof(nlmsghdr, nlmsg_flags)] = 0;
       bench.client.send(message);
       expect_filters(bench.get(), {kUnfiltered}, "get");
       EXPECT_TRUE(bench.client.unasked().empty());
     }},
    {"UnknownTypeOfMessage",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       EXPECT_EQ(bench.code_of(link_message(0x7ff0, 0, bench.upper, {})), EOPNOTSUPP);
     }},
    {"DumpIsInPartsAndEnds",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       const auto answer = bench.client.ask(get_message(0, kExtFilterRxFilter, NLM_F_DUMP));
       EXPECT_EQ(answer.end.type, NLMSG_DONE);
       EXPECT_EQ(answer.end.code, 0);
       EXPECT_TRUE(std::ranges::all_of(answer.links, [](const Said& link) { return link.flags & NLM_F_MULTI; }));
       for (const char* name : {"lo", "lower", "far", "upper"})
         EXPECT_EQ(std::ranges::count(answer.links, ifindex_of(name), &Said::ifindex), 1) << name;
     }},
    {"EachChangeIsAnnouncedInItsTurn",
     [](const ApiUnderTest& api) {
       Bench bench(api);
       RawApiClient listener(api);
       listener.subscribe();
       for (int i = 0; i < 3; ++i) {
         bench.set(no_vlan());
         expect_filters(listener.announced(bench.upper, kSoon), {no_vlan()}, "announced");
         bench.set(kUnfiltered);
         expect_filters(listener.announced(bench.upper, kSoon), {kUnfiltered}, "announced");
       }
     }},
};

}  // namespace

void expect_golden_row(const ApiUnderTest& api, const GoldenRow& row) {
  Bench bench(api);
  const bool has_filter = row.link == "passthru";
  const std::uint32_t ifindex = has_filter ? bench.upper : bench.veth;
  if (row.before) bench.set(*row.before);
  RawApiClient listener(api);
  listener.subscribe();
  const Filters after = row.after ? Filters{*row.after} : Filters{};

  const Said end = bench.client.ask(set_message(bench.client, ifindex, row.request)).end;
  EXPECT_EQ(end.type, NLMSG_ERROR);
  EXPECT_EQ(end.code, row.error) << end.words;
  if (row.error != 0) expect_blamed(end, row);
  const bool done = row.error == 0;
  expect_filters(listener.announced(ifindex, done ? kSoon : std::chrono::milliseconds(0)), done ? after : Filters{},
                 "announced");
  expect_stated(bench, ifindex, after);
}

void PrintTo(const ApiCase& row, std::ostream* out) { *out << row.name; }

const std::vector<ApiCase>& api_cases() {
  static const std::vector<ApiCase> cases(std::begin(kCases), std::end(kCases));
  return cases;
}

}  // namespace rxf::test
