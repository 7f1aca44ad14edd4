// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/render_explanation.h"

#include <gtest/gtest.h>

namespace rxf::cli {
namespace {

using mirror::EarlyHook;
using mirror::Explanation;
using mirror::HookRuling;
using mirror::Stage;
using mirror::Why;

Explanation passing() {
  return {.sentence = "admitted by the guard of m0; m1 is unfiltered",
          .hooks = {{.device = "eth2", .hook = EarlyHook::xdp_native, .why = Why::groups, .sentence = "the host's too"},
                    {.stage = Stage::steering, .device = "eth2", .why = Why::filter, .target = "m0", .sentence = "its"},
                    {.stage = Stage::guard, .device = "m0", .why = Why::filter, .sentence = "its filter set"},
                    {.stage = Stage::guard,
                     .device = "m1",
                     .hook = EarlyHook::none,
                     .why = Why::unfiltered,
                     .sentence = "it has no filter set"}}};
}

Explanation dropped() {
  return {.passes = false,
          .reason = Verdict::vlan,
          .sentence = "m0 has this address, but on no VLAN",
          .hooks = {{.device = "eth2", .reason = Verdict::vlan, .sentence = "m0 has this address, but on no VLAN"}}};
}

TEST(ExplanationText, OneLineForTheWholeWayAndOneAHook) {
  EXPECT_EQ(explanation_text(passing()),
            "pass   admitted by the guard of m0; m1 is unfiltered\n"
            "  early drop (xdp-native on eth2): passes, the host's too\n"
            "  steering (tc on eth2): to m0, its\n"
            "  guard of m0: passes, its filter set\n"
            "  m1: unfiltered, it has no filter set\n");
}

TEST(ExplanationText, SaysNothingTwice) {
  EXPECT_EQ(explanation_text(dropped()),
            "drop: vlan   m0 has this address, but on no VLAN\n"
            "  early drop (tc on eth2): drop: vlan\n");
}

TEST(ExplanationText, OneOfManyIsALine) {
  EXPECT_EQ(numbered_text(12, dropped()), "12  drop: vlan   m0 has this address, but on no VLAN\n");
}

TEST(ExplanationText, ShadowIsSaid) {
  Explanation shadow = dropped();
  shadow.enforced = shadow.hooks[0].enforced = false;
  EXPECT_EQ(explanation_text(shadow),
            "drop: vlan   m0 has this address, but on no VLAN   (shadow: counted, not dropped)\n"
            "  early drop (tc on eth2): drop: vlan   (shadow: counted, not dropped)\n");
  EXPECT_EQ(to_json(shadow)["enforced"], false);
}

TEST(ExplanationText, NamesAreMadePrintable) {
  Explanation odd = dropped();
  odd.sentence = "a\nb";
  odd.hooks[0].device = "e\x1b";
  EXPECT_EQ(explanation_text(odd),
            "drop: vlan   a?b\n  early drop (tc on e?): drop: vlan, m0 has this address, but on no VLAN\n");
}

TEST(ExplanationJson, HasTheSameRecord) {
  EXPECT_EQ(to_json(dropped()).dump(),
            R"({"verdict":"drop","reason":"vlan","enforced":true,"sentence":"m0 has this address, but on no VLAN",)"
            R"("hooks":[{"stage":"early","device":"eth2","hook":"tc","verdict":"drop","reason":"vlan","why":"dropped",)"
            R"("enforced":true,"sentence":"m0 has this address, but on no VLAN","in_front":[]}]})");
  const Json json = to_json(passing());
  EXPECT_EQ(json["reason"], Json());
  EXPECT_EQ(json["hooks"][1].dump(),
            R"({"stage":"steering","device":"eth2","hook":"tc","target":"m0","sentence":"its","in_front":[]})");
  EXPECT_EQ(json["hooks"][3]["why"], "unfiltered");
}

TEST(ExplanationJson, NamesWhoStandsInFront) {
  Explanation explanation = dropped();
  explanation.hooks[0].in_front = {
      {.kind = mirror::InFront::Kind::tcx, .device = "eth2", .program_id = 12, .program = "theirs"},
      {.kind = mirror::InFront::Kind::tc, .device = "eth2", .priority = 1, .classifier = "u32"}};
  EXPECT_EQ(to_json(explanation)["hooks"][0]["in_front"].dump(),
            R"([{"kind":"tcx","pref":null,"classifier":null,"program":"theirs","id":12},)"
            R"({"kind":"tc","pref":1,"classifier":"u32","program":null,"id":null}])");
}

}  // namespace
}  // namespace rxf::cli
