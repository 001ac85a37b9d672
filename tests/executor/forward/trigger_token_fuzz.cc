// First line: the content type; the rest is a body. The token may appear once at most, and only where a placeholder
// stood.
#include "executor/forward/trigger_token.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string kToken = "REAL-TOKEN-OF-THIS-FUZZ-TEST";
  static const scangate::Broker* const kBroker = [] {
    auto* made = new scangate::Broker();
    made->add(kToken, {"h"});
    return made;
  }();
  static const std::string kPlaceholder = kBroker->placeholder(kToken);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos || text.find(kToken) != std::string_view::npos) return 0;
  std::string body(text.substr(line + 1));
  // '@' stands for the placeholder, so that the corpus need not name it.
  for (std::size_t at = body.find('@'); at != std::string::npos; at = body.find('@', at + kPlaceholder.size()))
    body.replace(at, 1, kPlaceholder);
  const std::string out = scangate::reveal_trigger_token(text.substr(0, line), body, *kBroker, "h");
  if (out.size() != body.size()) std::abort();
  for (std::size_t at = out.find(kToken); at != std::string::npos; at = out.find(kToken, at + 1))
    if (body.compare(at, kPlaceholder.size(), kPlaceholder) != 0) std::abort();
  return 0;
}
