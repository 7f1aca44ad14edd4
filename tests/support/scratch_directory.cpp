// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/scratch_directory.h"

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace rxf::test {

ScratchDirectory::ScratchDirectory() : path_(std::filesystem::temp_directory_path() / "rxf-test.XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp " + path_);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace rxf::test
