// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/fake_qmp.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

using nlohmann::json;

constexpr const char* kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}})"
    "\r\n";

Fd listen_at(const std::string& path) {
  sockaddr_un here{};
  here.sun_family = AF_UNIX;
  if (path.size() >= sizeof(here.sun_path)) throw std::system_error(ENAMETOOLONG, std::generic_category(), path);
  std::copy(path.begin(), path.end(), here.sun_path);
  Fd socket = checked_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  ::unlink(path.c_str());
  const auto* address = static_cast<const sockaddr*>(static_cast<const void*>(&here));
  checked(::bind(socket.get(), address, sizeof(here)), path);
  checked(::listen(socket.get(), 8), path);
  return socket;
}

std::string line(const json& message) { return message.dump() + "\r\n"; }

json texts(const AddressSet& addresses) {
  json list = json::array();
  for (const MacAddress& address : addresses) list.push_back(to_string(address));
  return list;
}

std::string event_line(const std::string& name, const json& data) {
  return line({{"timestamp", {{"seconds", 1}, {"microseconds", 2}}}, {"event", name}, {"data", data}});
}

std::string with_id(std::string reply, const std::string& id) {
  for (std::size_t at = 0; (at = reply.find("@ID", at)) != std::string::npos; at += id.size()) reply.replace(at, 3, id);
  return reply;
}

}  // namespace

FakeNic FakeNic::reset(const MacAddress& main_mac) {
  FakeNic nic{.main_mac = main_mac, .promiscuous = true, .vlan = "all", .multicast_table = {}};
  for (std::uint16_t vid = 4096; vid > 0; --vid) nic.vlan_table.push_back(static_cast<std::uint16_t>(vid - 1));
  return nic;
}

FakeNic& FakeNic::on_vlan(std::uint16_t vid) {
  vlan = "normal";
  vlan_table.push_back(vid);
  return *this;
}

json FakeNic::to_json() const {
  return {{"name", name},
          {"main-mac", to_string(main_mac)},
          {"promiscuous", promiscuous},
          {"broadcast-allowed", false},
          {"unicast", unicast},
          {"multicast", multicast},
          {"vlan", vlan},
          {"unicast-overflow", unicast_overflow},
          {"multicast-overflow", multicast_overflow},
          {"unicast-table", texts(unicast_table)},
          {"multicast-table", texts(multicast_table)},
          {"vlan-table", vlan_table}};
}

FakeQmp::FakeQmp(std::string path, FakeNic nic)
    : path_(std::move(path)),
      wake_(checked_fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")),
      listener_(listen_at(path_)),
      nic_(std::move(nic)),
      thread_([this] { serve(); }) {}

FakeQmp::~FakeQmp() {
  done_ = true;
  wake();
  thread_.join();
}

void FakeQmp::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof(one));
}

void FakeQmp::change(const FakeNic& nic) {
  const std::lock_guard guard(lock_);
  nic_ = nic;
  say_changed();
}

void FakeQmp::change_silently(const FakeNic& nic) {
  const std::lock_guard guard(lock_);
  nic_ = nic;
}

void FakeQmp::say_changed() {
  if (!std::exchange(armed_, false)) return;
  for (const auto& client : clients_)
    client->out += event_line("NIC_RX_FILTER_CHANGED", {{"name", nic_.name}, {"path", "/machine/peripheral/net0"}});
  wake();
}

void FakeQmp::reset() {
  {
    const std::lock_guard guard(lock_);
    nic_ = FakeNic::reset(nic_.main_mac);
  }
  event("RESET", {{"guest", true}, {"reason", "guest-reset"}});
}

void FakeQmp::event(const std::string& name, const json& data) { send(event_line(name, data)); }

void FakeQmp::send(const std::string& bytes) {
  const std::lock_guard guard(lock_);
  for (const auto& client : clients_) client->out += bytes;
  wake();
}

void FakeQmp::send_if_read(const std::string& bytes) {
  constexpr std::size_t kMostWaiting = 4 << 20;
  const std::lock_guard guard(lock_);
  for (const auto& client : clients_)
    if (client->out.size() < kMostWaiting) client->out += bytes;
  wake();
}

void FakeQmp::greet(Reply greeting) {
  const std::lock_guard guard(lock_);
  greeting_ = std::move(greeting);
}

void FakeQmp::reply(const std::string& command, Reply reply) {
  const std::lock_guard guard(lock_);
  replies_[command] = std::move(reply);
}

void FakeQmp::dribble(std::chrono::milliseconds a_byte) {
  const std::lock_guard guard(lock_);
  a_byte_ = a_byte;
  wake();
}

void FakeQmp::hang_up_after(std::optional<std::size_t> bytes) {
  const std::lock_guard guard(lock_);
  hang_up_after_ = bytes;
}

void FakeQmp::be_good() {
  const std::lock_guard guard(lock_);
  greeting_.reset();
  replies_.clear();
  a_byte_ = {};
  hang_up_after_.reset();
  wake();
}

void FakeQmp::die() {
  const std::lock_guard guard(lock_);
  listener_ = Fd();
  ::unlink(path_.c_str());
  clients_.clear();
  wake();
}

void FakeQmp::come_back() {
  const std::lock_guard guard(lock_);
  listener_ = listen_at(path_);
  armed_ = true;
  wake();
}

void FakeQmp::hang_up() {
  const std::lock_guard guard(lock_);
  clients_.clear();
  wake();
}

void FakeQmp::serve() {
  while (!done_) {
    std::vector<pollfd> waited = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    int timeout = -1;
    {
      const std::lock_guard guard(lock_);
      if (listener_) waited.push_back({.fd = listener_.get(), .events = POLLIN, .revents = 0});
      for (const auto& client : clients_) {
        const bool writes = !client->out.empty() && a_byte_.count() == 0;
        if (!client->out.empty() && !writes) timeout = static_cast<int>(a_byte_.count());
        waited.push_back(
            {.fd = client->fd.get(), .events = static_cast<short>(POLLIN | (writes ? POLLOUT : 0)), .revents = 0});
      }
    }
    ::poll(waited.data(), waited.size(), timeout);
    std::uint64_t woken = 0;
    (void)!::read(wake_.get(), &woken, sizeof(woken));
    turn();
  }
}

void FakeQmp::turn() {
  const std::lock_guard guard(lock_);
  if (listener_) accept();
  std::erase_if(clients_, [this](const auto& client) { return !receive(*client) || !flush(*client); });
}

void FakeQmp::accept() {
  Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) return;
  ++accepted_;
  auto client = std::make_unique<Client>();
  client->fd = std::move(fd);
  client->out = greeting_ ? greeting_->value_or("") : kGreeting;
  clients_.push_back(std::move(client));
}

bool FakeQmp::receive(Client& client) {
  std::array<char, 4096> bytes;
  const ssize_t size = ::recv(client.fd.get(), bytes.data(), bytes.size(), 0);
  if (size == 0 || (size < 0 && errno != EAGAIN)) return false;
  if (size > 0) client.in.append(bytes.data(), static_cast<std::size_t>(size));
  for (std::size_t end = 0; (end = client.in.find('\n')) != std::string::npos;) {
    answer(client, client.in.substr(0, end));
    client.in.erase(0, end + 1);
  }
  return true;
}

bool FakeQmp::flush(Client& client) {
  std::size_t most = a_byte_.count() == 0 ? client.out.size() : std::min<std::size_t>(client.out.size(), 1);
  if (hang_up_after_) most = std::min(most, *hang_up_after_ - std::min(client.sent, *hang_up_after_));
  const ssize_t size = ::send(client.fd.get(), client.out.data(), most, MSG_NOSIGNAL);
  if (size < 0) return errno == EAGAIN;
  client.out.erase(0, static_cast<std::size_t>(size));
  client.sent += static_cast<std::size_t>(size);
  return !hang_up_after_ || client.sent < *hang_up_after_;
}

void FakeQmp::answer(Client& client, const std::string& text) {
  const json command = json::parse(text, nullptr, false);
  if (!command.is_object()) return;
  const std::string name = command.value("execute", "");
  if (name == "query-rx-filter") {
    ++queries_;
    armed_ = true;
  }
  const auto told = replies_.find(name);
  const std::string id = command.contains("id") ? command["id"].dump() : "null";
  if (told != replies_.end()) {
    if (told->second) client.out += with_id(*told->second, id);
    return;
  }
  client.out += with_id(answer_to(command), id);
}

std::string FakeQmp::answer_to(const json& command) {
  const std::string name = command.value("execute", "");
  json answer = {{"id", command.contains("id") ? command["id"] : json()}};
  const json arguments = command.value("arguments", json::object());
  if (name == "qmp_capabilities")
    answer["return"] = json::object();
  else if (name == "qom-get")
    answer["return"] = true;
  else if (name == "query-rx-filter" && arguments.value("name", nic_.name) == nic_.name)
    answer["return"] = json::array({nic_.to_json()});
  else if (name == "query-rx-filter")
    answer["error"] = {{"class", "GenericError"}, {"desc", "invalid net client name: " + arguments.value("name", "")}};
  else
    answer["error"] = {{"class", "CommandNotFound"}, {"desc", "The command " + name + " has not been found"}};
  return line(answer);
}

}  // namespace rxf::test
