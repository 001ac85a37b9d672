// Whatever is let through has no dot segment, however it is decoded, and is no token service.
#include "executor/forward/forward_rules.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

std::string decoded(std::string text) {
  for (std::size_t at = text.find('%'); at != std::string::npos && at + 2 < text.size(); at = text.find('%', at + 1))
    text.replace(at, 3, 1, static_cast<char>(std::strtol(text.substr(at + 1, 2).c_str(), nullptr, 16)));
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string target(reinterpret_cast<const char*>(data), size);
  for (const char* root : {"", "/gitlab"}) {
    if (scangate::why_not_forwarded("GET", target, root)) continue;
    std::string path = decoded(decoded(target.substr(0, target.find('?')))) + "/";
    if (path.find("/../") != std::string::npos || path.find("/./") != std::string::npos ||
        path.find('\\') != std::string::npos)
      std::abort();
    if (path.starts_with(std::string(root) + "/jwt/auth/")) std::abort();
  }
  return 0;
}
