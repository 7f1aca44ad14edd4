// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::datapath {

// Waits until every packet that a program was judging has left it: what was unlinked before can be reused after.
class GracePeriod {
 public:
  static Result<GracePeriod> create();

  // A few milliseconds. An update of a map in a map runs synchronize_rcu() before it returns (kernel/bpf/syscall.c,
  // maybe_wait_bpf_programs()); unlike membarrier(2) it does so on nohz_full machines too.
  Result<void> wait();

 private:
  GracePeriod(Fd outer, Fd inner) : outer_(std::move(outer)), inner_(std::move(inner)) {}

  Fd outer_;
  Fd inner_;
};

}  // namespace rxf::datapath
