// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/foreign_owner.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include "loader/datapath/kernel_types.h"
#include "loader/netlink/links.h"
#include "loader/netlink/rx_filter_link.h"
#include "loader/netlink/socket.h"
#include "tests/support/must.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/system_call.h"
#include "tests/vm_kernel/nics.h"

namespace rxf::test {
namespace {

constexpr id_t kNobody = 65534;

void write_file(const std::string& path, const std::string& text) {
  const Fd file = checked_fd(open(path.c_str(), O_WRONLY | O_CLOEXEC), path);
  checked(static_cast<int>(write(file.get(), text.data(), text.size())), path);
}

// The calling process' identity in its user namespace, for good.
void become(id_t id) {
  checked(setresgid(id, id, id), "setresgid");
  checked(setresuid(id, id, id), "setresuid");
}

// Makes its user the root of its user namespace.
void map_to_root(pid_t pid) {
  for (const char* map : {"uid_map", "gid_map"})
    write_file("/proc/" + std::to_string(pid) + "/" + map, "0 " + std::to_string(kNobody) + " 1");
}

// Runs it in a child, which ends with what it returns.
template <class What>
pid_t fork_and(What what) {
  const pid_t child = checked(fork(), "fork");
  if (child > 0) return child;
  try {
    _exit(what());
  } catch (const std::exception& error) {
    constexpr int kFailed = 255;
    write(STDERR_FILENO, error.what(), std::string_view(error.what()).size());
    _exit(kFailed);
  }
}

Fd open_namespace(pid_t pid, const std::string& name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/" + name;
  return checked_fd(open(path.c_str(), O_RDONLY | O_CLOEXEC), path);
}

template <class T>
int code_of(const Result<T>& result) {
  return result ? 0 : result.error().code;
}

}  // namespace

ForeignOwner::ForeignOwner() {
  std::array<int, 2> ends{};
  checked(pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const Fd told(ends[0]);
  Fd tell(ends[1]);
  pid_ = fork_and([&] {
    become(kNobody);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    checked(unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare");
    write(tell.get(), "", 1);
    for (;;) pause();
    return 0;
  });
  tell = Fd();
  char ready = 0;
  if (read(told.get(), &ready, 1) != 1) {
    waitpid(pid_, nullptr, 0);
    throw std::runtime_error("cannot make a user namespace");
  }
  map_to_root(pid_);
  const NamespaceSwitch there(open_namespace(pid_, "net").get());
  silence_ipv6();
}

ForeignOwner::~ForeignOwner() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

int ForeignOwner::in_its_place(const std::function<int()>& what) const {
  const pid_t child = fork_and([&] {
    const Fd user = open_namespace(pid_, "user");
    const Fd network = open_namespace(pid_, "net");
    checked(setns(user.get(), CLONE_NEWUSER), "join the user namespace");
    checked(setns(network.get(), CLONE_NEWNET), "join the network namespace");
    become(0);
    return what();
  });
  int status = 0;
  checked(waitpid(child, &status, 0), "waitpid");
  return WEXITSTATUS(status);
}

int ForeignOwner::bring_up(const std::string& device) const {
  return in_its_place([&] {
    netlink::Socket socket = must(netlink::Socket::open());
    const netlink::Link link = must(netlink::link_by_name(socket, device));
    netlink::Message request(RTM_SETLINK, 0);
    request.put_fixed(
        ifinfomsg{.ifi_index = static_cast<int>(link.ifindex), .ifi_flags = IFF_UP, .ifi_change = IFF_UP});
    return code_of(socket.request(request.header()));
  });
}

int ForeignOwner::set_filter(const std::string& device, const FilterChange& change) const {
  const std::uint16_t attribute = datapath::rx_filter_attribute().value();
  return in_its_place([&] {
    netlink::Socket socket = must(netlink::Socket::open());
    const netlink::Link link = must(netlink::link_by_name(socket, device));
    return code_of(netlink::set_rx_filter(socket, attribute, link.ifindex, change));
  });
}

int ForeignOwner::get_filter(const std::string& device) const {
  const std::uint16_t attribute = datapath::rx_filter_attribute().value();
  return in_its_place([&] {
    netlink::Socket socket = must(netlink::Socket::open());
    const netlink::Link link = must(netlink::link_by_name(socket, device));
    const auto filter = netlink::get_rx_filter(socket, attribute, link.ifindex);
    return filter && !*filter ? ENODATA : code_of(filter);
  });
}

}  // namespace rxf::test
