// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/loader_command.h"

namespace rxf::test {

std::string LoaderCommand::binary() { return RXF_LOADER; }

std::string LoaderCommand::line(const std::string& arguments) const {
  return "'" + binary() + "' --bpffs '" + bpffs_ + "' " + arguments;
}

CommandResult LoaderCommand::run(const std::string& arguments) const { return test::run(line(arguments)); }

std::string LoaderCommand::must(const std::string& arguments) const { return must_run(line(arguments)); }

std::vector<std::string> LoaderCommand::argv(const std::vector<std::string>& arguments) const {
  std::vector<std::string> all = {binary(), "--bpffs", bpffs_};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

}  // namespace rxf::test
