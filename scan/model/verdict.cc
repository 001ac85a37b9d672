#include "scan/model/verdict.h"

namespace scangate {

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return "pass";
    case Outcome::warn:
      return "warn";
    case Outcome::stop:
      return "stop";
    case Outcome::undecided:
      break;
  }
  return "undecided";
}

bool may_leave(Outcome outcome) {
  return outcome == Outcome::pass || outcome == Outcome::warn;
}

std::string_view action_name(Action action) {
  switch (action) {
    case Action::ignore:
      return "ignore";
    case Action::warn:
      return "warn";
    case Action::stop:
      break;
  }
  return "stop";
}

}  // namespace scangate
