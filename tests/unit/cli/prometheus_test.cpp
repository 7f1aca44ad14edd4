// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/prometheus.h"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace rxf::cli {
namespace {

using mirror::Counters;
using mirror::LowerdevStatus;
using mirror::UpperStatus;

Counters counters(std::uint64_t admitted) {
  return {.admitted = {.packets = admitted, .bytes = 100 * admitted},
          .dropped = {{Verdict::vlan, {.packets = 3, .bytes = 180}}, {Verdict::unicast, {.packets = 1, .bytes = 60}}}};
}

LowerdevStatus status(const std::string& device, const std::string& upper) {
  return {.device = device,
          .ifindex = 4,
          .early = mirror::EarlyHook::xdp_native,
          .dispatcher = true,
          .shadow = true,
          .early_counters = counters(0),
          .uppers = {UpperStatus{.name = upper,
                                 .ifindex = 9,
                                 .filter = {.vlans = VlanSet{}},
                                 .guard = true,
                                 .counters = counters(1000)},
                     UpperStatus{.name = "macvlan1", .ifindex = 10}},
          .problems = {"one", "two"}};
}

TEST(Prometheus, Text) {
  EXPECT_EQ(
      prometheus_text({status("eth2", "macvtap0")}),
      "# HELP rxfilter_early_drop_info Where frames that nobody wants are dropped.\n"
      "# TYPE rxfilter_early_drop_info gauge\n"
      "rxfilter_early_drop_info{device=\"eth2\",hook=\"xdp-native\",dispatcher=\"true\"} 1\n"
      "# HELP rxfilter_shadow 1: verdicts are counted, and nothing is dropped.\n"
      "# TYPE rxfilter_shadow gauge\n"
      "rxfilter_shadow{device=\"eth2\"} 1\n"
      "# HELP rxfilter_unconfirmed 1: an attach is still to be confirmed.\n"
      "# TYPE rxfilter_unconfirmed gauge\n"
      "rxfilter_unconfirmed{device=\"eth2\"} 0\n"
      "# HELP rxfilter_problems What rxfilter-loader status complains of.\n"
      "# TYPE rxfilter_problems gauge\n"
      "rxfilter_problems{device=\"eth2\"} 2\n"
      "# HELP rxfilter_upper_filtered 1: the upper has a filter set.\n"
      "# TYPE rxfilter_upper_filtered gauge\n"
      "rxfilter_upper_filtered{device=\"eth2\",upper=\"macvtap0\"} 1\n"
      "rxfilter_upper_filtered{device=\"eth2\",upper=\"macvlan1\"} 0\n"
      "# HELP rxfilter_upper_guard 1: the upper has a guard, which enforces its filter set.\n"
      "# TYPE rxfilter_upper_guard gauge\n"
      "rxfilter_upper_guard{device=\"eth2\",upper=\"macvtap0\"} 1\n"
      "rxfilter_upper_guard{device=\"eth2\",upper=\"macvlan1\"} 0\n"
      "# HELP rxfilter_dropped_packets_total Frames that a hook did not let through, or in shadow would not have.\n"
      "# TYPE rxfilter_dropped_packets_total counter\n"
      "rxfilter_dropped_packets_total{device=\"eth2\",hook=\"early\",upper=\"\",reason=\"vlan\"} 3\n"
      "rxfilter_dropped_packets_total{device=\"eth2\",hook=\"early\",upper=\"\",reason=\"unicast\"} 1\n"
      "rxfilter_dropped_packets_total{device=\"eth2\",hook=\"guard\",upper=\"macvtap0\",reason=\"vlan\"} 3\n"
      "rxfilter_dropped_packets_total{device=\"eth2\",hook=\"guard\",upper=\"macvtap0\",reason=\"unicast\"} 1\n"
      "# HELP rxfilter_dropped_bytes_total Bytes of frames that a hook did not let through, or in shadow would "
      "not have.\n"
      "# TYPE rxfilter_dropped_bytes_total counter\n"
      "rxfilter_dropped_bytes_total{device=\"eth2\",hook=\"early\",upper=\"\",reason=\"vlan\"} 180\n"
      "rxfilter_dropped_bytes_total{device=\"eth2\",hook=\"early\",upper=\"\",reason=\"unicast\"} 60\n"
      "rxfilter_dropped_bytes_total{device=\"eth2\",hook=\"guard\",upper=\"macvtap0\",reason=\"vlan\"} 180\n"
      "rxfilter_dropped_bytes_total{device=\"eth2\",hook=\"guard\",upper=\"macvtap0\",reason=\"unicast\"} 60\n"
      "# HELP rxfilter_admitted_packets_total Frames that the guard of an upper has admitted.\n"
      "# TYPE rxfilter_admitted_packets_total counter\n"
      "rxfilter_admitted_packets_total{device=\"eth2\",upper=\"macvtap0\"} 1000\n"
      "# HELP rxfilter_admitted_bytes_total Bytes of frames that the guard of an upper has admitted.\n"
      "# TYPE rxfilter_admitted_bytes_total counter\n"
      "rxfilter_admitted_bytes_total{device=\"eth2\",upper=\"macvtap0\"} 100000\n");
}

TEST(Prometheus, NothingAttachedIsNoLine) { EXPECT_EQ(prometheus_text({}), ""); }

TEST(Prometheus, LabelValuesAreEscaped) {
  const std::string text = prometheus_text({status("a\"b\\c\nd", "\xff")});
  EXPECT_TRUE(text.contains("rxfilter_shadow{device=\"a\\\"b\\\\c\\nd\"} 1\n")) << text;
  EXPECT_TRUE(text.contains("upper=\"\xef\xbf\xbd\"")) << text;
}

// https://prometheus.io/docs/instrumenting/exposition_formats/, as far as a program needs it; a metric's lines stand
// together, and no sample comes twice.
void expect_grammar(const std::string& text) {
  const std::string value = R"re("(?:[^"\\]|\\["\\n])*")re";
  const std::string label = "[a-zA-Z_][a-zA-Z0-9_]*=" + value;
  const std::regex help("# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) [^\\\\]*");
  const std::regex type("# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge)");
  const std::regex sample("([a-zA-Z_:][a-zA-Z0-9_:]*)\\{(" + label + "(?:," + label + ")*)\\} [0-9]+");
  ASSERT_TRUE(text.ends_with('\n'));
  std::set<std::string> done, samples;
  std::string helped, typed;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      helped = match[1];
      EXPECT_TRUE(done.insert(helped).second) << line;
    } else if (std::regex_match(line, match, type)) {
      typed = match[1];
      EXPECT_EQ(typed, helped) << line;
      EXPECT_EQ(match[2] == "counter", typed.ends_with("_total")) << line;
    } else if (std::regex_match(line, match, sample)) {
      EXPECT_EQ(match[1], typed) << line;
      EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << line;
    } else {
      ADD_FAILURE() << line;
    }
  }
}

TEST(Prometheus, EveryLineHasTheGrammarOfTheFormat) {
  expect_grammar(prometheus_text({status("eth2", "macvtap0"), status("eth3", "macvtap1")}));
  expect_grammar(prometheus_text({status("a\"b\\c\nd}", "\xff{\"")}));
}

}  // namespace
}  // namespace rxf::cli
