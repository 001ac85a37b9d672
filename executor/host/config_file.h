#pragma once
// Replacing a configuration file of another program.
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate {

// Replaces the file in one step; mode and owner stay, a symlink is followed. The former text is kept beside it as
// `<name>.scangate.bak`, readable by whom the file was. A file that is not there is made with mode 0600 (it will hold a
// token), its folder with 0700. Gives the path of the backup, empty when there was nothing to keep. Errors:
// Fault::host.
Result<std::filesystem::path> replace_config_file(const std::filesystem::path& path, std::string_view text);

}  // namespace scangate
