// SPDX-License-Identifier: GPL-2.0-only
// Sends every kind of frame at a scratch NIC, before and after `rxfilter-loader set`, and prints what became of each.
// What arrives is what is read from the macvtap's own character device; what was dropped is what the counters say.
#include <net/if.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "loader/cli/text.h"
#include "tests/support/command.h"
#include "tests/support/frame_sender.h"
#include "tests/support/frame_table.h"
#include "tests/support/metadata_tagger.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"

namespace rxf::test {
namespace {

volatile std::sig_atomic_t g_signal = 0;

void note_signal(int number) { g_signal = number; }

struct Interrupted {};

// A signal only ends the sending, so that everything is cleaned up.
void catch_signals() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) sigaction(number, &action, nullptr);
}

void check_signals() {
  if (g_signal != 0) throw Interrupted{};
}

struct Options {
  std::string mode;  // empty: the loader's own choice
  unsigned frames = 50;
};

void echo(const std::string& command) { std::cout << "# " << command << std::endl; }

// The binary that was built along with this one.
class Loader {
 public:
  explicit Loader(std::string bpffs)
      : path_(std::filesystem::read_symlink("/proc/self/exe").replace_filename("rxfilter-loader")),
        bpffs_(std::move(bpffs)) {
    if (!std::filesystem::exists(path_))
      throw std::runtime_error("no " + path_ + ": build it first, or run tools/demo");
  }

  void operator()(const std::string& arguments) const {
    echo("rxfilter-loader " + arguments);
    const CommandResult result = run("'" + path_ + "' --bpffs '" + bpffs_ + "' " + arguments);
    std::cout << result.out << result.err << std::flush;
    check_signals();
    if (result.status != 0) throw std::runtime_error("rxfilter-loader ended with " + std::to_string(result.status));
  }

 private:
  std::string path_;
  std::string bpffs_;
};

std::string list(const AddressSet& addresses) {
  std::vector<std::string> items;
  for (const MacAddress& address : addresses) items.push_back(to_string(address));
  return cli::join(items, ",");
}

std::string set_arguments(const FilterSet& filter) {
  return std::string("set ") + kTableUpper + " --unicast " + list(filter.addresses->unicast) + " --multicast " +
         list(filter.addresses->multicast) + " --vlan " + to_string(*filter.vlans);
}

// Both runs of the table, and what was in force at the second.
struct Comparison {
  TableRun run_today;
  TableRun run;
  std::vector<RowResult> today;
  std::vector<RowResult> filtered;
};

constexpr const char* kLine = "%-21s  %-17s  %-22s %4s %7s %4s  %s\n";

void print_row(const FrameRow& row, const RowResult& today, const RowResult& filtered) {
  std::printf(kLine, row.name.c_str(), to_string(row.destination).c_str(), tags_text(row).c_str(),
              std::to_string(filtered.sent).c_str(), std::to_string(today.arrived).c_str(),
              std::to_string(filtered.arrived).c_str(), losses_text(filtered).c_str());
}

void print_table(const Comparison& comparison) {
  std::printf(
      "\n\"without\": arrived at the macvtap before the filter; \"with\": with it. A tag in [brackets] was in the "
      "frame's\n"
      "metadata, where a NIC's VLAN stripping leaves it; others were in its bytes. Reasons are the hooks' "
      "counters.\n\n");
  std::printf(kLine, "frame", "destination", "VLAN tags", "sent", "without", "with", "dropped, where: why");
  const std::vector<FrameRow>& rows = table_rows();
  for (std::size_t i = 0; i < rows.size(); ++i) print_row(rows[i], comparison.today[i], comparison.filtered[i]);
  std::printf("\n");
}

// By the reference verdict and by hand.
std::vector<std::string> complaints(const Comparison& comparison) {
  std::vector<std::string> all;
  const std::vector<FrameRow>& rows = table_rows();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    all.push_back(complaint(rows[i], comparison.run_today, comparison.today[i]));
    all.push_back(complaint(rows[i], comparison.run, comparison.filtered[i]));
    if ((comparison.today[i].arrived != 0) != rows[i].arrives_today ||
        (comparison.filtered[i].arrived != 0) != rows[i].arrives)
      all.push_back(to_string(rows[i]) + ", not what was written down for it");
  }
  std::erase(all, "");
  return all;
}

bool print_conclusion(const Comparison& comparison) {
  const std::vector<std::string> wrong = complaints(comparison);
  for (const std::string& text : wrong) std::printf("WRONG: %s\n", text.c_str());
  if (wrong.empty())
    std::printf("All %zu kinds of frame, arrivals and counters, are as the reference verdict says.\n\n",
                table_rows().size());
  std::fflush(stdout);
  return wrong.empty();
}

bool early_drop_at_tc(const mirror::Context& context) {
  const auto status = mirror::status(context, kTableNic);
  if (!status) throw std::runtime_error(status.error().text);
  return status->early == mirror::EarlyHook::tc;
}

// The devices, and both ends of them.
class Stage {
 public:
  explicit Stage(unsigned frames) {
    run_ = make_devices(namespaces_, [this] {
      check_signals();
      for (const std::string& command : veth_commands()) must_run(command);
      const std::uint32_t wire = if_nametoindex(kTableWire);
      tagger_.emplace(wire);
      sender_.emplace(wire);
      tap_.emplace(kTableUpper);
      return TableRun{.send = [this](auto frame, auto metadata) { send(frame, metadata); }, .tap = &*tap_};
    });
    run_.frames = frames;
  }

  [[nodiscard]] const TableRun& run() const { return run_; }

 private:
  void send(std::span<const std::uint8_t> frame, std::optional<VlanTag> metadata) {
    check_signals();
    sender_->send(frame, metadata);
  }

  NamespaceStack namespaces_;
  std::optional<MetadataTagger> tagger_;
  std::optional<FrameSender> sender_;
  std::optional<TapReader> tap_;
  TableRun run_;
};

void print_setting(const std::string& bpffs) {
  utsname system{};
  uname(&system);
  std::cout << "Linux " << system.release << ", in a network namespace and with a BPF file system of its own:\n"
            << "  " << kTableWire << " ==veth== " << kTableNic << " <-- " << kTableUpper
            << " (passthru) --> its device\n"
            << "rxfilter-loader is given --bpffs " << bpffs << " too.\n\n";
  for (const std::string& command : veth_commands()) echo(command);
}

TableRun filtered_run(TableRun run, const mirror::Context& context) {
  run.filter = table_filter();
  // At XDP a veth hands over its peer's frame, whose tag may be out of sight: VLANs are left to the guard.
  run.early_sees_vlans = early_drop_at_tc(context);
  run.count = [&context] { return read_counters(context); };
  return run;
}

bool demonstrate(const Options& options) {
  const ScratchBpffs bpffs;
  const mirror::Context context{.bpffs = bpffs.path()};
  const Loader loader(bpffs.path());
  const Stage stage(options.frames);
  print_setting(bpffs.path());

  Comparison comparison{.run_today = stage.run()};
  comparison.today = run_table(table_rows(), comparison.run_today);
  loader("attach " + std::string(kTableNic) + (options.mode.empty() ? "" : " --mode " + options.mode));
  loader(set_arguments(table_filter()));
  loader("get " + std::string(kTableUpper));
  comparison.run = filtered_run(stage.run(), context);
  comparison.filtered = run_table(table_rows(), comparison.run);

  print_table(comparison);
  const bool good = print_conclusion(comparison);
  loader("status");
  loader("detach " + std::string(kTableNic));
  return good;
}

int run_demo(const Options& options) {
  for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()}) {
    if (why.empty()) continue;
    std::cerr << "rxfilter-demo: " << why << "\n";
    return 1;
  }
  catch_signals();
  try {
    return demonstrate(options) ? 0 : 1;
  } catch (const Interrupted&) {
    std::cerr << "rxfilter-demo: interrupted\n";
    return 128 + g_signal;
  } catch (const std::exception& error) {
    std::cerr << "rxfilter-demo: " << error.what() << "\n";
    return g_signal != 0 ? 128 + g_signal : 1;
  }
}

}  // namespace
}  // namespace rxf::test

int main(int argc, char** argv) {
  rxf::test::Options options;
  CLI::App app("Sends every kind of frame at a scratch NIC, without and with a filter, and prints what became of each");
  app.add_option("--mode", options.mode, "As of rxfilter-loader attach: auto, native, generic or tc")
      ->check(CLI::IsMember({"auto", "native", "generic", "tc"}).description(""))
      ->option_text("MODE");
  app.add_option("--frames", options.frames, "Of each kind")
      ->check(CLI::Range(1, 400).description(""))
      ->option_text("N [" + std::to_string(options.frames) + "]");
  CLI11_PARSE(app, argc, argv);
  return rxf::test::run_demo(options);
}
