// SPDX-License-Identifier: GPL-2.0-only
#include "tests/e2e/guest_needs.h"

#include "tests/support/guest_image.h"
#include "tests/support/requirements.h"

namespace rxf::test {

std::string why_no_e2e_tests() {
  for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
    if (!why.empty()) return why;
  return why_no_guest();
}

}  // namespace rxf::test
