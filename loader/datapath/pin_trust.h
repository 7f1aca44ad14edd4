// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::datapath {

// Who may have made what is found where pins are kept. A bpffs is mode 1777 by default: anybody can be the first to
// make `rxfilter` there, or a link of that name. In a directory that only root may write to, nobody but root can.

// Opens a directory by its name in another one (`at`, or AT_FDCWD), never through a symbolic link. It must be root's or
// the caller's, and nobody else may write to it: otherwise error EPERM, which names it by `path`, says what is wrong
// with it and what to do. Error ENOENT where there is none.
Result<Fd> open_trusted(int at, const std::string& name, const std::string& path);

// Makes the directory of all pins where it is missing, and opens it like that.
Result<Fd> make_trusted_root(const std::string& root);

// Names of what is in an open directory, sorted.
Result<std::vector<std::string>> names_in(const Fd& directory, const std::string& path);

// What is in the directory of all pins and is no pin directory: its path, and why not with the next step.
struct ForeignEntry {
  std::string path;
  std::string problem;
};
struct RootEntries {
  std::vector<std::string> trusted;  // paths of directories
  std::vector<ForeignEntry> foreign;
};
// Opens none of them, which would be an event for whoever watches. Empty where there is no such directory.
Result<RootEntries> root_entries(const std::string& root);

}  // namespace rxf::datapath
