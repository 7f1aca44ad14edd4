// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/support/random_host_draw.h"
#include "tests/support/random_host_machine.h"
#include "tests/support/random_host_model.h"

namespace rxf::test {

// What a step was, and whom nothing was promised while it lasted.
struct HostStep {
  std::string what;
  bool everybody = false;  // the driver itself loses frames
  std::set<std::string> receivers{};
  std::string programmed;     // the upper that got another filter set
  bool daemon_mends = false;  // until then what is promised may not hold
};

// What may happen to a host: each step changes the machine and the model alike.
class HostSteps {
 public:
  // Steps that `draw` is without never come.
  HostSteps(HostDraw& draw, HostModel& model, HostMachine& machine) : draw_(draw), model_(model), machine_(machine) {}

  // Attached, and nothing else: the state before the first step.
  void begin();
  HostStep next();

 private:
  using Guard = bool (HostSteps::*)() const;
  using Act = HostStep (HostSteps::*)();
  struct Kind {
    const char* name;
    int weight;
    Guard possible;
    Act act;
  };
  using Entry = std::pair<const std::string, ModelUpper>;
  static const std::vector<Kind>& kinds();

  // Conditions.
  [[nodiscard]] bool always() const { return true; }
  [[nodiscard]] bool has_uppers() const { return !model_.uppers.empty(); }
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] bool has_home_upper() const;
  [[nodiscard]] bool has_filtered() const;
  [[nodiscard]] bool can_remove_guard() const;
  [[nodiscard]] bool can_remove_early() const;
  [[nodiscard]] bool can_renumber_nic() const;
  [[nodiscard]] bool can_renumber() const;
  [[nodiscard]] bool can_have_vlans() const { return HostMachine::has_vlan_devices(); }
  [[nodiscard]] bool has_no_early() const { return model_.early_removed; }

  // Steps.
  HostStep make();
  HostStep remove();
  HostStep remove_all();
  HostStep toggle();
  HostStep move();
  HostStep join_upper();
  HostStep renumber();
  HostStep renumber_nic();
  HostStep set();
  HostStep clear();
  HostStep further();
  HostStep join_by_ip();
  HostStep join_by_packet();
  HostStep allmulti_flag();
  HostStep allmulti_socket();
  HostStep promisc_flag();
  HostStep tcpdump();
  HostStep vlan();
  HostStep offload();
  HostStep foreign_in_front();
  HostStep foreign_behind();
  HostStep foreign_upper();
  HostStep remove_guard();
  HostStep remove_early();
  HostStep attach();
  HostStep attach_elsewhere();
  HostStep detach();

  template <class Wanted>
  Entry* any_upper(Wanted wanted);
  void attach_now(mirror::AttachMode mode);
  // A command, or the daemon, has looked at everything.
  void looked(bool at_early_too);
  void forget_lost(const ModelUpper& upper);
  void drop_upper(const std::string& name);
  void change_address(ModelUpper& upper, const MacAddress& address);
  [[nodiscard]] MacAddress free_address();
  HostStep join_on_host(bool by_ip);
  [[nodiscard]] bool renumbering_is_told(const ModelUpper& upper) const;
  void follow(HostStep& step);

  HostDraw& draw_;
  HostModel& model_;
  HostMachine& machine_;
  std::uint8_t numbers_ = 0;
};

}  // namespace rxf::test
