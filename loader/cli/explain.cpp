// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/frame_args.h"
#include "loader/cli/render_explanation.h"
#include "loader/cli/text.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

struct Options {
  std::string device;
  FrameArguments frame;
};

void setup(CLI::App& app, Options& options) {
  app.add_option("DEV", options.device, "Lower device, macvlan or macvtap that receives the frame")
      ->required()
      ->option_text(" ");
  add_text(app, "--dst", options.frame.destination, "Destination address of a frame")->option_text("MAC");
  add_text(app, "--vlan", options.frame.vlan, "with an 802.1Q tag in it")->option_text("VLAN");
  add_text(app, "--metadata-vlan", options.frame.metadata_vlan, "with an 802.1Q tag that the driver has stripped")
      ->option_text("VLAN");
  add_text(app, "--frame", options.frame.frame, "A whole frame in hexadecimal, or every frame of a capture file")
      ->option_text("HEX|FILE.pcap");
}

Result<void> run(const Options& options, const Session& session) {
  if (const Result<void> named = check_device_name(options.device); !named) return named;
  const Result<ParsedFrames> asked = parse_frame_arguments(options.frame);
  if (!asked) return std::unexpected(asked.error());
  const auto answers = session.operations.explain(session.context, options.device, asked->frames);
  if (!answers) return std::unexpected(answers.error());

  Json list = Json::array();
  for (std::size_t i = 0; i < answers->size(); ++i) {
    const mirror::Explanation& answer = (*answers)[i];
    if (session.json)
      list.push_back(to_json(answer));
    else
      session.out << (asked->many ? numbered_text(i + 1, answer) : explanation_text(answer));
  }
  if (session.json) session.print(asked->many ? list : list.front());
  return {};
}

}  // namespace

Verb explain_verb(CLI::App& root) {
  return make_verb<Options>(root, "explain", "Show what becomes of a frame, where and why", setup, run);
}

}  // namespace rxf::cli
