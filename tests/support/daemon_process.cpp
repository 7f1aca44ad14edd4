// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/daemon_process.h"

#include <fstream>
#include <sstream>

#include "tests/support/loader_command.h"

namespace rxf::test {
namespace {

std::vector<std::string> command(const std::string& bpffs, const std::string& directory,
                                 const DaemonProcess::Options& options) {
  std::vector<std::string> all = options.launcher;
  for (const std::string& argument : {LoaderCommand::binary(), std::string("--bpffs"), bpffs, std::string("--api"),
                                      DaemonProcess::socket_in(directory), std::string("run")})
    all.push_back(argument);
  all.insert(all.end(), options.arguments.begin(), options.arguments.end());
  return all;
}

ChildProcess::Options surroundings(const std::string& log, const Notices& notices,
                                   const DaemonProcess::Options& options) {
  ChildProcess::Options all{.environment = options.environment, .error_file = log};
  all.environment.push_back(notices.variable());
  return all;
}

}  // namespace

DaemonProcess::DaemonProcess(const std::string& bpffs, const std::string& directory, const Options& options)
    : log_(directory + "/log"),
      notices_(directory + "/notify"),
      child_(command(bpffs, directory, options), surroundings(log_, notices_, options)) {}

std::string DaemonProcess::log() const {
  std::ostringstream text;
  text << std::ifstream(log_).rdbuf();
  return text.str();
}

}  // namespace rxf::test
