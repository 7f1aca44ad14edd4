// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "tests/support/loader_fixture.h"

namespace rxf::test {

// The same beside one PASSTHRU upper.
class PassthruFixture : public LoaderFixture {
 protected:
  void SetUp() override;
};

}  // namespace rxf::test
