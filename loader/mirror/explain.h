// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/mirror/in_front.h"
#include "loader/mirror/operations.h"
#include "loader/model/frame.h"
#include "loader/model/verdict.h"

namespace rxf::mirror {

// A frame that is asked about.
struct AskedFrame {
  std::vector<std::uint8_t> bytes;  // from the destination address on; the first 64 decide
  std::optional<VlanTag> metadata;  // the tag that a driver stripped: no longer in `bytes`
};

// What let a frame through. The numbers are those of RXF_WHY_*.
enum class Why {
  dropped = 0,
  filter = 1,
  unfiltered = 2,
  too_short = 3,
  control = 4,
  vlan_device = 5,
  groups = 6,
  address = 7,
  no_upper = 8,
  promisc = 9,
  allmulti = 10,
  source = 11,
};

// "dropped", "filter", "unfiltered", "too-short", ...
[[nodiscard]] std::string_view to_string(Why why);

enum class Stage { early, steering, guard };

// "early", "steering", "guard"
[[nodiscard]] std::string_view to_string(Stage stage);

// What one hook says of a frame, if it gets that far. The program itself said so, not a copy of its rules, but for
// `sentence`.
struct HookRuling {
  Stage stage = Stage::early;
  std::string device;                 // where it is attached
  EarlyHook hook = EarlyHook::tc;     // in which form; none: an upper without a guard, asked nothing
  Verdict reason = Verdict::accept;   // of the filter sets
  Why why = Why::dropped;             // what let it through, whatever the reason says
  bool enforced = true;               // false: it would have been dropped, but is only counted now (shadow)
  std::optional<std::string> target;  // of the steering: the upper that it hands the frame to
  std::string sentence;
  std::vector<InFront> in_front;  // they see the frame before, and may end its way; not asked

  [[nodiscard]] bool rejects() const { return why == Why::dropped && stage != Stage::steering; }
};

// The whole way of a frame.
struct Explanation {
  bool passes = true;
  Verdict reason = Verdict::accept;  // of a frame that does not pass
  bool enforced = true;              // false: it passes all the same, being only counted
  std::string sentence;
  std::vector<HookRuling> hooks;  // asked, in the frame's order; what comes after a drop is not
};

// What becomes of frames received by `device` now, one explanation each. For a lower device: the early drop, the
// steering of further addresses, and the guard of every upper, but for a unicast frame to the own address of one beside
// others; a frame passes if any of them, an unfiltered upper or the host may get it. For an upper: the early drop of
// its lower device, and its own guard. Whether macvlan has a group on its list for an upper is not asked. Read-only.
// Error ESTALE where another version of the programs is attached; Exit::not_attached where none is.
Result<std::vector<Explanation>> explain(const Context& context, const std::string& device,
                                         const std::vector<AskedFrame>& frames);

}  // namespace rxf::mirror
