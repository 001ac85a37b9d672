#include "pipeline/command/registry_login.h"

#include "pipeline/command/flag_makers.h"

namespace scangate::command {

using Kind = Flag::Kind;

Result<ContainersLogin> parse_containers_login(std::string_view program, std::span<const std::string> args) {
  const std::string command = std::string(program) + " login";
  ContainersLogin out;
  LoginRequest& request = out.request;
  const Flag password{"password", 'p', Kind::value, [&](const std::string& value) -> Result<void> {
                        request.password = value;
                        return {};
                      }};
  const std::vector<Flag> flags = {
      flag::text("username", 'u', request.user),
      password,
      flag::toggle("password-stdin", '\0', request.password_stdin),
      flag::text("authfile", '\0', out.authfile),
      flag::silent("verbose", 'v', Kind::toggle),
      flag::noted("tls-verify", '\0', Kind::toggle, out.notes, kHostDecides),
      flag::noted("cert-dir", '\0', Kind::value, out.notes, kHostDecides),
      flag::refused("get-login", "credentials are not given out"),
      flag::refused("secret", "podman secrets are not supported"),
  };
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, out.help));
  if (out.help) return out;
  if (rest.size() != 1) return fail(flag::wrong_count(command, "exactly 1 argument, the registry"));
  request.server = rest[0];
  if (request.password && request.password_stdin)
    return fail(Fault::user, fmt::format("{}: --password and --password-stdin are mutually exclusive", command));
  if (request.password_stdin && request.user.empty())
    return fail(Error(Fault::user, fmt::format("{}: --password-stdin needs --username", command))
                    .remedy("is the variable with the user's name set?"));
  return out;
}

Result<ContainersLogout> parse_containers_logout(std::string_view program, std::span<const std::string> args) {
  const std::string command = std::string(program) + " logout";
  ContainersLogout out;
  const std::vector<Flag> flags = {
      flag::text("authfile", '\0', out.authfile),
      flag::refused("all", "name the registry", 'a'),
      flag::noted("tls-verify", '\0', Kind::toggle, out.notes, kHostDecides),
  };
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, out.help));
  if (out.help) return out;
  if (rest.size() != 1) return fail(flag::wrong_count(command, "exactly 1 argument, the registry"));
  out.request.server = rest[0];
  return out;
}

}  // namespace scangate::command
