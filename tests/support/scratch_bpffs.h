// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

namespace rxf::test {

// A bpffs of its own, and with it every pin made there, for as long as this lives. Needs CAP_SYS_ADMIN; throws
// std::system_error without. What a killed test left mounted is removed when the next one is made.
class ScratchBpffs {
 public:
  ScratchBpffs();
  ~ScratchBpffs();
  ScratchBpffs(const ScratchBpffs&) = delete;
  ScratchBpffs& operator=(const ScratchBpffs&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace rxf::test
