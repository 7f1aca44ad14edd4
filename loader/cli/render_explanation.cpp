// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/render_explanation.h"

#include "loader/cli/text.h"

namespace rxf::cli {

namespace {

using mirror::EarlyHook;
using mirror::Explanation;
using mirror::HookRuling;
using mirror::Stage;

std::string drop_text(Verdict reason) { return "drop: " + std::string(to_string(reason)); }

std::string shadow_text(bool enforced) { return enforced ? "" : "   (shadow: counted, not dropped)"; }

std::string headline(const Explanation& explanation) {
  return (explanation.passes ? "pass" : drop_text(explanation.reason)) + "   " + printable(explanation.sentence) +
         shadow_text(explanation.enforced) + "\n";
}

std::string place_text(const HookRuling& ruling) {
  const std::string device = printable(ruling.device);
  if (ruling.stage == Stage::guard) return ruling.hook == EarlyHook::none ? device : "guard of " + device;
  return (ruling.stage == Stage::early ? "early drop (" : "steering (") + std::string(mirror::to_string(ruling.hook)) +
         " on " + device + ")";
}

std::string ruling_text(const HookRuling& ruling) {
  if (ruling.rejects()) return drop_text(ruling.reason);
  if (ruling.stage == Stage::steering)
    return ruling.target ? "to " + printable(*ruling.target) : "leaves it to macvlan";
  return ruling.hook == EarlyHook::none ? "unfiltered" : "passes";
}

// What the headline has said already is not said again.
std::string hook_line(const HookRuling& ruling, const Explanation& explanation) {
  const bool said = explanation.sentence.contains(ruling.sentence);
  return "  " + place_text(ruling) + ": " + ruling_text(ruling) + (said ? "" : ", " + printable(ruling.sentence)) +
         shadow_text(ruling.enforced) + "\n";
}

Json to_json(const mirror::InFront& foreigner) {
  const bool tc = foreigner.kind == mirror::InFront::Kind::tc;
  const bool bpf = foreigner.program_id != 0;
  return {{"kind", tc                                             ? "tc"
                   : foreigner.kind == mirror::InFront::Kind::tcx ? "tcx"
                                                                  : "xdp"},
          {"pref", tc ? Json(foreigner.priority) : Json()},
          {"classifier", tc ? Json(foreigner.classifier) : Json()},
          {"program", bpf ? Json(foreigner.program) : Json()},
          {"id", bpf ? Json(foreigner.program_id) : Json()}};
}

Json to_json(const HookRuling& ruling) {
  Json object = {
      {"stage", mirror::to_string(ruling.stage)}, {"device", ruling.device}, {"hook", mirror::to_string(ruling.hook)}};
  if (ruling.stage == Stage::steering) {
    object["target"] = ruling.target ? Json(*ruling.target) : Json();
  } else {
    object["verdict"] = ruling.rejects() ? "drop" : "pass";
    object["reason"] = ruling.rejects() ? Json(to_string(ruling.reason)) : Json();
    object["why"] = mirror::to_string(ruling.why);
    object["enforced"] = ruling.enforced;
  }
  object["sentence"] = ruling.sentence;
  object["in_front"] = Json::array();
  for (const mirror::InFront& foreigner : ruling.in_front) object["in_front"].push_back(to_json(foreigner));
  return object;
}

}  // namespace

std::string explanation_text(const Explanation& explanation) {
  std::string text = headline(explanation);
  for (const HookRuling& ruling : explanation.hooks) text += hook_line(ruling, explanation);
  return text;
}

std::string numbered_text(std::size_t number, const Explanation& explanation) {
  return std::to_string(number) + "  " + headline(explanation);
}

Json to_json(const Explanation& explanation) {
  Json hooks = Json::array();
  for (const HookRuling& ruling : explanation.hooks) hooks.push_back(to_json(ruling));
  return {{"verdict", explanation.passes ? "pass" : "drop"},
          {"reason", explanation.passes ? Json() : Json(to_string(explanation.reason))},
          {"enforced", explanation.enforced},
          {"sentence", explanation.sentence},
          {"hooks", hooks}};
}

}  // namespace rxf::cli
