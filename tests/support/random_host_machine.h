// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/mirror/operations.h"
#include "tests/support/daemon_process.h"
#include "tests/support/foreign_action.h"
#include "tests/support/frame_sender.h"
#include "tests/support/metadata_tagger.h"
#include "tests/support/random_host_ears.h"
#include "tests/support/random_host_model.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/scratch_namespace.h"

namespace rxf::test {

// The kernel's side of a HostModel: far, in a namespace of its own, ==veth== nic, with which the calling thread is; a
// third namespace for uppers that move; pins of its own. Everything throws where it fails.
class HostMachine {
 public:
  explicit HostMachine(const MacAddress& nic);
  ~HostMachine();
  HostMachine(const HostMachine&) = delete;
  HostMachine& operator=(const HostMachine&) = delete;

  // Where this machine has VLAN devices.
  static bool has_vlan_devices();

  [[nodiscard]] mirror::Context context() const { return {.bpffs = bpffs_.path()}; }
  [[nodiscard]] HostEars& ears() { return *ears_; }
  [[nodiscard]] FrameSender wire() const;
  void start_daemon();
  [[nodiscard]] std::string daemon_log() const { return daemon_ ? daemon_->log() : ""; }

  // ip(8) where the upper is.
  void ip(const ModelUpper& where, const std::string& arguments) const;
  void make_upper(const std::string& name, const ModelUpper& upper);
  void move_upper(const std::string& name);
  void delete_upper(const std::string& name, const ModelUpper& upper);
  // By a packet socket: who joins with ip(8) shares its one reference with whoever else does it that way.
  void join_upper(const std::string& name, const ModelUpper& upper, const MacAddress& group);
  void leave_upper(const std::string& name, const MacAddress& group) { upper_groups_.at(name).erase(group); }
  void make_vlan(const VlanDevice& device, const MacAddress& address);

  // A UDP socket for each group of IP; a packet socket for each other.
  void join(const MacAddress& group, bool by_ip);
  void leave(const MacAddress& group, bool by_ip);
  void hold_allmulti(bool on);

  // In front of ours, or behind.
  void put_foreign(const std::string& device, bool in_front, Foreign what);
  [[nodiscard]] static bool has_clsact(const std::string& device);

  // Nic's allmulti count beyond what the model's holders and the uppers' own flags explain.
  [[nodiscard]] std::uint32_t leaked_allmulti(const HostModel& model) const;

  // For failure messages: links and filters as they are.
  [[nodiscard]] std::string state() const;

 private:
  [[nodiscard]] std::string path_of(const ScratchNamespace& scratch) const;

  ScratchBpffs bpffs_;
  ScratchDirectory directory_;
  ScratchNamespace wire_;
  ScratchNamespace elsewhere_;
  ScratchNamespace home_;
  std::uint32_t far_ = 0;
  std::unique_ptr<MetadataTagger> tagger_;
  std::optional<HostEars> ears_;
  ForeignActions foreign_;
  std::map<MacAddress, Fd> udp_;
  std::map<MacAddress, PacketListener> packet_;
  std::optional<PacketListener> allmulti_;
  std::map<std::string, std::map<MacAddress, PacketListener>> upper_groups_;
  std::optional<DaemonProcess> daemon_;
};

}  // namespace rxf::test
