// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>

#include "bpf/rx_filter_abi.h"
#include "loader/cli/render.h"
#include "loader/cli/text.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

using mirror::ProbeReport;

struct Options {
  std::string device;
};

void setup(CLI::App& app, Options& options) {
  app.add_option("DEV", options.device, "Network device, attached or not")->required()->option_text(" ");
}

// Text: one line a thing, "  label: value".

std::string line(const std::string& label, const std::string& value) {
  return "  " + label + ": " + printable(value) + "\n";
}

template <class T, class Text>
std::string line(const std::string& label, const Result<T>& found, Text text) {
  return line(label, found ? text(*found) : "unknown: " + found.error().text);
}

std::string yes_or_why_not(const Result<void>& can, const std::string& yes) {
  return can ? yes : "no: " + can.error().text;
}

std::string number(const std::string& what, std::uint64_t value) { return what + " " + std::to_string(value); }

std::string headline(const ProbeReport& report) {
  std::string text = report.device + ":";
  if (const std::string driver = report.driver.value_or(""); !driver.empty()) text += " driver " + driver + " ";
  if (!report.kind.empty()) text += " kind " + report.kind + " ";
  text += " " + number("ifindex", report.ifindex);
  if (report.mtu) text += "  " + number("mtu", *report.mtu);
  return printable(text) + "\n";
}

std::string counts_text(const datapath::DeviceView& view) {
  return number("promiscuity", view.promiscuity) + (view.uc_promisc ? " (1 for the unicast list)" : "") + "  " +
         number("allmulti", view.allmulti) + "  " + number("unicast list", view.unicast_entries) + "  " +
         number("VLAN devices", view.vlan_devices) + "  rx_handler " + (view.rx_handler ? "yes" : "no");
}

std::string feature_text(const netlink::Feature& feature) {
  if (!feature.changeable && !feature.wanted) return feature.on ? "on, fixed" : "no";
  std::string text = feature.on ? "on" : "off";
  if (feature.on != feature.wanted) text += feature.wanted ? ", requested on" : ", requested off";
  if (!feature.changeable) return text + ", fixed";
  return text + (feature.on ? ", can be switched off" : ", can be switched on");
}

std::string xdp_text(const netlink::XdpFeatures& xdp) {
  if (!xdp.basic) return "no";
  return std::string("yes") + (xdp.redirect ? ", redirect" : "") + (xdp.frags ? ", frames in fragments" : "");
}

// What native XDP would cost, or nothing.
std::string cost_lines(const ProbeReport& report) {
  std::string text;
  if (!report.lost_offload || !report.lost_offload->empty())
    text += line("native XDP would give up", report.lost_offload, [](const std::string& offload) { return offload; });
  if (report.xdp_mtu) text += line("native XDP takes an MTU up to", std::to_string(*report.xdp_mtu));
  if (report.restarts_for_xdp)
    text += "  ! the driver restarts the device when native XDP comes or goes: the link is down meanwhile\n";
  return text;
}

std::string programs_text(const datapath::XdpState& state) {
  if (!state.mode) return "nothing";
  std::vector<std::string> names;
  for (const datapath::XdpEntry& program : state.programs)
    names.push_back(program.name + " id " + std::to_string(program.id));
  return std::string(*state.mode == datapath::XdpMode::native ? "native" : "generic") +
         (state.dispatcher ? ", in libxdp's dispatcher: " : ": ") + join(names, ", ");
}

std::string sight_text(std::uint32_t sight) {
  if (sight == RXF_SIGHT_CAST) return "yes, by bpf_rdonly_cast()";
  if (sight == RXF_SIGHT_PROBE) return "yes, by bpf_probe_read_kernel()";
  return "no: the early drop cannot stand down by itself";
}

std::string hook_text(mirror::EarlyHook hook) {
  std::string text(mirror::to_string(hook));
  std::ranges::replace(text, '-', ' ');
  return text;
}

std::string forecast_text(const Result<mirror::AttachForecast>& attach) {
  if (!attach) return "refused: " + attach.error().text;
  std::string text = attach->reason + " -> early drop: " + hook_text(attach->early);
  if (attach->dispatcher) text += *attach->dispatcher ? ", through libxdp's dispatcher" : ", alone on the hook";
  return text + (attach->judges_vlan ? "; judges VLANs" : "; VLANs are left to the guards");
}

std::string lower_text(const ProbeReport& report) {
  if (!report.lower) return yes_or_why_not(report.lower, "");
  if (!report.attached) return "yes; attached or not is unknown: " + report.attached.error().text;
  return *report.attached ? "yes, attached" : "yes, not attached";
}

std::string orphan_lines(const Result<std::vector<std::string>>& orphans) {
  if (!orphans) return line("programs without pins", orphans, [](const auto&) { return std::string(); });
  std::string text;
  for (const std::string& problem : *orphans) text += "  ! " + printable(problem) + "\n";
  return text;
}

std::string text_of(const ProbeReport& report) {
  return headline(report) + line("lower device", lower_text(report)) +
         line("unicast filter", report.view,
              [](const datapath::DeviceView& view) { return view.unicast_filter ? "yes" : "no"; }) +
         line("in use", report.view, counts_text) + line("VLAN filter", report.vlan_filter, feature_text) +
         line("VLAN stripping", report.vlan_stripping, feature_text) + line("native XDP", report.xdp, xdp_text) +
         cost_lines(report) + line("on the XDP hook", report.programs, programs_text) + line("kernel", report.kernel) +
         line("lockdown", report.lockdown, [](datapath::Lockdown mode) { return std::string(to_string(mode)); }) +
         line("programs read the device", sight_text(report.sight)) +
         line("libxdp's dispatcher", yes_or_why_not(report.dispatcher, "yes")) +
         line("attach", forecast_text(report.attach)) + orphan_lines(report.orphans);
}

// JSON: null is unknown, and "why" has the reason of what is unknown, missing or refused.

class Answer {
 public:
  // Members as `json` makes them of what was found; null, under the same names, where it is unknown.
  template <class T, class ToJson>
  void put(const std::string& name, const Result<T>& found, ToJson json) {
    answer_[name] = found ? Json(json(*found)) : Json();
    if (!found) why_[name] = found.error().text;
  }
  template <class T>
  void put(const std::string& name, const Result<T>& found) {
    put(name, found, [](const T& value) { return value; });
  }
  void put(const std::string& name, const Result<void>& can) {
    answer_[name] = can.has_value();
    if (!can) why_[name] = can.error().text;
  }
  void put(const std::string& name, Json value) { answer_[name] = std::move(value); }

  [[nodiscard]] Json take() {
    answer_["why"] = std::move(why_);
    return std::move(answer_);
  }

 private:
  Json answer_ = Json::object();
  Json why_ = Json::object();
};

Json to_json(const netlink::Feature& feature) {
  return {{"on", feature.on}, {"requested", feature.wanted}, {"changeable", feature.changeable}};
}

Json to_json(const datapath::DeviceView& view) {
  return {{"promiscuity", view.promiscuity},         {"allmulti", view.allmulti},
          {"uc_promisc", view.uc_promisc},           {"rx_handler", view.rx_handler},
          {"unicast_entries", view.unicast_entries}, {"vlan_devices", view.vlan_devices}};
}

Json to_json(const netlink::XdpFeatures& xdp) {
  return {{"basic", xdp.basic}, {"redirect", xdp.redirect}, {"frags", xdp.frags}};
}

Json to_json(const datapath::XdpState& state) {
  Json programs = Json::array();
  for (const datapath::XdpEntry& program : state.programs)
    programs.push_back({{"id", program.id}, {"name", program.name}});
  const Json mode = !state.mode ? Json() : *state.mode == datapath::XdpMode::native ? Json("native") : Json("generic");
  return {{"mode", mode}, {"dispatcher", state.dispatcher}, {"programs", programs}};
}

Json sight_json(std::uint32_t sight) {
  if (sight == RXF_SIGHT_NONE) return {};
  return sight == RXF_SIGHT_CAST ? "bpf_rdonly_cast" : "bpf_probe_read_kernel";
}

Json to_json(const mirror::AttachForecast& attach) {
  return {{"early_drop", mirror::to_string(attach.early)},
          {"reason", attach.reason},
          {"dispatcher", attach.dispatcher ? Json(*attach.dispatcher) : Json()},
          {"judges_vlan", attach.judges_vlan}};
}

Json to_json(const ProbeReport& report) {
  const auto json = [](const auto& value) { return to_json(value); };
  Answer answer;
  answer.put("device", Json(report.device));
  answer.put("ifindex", Json(report.ifindex));
  answer.put("kind", report.kind.empty() ? Json() : Json(report.kind));
  answer.put("driver", report.driver);
  answer.put("mtu", report.mtu);
  answer.put("lower_device", report.lower);
  answer.put("attached", report.attached);
  answer.put("problems", report.orphans, [](const std::vector<std::string>& problems) { return problems; });
  answer.put("unicast_filter", report.view, [](const datapath::DeviceView& view) { return view.unicast_filter; });
  answer.put("in_use", report.view, json);
  answer.put("vlan_filter", report.vlan_filter, json);
  answer.put("vlan_stripping", report.vlan_stripping, json);
  answer.put("native_xdp", report.xdp, json);
  answer.put("native_xdp_gives_up", report.lost_offload,
             [](const std::string& offload) { return offload.empty() ? Json() : Json(offload); });
  answer.put("native_xdp_mtu", report.xdp_mtu ? Json(*report.xdp_mtu) : Json());
  answer.put("native_xdp_restarts", Json(report.restarts_for_xdp));
  answer.put("xdp", report.programs, json);
  answer.put("kernel", Json(report.kernel));
  answer.put("lockdown", report.lockdown, [](datapath::Lockdown mode) { return to_string(mode); });
  answer.put("reads_device", sight_json(report.sight));
  answer.put("dispatcher", report.dispatcher);
  answer.put("attach", report.attach, json);
  return answer.take();
}

Result<void> run(const Options& options, const Session& session) {
  if (const Result<void> named = check_device_name(options.device); !named) return named;
  const Result<ProbeReport> report = session.operations.probe(session.context, options.device);
  if (!report) return std::unexpected(report.error());
  if (session.json)
    session.print(to_json(*report));
  else
    session.out << text_of(*report);
  return {};
}

}  // namespace

Verb probe_verb(CLI::App& root) {
  return make_verb<Options>(root, "probe", "Show what a device and this kernel can do, and what attach would do", setup,
                            run);
}

}  // namespace rxf::cli
