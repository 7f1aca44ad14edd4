// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/passthru_fixture.h"

namespace rxf::test {

void PassthruFixture::SetUp() {
  LoaderFixture::SetUp();
  if (!IsSkipped()) topology_.emplace(Uppers::passthru);
}

}  // namespace rxf::test
