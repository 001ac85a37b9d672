#include "executor/gate/job_login.h"

#include "executor/gate/job_credentials.h"

namespace scangate {
namespace {

constexpr std::size_t kMaxPasswordBytes = 64U << 10U;

Result<std::string> password_of(GateCall& call, std::string_view command, const command::LoginRequest& asked) {
  if (!asked.password_stdin) {
    if (asked.password) return *asked.password;
    return fail(Error(Fault::user, fmt::format("{}: no password was given", command)).remedy("use --password-stdin"));
  }
  SCANGATE_TRY(std::string password, call.read_input(kMaxPasswordBytes, "the password"));
  while (!password.empty() && (password.back() == '\n' || password.back() == '\r'))
    password.pop_back();
  if (password.empty()) return fail(Fault::user, fmt::format("{}: the password on standard input is empty", command));
  return password;
}

}  // namespace

int serve_login(ImageCommands& images, GateCall& call, std::string_view command, const command::LoginRequest& asked) {
  auto password = password_of(call, command, asked);
  if (!password) return call.fail_with(password.error());
  const auto registry = images.login(call, asked.server,
                                     {.username = asked.user, .password = std::move(*password), .identity_token = {}});
  if (!registry) return call.fail_with(registry.error());
  call.print("Login Succeeded!\n");
  return 0;
}

int serve_logout(ImageCommands& images, GateCall& call, const command::LogoutRequest& asked) {
  const std::string registry = login_registry(asked.server);
  call.print(images.logout(asked.server) ? fmt::format("Removed login credentials for {}\n", registry)
                                         : fmt::format("Not logged into {}\n", registry));
  return 0;
}

void use_login(ImageCommands& images, GateCall& call, const command::RegistryLogin& login, const std::string& registry,
               AuthFiles files) {
  std::vector<std::string> notes;
  call.registry.reset();
  call.given_credentials.reset();
  if (login.given())
    call.given_credentials = fixed_credentials(
        {{registry,
          {.username = login.user, .password = images.reveal(login.password, registry), .identity_token = {}}}});
  call.file_credentials = job_credentials(call, images, files, login.authfile, notes);
  for (const auto& note : notes)
    call.say("note: " + note + "\n");
}

}  // namespace scangate
