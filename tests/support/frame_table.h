// SPDX-License-Identifier: GPL-2.0-only
// Every kind of frame a NIC may be sent, what becomes of each on the way to a PASSTHRU macvtap, and how that is
// measured.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loader/mirror/operations.h"
#include "loader/model/filter_set.h"
#include "loader/model/frame.h"
#include "loader/model/verdict.h"
#include "tests/support/packet.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {

//   wire ==veth== eth2 <-- macvtap0 (passthru)
inline constexpr const char* kTableWire = "wire";       // where frames are sent
inline constexpr const char* kTableNic = "eth2";        // the lower device
inline constexpr const char* kTableUpper = "macvtap0";  // where they arrive

// ip(8) commands that make the above in an empty network namespace, to be run in this order. Nothing but the caller
// sends there: IPv6 is silenced.
[[nodiscard]] std::vector<std::string> veth_commands(unsigned mtu = 1500);
// Only the macvtap, on a kTableNic that is there. It joins one group that table_filter() lists and one that it does
// not.
[[nodiscard]] std::vector<std::string> upper_commands();

// One kind of frame. What becomes of it is written by hand, as a check of the reference and of the programs at once.
struct FrameRow {
  std::string name;  // what the destination is to the upper
  MacAddress destination;
  std::vector<VlanTag> tags;        // in the bytes as sent, outermost first
  std::optional<VlanTag> metadata;  // beside the bytes, and outside of `tags`
  bool arrives_today = false;       // at the macvtap, unfiltered
  bool arrives = false;             // with table_filter()
};

[[nodiscard]] const std::vector<FrameRow>& table_rows();

// Several unicast and multicast addresses, and VLANs.
[[nodiscard]] const FilterSet& table_filter();

// "[802.1ad 44] 802.1Q 42": outermost first, in brackets the one in metadata; "none".
[[nodiscard]] std::string tags_text(const FrameRow& row);
// Name, destination and tags.
[[nodiscard]] std::string to_string(const FrameRow& row);

// Where a frame's way ends. macvlan passes no multicast on that its upper has not joined, and counts none of it.
enum class Place { tap, early, macvlan, guard };

struct Fate {
  Place place = Place::tap;
  Verdict reason = Verdict::accept;  // of `early` and `guard`

  bool operator==(const Fate&) const = default;
};

// "-", "early drop: unicast", "macvlan: not joined", "guard: vlan"
[[nodiscard]] std::string to_string(const Fate& fate);

// What the reference verdict makes of the row. `early_sees_vlans`: the early drop sees a tag wherever it is.
[[nodiscard]] Fate fate_of(const FrameRow& row, const FilterSet& filter, bool early_sees_vlans);

// Packets by hook and verdict; `early` admits without counting.
struct Tally {
  using Packets = std::array<std::uint64_t, 5>;  // by Verdict
  Packets early{};
  Packets guard{};

  bool operator==(const Tally&) const = default;
};

Tally operator-(Tally after, const Tally& before);
// "early drop: unicast 50; guard: accept 3", "nothing"
[[nodiscard]] std::string to_string(const Tally& tally);

// The counters of kTableNic and kTableUpper in the calling thread's namespace. Throws std::runtime_error where it is
// not attached.
[[nodiscard]] Tally read_counters(const mirror::Context& context);

// How to measure: what is in force, and the two ends.
struct TableRun {
  FilterSet filter;
  bool early_sees_vlans = false;
  unsigned frames = 50;                // of each row, fewer than the macvtap's queue holds
  std::size_t length = kMinimumFrame;  // of a frame with its tags in bytes
  std::function<void(std::span<const std::uint8_t>, std::optional<VlanTag>)> send;
  std::function<Tally()> count;  // absent: nothing is attached
  TapReader* tap = nullptr;
};

// Scratch namespaces one in the other; the calling thread is in the last.
class NamespaceStack {
 public:
  NamespaceStack() = default;
  ~NamespaceStack();
  NamespaceStack(const NamespaceStack&) = delete;
  NamespaceStack& operator=(const NamespaceStack&) = delete;

  void push() { namespaces_.emplace_back(); }

 private:
  std::list<ScratchNamespace> namespaces_;
};

// Calls `make`, which makes the devices and says how to measure, in fresh namespaces until there is a macvtap that
// keeps the table's groups apart: macvlan goes by a hash of 8 bits, different for each macvtap, and one in twenty or so
// would pass on a group that it has not joined. Throws std::runtime_error where there is none.
[[nodiscard]] TableRun make_devices(NamespaceStack& namespaces, const std::function<TableRun()>& make);

struct RowResult {
  unsigned sent = 0;
  unsigned arrived = 0;  // whole, every byte and tag as sent, and each once
  unsigned mangled = 0;  // otherwise
  Tally counted;         // while this row was sent
  Fate expected;
};

// Sends row after row, reading the tap all the while; returns a result for each. Each row's counters are read once all
// of its frames are accounted for, or 2 s after the last.
[[nodiscard]] std::vector<RowResult> run_table(std::span<const FrameRow> rows, const TableRun& run);

// Where the frames that did not arrive went, by the counters: "early drop: vlan 50"; those that no hook of ours counted
// are macvlan's. "-" where all arrived.
[[nodiscard]] std::string losses_text(const RowResult& result);

// What is not as the reference says; empty where arrivals and every counter are.
[[nodiscard]] std::string complaint(const FrameRow& row, const TableRun& run, const RowResult& result);

}  // namespace rxf::test
