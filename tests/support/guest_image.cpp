// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/guest_image.h"

#include <stdexcept>

#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace rxf::test {
namespace {

// The same as the vm-stock ring's.
constexpr const char* kSuite = "bookworm-backports";
constexpr const char* kTools = "sh ip tcpdump";
constexpr const char* kModules = "virtio_pci virtio_console virtio_net macvlan 8021q";
constexpr int kCannot = 77;

std::string tests(const std::string& file) { return RXF_TESTS "/" + file; }

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

std::string missing_program() {
  for (const char* program : {"qemu-system-x86_64", "busybox", "tcpdump", "cpio", "xz"})
    if (run(std::string("command -v ") + program).status != 0)
      return std::string("no ") + program + ": tools/setup installs it";
  return "";
}

std::string fetch_kernel() { return tests("vm/fetch_kernel ") + kSuite + " '" RXF_KERNELS "'"; }

// Not in one of this process's own directories: those of tests come and go.
GuestImage make_image() {
  static const ScratchDirectory directory;
  const std::string unpacked = last_line(must_run(fetch_kernel()));
  GuestImage image{.kernel = last_line(must_run("ls '" + unpacked + "'/boot/vmlinuz-*")),
                   .initramfs = directory.file("initramfs")};
  must_run("'" + tests("vm/make_initramfs") + "' --init '" + tests("e2e/init") + "' --tools '" + kTools +
           "' --modules '" + kModules + "' '" + unpacked + "' '" RXF_GUEST_AGENT "' '" + image.initramfs + "'");
  return image;
}

std::string find_out() {
  if (std::string missing = missing_program(); !missing.empty()) return missing;
  const CommandResult fetched = run(fetch_kernel());
  return fetched.status == kCannot ? last_line(fetched.err) : "";
}

}  // namespace

const GuestImage& guest_image() {
  static const GuestImage image = make_image();
  return image;
}

const std::string& why_no_guest() {
  static const std::string why = find_out();
  return why;
}

}  // namespace rxf::test
