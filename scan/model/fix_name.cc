#include "scan/model/fix_name.h"

namespace scangate {

std::string_view fix_name(FixState fix) {
  switch (fix) {
    case FixState::fixed:
      return "available";
    case FixState::not_fixed:
      return "none";
    case FixState::will_not_fix:
      return "will-not-fix";
    case FixState::unknown:
      break;
  }
  return "unknown";
}

}  // namespace scangate
