// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace rxf::bench {

// What admitted traffic loses: TCP and small UDP packets over veth to a macvlan, without rxfilter and with it (auto),
// in turn, per mode of the upper. Prints attached over unattached, medians of the rounds' pairs; throws
// std::runtime_error.
void traffic(int rounds);

}  // namespace rxf::bench
