// SPDX-License-Identifier: GPL-2.0-only
#include "tests/e2e/steady_ping.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

constexpr std::chrono::seconds kPatience{10};  // of a machine that is emulated, beside others

// RFC 1071.
std::uint16_t checksum(const icmphdr& header) {
  std::array<std::uint16_t, sizeof header / 2> words;
  std::memcpy(words.data(), &header, sizeof header);
  std::uint32_t sum = 0;
  for (const std::uint16_t word : words) sum += word;
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

std::uint16_t identifier() { return static_cast<std::uint16_t>(getpid()); }

}  // namespace

SteadyPing::SteadyPing(const std::string& address)
    : socket_(checked_fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP), "ICMP socket")) {
  to_.sin_family = AF_INET;
  inet_pton(AF_INET, address.c_str(), &to_.sin_addr);
  worker_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

SteadyPing::~SteadyPing() = default;

SteadyPing::Count SteadyPing::stop() {
  worker_.request_stop();
  worker_.join();
  const auto answered = static_cast<unsigned>(answered_.size());
  return {.sent = sent_, .lost = sent_ - answered};
}

void SteadyPing::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    send();
    receive(kPause);
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (answered_.size() < sent_ && std::chrono::steady_clock::now() < deadline) receive(kPause);
}

void SteadyPing::send() {
  icmphdr request{};
  request.type = ICMP_ECHO;
  request.un.echo.id = htons(identifier());
  request.un.echo.sequence = htons(++sent_);
  request.checksum = checksum(request);
  const auto* to = static_cast<const sockaddr*>(static_cast<const void*>(&to_));
  checked(static_cast<int>(sendto(socket_.get(), &request, sizeof request, 0, to, sizeof to_)), "send an echo request");
}

void SteadyPing::receive(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) <= 0) return;
    std::array<std::uint8_t, 2048> packet;
    const ssize_t size = recv(socket_.get(), packet.data(), packet.size(), 0);
    icmphdr reply;
    const std::size_t begin = 4 * static_cast<std::size_t>(packet[0] & 0xf);
    if (size < 0 || static_cast<std::size_t>(size) < begin + sizeof reply) continue;
    std::memcpy(&reply, packet.data() + begin, sizeof reply);
    if (reply.type == ICMP_ECHOREPLY && ntohs(reply.un.echo.id) == identifier())
      answered_.insert(ntohs(reply.un.echo.sequence));
  }
}

}  // namespace rxf::test
