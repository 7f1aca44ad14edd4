// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

namespace rxf::test {

// What a test guest boots: Debian's own cloud kernel, unpacked below the build folder and not installed, and an
// initramfs with tests/e2e/guest_agent.
struct GuestImage {
  std::string kernel;
  std::string initramfs;
};

// Made once, which may fetch the kernel from Debian's archive. Throws std::runtime_error.
const GuestImage& guest_image();

// Why tests with a guest in QEMU cannot run here, in one sentence; empty where they can. Gets the image.
const std::string& why_no_guest();

}  // namespace rxf::test
