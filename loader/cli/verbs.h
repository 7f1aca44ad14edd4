// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/cli/add_text.h"
#include "loader/cli/make_verb.h"
#include "loader/cli/session.h"

namespace rxf::cli {

using Verb = VerbOf<Session>;

// Each in the file of its name.
Verb attach_verb(CLI::App& root);
Verb detach_verb(CLI::App& root);
Verb set_verb(CLI::App& root);
Verb get_verb(CLI::App& root);
Verb clear_verb(CLI::App& root);
Verb status_verb(CLI::App& root);
Verb probe_verb(CLI::App& root);
Verb explain_verb(CLI::App& root);
Verb drops_verb(CLI::App& root);
Verb run_verb(CLI::App& root);

}  // namespace rxf::cli
