// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "tests/support/qemu_guest.h"

namespace rxf::test {

// What a real QEMU has answered, step by step, as tests/golden/README.md has it, without what each answer asks for: one
// row more in the file that RXF_RECORD names. Where that is not in the environment it does nothing, since whoever asks
// QEMU makes it announce the next change.
class QueryRecord {
 public:
  // `nic_options`: as QemuGuest's.
  QueryRecord(QemuGuest& guest, const std::string& nic_options);

  void add(const std::string& step);

 private:
  QemuGuest& guest_;
  std::string path_;
  nlohmann::ordered_json rows_;  // of the file; the last one is ours
};

}  // namespace rxf::test
