// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_handler.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <random>

#include "loader/netlink/message.h"
#include "loader/netlink/rx_filter_codec.h"
#include "loader/netlink/rx_filter_link.h"
#include "tests/support/fake_api_backend.h"
#include "tests/support/must.h"

namespace rxf::daemon {
namespace {

using netlink::Bytes;
using netlink::kExtFilterRxFilter;
using netlink::kIflaRxFilter;
using netlink::Message;
using test::FakeApiBackend;

constexpr std::uint32_t kSequence = 77;
constexpr std::uint32_t kPort = 4711;
constexpr std::uint32_t kUpper = FakeApiBackend::kUpper;
constexpr uid_t kStranger = 71001;
const Peer kRoot = {.uid = 0};

const FilterSet kFilter = {.addresses =
                               AddressFilter{.flags = {.broadcast = true}, .unicast = {{{0x02, 0xaa, 0, 0, 0, 1}}}}};

// Of the right form.
FilterChange wrong_value() {
  return {.addresses = FilterChange::Addresses{.unicast = AddressSet{{{0x01, 0, 0x5e, 0, 0, 1}}}}};
}

// A request about links, being written.
class Request {
 public:
  explicit Request(int type, int flags = NLM_F_ACK, std::uint32_t ifindex = 0, ifinfomsg fixed = {}) {
    fixed.ifi_index = static_cast<int>(ifindex);
    const nlmsghdr header = {.nlmsg_type = static_cast<std::uint16_t>(type),
                             .nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags),
                             .nlmsg_seq = kSequence,
                             .nlmsg_pid = kPort};
    append(header);
    append(fixed);
  }

  Request& raw(int type, const Packet& payload) {
    append(nlattr{.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + payload.size()),
                  .nla_type = static_cast<std::uint16_t>(type)});
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
    return length(static_cast<std::uint32_t>(bytes_.size()));
  }
  Request& name(const std::string& text, int type = IFLA_IFNAME) {
    return raw(type, {text.c_str(), text.c_str() + text.size() + 1});
  }
  Request& alternative_name(const std::string& text) { return name(text, IFLA_ALT_IFNAME); }
  Request& mask(std::uint32_t bits) {
    Packet payload(sizeof(bits));
    std::memcpy(payload.data(), &bits, sizeof(bits));
    return raw(IFLA_EXT_MASK, payload);
  }
  Request& filter(const FilterChange& change) {
    Message message(0, 0, netlink::kMaxRxFilterMessage);
    put_rx_filter(message, kIflaRxFilter, change);
    bytes_.insert(bytes_.end(), message.payload().begin(), message.payload().end());
    return length(static_cast<std::uint32_t>(bytes_.size()));
  }
  Request& filter(const FilterSet& set = kFilter) { return filter(exactly(set)); }

  // What the header says.
  Request& length(std::uint32_t bytes) { return set(offsetof(nlmsghdr, nlmsg_len), bytes); }
  Request& flags(int bits) { return set(offsetof(nlmsghdr, nlmsg_flags), static_cast<std::uint16_t>(bits)); }

  [[nodiscard]] const Packet& packet() const { return bytes_; }

 private:
  template <class T>
  void append(const T& object) {
    const auto* begin = static_cast<const std::uint8_t*>(static_cast<const void*>(&object));
    bytes_.insert(bytes_.end(), begin, begin + sizeof(T));
    length(static_cast<std::uint32_t>(bytes_.size()));
  }
  template <class T>
  Request& set(std::size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof(value));
    return *this;
  }

  Packet bytes_;
};

Packet operator+(Packet left, const Packet& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

nlmsghdr header_of(const Packet& message) { return netlink::read_object<nlmsghdr>(message).value_or(nlmsghdr{}); }

// The errno of an NLMSG_ERROR; -1 where it is something else.
int code_of(const Packet& message) {
  if (header_of(message).nlmsg_type != NLMSG_ERROR) return -1;
  return -netlink::read_object<nlmsgerr>(Bytes(message).subspan(NLMSG_HDRLEN)).value_or(nlmsgerr{.error = 1}).error;
}

std::optional<netlink::Attribute> attribute_of(const Packet& message, std::size_t fixed, std::uint16_t type) {
  Bytes rest = Bytes(message).subspan(NLMSG_SPACE(fixed));
  while (const auto attribute = netlink::take_attribute(rest))
    if (attribute->type == type) return attribute;
  return std::nullopt;
}

std::optional<std::uint32_t> offset_of(const Packet& error) {
  const auto attribute = attribute_of(error, sizeof(nlmsgerr), NLMSGERR_ATTR_OFFS);
  return attribute ? netlink::read_object<std::uint32_t>(attribute->payload) : std::nullopt;
}

std::string text_of(const Packet& error) {
  const auto attribute = attribute_of(error, sizeof(nlmsgerr), NLMSGERR_ATTR_MSG);
  if (!attribute) return "";
  return {attribute->payload.begin(), std::ranges::find(attribute->payload, 0)};
}

// What a RTM_NEWLINK states; nullopt where it states nothing.
std::optional<FilterSet> filter_of(const Packet& link) {
  const auto attribute = attribute_of(link, sizeof(ifinfomsg), kIflaRxFilter);
  if (!attribute) return std::nullopt;
  const auto change = netlink::decode_change(*attribute);
  return change ? test::must(merged({}, *change)) : throw std::runtime_error(change.error().error.text);
}

class ApiHandlerTest : public testing::Test {
 protected:
  // All messages of a packet.
  std::vector<Packet> ask(const Packet& packet, const Peer& peer = kRoot) {
    std::vector<Packet> answers;
    Bytes rest = packet;
    while (!rest.empty() && !closed_) {
      ApiResponse response = handler_.handle(rest, peer);
      answers.insert(answers.end(), response.answers.begin(), response.answers.end());
      while (auto part = response.dump ? response.dump->next() : std::nullopt) answers.push_back(*part);
      closed_ = closed_ || response.close;
      if (response.subscription) subscribed_ = *response.subscription;
    }
    return answers;
  }
  std::vector<Packet> ask(const Request& request, const Peer& peer = kRoot) { return ask(request.packet(), peer); }

  int code(const Request& request, const Peer& peer = kRoot) {
    const auto answers = ask(request, peer);
    return answers.size() == 1 ? code_of(answers[0]) : -2;
  }

  FakeApiBackend backend_;
  ApiHandler handler_{backend_};
  bool closed_ = false;
  std::optional<bool> subscribed_;
};

// Sets

TEST_F(ApiHandlerTest, SetIsDoneAndAcknowledged) {
  const auto answers = ask(Request(RTM_SETLINK, NLM_F_ACK, kUpper).filter());
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(code_of(answers[0]), 0);
  const nlmsghdr header = header_of(answers[0]);
  EXPECT_EQ(header.nlmsg_seq, kSequence);
  EXPECT_EQ(header.nlmsg_pid, kPort);
  EXPECT_EQ(header.nlmsg_flags, NLM_F_CAPPED);
  EXPECT_EQ(backend_.link(kUpper).filter, kFilter);
}

TEST_F(ApiHandlerTest, NoAcknowledgementUnlessAskedFor) {
  EXPECT_TRUE(ask(Request(RTM_SETLINK, 0, kUpper).filter()).empty());
  EXPECT_EQ(backend_.sets, 1);
  EXPECT_EQ(code(Request(RTM_SETLINK, 0, 99).filter()), ENODEV) << "a refusal is told all the same";
}

TEST_F(ApiHandlerTest, WarningsComeWithTheAcknowledgement) {
  backend_.warnings = {"one", "two"};
  const auto answers = ask(Request(RTM_SETLINK, NLM_F_ACK, kUpper).filter());
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(code_of(answers[0]), 0);
  EXPECT_EQ(text_of(answers[0]), "one; two");
  EXPECT_EQ(header_of(answers[0]).nlmsg_flags, NLM_F_CAPPED | NLM_F_ACK_TLVS);
}

TEST_F(ApiHandlerTest, EchoIsTheLinkAndThenTheAcknowledgement) {
  const auto answers = ask(Request(RTM_SETLINK, NLM_F_ACK | NLM_F_ECHO, kUpper).filter());
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(header_of(answers[0]).nlmsg_type, RTM_NEWLINK);
  EXPECT_EQ(header_of(answers[0]).nlmsg_seq, kSequence);
  EXPECT_EQ(filter_of(answers[0]), kFilter);
  EXPECT_EQ(code_of(answers[1]), 0);
  EXPECT_EQ(ask(Request(RTM_SETLINK, NLM_F_ECHO, kUpper).filter()).size(), 1U);
}

struct SetRow {
  const char* name;
  std::function<Request()> request;
  int code;
  bool done;
};

class ApiHandlerSet : public ApiHandlerTest, public testing::WithParamInterface<SetRow> {};

TEST_P(ApiHandlerSet, IsAnsweredWith) {
  EXPECT_EQ(code(GetParam().request()), GetParam().code);
  EXPECT_EQ(backend_.sets, GetParam().done ? 1 : 0);
  EXPECT_EQ(backend_.link(kUpper).filter, GetParam().done ? kFilter : FilterSet{});
}

Request set_of(std::uint32_t ifindex, int flags = NLM_F_ACK) { return Request(RTM_SETLINK, flags, ifindex); }
Request new_of(std::uint32_t ifindex, int flags = 0) { return Request(RTM_NEWLINK, NLM_F_ACK | flags, ifindex); }
Request with_flags(unsigned flags, unsigned change) {
  return Request(RTM_SETLINK, NLM_F_ACK, kUpper, ifinfomsg{.ifi_flags = flags, .ifi_change = change}).filter();
}

const SetRow kSetRows[] = {
    {"ByIndex", [] { return set_of(kUpper).filter(); }, 0, true},
    {"ByName", [] { return set_of(0).name("upper").filter(); }, 0, true},
    {"ByAlternativeName", [] { return set_of(0).alternative_name(FakeApiBackend::kAlternativeName).filter(); }, 0,
     true},
    {"TheNameCountsBeforeTheAlternative", [] { return set_of(0).alternative_name("nobody").name("upper").filter(); }, 0,
     true},
    {"NameAfterTheFilter", [] { return set_of(0).filter().name("upper"); }, 0, true},
    {"NameWithoutItsNul",
     [] {
       return set_of(0).raw(IFLA_IFNAME, {'u', 'p', 'p', 'e', 'r'}).filter();
     },
     0, true},
    {"WithExtMask", [] { return set_of(kUpper).mask(kExtFilterRxFilter).filter(); }, 0, true},
    {"OfTwoTheLast", [] { return set_of(kUpper).filter(FilterSet{}).filter(); }, 0, true},
    {"Newlink", [] { return new_of(kUpper).filter(); }, 0, true},
    {"NewlinkWithCreate", [] { return new_of(kUpper, NLM_F_CREATE).filter(); }, 0, true},
    {"NewlinkByName", [] { return new_of(0).name("upper").filter(); }, 0, true},
    {"ItsOwnNameBesideTheIndex", [] { return set_of(kUpper).name("upper").filter(); }, 0, true},
    {"AlternativeNameBesideTheIndex", [] { return set_of(kUpper).alternative_name("nobody").filter(); }, 0, true},
    {"NothingToSet", [] { return set_of(kUpper); }, 0, false},

    {"UnknownIndex", [] { return set_of(99).filter(); }, ENODEV, false},
    {"UnknownName", [] { return set_of(0).name("nobody").filter(); }, ENODEV, false},
    {"EmptyName", [] { return set_of(0).name("").filter(); }, ENODEV, false},
    {"NameWithMoreAfterANul",
     [] {
       return set_of(0).raw(IFLA_IFNAME, {'u', 'p', 'p', 'e', 'r', 0, 'x'}).filter();
     },
     ENODEV, false},
    {"NeitherIndexNorName", [] { return set_of(0).filter(); }, EINVAL, false},
    {"NegativeIndex", [] { return set_of(0xffffffff).filter(); }, EINVAL, false},
    {"NameWithoutBytes", [] { return set_of(0).raw(IFLA_IFNAME, {}).filter(); }, ERANGE, false},
    {"LongestName", [] { return set_of(0).name("fifteen-letters").filter(); }, ENODEV, false},
    {"NameTooLong", [] { return set_of(0).name("sixteen-letters!").filter(); }, ERANGE, false},
    {"LongestAlternativeName", [] { return set_of(0).alternative_name(std::string(127, 'x')).filter(); }, ENODEV,
     false},
    {"AlternativeNameTooLong", [] { return set_of(0).alternative_name(std::string(128, 'x')).filter(); }, ERANGE,
     false},
    {"ExtMaskTooShort",
     [] {
       return set_of(kUpper).raw(IFLA_EXT_MASK, {1, 2, 3}).filter();
     },
     ERANGE, false},
    {"NoFilterThere", [] { return set_of(FakeApiBackend::kNic).filter(); }, EOPNOTSUPP, false},
    {"AnotherAttribute",
     [] {
       return set_of(kUpper).raw(IFLA_MTU, {0, 5, 0, 0}).filter();
     },
     EOPNOTSUPP, false},
    {"AnotherAttributeAfterTheFilter",
     [] {
       return set_of(kUpper).filter().raw(IFLA_MTU, {0, 5, 0, 0});
     },
     EOPNOTSUPP, false},
    {"Renaming", [] { return set_of(kUpper).name("lower").filter(); }, EOPNOTSUPP, false},
    {"Flags", [] { return with_flags(IFF_UP, 0); }, EOPNOTSUPP, false},
    {"ChangeOfFlags", [] { return with_flags(0, IFF_UP); }, EOPNOTSUPP, false},
    {"NewlinkOfNone", [] { return new_of(0).name("nobody").filter(); }, ENODEV, false},
    {"NewlinkOfNoneByIndex", [] { return new_of(99).filter(); }, ENODEV, false},
    {"NewlinkOfNoName", [] { return new_of(0).filter(); }, ENODEV, false},
    {"CreateByName", [] { return new_of(0, NLM_F_CREATE).name("nobody").filter(); }, EOPNOTSUPP, false},
    {"CreateWithoutName", [] { return new_of(0, NLM_F_CREATE).filter(); }, EOPNOTSUPP, false},
    {"Exclusive", [] { return new_of(kUpper, NLM_F_EXCL).filter(); }, EEXIST, false},
    {"Replace", [] { return new_of(kUpper, NLM_F_REPLACE).filter(); }, EOPNOTSUPP, false},
    {"OfTwoTheFirstMayHaveAWrongValue", [] { return set_of(kUpper).filter(wrong_value()).filter(); }, 0, true},
    {"OfTwoTheLastMayNot", [] { return set_of(kUpper).filter().filter(wrong_value()); }, EADDRNOTAVAIL, false},
    {"OfTwoNoneMayHaveAWrongForm", [] { return set_of(kUpper).raw(kIflaRxFilter, {}).filter(); }, EINVAL, false},
    {"WrongValueWhereNoFilterIs", [] { return set_of(FakeApiBackend::kNic).filter(wrong_value()); }, EOPNOTSUPP, false},
    {"WrongFormWhereNoFilterIs", [] { return set_of(FakeApiBackend::kNic).raw(kIflaRxFilter, {}); }, EINVAL, false},
    {"WrongValueOfNoLink", [] { return set_of(99).filter(wrong_value()); }, ENODEV, false},
    {"FilterNotNested", [] { return set_of(kUpper).raw(kIflaRxFilter, {}); }, EINVAL, false},
    {"StrayBytes",
     [] {
       return set_of(kUpper).raw(kIflaRxFilter | NLA_F_NESTED, {1, 2, 3});
     },
     ERANGE, false},
};

INSTANTIATE_TEST_SUITE_P(All, ApiHandlerSet, testing::ValuesIn(kSetRows),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(ApiHandlerTest, BackendsErrorIsTheAnswer) {
  backend_.refusal = Error{.text = "claimed by sibling", .code = EADDRINUSE};
  const auto answers = ask(Request(RTM_SETLINK, 0, kUpper).mask(0).filter());
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(code_of(answers[0]), EADDRINUSE);
  EXPECT_EQ(text_of(answers[0]), "claimed by sibling");
  EXPECT_EQ(offset_of(answers[0]), 40U) << "IFLA_RX_FILTER, after IFLA_EXT_MASK";
  const auto error = netlink::read_object<nlmsgerr>(Bytes(answers[0]).subspan(NLMSG_HDRLEN));
  EXPECT_EQ(error->msg.nlmsg_type, RTM_SETLINK);
  EXPECT_EQ(error->msg.nlmsg_seq, kSequence);

  backend_.refusal = Error{.text = "without a number"};
  EXPECT_EQ(code(Request(RTM_SETLINK, 0, kUpper).filter()), EIO);
}

TEST_F(ApiHandlerTest, ALongSentenceIsCut) {
  backend_.refusal = Error{.text = std::string(100'000, 'x'), .code = EIO};
  const auto answers = ask(Request(RTM_SETLINK, 0, kUpper).filter());
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(text_of(answers[0]), std::string(2048, 'x'));
}

TEST_F(ApiHandlerTest, TheAttributeAtFaultIsPointedAt) {
  const auto in_the_list = ask(Request(RTM_SETLINK, 0, kUpper).mask(0).filter(wrong_value()));
  ASSERT_EQ(in_the_list.size(), 1U);
  EXPECT_EQ(code_of(in_the_list[0]), EADDRNOTAVAIL);
  EXPECT_EQ(offset_of(in_the_list[0]), 52U) << "header 32, mask 8, three nests of 4";

  const auto itself = ask(Request(RTM_SETLINK, 0, kUpper).mask(0).raw(kIflaRxFilter, {}));
  ASSERT_EQ(itself.size(), 1U);
  EXPECT_EQ(offset_of(itself[0]), 40U);

  const auto other = ask(Request(RTM_SETLINK, 0, kUpper).filter(stating(kFilter)).raw(IFLA_MTU, {0, 0, 0, 0}));
  ASSERT_EQ(other.size(), 1U);
  EXPECT_EQ(offset_of(other[0]), 32U + netlink::encode(kFilter).size());
}

// Who may what

struct AccessRow {
  const char* name;
  Peer peer;
  const char* allow;
  std::uint32_t ifindex;
  int code;
};

class ApiHandlerAccess : public ApiHandlerTest, public testing::WithParamInterface<AccessRow> {};

TEST_P(ApiHandlerAccess, DecidesWhoMaySet) {
  const AccessRow& row = GetParam();
  handler_.set_access(test::must(AccessList::parse({row.allow})));
  EXPECT_EQ(code(Request(RTM_SETLINK, NLM_F_ACK, row.ifindex).filter(), row.peer), row.code);
  EXPECT_EQ(backend_.sets, row.code == 0 ? 1 : 0);
  EXPECT_EQ(code_of(ask(Request(RTM_GETLINK, 0, row.ifindex), row.peer).at(0)), row.code == ENODEV ? ENODEV : -1)
      << "everybody may get";
}

const AccessRow kAccessRows[] = {
    {"Root", {.uid = 0}, "upper=71002", kUpper, 0},
    {"Own", {.uid = ::geteuid()}, "upper=71002", kUpper, 0},
    {"Listed", {.uid = kStranger}, "upper=71001", kUpper, 0},
    {"ListedForAll", {.uid = kStranger}, "*=71001", kUpper, 0},
    {"ListedByGroup", {.uid = kStranger, .groups = {72001}}, "upper=@72001", kUpper, 0},
    {"Stranger", {.uid = kStranger}, "upper=71002", kUpper, EPERM},
    {"ListedForAnother", {.uid = kStranger}, "upper=71001", FakeApiBackend::kSibling, EPERM},
    {"NoLinkToBeAllowed", {.uid = kStranger}, "*=71001", 99, ENODEV},
};

INSTANTIATE_TEST_SUITE_P(All, ApiHandlerAccess, testing::ValuesIn(kAccessRows),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(ApiHandlerTest, AnAlternativeNameOpensNoDoor) {
  handler_.set_access(test::must(AccessList::parse({"sibling=71001"})));
  EXPECT_EQ(code(Request(RTM_SETLINK, NLM_F_ACK).alternative_name(FakeApiBackend::kAlternativeName).filter(),
                 {.uid = kStranger}),
            EPERM);
  EXPECT_EQ(code(Request(RTM_SETLINK, NLM_F_ACK, kUpper).name("sibling").filter(), {.uid = kStranger}), EOPNOTSUPP);
}

TEST_F(ApiHandlerTest, EverybodyMayDumpAndSubscribe) {
  const Peer stranger = {.uid = kStranger};
  EXPECT_EQ(header_of(ask(Request(RTM_GETLINK, NLM_F_DUMP), stranger).at(0)).nlmsg_type, RTM_NEWLINK);
  Message message(kApiAddMembership, NLM_F_REQUEST);
  message.put_fixed(std::uint32_t{RTNLGRP_LINK});
  EXPECT_TRUE(ask(Packet(message.bytes().begin(), message.bytes().end()), stranger).empty());
  EXPECT_EQ(subscribed_, true);
}

// Gets

TEST_F(ApiHandlerTest, GetIsTheKernelsMessageWithTheFilterAppended) {
  backend_.link(kUpper).filter = kFilter;
  const auto answers = ask(Request(RTM_GETLINK, 0, kUpper).mask(kExtFilterRxFilter));
  ASSERT_EQ(answers.size(), 1U);
  Packet expected = backend_.link(kUpper).message + netlink::encode(kFilter);
  const nlmsghdr header = {.nlmsg_len = static_cast<std::uint32_t>(expected.size()),
                           .nlmsg_type = RTM_NEWLINK,
                           .nlmsg_seq = kSequence,
                           .nlmsg_pid = kPort};
  std::memcpy(expected.data(), &header, sizeof(header));
  EXPECT_EQ(answers[0], expected);
}

TEST_F(ApiHandlerTest, TheFilterIsThereOnlyWhereAskedForAndWhereThereIsOne) {
  const auto get = [&](std::uint32_t ifindex, std::uint32_t mask) {
    return ask(Request(RTM_GETLINK, 0, ifindex).mask(mask)).at(0);
  };
  EXPECT_EQ(filter_of(get(kUpper, kExtFilterRxFilter)), FilterSet{});
  EXPECT_EQ(filter_of(get(kUpper, kExtFilterRxFilter | RTEXT_FILTER_SKIP_STATS)), FilterSet{});
  EXPECT_EQ(filter_of(get(kUpper, RTEXT_FILTER_SKIP_STATS)), std::nullopt);
  EXPECT_EQ(filter_of(get(FakeApiBackend::kNic, kExtFilterRxFilter)), std::nullopt);
  EXPECT_EQ(filter_of(ask(Request(RTM_GETLINK, 0, kUpper)).at(0)), std::nullopt);
}

TEST_F(ApiHandlerTest, GetWithAckIsBoth) {
  const auto answers = ask(Request(RTM_GETLINK, NLM_F_ACK).name("upper"));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(header_of(answers[0]).nlmsg_type, RTM_NEWLINK);
  EXPECT_EQ(code_of(answers[1]), 0);
}

struct GetRow {
  const char* name;
  std::function<Request()> request;
  int code;
};

class ApiHandlerGet : public ApiHandlerTest, public testing::WithParamInterface<GetRow> {};

TEST_P(ApiHandlerGet, IsRefusedWith) { EXPECT_EQ(code(GetParam().request()), GetParam().code); }

Request get_of(std::uint32_t ifindex, int flags = 0) { return Request(RTM_GETLINK, flags, ifindex); }

const GetRow kGetRows[] = {
    {"UnknownIndex", [] { return get_of(99); }, ENODEV},
    {"UnknownName", [] { return get_of(0).name("nobody"); }, ENODEV},
    {"NeitherIndexNorName", [] { return get_of(0); }, EINVAL},
    {"NegativeIndex", [] { return get_of(0x80000000); }, EINVAL},
    {"WithAFilter", [] { return get_of(kUpper).filter(); }, EOPNOTSUPP},
    {"WithAWrongFilter", [] { return get_of(kUpper).filter(wrong_value()); }, EOPNOTSUPP},
    {"WithAnotherAttribute",
     [] {
       return get_of(kUpper).raw(IFLA_MTU, {0, 0, 0, 0});
     },
     EOPNOTSUPP},
    {"DumpOfOne", [] { return get_of(kUpper, NLM_F_DUMP); }, EINVAL},
    {"DumpOfOneByName", [] { return get_of(0, NLM_F_DUMP).name("upper"); }, EINVAL},
};

INSTANTIATE_TEST_SUITE_P(All, ApiHandlerGet, testing::ValuesIn(kGetRows),
                         [](const auto& test) { return std::string(test.param.name); });

// Dumps

std::vector<Packet> messages_of(const std::vector<Packet>& packets) {
  std::vector<Packet> messages;
  for (const Packet& packet : packets) {
    for (Bytes rest = packet; !rest.empty();) {
      const auto header = netlink::read_object<nlmsghdr>(rest).value();
      messages.emplace_back(rest.begin(), rest.begin() + header.nlmsg_len);
      rest = rest.subspan(NLMSG_ALIGN(header.nlmsg_len));
    }
  }
  return messages;
}

TEST_F(ApiHandlerTest, DumpIsEveryLinkInOnePacketAndDone) {
  backend_.link(kUpper).filter = kFilter;
  const auto packets = ask(Request(RTM_GETLINK, NLM_F_DUMP | NLM_F_ACK).mask(kExtFilterRxFilter));
  ASSERT_EQ(packets.size(), 1U);
  const auto messages = messages_of(packets);
  ASSERT_EQ(messages.size(), 4U);
  for (const Packet& message : messages) {
    EXPECT_EQ(header_of(message).nlmsg_flags, NLM_F_MULTI);
    EXPECT_EQ(header_of(message).nlmsg_seq, kSequence);
    EXPECT_EQ(header_of(message).nlmsg_pid, kPort);
  }
  EXPECT_EQ(filter_of(messages[0]), kFilter);
  EXPECT_EQ(filter_of(messages[1]), FilterSet{});
  EXPECT_EQ(filter_of(messages[2]), std::nullopt);
  EXPECT_EQ(header_of(messages[3]).nlmsg_type, NLMSG_DONE);
  EXPECT_EQ(messages[3].size(), 20U);
  EXPECT_EQ(filter_of(messages_of(ask(Request(RTM_GETLINK, NLM_F_DUMP))).at(0)), std::nullopt);
}

TEST_F(ApiHandlerTest, DumpIsCutIntoFullPackets) {
  for (std::uint32_t i = 0; i < 20; ++i) backend_.add(100 + i, "x" + std::to_string(i), FilterSet{}, 10'000);
  backend_.add(200, "long", FilterSet{}, 40'000);
  const auto packets = ask(Request(RTM_GETLINK, NLM_F_DUMP));
  EXPECT_EQ(messages_of(packets).size(), backend_.links.size() + 1);
  ASSERT_EQ(packets.size(), 9U) << "7 of three, the long one, and the end";
  for (const Packet& packet : packets) EXPECT_TRUE(packet.size() <= kMaxApiPacket || packet.size() > 40'000);
}

TEST_F(ApiHandlerTest, DumpOfNothingIsDone) {
  backend_.links.clear();
  const auto packets = ask(Request(RTM_GETLINK, NLM_F_DUMP));
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(header_of(packets[0]).nlmsg_type, NLMSG_DONE);
}

TEST_F(ApiHandlerTest, DumpsThatSayTheSameShareIt) {
  const auto links = backend_.links;
  const nlmsghdr first = {.nlmsg_seq = 1};
  const nlmsghdr second = {.nlmsg_seq = 2};
  const std::size_t size = links[0].message.size() + links[1].message.size() + links[2].message.size();
  ApiDumps dumps(size);
  std::vector<ApiDump> pending;
  for (int i = 0; i < 1000; ++i) pending.push_back(test::must(dumps.begin(i % 2 ? first : second, links, false)));
  EXPECT_EQ(dumps.begin(first, links, true).error().code, EBUSY);
  EXPECT_EQ(header_of(*pending[0].next()).nlmsg_seq, 2U);
  EXPECT_EQ(header_of(*pending[1].next()).nlmsg_seq, 1U);
  pending.clear();
  EXPECT_TRUE(dumps.begin(first, links, true)) << "a single one, of any size";
}

// What is no request for a link

TEST_F(ApiHandlerTest, SubscriptionBeginsAndEnds) {
  const auto membership = [&](std::uint16_t type, std::uint32_t group) {
    Message message(type, NLM_F_REQUEST | NLM_F_ACK);
    message.put_fixed(group);
    const auto answers = ask(Packet(message.bytes().begin(), message.bytes().end()));
    return answers.size() == 1 ? code_of(answers[0]) : -2;
  };
  EXPECT_EQ(membership(kApiAddMembership, RTNLGRP_LINK), 0);
  EXPECT_EQ(subscribed_, true);
  EXPECT_EQ(membership(kApiDropMembership, RTNLGRP_LINK), 0);
  EXPECT_EQ(subscribed_, false);
  subscribed_.reset();
  EXPECT_EQ(membership(kApiAddMembership, 0), EINVAL);
  EXPECT_EQ(membership(kApiAddMembership, RTNLGRP_NOTIFY), EINVAL);
  EXPECT_EQ(subscribed_, std::nullopt);
}

TEST_F(ApiHandlerTest, SubscriptionWithoutAGroupIsRefused) {
  Message message(kApiAddMembership, NLM_F_REQUEST);
  message.put_fixed(std::uint16_t{1});
  message.header()->nlmsg_len = NLMSG_HDRLEN + 2;
  const auto answers = ask(Packet(message.bytes().begin(), message.bytes().end()));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(code_of(answers[0]), EINVAL);
  EXPECT_EQ(subscribed_, std::nullopt);
}

TEST_F(ApiHandlerTest, WhatIsNoRequestIsIgnored) {
  Request request = Request(RTM_SETLINK, 0, kUpper).filter();
  EXPECT_TRUE(ask(request.flags(0)).empty());
  EXPECT_EQ(code(request.flags(NLM_F_ACK)), 0) << "as the kernel does";
  EXPECT_TRUE(ask(Request(NLMSG_NOOP, 0)).empty());
  EXPECT_TRUE(ask(Request(NLMSG_DONE, 0)).empty());
  EXPECT_EQ(backend_.sets, 0);
  EXPECT_FALSE(closed_);
}

TEST_F(ApiHandlerTest, OtherTypesAreNotSupported) {
  for (const int type : {int{RTM_DELLINK}, int{RTM_NEWADDR}, int{RTM_GETNEIGH}, 0x7f00, 0x7f03, 0xffff}) {
    EXPECT_EQ(code(Request(type, 0)), EOPNOTSUPP) << type;
  }
}

TEST_F(ApiHandlerTest, MessageTooShortForALinkIsRefused) {
  for (const int type : {RTM_GETLINK, RTM_SETLINK, RTM_NEWLINK}) {
    for (std::uint32_t size = NLMSG_HDRLEN; size < NLMSG_LENGTH(sizeof(ifinfomsg)); ++size) {
      Packet cut = Request(type, NLM_F_ACK, kUpper).length(size).packet();
      cut.resize(size);
      const auto answers = ask(cut);
      ASSERT_EQ(answers.size(), 1U) << type << " with " << size;
      EXPECT_EQ(code_of(answers[0]), EINVAL) << type << " with " << size;
    }
  }
}

// What is no message

TEST_F(ApiHandlerTest, SeveralMessagesAreAnsweredInTurn) {
  const auto answers = ask(set_of(kUpper).filter().packet() + get_of(kUpper).mask(kExtFilterRxFilter).packet() +
                           set_of(99).filter().packet() + set_of(kUpper).filter(FilterSet{}).packet());
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(code_of(answers[0]), 0);
  EXPECT_EQ(filter_of(answers[1]), kFilter);
  EXPECT_EQ(code_of(answers[2]), ENODEV);
  EXPECT_EQ(code_of(answers[3]), 0);
}

TEST_F(ApiHandlerTest, OneMessageIsTakenAtATime) {
  const Packet packet = set_of(kUpper).filter().packet() + set_of(FakeApiBackend::kSibling).filter().packet();
  Bytes rest = packet;
  handler_.handle(rest, kRoot);
  EXPECT_EQ(backend_.sets, 1);
  EXPECT_EQ(rest.size(), packet.size() / 2);
}

TEST_F(ApiHandlerTest, NothingOfAPacketWithoutAHeaderIsAnswered) {
  for (std::size_t size = 1; size < NLMSG_HDRLEN; ++size) {
    closed_ = false;
    EXPECT_TRUE(ask(Packet(size, 0x41)).empty());
    EXPECT_TRUE(closed_) << size;
  }
  closed_ = false;
  EXPECT_EQ(ask(set_of(kUpper).filter().packet() + Packet(4, 0)).size(), 1U) << "what was whole is answered";
  EXPECT_TRUE(closed_);
}

TEST_F(ApiHandlerTest, LengthThatDoesNotFitIsRefusedAndTheRestNotLookedAt) {
  const Packet good = set_of(kUpper).filter().packet();
  for (const std::uint32_t length : {0U, 1U, 15U, static_cast<std::uint32_t>(2 * good.size() + 1), 0xffffffffU}) {
    const auto answers = ask(set_of(kUpper).filter().length(length).packet() + good);
    ASSERT_EQ(answers.size(), 1U) << length;
    EXPECT_EQ(code_of(answers[0]), EBADMSG);
    EXPECT_EQ(header_of(answers[0]).nlmsg_seq, kSequence);
  }
  EXPECT_EQ(backend_.sets, 0);
  EXPECT_FALSE(closed_);
}

TEST_F(ApiHandlerTest, EveryTruncationIsRefusedOrEndsTheConnection) {
  const Packet whole = set_of(0).name("upper").filter().packet();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    closed_ = false;
    const auto answers = ask(Packet(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    ASSERT_EQ(answers.size(), size < NLMSG_HDRLEN ? 0U : 1U) << size;
    EXPECT_EQ(closed_, size < NLMSG_HDRLEN);
    if (size >= NLMSG_HDRLEN) {
      EXPECT_EQ(code_of(answers[0]), EBADMSG);
    }
  }
  EXPECT_EQ(backend_.sets, 0);
}

// With the length made to fit, it is the attributes that are cut.
TEST_F(ApiHandlerTest, EveryTruncatedAttributeIsRefused) {
  const Packet whole = set_of(kUpper).filter().packet();
  for (std::uint32_t size = NLMSG_LENGTH(sizeof(ifinfomsg)) + 1; size < whole.size(); ++size) {
    Packet cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    std::memcpy(cut.data(), &size, sizeof(size));
    const auto answers = ask(cut);
    ASSERT_EQ(answers.size(), 1U) << size;
    EXPECT_EQ(code_of(answers[0]), EINVAL) << size;
  }
  EXPECT_EQ(backend_.sets, 0);
}

TEST_F(ApiHandlerTest, PacketsHaveALimit) {
  Request request = set_of(kUpper);
  while (request.packet().size() + 12 <= kMaxApiPacket - 12) request.alternative_name("nobody");
  const Packet filled = request.filter(FilterSet{}).packet();
  ASSERT_GT(filled.size(), kMaxApiPacket - 16);
  const Packet most = filled + Request(NLMSG_NOOP, 0).packet();
  EXPECT_EQ(code_of(ask(filled).at(0)), 0);
  EXPECT_EQ(backend_.sets, 1);
  ASSERT_GT(most.size(), kMaxApiPacket);
  const auto answers = ask(most);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(code_of(answers[0]), EMSGSIZE);
  EXPECT_EQ(backend_.sets, 1);
}

// Whatever comes, each answer is whole, an error or what was asked for, and the set of another upper stays.
TEST_F(ApiHandlerTest, DamagedPacketsAreAnsweredWhole) {
  std::mt19937 random(1);
  const Packet good = set_of(kUpper).filter().packet() + get_of(0, NLM_F_DUMP).mask(kExtFilterRxFilter).packet();
  for (int round = 0; round < 20'000; ++round) {
    Packet packet = good;
    for (int i = 0; i < 3; ++i) packet[random() % packet.size()] = static_cast<std::uint8_t>(random());
    for (const Packet& answer : messages_of(ask(packet))) EXPECT_EQ(header_of(answer).nlmsg_len, answer.size());
    closed_ = false;
  }
  EXPECT_GT(backend_.sets, 1000);
  EXPECT_GT(backend_.dumps, 1000);
}

}  // namespace
}  // namespace rxf::daemon
