#include <cstdint>

#include "pipeline/git_source/git_url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto shorthand : {scangate::GitShorthand::refused, scangate::GitShorthand::allowed}) {
    if (const auto url = scangate::parse_git_url(text, shorthand); url && *url) {
      static_cast<void>((*url)->host());
      static_cast<void>((*url)->str());
    }
  }
  return 0;
}
