// SPDX-License-Identifier: GPL-2.0-only
// The agent in a test guest: does what comes over a virtio-serial port, a line each (tests/support/guest_control.h).
//
//   NUMBER sh COMMAND...             by /bin/sh; its exit status, standard output and error
//   NUMBER join DEVICE FIRST COUNT   so many groups, each one address above the one before
//   NUMBER leave DEVICE FIRST COUNT
//   NUMBER vlan DEVICE VID           makes DEVICE.VID
//   NUMBER novlan DEVICE.VID
//   NUMBER listen DEVICE             from now on marked frames (tests/support/packet.h) are counted
//   NUMBER heard MILLISECONDS        what came, until nothing does for so long: "KIND COUNT" a line
//
// Each is answered with "NUMBER STATUS LENGTH\n" and so many bytes; STATUS is an exit status or errno. "0 0 0\n" is
// said once, at the start.
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "loader/model/mac_address.h"
#include "loader/util/fd.h"
#include "tests/support/packet.h"

namespace rxf::test {
namespace {

struct Answer {
  int status = 0;
  std::string text;
};

Answer failed(const std::string& what) {
  const int code = errno;
  return {code, what + ": " + std::strerror(code)};
}

class Agent {
 public:
  Answer obey(const std::string& line);

 private:
  using Work = Answer (Agent::*)(std::istringstream&);

  Answer shell(std::istringstream& arguments);
  Answer join(std::istringstream& arguments) { return change_groups(PACKET_ADD_MEMBERSHIP, arguments); }
  Answer leave(std::istringstream& arguments) { return change_groups(PACKET_DROP_MEMBERSHIP, arguments); }
  Answer add_vlan(std::istringstream& arguments);
  Answer remove_vlan(std::istringstream& arguments);
  Answer listen(std::istringstream& arguments);
  Answer heard(std::istringstream& arguments);

  Answer change_groups(int option, std::istringstream& arguments);
  Answer vlan_request(vlan_ioctl_args request);

  // Memberships go with their socket. Protocol 0: it receives nothing.
  Fd groups_{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
  Fd listener_;
};

Answer Agent::obey(const std::string& line) {
  static const std::map<std::string, Work> kCommands = {
      {"sh", &Agent::shell},      {"join", &Agent::join},   {"leave", &Agent::leave},        {"vlan", &Agent::add_vlan},
      {"listen", &Agent::listen}, {"heard", &Agent::heard}, {"novlan", &Agent::remove_vlan},
  };
  std::istringstream words(line);
  std::string name;
  words >> name;
  const auto command = kCommands.find(name);
  if (command == kCommands.end()) return {EINVAL, "no command " + name};
  return (this->*command->second)(words);
}

Answer Agent::shell(std::istringstream& arguments) {
  std::string command;
  std::getline(arguments, command);
  // The shell itself says what it cannot make out of it, too.
  FILE* output = popen(("exec 2>&1;" + command).c_str(), "re");
  if (output == nullptr) return failed("popen");
  Answer answer;
  std::array<char, 4096> part;
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), output))
    answer.text.append(part.data(), size);
  const int status = pclose(output);
  answer.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return answer;
}

MacAddress next_after(MacAddress address) {
  for (std::size_t i = address.bytes.size(); i-- > 0;)
    if (++address.bytes[i] != 0) break;
  return address;
}

Answer Agent::change_groups(int option, std::istringstream& arguments) {
  std::string device, first;
  int count = 0;
  arguments >> device >> first >> count;
  auto group = MacAddress::parse(first);
  if (!group) return {EINVAL, group.error().text};
  packet_mreq request{.mr_ifindex = static_cast<int>(if_nametoindex(device.c_str())),
                      .mr_type = PACKET_MR_MULTICAST,
                      .mr_alen = ETH_ALEN,
                      .mr_address = {}};
  for (int i = 0; i < count; ++i, *group = next_after(*group)) {
    std::ranges::copy(group->bytes, request.mr_address);
    if (setsockopt(groups_.get(), SOL_PACKET, option, &request, sizeof request) < 0) return failed(to_string(*group));
  }
  return {};
}

Answer Agent::vlan_request(vlan_ioctl_args request) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (ioctl(socket.get(), SIOCSIFVLAN, &request) < 0) return failed(request.device1);
  return {};
}

vlan_ioctl_args vlan_arguments(int command, const std::string& device) {
  vlan_ioctl_args request{};
  request.cmd = command;
  device.copy(request.device1, sizeof request.device1 - 1);
  return request;
}

Answer Agent::add_vlan(std::istringstream& arguments) {
  std::string device;
  int vid = 0;
  arguments >> device >> vid;
  vlan_ioctl_args naming{.cmd = SET_VLAN_NAME_TYPE_CMD};
  naming.u.name_type = VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD;
  if (const Answer named = vlan_request(naming); named.status != 0) return named;
  vlan_ioctl_args request = vlan_arguments(ADD_VLAN_CMD, device);
  request.u.VID = vid;
  return vlan_request(request);
}

Answer Agent::remove_vlan(std::istringstream& arguments) {
  std::string device;
  arguments >> device;
  return vlan_request(vlan_arguments(DEL_VLAN_CMD, device));
}

// Before anything filters in the guest: what its NIC has let through.
Answer Agent::listen(std::istringstream& arguments) {
  std::string device;
  arguments >> device;
  Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
  constexpr int kRoom = 8 << 20;
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof kRoom);
  const auto* here = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  if (bind(socket.get(), here, sizeof address) < 0) return failed("bind to " + device);
  listener_ = std::move(socket);
  return {};
}

// Frames that differ, by kind.
Answer Agent::heard(std::istringstream& arguments) {
  int quiet = 0;
  arguments >> quiet;
  std::set<Marker> seen;
  pollfd readable{.fd = listener_.get(), .events = POLLIN, .revents = 0};
  while (poll(&readable, 1, quiet) > 0) {
    Bytes frame(65536);
    const ssize_t size = recv(listener_.get(), frame.data(), frame.size(), 0);
    if (size < 0) continue;
    frame.resize(static_cast<std::size_t>(size));
    if (const auto marker = find_marker(frame)) seen.insert(*marker);
  }
  std::map<std::uint32_t, unsigned> counts;
  for (const Marker& marker : seen) ++counts[marker.kind];
  Answer answer;
  for (const auto& [kind, count] : counts) answer.text += std::to_string(kind) + " " + std::to_string(count) + "\n";
  return answer;
}

bool write_all(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t size = write(fd, text.data() + done, text.size() - done);
    if (size < 0) return false;
    done += static_cast<std::size_t>(size);
  }
  return true;
}

bool say(int port, const std::string& number, const Answer& answer) {
  return write_all(port, number + " " + std::to_string(answer.status) + " " + std::to_string(answer.text.size()) +
                             "\n" + answer.text);
}

// Ends where the port does.
int serve(int port) {
  Agent agent;
  if (!say(port, "0", {})) return 1;
  std::string pending;
  for (std::array<char, 4096> part;;) {
    const ssize_t size = read(port, part.data(), part.size());
    if (size <= 0) return 1;
    pending.append(part.data(), static_cast<std::size_t>(size));
    for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
      const std::string line = pending.substr(0, end);
      const std::size_t space = line.find(' ');
      if (space == std::string::npos) continue;
      if (!say(port, line.substr(0, space), agent.obey(line.substr(space + 1)))) return 1;
    }
  }
}

}  // namespace
}  // namespace rxf::test

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const int port = open(argv[1], O_RDWR | O_CLOEXEC);
  if (port < 0) {
    std::perror(argv[1]);
    return 1;
  }
  return rxf::test::serve(port);
}
