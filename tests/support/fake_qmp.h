// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "loader/model/filter_set.h"
#include "loader/util/fd.h"

namespace rxf::test {

// What query-rx-filter says of one NIC (qapi/net.json of QEMU); by default a guest that is up and wants little.
struct FakeNic {
  std::string name = "net0";
  MacAddress main_mac;
  bool promiscuous = false;
  std::string unicast = "normal";
  std::string multicast = "normal";
  std::string vlan = "none";
  bool unicast_overflow = false;
  bool multicast_overflow = false;
  AddressSet unicast_table;
  AddressSet multicast_table = {{{0x33, 0x33, 0, 0, 0, 1}}};
  std::vector<std::uint16_t> vlan_table;

  // As at power-on.
  static FakeNic reset(const MacAddress& main_mac);
  FakeNic& on_vlan(std::uint16_t vid);
  [[nodiscard]] nlohmann::json to_json() const;
};

// A QMP server (docs/interop/qmp-spec.rst of QEMU) that is not QEMU: it answers what it was told to, in a thread of its
// own. Its NIC speaks up as QEMU's: NIC_RX_FILTER_CHANGED once, and then not before it was asked. Throws
// std::system_error.
class FakeQmp {
 public:
  // What is sent for a command, as it is; "@ID" in it becomes the command's id. nullopt: nothing, for ever.
  using Reply = std::optional<std::string>;

  FakeQmp(std::string path, FakeNic nic);
  ~FakeQmp();
  FakeQmp(const FakeQmp&) = delete;
  FakeQmp& operator=(const FakeQmp&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  // The guest changes its filters.
  void change(const FakeNic& nic);
  // And nothing tells, as when a driver negotiates.
  void change_silently(const FakeNic& nic);
  // system_reset: the filters are as at power-on, and only RESET tells.
  void reset();
  // Unasked, to who is connected.
  void event(const std::string& name, const nlohmann::json& data = nlohmann::json::object());
  void send(const std::string& bytes);

  // The same, unless as much waits to be read already.
  void send_if_read(const std::string& bytes);

  // From now on.
  void greet(Reply greeting);                            // instead of QEMU's
  void reply(const std::string& command, Reply reply);   // always this
  void dribble(std::chrono::milliseconds a_byte);        // so slowly; 0: at once
  void hang_up_after(std::optional<std::size_t> bytes);  // of each connection
  void be_good();                                        // none of these any more

  // Ends all connections, and refuses new ones.
  void die();
  void come_back();
  void hang_up();

  [[nodiscard]] unsigned queries() const { return queries_; }
  [[nodiscard]] unsigned connections() const { return accepted_; }

 private:
  struct Client {
    Fd fd;
    std::string in;
    std::string out;
    std::size_t sent = 0;
  };

  void serve();
  void turn();
  void accept();
  bool receive(Client& client);
  bool flush(Client& client);
  void answer(Client& client, const std::string& line);
  std::string answer_to(const nlohmann::json& command);
  void say_changed();
  void wake() const;

  std::string path_;
  Fd wake_;
  std::atomic<bool> done_ = false;
  std::atomic<unsigned> queries_ = 0;
  std::atomic<unsigned> accepted_ = 0;

  std::mutex lock_;  // for what follows
  Fd listener_;
  FakeNic nic_;
  bool armed_ = true;
  std::vector<std::unique_ptr<Client>> clients_;
  std::optional<Reply> greeting_;
  std::map<std::string, Reply> replies_;
  std::chrono::milliseconds a_byte_{0};
  std::optional<std::size_t> hang_up_after_;

  std::thread thread_;
};

}  // namespace rxf::test
