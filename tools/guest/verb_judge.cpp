// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>

#include "loader/cli/text.h"
#include "loader/cli/text_file.h"
#include "tools/guest/guest_options.h"
#include "tools/guest/guest_render.h"
#include "tools/guest/guest_verbs.h"

namespace rxf::guest {

namespace {

using nlohmann::json;

struct Options {
  std::string file;
  std::string answer;
  bool spoken = false;
  bool no_ctrl_rx = false;
  bool no_ctrl_vlan = false;
};

void setup(CLI::App& app, Options& options) {
  app.add_option("FILE", options.file, "The guest, as run takes it")->required()->option_text(" ");
  app.add_option("--answer", options.answer, "What query-rx-filter returned, in JSON; - is standard input")
      ->required()
      ->option_text("FILE");
  app.add_flag("--spoken", options.spoken, "The guest's driver has set its filters since the last reset")
      ->disable_flag_override();
  app.add_flag("--no-ctrl-rx", options.no_ctrl_rx, "The NIC has the property ctrl_rx=off")->disable_flag_override();
  app.add_flag("--no-ctrl-vlan", options.no_ctrl_vlan, "The NIC has the property ctrl_vlan=off")
      ->disable_flag_override();
}

// The list itself, or the whole answer with the list in it.
Result<std::vector<RxFilterState>> states_in(const std::string& text) {
  const json parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return usage_error("not JSON");
  const json& list = parsed.is_object() && parsed.contains("return") ? parsed["return"] : parsed;
  if (!list.is_array()) return usage_error("not a list, as query-rx-filter returns it");
  std::vector<RxFilterState> states;
  for (const json& entry : list) {
    Result<RxFilterState> state = decode_rx_filter(entry);
    if (!state) return std::unexpected(state.error());
    states.push_back(std::move(*state));
  }
  return states;
}

Result<RxFilterState> state_of(const std::optional<std::string>& nic, const std::vector<RxFilterState>& states) {
  if (!nic) {
    if (states.size() == 1) return states.front();
    return usage_error("it is about " + std::to_string(states.size()) +
                       " NICs: name the one that is meant by nic in the guest's file");
  }
  const auto found = std::ranges::find(states, *nic, &RxFilterState::name);
  if (found == states.end()) return usage_error("it is not about the NIC " + cli::quote(*nic));
  return *found;
}

Result<RxFilterState> read_state(const std::string& path, const std::optional<std::string>& nic) {
  const Result<std::string> text = cli::read_text_file(path, "an answer of query-rx-filter");
  if (!text) return std::unexpected(text.error());
  const Result<std::vector<RxFilterState>> states = states_in(*text);
  if (!states) return wrap(states.error(), cli::file_name(path));
  const Result<RxFilterState> state = state_of(nic, *states);
  if (!state) return wrap(state.error(), cli::file_name(path));
  return state;
}

Result<void> run(const Options& options, const GuestSession& session) {
  const Result<GuestSettings> settings = read_guest_file(options.file);
  if (!settings) return std::unexpected(settings.error());
  const Result<RxFilterState> state = read_state(options.answer, settings->nic);
  if (!state) return std::unexpected(state.error());
  const NicAbility ability{.addresses = !options.no_ctrl_rx, .vlans = !options.no_ctrl_vlan};
  const GuestRequest request = request_of(*state, ability, {.spoken = options.spoken});
  // Nothing of this host is asked: without mac, the address that the guest has counts as its own.
  const Judgement judgement = judge(settings->policy, settings->mac.value_or(state->main_mac), request, {}, {});
  if (session.json)
    session.print(to_json(settings->upper, judgement, request.silent));
  else
    session.out << judgement_text(settings->upper, judgement, request.silent);
  return {};
}

}  // namespace

GuestVerb judge_verb(CLI::App& root) {
  return cli::make_verb<Options>(root, "judge", "Show what a policy would grant for an answer of query-rx-filter",
                                 setup, run);
}

}  // namespace rxf::guest
