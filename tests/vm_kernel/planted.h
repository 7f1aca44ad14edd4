// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace rxf::test {

// Lockdep turns itself off when it has found something.
bool locks_are_watched();

// Watch.*: that all the tests before left nothing behind, and that the kernel still watched itself to the end.
void register_last_checks();

// Planted.*: that the bugs of kernel/planted are seen by what has watched the tests before. Only after all others:
// lockdep turns itself off at its first find.
void register_planted_bugs();

}  // namespace rxf::test
