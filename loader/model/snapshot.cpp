// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/snapshot.h"

namespace rxf {

std::string_view to_string(UpperMode mode) {
  switch (mode) {
    case UpperMode::private_:
      return "private";
    case UpperMode::vepa:
      return "vepa";
    case UpperMode::bridge:
      return "bridge";
    case UpperMode::passthru:
      return "passthru";
    case UpperMode::source:
      return "source";
  }
  return "unknown";
}

}  // namespace rxf
