// SPDX-License-Identifier: GPL-2.0-only
// One handler, several packets, of root and of a user who may set one of the uppers. The input: for each packet its
// length in two bytes, the top bit of which is the user's, and its bytes.
#include "loader/daemon/api_handler.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "loader/netlink/message.h"
#include "tests/support/fake_api_backend.h"

namespace rxf {
namespace {

using daemon::ApiResponse;
using daemon::Packet;
using netlink::Bytes;
using test::FakeApiBackend;

constexpr uid_t kUser = 71001;
constexpr std::uint16_t kOfTheUser = 0x8000;

// Also where assertions are compiled out.
void require(bool condition) {
  if (!condition) std::abort();
}

void check_messages(Bytes packet) {
  while (!packet.empty()) {
    const auto header = netlink::read_object<nlmsghdr>(packet);
    require(header && header->nlmsg_len >= sizeof(nlmsghdr) && header->nlmsg_len <= packet.size());
    packet = packet.subspan(std::min<std::size_t>(NLMSG_ALIGN(header->nlmsg_len), packet.size()));
  }
}

void check(ApiResponse response) {
  for (const Packet& answer : response.answers) check_messages(answer);
  while (const auto packet = response.dump ? response.dump->next() : std::nullopt) check_messages(*packet);
}

struct Bench {
  FakeApiBackend backend;
  daemon::ApiHandler handler{backend, daemon::AccessList::parse({"sibling=71001"}).value_or(daemon::AccessList())};

  void handle(Bytes packet, const daemon::Peer& peer) {
    const FilterSet before = *backend.link(FakeApiBackend::kUpper).filter;
    while (!packet.empty()) {
      const std::size_t left = packet.size();
      check(handler.handle(packet, peer));
      require(packet.size() < left);
    }
    for (const daemon::ApiLink& link : backend.links) require(!link.filter || validate(*link.filter));
    require(peer.uid == 0 || *backend.link(FakeApiBackend::kUpper).filter == before);
  }
};

}  // namespace
}  // namespace rxf

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rxf::Bench bench;
  rxf::Bytes input(data, size);
  while (const auto header = rxf::netlink::read_object<std::uint16_t>(input)) {
    input = input.subspan(sizeof(*header));
    const std::size_t length = std::min<std::size_t>(*header & ~rxf::kOfTheUser, input.size());
    const bool of_the_user = (*header & rxf::kOfTheUser) != 0;
    bench.handle(input.first(length), {.uid = of_the_user ? rxf::kUser : 0});
    input = input.subspan(length);
  }
  return 0;
}
