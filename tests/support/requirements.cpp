// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/requirements.h"

#include <unistd.h>

#include <exception>

#include "tests/support/command.h"
#include "tests/support/metadata_tagger.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {
namespace {

template <class Attempt>
std::string failure_of(Attempt attempt) {
  if (geteuid() != 0) return "needs root";
  try {
    attempt();
    return "";
  } catch (const std::exception& error) {
    return std::string("this machine cannot: ") + error.what();
  }
}

void try_macvtap() {
  const ScratchNamespace scratch;
  must_run("ip link add lower type veth peer name far && ip link add link lower name upper type macvtap mode passthru");
  const TapReader tap("upper");
}

void try_bpf() {
  const ScratchNamespace scratch;
  const ScratchBpffs bpffs;
  const MetadataTagger tagger(1);
}

}  // namespace

const std::string& why_no_netns_tests() {
  static const std::string why = failure_of(try_macvtap);
  return why;
}

const std::string& why_no_bpf_tests() {
  static const std::string why = failure_of(try_bpf);
  return why;
}

}  // namespace rxf::test
