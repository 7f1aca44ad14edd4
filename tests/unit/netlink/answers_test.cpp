// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/answers.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <cerrno>

namespace rxf::netlink {
namespace {

constexpr std::uint32_t kSequence = 7;
constexpr std::uint32_t kPort = 4711;
constexpr std::uint16_t kAnswer = RTM_NEWLINK;

using Datagram = std::vector<std::uint8_t>;

Datagram operator+(Datagram left, const Datagram& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Datagram finished(Message& message, std::uint32_t sequence = kSequence, std::uint32_t port = kPort) {
  message.header()->nlmsg_seq = sequence;
  message.header()->nlmsg_pid = port;
  const Bytes bytes = message.bytes();
  return {bytes.begin(), bytes.end()};
}

Datagram answer(int flags = 0, std::uint32_t sequence = kSequence, std::uint32_t port = kPort) {
  Message message(kAnswer, flags);
  return finished(message, sequence, port);
}

void put_extack(Message& message, const char* text) {
  message.put_text(NLMSGERR_ATTR_MSG, text);
  message.put_u32(NLMSGERR_ATTR_OFFS, 48);
}

Datagram acknowledgement(int error = 0, std::uint32_t sequence = kSequence, std::uint32_t port = kPort) {
  Message message(NLMSG_ERROR, NLM_F_CAPPED);
  message.put_fixed(nlmsgerr{.error = error, .msg = {.nlmsg_len = 400}});
  return finished(message, sequence, port);
}

Datagram end_of_dump(int error = 0, int flags = 0) {
  Message message(NLMSG_DONE, NLM_F_MULTI | flags);
  message.put_fixed(error);
  return finished(message);
}

class AnswersTest : public testing::Test {
 protected:
  // Whether the reading is over.
  bool read(const Datagram& datagram) {
    answers_.read(datagram);
    return answers_.complete();
  }

  int handled_ = 0;
  std::optional<int> refuse_at_;  // the handler fails at this message
  Socket::Handler handler_ = [this](const nlmsghdr&) -> Result<void> {
    ++handled_;
    if (refuse_at_ == handled_) return system_error(ERANGE, "handler");
    return {};
  };
  Answers answers_{kSequence, kPort, handler_};
};

TEST_F(AnswersTest, AcknowledgementEndsIt) {
  EXPECT_FALSE(read(answer()));
  EXPECT_TRUE(read(acknowledgement()));
  EXPECT_TRUE(answers_.result());
  EXPECT_EQ(handled_, 1);
}

TEST_F(AnswersTest, DumpGoesOnToItsEnd) {
  EXPECT_FALSE(read(answer(NLM_F_MULTI) + answer(NLM_F_MULTI)));
  EXPECT_FALSE(read(answer(NLM_F_MULTI)));
  EXPECT_TRUE(read(end_of_dump()));
  EXPECT_TRUE(answers_.result());
  EXPECT_EQ(handled_, 3);
}

TEST_F(AnswersTest, WhatFollowsTheEndIsNotRead) {
  EXPECT_TRUE(read(acknowledgement() + answer() + acknowledgement(-EBUSY)));
  EXPECT_TRUE(answers_.result());
  EXPECT_EQ(handled_, 0);
}

TEST_F(AnswersTest, KernelErrorIsPositive) {
  EXPECT_TRUE(read(acknowledgement(-EBUSY)));
  ASSERT_FALSE(answers_.result());
  EXPECT_EQ(answers_.result().error().code, EBUSY);
  EXPECT_EQ(answers_.result().error().text, "Device or resource busy");
  EXPECT_EQ(answers_.result().error().exit, Exit::refused);
}

TEST_F(AnswersTest, CappedErrorHasTheExtackBehindTheHeader) {
  Message message(NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS);
  message.put_fixed(nlmsgerr{.error = -EBUSY, .msg = {.nlmsg_len = 400}});
  put_extack(message, "lower device in use");
  EXPECT_TRUE(read(finished(message)));
  ASSERT_FALSE(answers_.result());
  EXPECT_EQ(answers_.result().error().text, "Device or resource busy (extack: lower device in use, at byte 48)");
}

TEST_F(AnswersTest, UncappedErrorHasTheExtackBehindTheRequest) {
  Message message(NLMSG_ERROR, NLM_F_ACK_TLVS);
  message.put_fixed(nlmsgerr{.error = -EBUSY, .msg = {.nlmsg_len = sizeof(nlmsghdr) + 10}});
  message.put_fixed(std::array<std::uint8_t, 10>{});
  put_extack(message, "lower device in use");
  EXPECT_TRUE(read(finished(message)));
  ASSERT_FALSE(answers_.result());
  EXPECT_EQ(answers_.result().error().text, "Device or resource busy (extack: lower device in use, at byte 48)");
}

TEST_F(AnswersTest, UncappedErrorCutShortHasNoExtack) {
  Message message(NLMSG_ERROR, NLM_F_ACK_TLVS);
  message.put_fixed(nlmsgerr{.error = -EBUSY, .msg = {.nlmsg_len = 0xffffffff}});
  EXPECT_TRUE(read(finished(message)));
  ASSERT_FALSE(answers_.result());
  EXPECT_EQ(answers_.result().error().text, "Device or resource busy");
}

TEST_F(AnswersTest, EndOfDumpHasAnErrorOfItsOwn) {
  Message message(NLMSG_DONE, NLM_F_MULTI | NLM_F_ACK_TLVS);
  message.put_fixed(-EINVAL);
  put_extack(message, "bad filter");
  EXPECT_FALSE(read(answer(NLM_F_MULTI)));
  EXPECT_TRUE(read(finished(message)));
  ASSERT_FALSE(answers_.result());
  EXPECT_EQ(answers_.result().error().code, EINVAL);
  EXPECT_EQ(answers_.result().error().text, "Invalid argument (extack: bad filter, at byte 48)");
}

TEST_F(AnswersTest, InterruptedDumpIsReadToItsEndAndRefused) {
  EXPECT_FALSE(read(answer(NLM_F_MULTI | NLM_F_DUMP_INTR)));
  EXPECT_FALSE(read(answer(NLM_F_MULTI)));
  EXPECT_TRUE(read(end_of_dump()));
  ASSERT_FALSE(answers_.result());
  EXPECT_EQ(answers_.result().error().code, EINTR);
}

TEST_F(AnswersTest, InterruptionIsSeenOnTheEndItself) {
  EXPECT_TRUE(read(end_of_dump(0, NLM_F_DUMP_INTR)));
  ASSERT_FALSE(answers_.result());
  EXPECT_EQ(answers_.result().error().code, EINTR);
}

TEST_F(AnswersTest, OtherSequenceNumbersAndPortsAreSkipped) {
  EXPECT_FALSE(read(answer(0, kSequence - 1) + acknowledgement(-EBUSY, kSequence - 1)));
  EXPECT_FALSE(read(answer(0, kSequence, 0) + acknowledgement(-EBUSY, kSequence, kPort + 1)));
  EXPECT_EQ(handled_, 0);
  EXPECT_TRUE(read(acknowledgement()));
  EXPECT_TRUE(answers_.result());
}

TEST_F(AnswersTest, RefusalOfTheHandlerOutlastsTheRestOfTheDump) {
  refuse_at_ = 2;
  EXPECT_FALSE(read(answer(NLM_F_MULTI) + answer(NLM_F_MULTI) + answer(NLM_F_MULTI)));
  EXPECT_TRUE(read(end_of_dump(-EBUSY, NLM_F_DUMP_INTR)));
  ASSERT_FALSE(answers_.result());
  EXPECT_EQ(answers_.result().error().code, ERANGE);
  EXPECT_EQ(handled_, 2);
}

TEST_F(AnswersTest, MessageCutShortIsAnError) {
  for (std::size_t size = 1; size < acknowledgement().size(); ++size) {
    Answers answers(kSequence, kPort, handler_);
    answers.read(Bytes(acknowledgement()).first(size));
    ASSERT_TRUE(answers.complete()) << size;
    ASSERT_FALSE(answers.result()) << size;
    EXPECT_EQ(answers.result().error().code, EBADMSG) << size;
  }
}

TEST_F(AnswersTest, ErrorWithoutRoomForItsNumberIsAnError) {
  Message message(NLMSG_ERROR, 0);
  EXPECT_TRUE(read(finished(message)));
  ASSERT_FALSE(answers_.result());
  EXPECT_EQ(answers_.result().error().code, EBADMSG);
}

TEST(RepeatInterrupted, GivesUpAfterEight) {
  int runs = 0;
  const auto result = repeat_interrupted([&]() -> Result<void> {
    ++runs;
    return system_error(EINTR, "dump");
  });
  EXPECT_FALSE(result);
  EXPECT_EQ(runs, 8);
}

TEST(RepeatInterrupted, StopsAtSuccessAndAtOtherErrors) {
  int runs = 0;
  EXPECT_TRUE(repeat_interrupted([&]() -> Result<void> {
    if (++runs < 3) return system_error(EINTR, "dump");
    return {};
  }));
  EXPECT_EQ(runs, 3);

  runs = 0;
  EXPECT_FALSE(repeat_interrupted([&]() -> Result<void> {
    ++runs;
    return system_error(EBUSY, "dump");
  }));
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace rxf::netlink
