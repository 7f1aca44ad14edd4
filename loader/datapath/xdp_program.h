// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/datapath/bpf_object.h"
#include "loader/model/result.h"

namespace rxf::datapath {

enum class XdpMode { native, generic };

struct XdpEntry {
  std::uint32_t id = 0;
  std::string name;
};

// What is on a device's XDP hook.
struct XdpState {
  std::optional<XdpMode> mode;  // absent: nothing is there
  bool dispatcher = false;      // libxdp's: `programs` are its components
  std::vector<XdpEntry> programs;

  [[nodiscard]] bool has(std::uint32_t id) const;
};

Result<XdpState> query_xdp(std::uint32_t ifindex);

// Error EBUSY, by name and id, where a program stands alone on the hook and so leaves no room for ours.
Result<void> check_xdp_free(const XdpState& state);

// Loads the one program that `object` (opened, not loaded) has chosen and puts it on the device: beside others in
// libxdp's dispatcher where the kernel allows it, alone where it does not. A foreign program that stands alone is error
// EBUSY, by name and id. Returns the program's id.
Result<std::uint32_t> attach_xdp(std::uint32_t ifindex, const ObjectPtr& object, XdpMode mode);

// The same in the place of `old_id`, a program of ours on that hook, and in the mode that it has: no frame passes
// between the two unseen. Alone, it is one exchange, refused if somebody else's program is there by now. In the
// dispatcher the new one comes before the old one goes, and both see a frame meanwhile.
Result<std::uint32_t> replace_xdp(std::uint32_t ifindex, const ObjectPtr& object, std::uint32_t old_id);

// Takes our program, by id, off the device and leaves others; already gone is done.
Result<void> detach_xdp(std::uint32_t ifindex, std::uint32_t id);

}  // namespace rxf::datapath
