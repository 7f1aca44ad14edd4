// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "loader/cli/filter_json.h"
#include "tools/guest/guest_report.h"
#include "tools/guest/guest_settings.h"

namespace rxf::guest {

// What `check` answers for one guest: the policy as it was understood. The object has the keys of the file, and those
// that are not given with their defaults.
[[nodiscard]] std::string settings_text(const GuestSettings& settings);
[[nodiscard]] cli::Json to_json(const GuestSettings& settings);

// What `judge` answers: the filter set, and a line for each refusal.
[[nodiscard]] std::string judgement_text(const std::string& upper, const Judgement& judgement, bool silent);
[[nodiscard]] cli::Json to_json(const std::string& upper, const Judgement& judgement, bool silent);

// What `status` answers for one guest. The object is the report, and "followed": null for who may not know.
[[nodiscard]] std::string report_text(const FoundReport& found);
[[nodiscard]] cli::Json to_json(const FoundReport& found);

}  // namespace rxf::guest
