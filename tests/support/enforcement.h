// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

namespace rxf::test {

// What is not as the committed filter sets of an attached lower device say, a sentence each: slots and addresses in the
// maps, guards on the uppers, the uppers' own lists (nobody else has entries there). Leftovers count: a slot in use or
// a guard beside those that are needed. Empty where all is in force and nothing else is. Read-only; in the calling
// thread's network namespace.
std::vector<std::string> enforcement_problems(const std::string& bpffs, const std::string& lower);

}  // namespace rxf::test
