// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

namespace rxf::test {

// Writes one word to a file of debugfs, which is mounted at /sys/kernel/debug where it is not yet. Throws
// std::system_error with the kernel's error.
void write_debugfs(const std::string& file, const std::string& word);

// Throws std::system_error.
std::string read_debugfs(const std::string& file);

// What kmemleak has to report after looking through all of memory twice, further apart than the age below which it
// trusts an allocation; empty where that is nothing.
std::string leaks();

}  // namespace rxf::test
