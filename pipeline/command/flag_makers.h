#pragma once
// Short ways to say what a flag does, for the tables of parse_flags(). Every one captures references: the targets
// outlive the parse.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/command/docker.h"
#include "pipeline/command/flags.h"

namespace scangate::command::flag {

Flag toggle(std::string_view name, char letter, bool& into);
Flag text(std::string_view name, char letter, std::string& into);
Flag texts(std::string_view name, char letter, std::vector<std::string>& into);
// NAME or NAME=VALUE, as --build-arg takes it.
Flag build_arg(std::string_view name, std::vector<BuildArg>& into);
// NAME=VALUE, the value may be missing.
Flag pairs(std::string_view name, char letter, std::vector<std::pair<std::string, std::string>>& into);
// Accepted, does nothing, and says so: "--NAME: WHY" goes to `notes`.
Flag noted(std::string_view name, char letter, Flag::Kind kind, std::vector<std::string>& notes, std::string_view why);
// "336h": how old something may be.
Flag age(std::string_view name, std::optional<std::chrono::seconds>& into);
// Accepted in silence: it changes nothing a user could see.
Flag silent(std::string_view name, char letter, Flag::Kind kind);
Flag refused(std::string_view name, std::string_view why, char letter = '\0');

// "user:password" of --creds; the text itself never gets into an Error.
Flag credentials(std::string_view name, std::string& user, std::string& password);

// "COMMAND: requires EXPECTED (see 'COMMAND --help')".
Error wrong_count(std::string_view command, std::string_view expected);
// "COMMAND: 'NAME' is not served by scangate", with the nearest of `served` or all of them as remedy.
Error not_served(std::string_view command, std::string_view name, const std::vector<std::string>& served);

}  // namespace scangate::command::flag
