#include "base/error.h"

#include <cstring>

namespace scangate {

std::string Error::text() const {
  std::string out;
  if (!place_.empty()) out += place_ + ": ";
  out += cause_;
  if (!remedy_.empty()) out += " (" + remedy_ + ")";
  for (const auto& frame : frames_)
    out += "\n  while " + frame;
  return out;
}

Error host_error(std::string_view what, int error_number) {
  char buffer[256] = {};
  // GNU strerror_r returns the text, which need not be in the buffer.
  const char* text = strerror_r(error_number, buffer, sizeof buffer);
  return Error(Fault::host, fmt::format("{}: {}", what, text));
}

}  // namespace scangate
