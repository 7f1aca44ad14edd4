// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/kernel_support.h"

#include <bpf/bpf.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "extension.skel.h"
#include "loader/datapath/bpf_object.h"

namespace rxf::datapath {
namespace {

constexpr std::array<std::string_view, 3> kLockdownNames = {"none", "integrity", "confidentiality"};
constexpr const char* kSecurityfs = "/sys/kernel/security";

struct DestroyExtension {
  void operator()(::extension* skeleton) const { extension__destroy(skeleton); }
};
using ExtensionPtr = std::unique_ptr<::extension, DestroyExtension>;

struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using LinkPtr = std::unique_ptr<bpf_link, DestroyLink>;

// "[none] integrity confidentiality"
Result<Lockdown> parse_lockdown(const std::string& line) {
  for (std::size_t i = 0; i < kLockdownNames.size(); ++i)
    if (line.contains("[" + std::string(kLockdownNames.at(i)) + "]")) return static_cast<Lockdown>(i);
  return system_error(EBADMSG, std::string(kSecurityfs) + "/lockdown");
}

bool has_securityfs() {
  struct statfs status {};
  return ::statfs(kSecurityfs, &status) == 0 && status.f_type == SECURITYFS_MAGIC;
}

std::string why_lockdown_unknown() {
  const bool reads = libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_probe_read_kernel, nullptr) == 1;
  return std::string("securityfs is not mounted at ") + kSecurityfs +
         (reads ? "; not confidentiality, since programs may use bpf_probe_read_kernel()"
                : "; perhaps confidentiality, since programs may not use bpf_probe_read_kernel()");
}

// Opened, with only that program to be loaded.
Result<ExtensionPtr> open_only(const char* name) {
  ExtensionPtr skeleton(extension__open());
  if (skeleton == nullptr) return system_error(errno, "open the BPF object that tries a dispatcher");
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj)
      bpf_program__set_autoload(program, std::string_view(bpf_program__name(program)) == name);
  return skeleton;
}

std::unexpected<Error> refused(int error) {
  auto refusal = system_error(error, "replace a function of a BPF program");
  if (refusal.error().code == EPERM) refusal.error().text += " (lockdown forbids it, or CAP_PERFMON is missing)";
  return refusal;
}

}  // namespace

std::string_view to_string(Lockdown mode) { return kLockdownNames.at(static_cast<std::size_t>(mode)); }

Result<Lockdown> lockdown() {
  capture_library_messages();
  std::ifstream file(std::string(kSecurityfs) + "/lockdown");
  if (std::string line; std::getline(file, line)) return parse_lockdown(line);
  // A kernel without the lockdown module has no such file.
  if (has_securityfs()) return Lockdown::none;
  return std::unexpected(Error{.text = why_lockdown_unknown(), .code = ENOTSUP});
}

Result<void> check_dispatcher() {
  if (std::getenv("LIBXDP_SKIP_DISPATCHER") != nullptr)
    return std::unexpected(Error{.text = "LIBXDP_SKIP_DISPATCHER is set", .code = ENOTSUP});
  capture_library_messages();
  const auto dispatcher = open_only("rxf_dispatcher");
  if (!dispatcher) return std::unexpected(dispatcher.error());
  if (const int error = extension__load(dispatcher->get()); error != 0)
    return system_error(error, "load an XDP program");

  const auto extension = open_only("rxf_extension");
  if (!extension) return std::unexpected(extension.error());
  const int target = bpf_program__fd((*dispatcher)->progs.rxf_dispatcher);
  bpf_program* program = (*extension)->progs.rxf_extension;
  if (const int error = bpf_program__set_attach_target(program, target, "rxf_replaced"); error != 0)
    return refused(error);
  if (const int error = extension__load(extension->get()); error != 0) return refused(error);
  const LinkPtr link(bpf_program__attach(program));
  if (link == nullptr) return refused(errno);
  return {};
}

}  // namespace rxf::datapath
