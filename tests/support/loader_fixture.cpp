// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/loader_fixture.h"

#include "tests/support/requirements.h"

namespace rxf::test {

void LoaderFixture::SetUp() {
  for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
    if (!why.empty()) GTEST_SKIP() << why;
  bpffs_.emplace();
  loader_.emplace(bpffs_->path());
}

}  // namespace rxf::test
