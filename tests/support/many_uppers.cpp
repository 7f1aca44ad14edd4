// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/many_uppers.h"

#include <poll.h>
#include <unistd.h>

#include <sstream>
#include <stdexcept>

#include "tests/support/command.h"
#include "tests/support/packet.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr std::uint32_t kBarrier = 0xffffffff;  // Marker::kind

// Fewer than the shortest queue on the way holds (a veth's ring for XDP, 256).
constexpr std::size_t kBatch = 128;
constexpr int kPatienceMs = 5000;
constexpr int kQuietMs = 60;

constexpr const char* kSilenceIpv6 =
    "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 && echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6";

// Operational states follow on a work queue (linkwatch), up to a second later.
constexpr const char* kWaitUntilUp =
    "for i in $(seq 100); do ip -o link show | grep -v LOOPBACK | grep -q 'state [^U]' || exit 0; sleep 0.05; done;"
    "exit 1";

void run_batch(const std::string& lines) { must_run("ip -batch - <<'END'\n" + lines + "END"); }

std::string own_namespace(const ScratchNamespace& scratch) {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(scratch.fd());
}

// ip(8) ends a batch after one group.
void join(const std::string& name, const AddressSet& groups) {
  for (const MacAddress& group : groups) must_run("ip maddr add " + to_string(group) + " dev " + name);
}

std::string make_upper(const std::string& name, const MacAddress& address, const std::string& mode) {
  return "link add link lower name " + name + " address " + to_string(address) + " type macvtap mode " + mode + "\n";
}

}  // namespace

Frame WireFrame::judged() const {
  std::vector<VlanTag> all = tags;
  if (metadata) all.insert(all.begin(), *metadata);
  return frame_with(destination, all);
}

std::string to_string(const WireFrame& frame) {
  std::ostringstream text;
  text << rxf::to_string(frame.destination);
  const auto add = [&](const VlanTag& tag) { text << " 0x" << std::hex << tag.tpid << std::dec << ":" << tag.vid(); };
  if (frame.metadata) {
    add(*frame.metadata);
    text << " (metadata)";
  }
  for (const VlanTag& tag : frame.tags) add(tag);
  return text.str();
}

ManyUppers::ManyUppers(const std::vector<Upper>& uppers, const std::string& mode) {
  {
    const NamespaceSwitch there(elsewhere_.fd());
    must_run(kSilenceIpv6);
  }
  must_run(kSilenceIpv6);
  std::string here = "link add lower address " + to_string(kLowerAddress) +
                     " type veth peer name far\nlink set far up\nlink set lower up\n" +
                     make_upper("witness", {{0x02, 0xdd, 0, 0, 0, 1}}, mode) +
                     "link set witness up allmulticast on txqueuelen 2000\n";
  std::string there;
  for (std::size_t i = 0; i < uppers.size(); ++i) {
    here += make_upper(name(i), address(i), mode);
    if (uppers[i].elsewhere) here += "link set " + name(i) + " netns " + own_namespace(elsewhere_) + "\n";
    (uppers[i].elsewhere ? there : here) += "link set " + name(i) + " up txqueuelen 2000\n";
  }
  run_batch(here);
  {
    const NamespaceSwitch away(elsewhere_.fd());
    run_batch(there);
    must_run(kWaitUntilUp);
  }
  must_run(kWaitUntilUp);

  for (std::size_t i = 0; i < uppers.size(); ++i) {
    const NamespaceSwitch where(uppers[i].elsewhere ? elsewhere_.fd() : home_.fd());
    join(name(i), uppers[i].joined);
    taps_.push_back(std::make_unique<TapReader>(name(i)));
  }
  taps_.push_back(std::make_unique<TapReader>("witness"));
  tagger_ = std::make_unique<MetadataTagger>(ifindex_of("far"));
  sender_ = std::make_unique<FrameSender>(ifindex_of("far"));
  host_ = std::make_unique<PacketListener>(ifindex_of("lower"));
}

void ManyUppers::send(const WireFrame& frame, const Marker& marker) {
  const Packet packet{.destination = frame.destination, .tags = frame.tags, .payload = to_payload(marker)};
  sender_->send(to_bytes(packet), frame.metadata);
}

void ManyUppers::note(Arrivals& arrivals, std::size_t upper, std::span<const std::uint8_t> frame, std::uint32_t round) {
  const auto marker = find_marker(frame);
  if (marker && marker->kind == round) ++arrivals.uppers.at(upper).at(marker->sequence);
}

void ManyUppers::read_all(Arrivals& arrivals) {
  for (std::size_t i = 0; i < taps_.size(); ++i)
    while (const auto frame = taps_[i]->read_frame(0)) note(arrivals, i, *frame, round_);
  while (const auto heard = host_->hear(0))
    if (heard->marker.kind == round_) arrivals.host.at(heard->marker.sequence) = heard->type;
}

// What was sent before it, on the same CPU, has then arrived: every queue on the way is first in, first out.
void ManyUppers::pass_barrier(Arrivals& arrivals) {
  const Marker barrier{.kind = kBarrier, .sequence = barriers_++};
  send({.destination = kBroadcast}, barrier);
  while (const auto frame = taps_.back()->read_frame(kPatienceMs)) {
    if (find_marker(*frame) == barrier) return read_all(arrivals);
    note(arrivals, taps_.size() - 1, *frame, round_);
  }
  throw std::runtime_error("a broadcast frame did not reach the witness");
}

bool ManyUppers::wait_for_more() {
  std::vector<pollfd> all = {{host_->fd(), POLLIN, 0}};
  for (const auto& tap : taps_) all.push_back({tap->fd(), POLLIN, 0});
  return poll(all.data(), all.size(), kQuietMs) > 0;
}

Arrivals ManyUppers::receive(std::span<const WireFrame> frames) {
  ++round_;
  Arrivals arrivals{.uppers = std::vector(taps_.size(), std::vector<unsigned>(frames.size())),
                    .host = std::vector<std::optional<unsigned char>>(frames.size())};
  for (std::size_t i = 0; i < frames.size(); ++i) {
    send(frames[i], {.kind = round_, .sequence = i});
    if (i % kBatch == kBatch - 1) pass_barrier(arrivals);
  }
  pass_barrier(arrivals);
  while (wait_for_more()) read_all(arrivals);
  return arrivals;
}

}  // namespace rxf::test
