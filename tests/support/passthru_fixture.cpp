// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/passthru_fixture.h"

#include "tests/support/requirements.h"

namespace rxf::test {

void PassthruFixture::SetUp() {
  for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
    if (!why.empty()) GTEST_SKIP() << why;
  topology_.emplace(Uppers::passthru);
  bpffs_.emplace();
  loader_.emplace(bpffs_->path());
}

}  // namespace rxf::test
