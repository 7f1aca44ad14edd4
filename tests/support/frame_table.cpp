// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/frame_table.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <stdexcept>

#include "tests/support/command.h"

namespace rxf::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(2);
constexpr int kSettleMs = 2;
constexpr int kQuietMs = 50;

constexpr MacAddress kOwn = {{0x02, 0xaa, 0, 0, 0, 0x01}};
constexpr MacAddress kListedA = {{0x02, 0xbb, 0, 0, 0, 0x01}};
constexpr MacAddress kListedB = {{0x02, 0xbb, 0, 0, 0, 0x02}};
constexpr MacAddress kListedC = {{0xfe, 0xbb, 0xff, 0xff, 0xff, 0xfe}};
constexpr MacAddress kUnknown = {{0x02, 0xcc, 0, 0, 0, 0x01}};
constexpr MacAddress kNextToListed = {{0x02, 0xbb, 0, 0, 0, 0x03}};
constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr MacAddress kJoined = {{0x01, 0x00, 0x5e, 0x01, 0x02, 0x03}};     // by the filter set, and before it
constexpr MacAddress kJoinedNew = {{0x33, 0x33, 0x00, 0x00, 0x00, 0xfb}};  // by the filter set alone
constexpr MacAddress kJoinedOld = {{0x01, 0x00, 0x5e, 0x0a, 0x0b, 0x0c}};  // before, and not in the filter set
constexpr MacAddress kUnjoined = {{0x01, 0x00, 0x5e, 0x7f, 0x00, 0x55}};
constexpr MacAddress kLldp = {{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e}};
constexpr MacAddress kEapol = {{0x01, 0x80, 0xc2, 0x00, 0x00, 0x03}};  // a link-local one that is joined

constexpr VlanTag kWanted = {kTpidCustomer, 42};
constexpr VlanTag kUnwanted = {kTpidCustomer, 7};
constexpr VlanTag kPriority = {kTpidCustomer, 0xe000};  // PCP 7, VID 0
constexpr VlanTag kServicePriority = {kTpidService, 0};
constexpr VlanTag kWantedUrgent = {kTpidCustomer, 0xf000 | 42};  // PCP 7, DEI
constexpr VlanTag kServiceWanted = {kTpidService, 42};
constexpr VlanTag kServiceUnwanted = {kTpidService, 44};

constexpr VlanTag customer(std::uint16_t vid) { return {kTpidCustomer, vid}; }

using Row = FrameRow;
constexpr bool kYes = true;
constexpr bool kNo = false;

// One row a line: name, destination, tags in the bytes, tag in metadata, arrives today, arrives with table_filter().
// clang-format off
const std::vector<Row>& addresses_by_vlan() {
  static const std::vector<Row> rows = {
      {"own address", kOwn, {}, {}, kYes, kYes},
      {"own address", kOwn, {kWanted}, {}, kYes, kYes},
      {"own address", kOwn, {}, kWanted, kYes, kYes},
      {"own address", kOwn, {kUnwanted}, {}, kYes, kNo},
      {"own address", kOwn, {}, kUnwanted, kYes, kNo},
      {"listed unicast", kListedA, {}, {}, kYes, kYes},
      {"listed unicast", kListedB, {}, {}, kYes, kYes},
      {"listed unicast", kListedC, {}, {}, kYes, kYes},
      {"listed unicast", kListedA, {kWanted}, {}, kYes, kYes},
      {"listed unicast", kListedB, {}, kWanted, kYes, kYes},
      {"listed unicast", kListedC, {kUnwanted}, {}, kYes, kNo},
      {"listed unicast", kListedA, {}, kUnwanted, kYes, kNo},
      {"unknown unicast", kUnknown, {}, {}, kYes, kNo},
      {"unknown unicast", kNextToListed, {}, {}, kYes, kNo},
      {"unknown unicast", kUnknown, {kWanted}, {}, kYes, kNo},
      {"unknown unicast", kUnknown, {}, kWanted, kYes, kNo},
      {"unknown unicast", kUnknown, {kUnwanted}, {}, kYes, kNo},
      {"unknown unicast", kUnknown, {}, kUnwanted, kYes, kNo},
      {"broadcast", kBroadcast, {}, {}, kYes, kYes},
      {"broadcast", kBroadcast, {kWanted}, {}, kYes, kYes},
      {"broadcast", kBroadcast, {}, kWanted, kYes, kYes},
      {"broadcast", kBroadcast, {kUnwanted}, {}, kYes, kNo},
      {"broadcast", kBroadcast, {}, kUnwanted, kYes, kNo},
      {"joined multicast", kJoined, {}, {}, kYes, kYes},
      {"joined multicast", kJoined, {kWanted}, {}, kYes, kYes},
      {"joined multicast", kJoined, {}, kWanted, kYes, kYes},
      {"joined multicast", kJoined, {kUnwanted}, {}, kYes, kNo},
      {"joined multicast", kJoined, {}, kUnwanted, kYes, kNo},
      {"joined by this filter", kJoinedNew, {}, {}, kNo, kYes},
      {"joined by this filter", kJoinedNew, {}, kUnwanted, kNo, kNo},
      {"joined, not in filter", kJoinedOld, {}, {}, kYes, kNo},
      {"joined, not in filter", kJoinedOld, {kWanted}, {}, kYes, kNo},
      {"unjoined multicast", kUnjoined, {}, {}, kNo, kNo},
      {"unjoined multicast", kUnjoined, {kWanted}, {}, kNo, kNo},
      {"unjoined multicast", kUnjoined, {}, kWanted, kNo, kNo},
      {"unjoined multicast", kUnjoined, {kUnwanted}, {}, kNo, kNo},
      {"unjoined multicast", kUnjoined, {}, kUnwanted, kNo, kNo},
      {"link-local control", kLldp, {}, {}, kNo, kNo},
      {"link-local control", kLldp, {kWanted}, {}, kNo, kNo},
      {"link-local control", kLldp, {}, kUnwanted, kNo, kNo},
      {"joined link-local", kEapol, {}, {}, kNo, kYes},
      {"joined link-local", kEapol, {}, kWanted, kNo, kYes},
      {"joined link-local", kEapol, {kUnwanted}, {}, kNo, kNo},
      {"joined link-local", kEapol, {}, kUnwanted, kNo, kNo},
  };
  return rows;
}

const std::vector<Row>& kinds_of_tag() {
  static const std::vector<Row> rows = {
      {"priority tag", kOwn, {kPriority}, {}, kYes, kYes},
      {"priority tag", kOwn, {}, kPriority, kYes, kYes},
      {"priority tag", kUnknown, {kPriority}, {}, kYes, kNo},
      {"priority, then VLAN", kOwn, {kPriority, kUnwanted}, {}, kYes, kNo},
      {"priority, then VLAN", kOwn, {kPriority, kWanted}, {}, kYes, kYes},
      {"priority, then VLAN", kOwn, {kUnwanted}, kPriority, kYes, kNo},
      {"ad priority, then VLAN", kOwn, {kServicePriority, kUnwanted}, {}, kYes, kNo},
      {"two priorities, VLAN", kOwn, {kServicePriority, kPriority, kUnwanted}, {}, kYes, kNo},
      {"priority, then 802.1ad", kOwn, {kPriority, kServiceUnwanted}, {}, kYes, kYes},
      {"nine priorities", kOwn, std::vector<VlanTag>(kTagsInReach + 1, kPriority), {}, kYes, kNo},
      {"PCP and DEI bits", kOwn, {kWantedUrgent}, {}, kYes, kYes},
      {"PCP and DEI bits", kOwn, {}, kWantedUrgent, kYes, kYes},
      {"802.1ad alone", kOwn, {kServiceUnwanted}, {}, kYes, kYes},
      {"802.1ad alone", kOwn, {}, kServiceUnwanted, kYes, kYes},
      {"802.1ad outer", kOwn, {kServiceUnwanted, kWanted}, {}, kYes, kYes},
      {"802.1ad outer", kOwn, {kServiceUnwanted, kUnwanted}, {}, kYes, kYes},
      {"802.1ad outer", kOwn, {kWanted}, kServiceUnwanted, kYes, kYes},
      {"802.1ad outer", kOwn, {kUnwanted}, kServiceUnwanted, kYes, kYes},
      {"802.1ad outer", kUnknown, {kWanted}, kServiceWanted, kYes, kNo},
      {"802.1Q in 802.1Q", kOwn, {kWanted, kUnwanted}, {}, kYes, kYes},
      {"802.1Q in 802.1Q", kOwn, {kUnwanted, kWanted}, {}, kYes, kNo},
      {"802.1Q in 802.1Q", kOwn, {kUnwanted}, kWanted, kYes, kYes},
      {"802.1Q in 802.1Q", kOwn, {kWanted}, kUnwanted, kYes, kNo},
      {"802.1ad in 802.1Q", kOwn, {kServiceWanted}, kUnwanted, kYes, kNo},
      {"first VID", kOwn, {customer(1)}, {}, kYes, kYes},
      {"first VID", kOwn, {}, customer(1), kYes, kYes},
      {"second VID", kOwn, {}, customer(2), kYes, kNo},
      {"below the range", kOwn, {customer(99)}, {}, kYes, kNo},
      {"start of the range", kOwn, {}, customer(100), kYes, kYes},
      {"end of the range", kOwn, {customer(109)}, {}, kYes, kYes},
      {"above the range", kOwn, {}, customer(110), kYes, kNo},
      {"last VID but one", kOwn, {customer(4093)}, {}, kYes, kNo},
      {"last VID", kOwn, {customer(4094)}, {}, kYes, kYes},
      {"last VID", kOwn, {}, customer(4094), kYes, kYes},
  };
  return rows;
}
// clang-format on

std::string tag_text(const VlanTag& tag) {
  return (tag.tpid == kTpidService ? "802.1ad " : "802.1Q ") + std::to_string(tag.vid());
}

// The wanted length is that with a tag in metadata put back, so that all arrive equally long.
Bytes frame_of(const FrameRow& row, const Marker& marker, std::size_t length) {
  Packet packet{.destination = row.destination, .tags = row.tags, .payload = to_payload(marker)};
  const std::size_t headers = 14 + 4 * row.tags.size();
  while (headers + packet.payload.size() < length)
    packet.payload.push_back(static_cast<std::uint8_t>(packet.payload.size() % 251));
  return to_bytes(packet);
}

// A macvtap's reader gets a tag from metadata in the bytes, behind both addresses.
Bytes as_read(Bytes frame, const std::optional<VlanTag>& metadata) {
  if (!metadata) return frame;
  Bytes tag;
  append_be(tag, metadata->tpid, 2);
  append_be(tag, metadata->tci, 2);
  frame.insert(frame.begin() + 12, tag.begin(), tag.end());
  return frame;
}

Frame seen_frame(const FrameRow& row) {
  auto frame = parse_frame(frame_of(row, {}, kMinimumFrame), row.metadata);
  if (!frame) throw std::logic_error(frame.error().text);
  return *frame;
}

// Exact, since make_devices() has seen to it.
bool macvlan_passes(const MacAddress& destination, const FilterSet& filter) {
  if (!destination.is_group() || destination.is_broadcast()) return true;
  if (destination == kJoined || destination == kJoinedOld) return true;
  if (!filter.addresses) return false;
  const FilterFlags& flags = filter.addresses->flags;
  return flags.allmulti || flags.promisc || (flags.multicast && filter.addresses->multicast.contains(destination));
}

bool passes_any(const TableRun& run, std::initializer_list<MacAddress> groups) {
  constexpr std::uint32_t kProbe = 0x70726f62;
  for (const MacAddress& group : groups)
    run.send(frame_of({.destination = group}, {.kind = kProbe}, kMinimumFrame), {});
  const std::vector<Bytes> frames = run.tap->drain(kQuietMs);
  return std::ranges::any_of(frames, [](const Bytes& frame) {
    const std::optional<Marker> marker = find_marker(frame);
    return marker && marker->kind == kProbe;
  });
}

void change_groups(const std::string& verb, std::initializer_list<MacAddress> groups) {
  for (const MacAddress& group : groups)
    must_run("ip maddress " + verb + " " + rxf::to_string(group) + " dev " + kTableUpper);
}

// In both of the states that there will be: without the groups of table_filter() and with them.
bool keeps_groups_apart(const TableRun& run) {
  if (passes_any(run, {kJoinedNew, kEapol, kUnjoined, kLldp})) return false;
  change_groups("add", {kJoinedNew, kEapol});
  const bool apart = !passes_any(run, {kUnjoined, kLldp});
  change_groups("del", {kJoinedNew, kEapol});
  // macvlan passes the group that was left last until its lists are looked at again.
  must_run(std::string("ip link set ") + kTableUpper + " up");
  return apart;
}

std::size_t index_of(Verdict verdict) { return static_cast<std::size_t>(verdict); }

Tally::Packets to_packets(const mirror::Counters& counters) {
  Tally::Packets packets{};
  packets[index_of(Verdict::accept)] = counters.admitted.packets;
  for (const auto& [reason, count] : counters.dropped) packets[index_of(reason)] = count.packets;
  return packets;
}

std::uint64_t drops(const Tally::Packets& packets) {
  std::uint64_t sum = 0;
  for (std::size_t i = 1; i < packets.size(); ++i) sum += packets[i];
  return sum;
}

std::uint64_t drops(const Tally& tally) { return drops(tally.early) + drops(tally.guard); }

std::string packets_text(const Tally::Packets& packets, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < packets.size(); ++i) {
    if (packets[i] == 0) continue;
    text +=
        (text.empty() ? "" : ", ") + std::string(to_string(static_cast<Verdict>(i))) + " " + std::to_string(packets[i]);
  }
  return text;
}

std::string tally_text(const Tally& tally, std::size_t from) {
  const std::string early = packets_text(tally.early, from);
  const std::string guard = packets_text(tally.guard, from);
  return (early.empty() ? "" : "early drop: " + early) + (early.empty() || guard.empty() ? "" : "; ") +
         (guard.empty() ? "" : "guard: " + guard);
}

// One measurement: what was sent, and what came of it. Late frames still count for the row that they belong to.
class Measurement {
 public:
  Measurement(std::span<const FrameRow> rows, const TableRun& run) : rows_(rows), run_(run), results_(rows.size()) {
    (void)run_.tap->drain(0);
    for (std::uint32_t kind = 0; kind < rows_.size(); ++kind) send_row(kind);
    take(kQuietMs);
  }

  std::vector<RowResult> results() && { return std::move(results_); }

 private:
  void send_row(std::uint32_t kind) {
    const FrameRow& row = rows_[kind];
    RowResult& result = results_[kind];
    result.expected = fate_of(row, run_.filter, run_.early_sees_vlans);
    const Tally before = tally();
    for (std::uint64_t sequence = 0; sequence < run_.frames; ++sequence) {
      run_.send(frame_of(row, {kind, sequence}, run_.length), row.metadata);
      ++result.sent;
      take(0);
    }
    settle(result, before);
  }

  // macvlan leaves no trace of what it does not pass on.
  void settle(RowResult& result, const Tally& before) {
    if (result.expected.place == Place::macvlan) take(kQuietMs);
    const auto deadline = Clock::now() + kPatience;
    do {
      take(kSettleMs);
      result.counted = tally() - before;
    } while (result.arrived + drops(result.counted) < result.sent && result.expected.place != Place::macvlan &&
             Clock::now() < deadline);
  }

  [[nodiscard]] Tally tally() const { return run_.count ? run_.count() : Tally{}; }

  void take(int quiet_ms) {
    for (const Bytes& frame : run_.tap->drain(quiet_ms)) take_one(frame);
  }

  void take_one(const Bytes& frame) {
    const std::optional<Marker> marker = find_marker(frame);
    if (!marker || marker->kind >= rows_.size()) return;
    const FrameRow& row = rows_[marker->kind];
    const bool whole = frame == as_read(frame_of(row, *marker, run_.length), row.metadata);
    const bool first = seen_.insert(*marker).second;
    ++(whole && first ? results_[marker->kind].arrived : results_[marker->kind].mangled);
  }

  std::span<const FrameRow> rows_;
  const TableRun& run_;  // outlives the measurement
  std::vector<RowResult> results_;
  std::set<Marker> seen_;
};

Tally expected_tally(const TableRun& run, const RowResult& result) {
  Tally tally;
  const auto [place, reason] = result.expected;
  if (place == Place::early) tally.early[index_of(reason)] = result.sent;
  const bool guarded = run.count && !run.filter.unfiltered();
  if (guarded && (place == Place::guard || place == Place::tap)) tally.guard[index_of(reason)] = result.sent;
  return tally;
}

}  // namespace

// A passthru macvtap starts with the lower device's address, whatever it is made with.
std::vector<std::string> upper_commands() {
  const std::string upper = kTableUpper;
  return {"ip link add link " + std::string(kTableNic) + " name " + upper + " type macvtap mode passthru",
          "ip link set " + upper + " address " + rxf::to_string(kOwn) + " addrgenmode none",
          "ip link set " + upper + " up", "ip maddress add " + rxf::to_string(kJoined) + " dev " + upper,
          "ip maddress add " + rxf::to_string(kJoinedOld) + " dev " + upper};
}

// Without addrgenmode, set before a device is up, IPv6 would send neighbour discovery.
std::vector<std::string> veth_commands(unsigned mtu) {
  const std::string size = " mtu " + std::to_string(mtu);
  std::vector<std::string> commands;
  commands.push_back("ip link add " + std::string(kTableNic) + size + " type veth peer name " + kTableWire + size);
  for (const std::string device : {kTableNic, kTableWire}) {
    commands.push_back("ip link set " + device + " addrgenmode none");
    commands.push_back("ip link set " + device + " up");
  }
  for (std::string& command : upper_commands()) commands.push_back(std::move(command));
  return commands;
}

const std::vector<FrameRow>& table_rows() {
  static const std::vector<FrameRow> rows = [] {
    std::vector<FrameRow> all = addresses_by_vlan();
    all.insert(all.end(), kinds_of_tag().begin(), kinds_of_tag().end());
    return all;
  }();
  return rows;
}

const FilterSet& table_filter() {
  static const FilterSet filter = {
      .addresses = AddressFilter{.flags = {.broadcast = true, .multicast = true},
                                 .unicast = {kListedA, kListedB, kListedC},
                                 .multicast = {kJoined, kJoinedNew, kEapol}},
      .vlans = VlanSet::parse("1,42,100-109,4094").value(),
  };
  return filter;
}

std::string tags_text(const FrameRow& row) {
  std::string text = row.metadata ? "[" + tag_text(*row.metadata) + "]" : "";
  for (const VlanTag& tag : row.tags) text += (text.empty() ? "" : " ") + tag_text(tag);
  return text.empty() ? "none" : text;
}

std::string to_string(const FrameRow& row) {
  return row.name + ", " + rxf::to_string(row.destination) + ", tags " + tags_text(row);
}

std::string to_string(const Fate& fate) {
  const std::string reason(to_string(fate.reason));
  switch (fate.place) {
    case Place::tap:
      return "-";
    case Place::early:
      return "early drop: " + reason;
    case Place::macvlan:
      return "macvlan: not joined";
    case Place::guard:
      return "guard: " + reason;
  }
  return "unknown";
}

Fate fate_of(const FrameRow& row, const FilterSet& filter, bool early_sees_vlans) {
  const Frame frame = seen_frame(row);
  Frame in_sight = frame;
  if (!early_sees_vlans) in_sight = {.destination = frame.destination};

  const Verdict early = judge(filter, kOwn, in_sight);
  // Untagged broadcast is the host's too.
  const bool hosts = frame.destination.is_link_local_control() || (early == Verdict::broadcast && !in_sight.tag);
  if (early != Verdict::accept && !hosts) return {Place::early, early};
  if (!macvlan_passes(frame.destination, filter)) return {Place::macvlan, Verdict::accept};
  const Verdict guard = judge(filter, kOwn, frame);
  return {guard == Verdict::accept ? Place::tap : Place::guard, guard};
}

Tally operator-(Tally after, const Tally& before) {
  for (std::size_t i = 0; i < after.early.size(); ++i) {
    after.early[i] -= before.early[i];
    after.guard[i] -= before.guard[i];
  }
  return after;
}

std::string to_string(const Tally& tally) {
  const std::string text = tally_text(tally, 0);
  return text.empty() ? "nothing" : text;
}

Tally read_counters(const mirror::Context& context) {
  const auto status = mirror::status(context, kTableNic);
  if (!status) throw std::runtime_error(status.error().text);
  Tally tally{.early = to_packets(status->early_counters)};
  for (const mirror::UpperStatus& upper : status->uppers)
    if (upper.name == kTableUpper && upper.counters) tally.guard = to_packets(*upper.counters);
  return tally;
}

NamespaceStack::~NamespaceStack() {
  while (!namespaces_.empty()) namespaces_.pop_back();
}

// The hash is of the macvtap's place in memory: the ones that would not do are kept, so that the next is elsewhere.
TableRun make_devices(NamespaceStack& namespaces, const std::function<TableRun()>& make) {
  constexpr int kAttempts = 20;
  for (int i = 0; i < kAttempts; ++i) {
    namespaces.push();
    TableRun run = make();
    if (keeps_groups_apart(run)) return run;
  }
  throw std::runtime_error("no macvtap keeps the groups of the frame table apart");
}

std::vector<RowResult> run_table(std::span<const FrameRow> rows, const TableRun& run) {
  return Measurement(rows, run).results();
}

std::string losses_text(const RowResult& result) {
  std::string text = tally_text(result.counted, 1);
  const std::uint64_t accounted = result.arrived + drops(result.counted);
  if (accounted < result.sent)
    text += (text.empty() ? "" : "; ") + ("macvlan: not joined " + std::to_string(result.sent - accounted));
  return text.empty() ? "-" : text;
}

std::string complaint(const FrameRow& row, const TableRun& run, const RowResult& result) {
  const unsigned wanted = result.expected.place == Place::tap ? result.sent : 0;
  const Tally tally = expected_tally(run, result);
  std::string text;
  if (result.arrived != wanted)
    text += ", " + std::to_string(result.arrived) + " of " + std::to_string(wanted) + " arrived";
  if (result.mangled != 0) text += ", " + std::to_string(result.mangled) + " mangled or twice";
  if (result.counted != tally) text += ", counted " + to_string(result.counted) + " instead of " + to_string(tally);
  return text.empty() ? text : to_string(row) + text;
}

}  // namespace rxf::test
