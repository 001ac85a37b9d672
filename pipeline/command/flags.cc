#include "pipeline/command/flags.h"

#include <algorithm>

#include "base/text.h"

namespace scangate::command {
namespace {

Error usage(std::string_view command, std::string cause) {
  return Error(Fault::user, fmt::format("{}: {}", command, std::move(cause)));
}

class FlagParser {
 public:
  FlagParser(std::string_view command, std::span<const Flag> flags, std::span<const std::string> args)
      : command_(command), flags_(flags), args_(args) {}

  Result<std::vector<std::string>> run(Mixing mixing, bool& help) {
    std::vector<std::string> rest;
    for (; next_ < args_.size(); ++next_) {
      const std::string& arg = args_[next_];
      if (arg == "--") {
        rest.insert(rest.end(), args_.begin() + static_cast<std::ptrdiff_t>(next_) + 1, args_.end());
        break;
      }
      if (arg.size() < 2 || arg[0] != '-') {  // "-" is an argument
        if (mixing == Mixing::before_arguments) {
          rest.insert(rest.end(), args_.begin() + static_cast<std::ptrdiff_t>(next_), args_.end());
          break;
        }
        rest.push_back(arg);
        continue;
      }
      if (arg == "--help" || (arg == "-h" && by_letter('h') == nullptr)) {
        help = true;
        return rest;
      }
      SCANGATE_CHECK(arg[1] == '-' ? long_flag(arg) : short_flags(arg));
    }
    return rest;
  }

 private:
  const Flag* by_name(std::string_view name) const {
    const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.name == name; });
    return found == flags_.end() ? nullptr : &*found;
  }
  const Flag* by_letter(char letter) const {
    const auto found =
        std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.letter == letter; });
    return found == flags_.end() ? nullptr : &*found;
  }

  Error refused(const Flag& flag) const {
    return usage(command_, fmt::format("--{} is not served by scangate", flag.name)).remedy(std::string(flag.note));
  }

  Result<void> take(const Flag& flag, const std::string& value) const {
    if (flag.kind == Flag::Kind::toggle) {
      // What strconv.ParseBool takes.
      const std::string lower = to_lower(value);
      if (lower == "1" || lower == "t" || lower == "true") return flag.take("true");
      if (lower == "0" || lower == "f" || lower == "false") return flag.take("false");
      return fail(usage(command_, fmt::format("--{} takes true or false", flag.name)));
    }
    if (auto taken = flag.take(value); !taken)
      return fail(usage(command_, fmt::format("--{}: {}", flag.name, taken.error().cause())));
    return {};
  }

  Result<void> long_flag(const std::string& arg) {
    const std::size_t equals = arg.find('=');
    const std::string name = arg.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
    const Flag* flag = by_name(name);
    if (flag == nullptr) {
      Error error = usage(command_, fmt::format("unknown flag: --{}", printable(name)));
      std::vector<std::string> names;
      for (const Flag& one : flags_)
        names.emplace_back(one.name);
      if (const auto like = nearest(name, names))
        return fail(std::move(error).remedy(fmt::format("did you mean --{}?", *like)));
      return fail(std::move(error));
    }
    if (flag->kind == Flag::Kind::refused) return fail(refused(*flag));
    if (equals != std::string::npos) return take(*flag, arg.substr(equals + 1));
    if (flag->kind == Flag::Kind::toggle || flag->kind == Flag::Kind::optional_value) return take(*flag, "true");
    if (next_ + 1 >= args_.size())
      return fail(usage(command_, fmt::format("flag needs an argument: --{}", flag->name)));
    return take(*flag, args_[++next_]);
  }

  Result<void> short_flags(const std::string& arg) {
    for (std::size_t i = 1; i < arg.size(); ++i) {
      const Flag* flag = by_letter(arg[i]);
      if (flag == nullptr)
        // Not the whole argument: it may be `-pSECRET` with a slip.
        return fail(usage(command_, fmt::format("unknown shorthand flag: '{}'", printable(arg.substr(i, 1)))));
      if (flag->kind == Flag::Kind::refused) return fail(refused(*flag));
      const bool has_equals = i + 1 < arg.size() && arg[i + 1] == '=';
      if (flag->kind == Flag::Kind::toggle) {
        if (has_equals) return take(*flag, arg.substr(i + 2));
        SCANGATE_CHECK(take(*flag, "true"));
        continue;
      }
      if (has_equals) return take(*flag, arg.substr(i + 2));
      if (i + 1 < arg.size()) return take(*flag, arg.substr(i + 1));
      if (next_ + 1 >= args_.size()) return fail(usage(command_, fmt::format("flag needs an argument: -{}", arg[i])));
      return take(*flag, args_[++next_]);
    }
    return {};
  }

  std::string_view command_;
  std::span<const Flag> flags_;
  std::span<const std::string> args_;
  std::size_t next_ = 0;
};

}  // namespace

Result<std::vector<std::string>> parse_flags(std::string_view command, std::span<const Flag> flags,
                                             std::span<const std::string> args, Mixing mixing, bool& help) {
  return FlagParser(command, flags, args).run(mixing, help);
}

}  // namespace scangate::command
