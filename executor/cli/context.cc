#include "executor/cli/context.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/sandbox/namespaces.h"

namespace scangate::cli {
namespace fs = std::filesystem;
namespace {
constexpr std::size_t kMaxDockerConfigBytes = 4U << 20U;
}

Console& Context::progress() {
  if (!console) {
    ConsoleMode mode = ConsoleMode::plain;
    if (global.quiet)
      mode = ConsoleMode::quiet;
    else if (global.progress == "json")
      mode = ConsoleMode::json;
    else if (global.progress == "tty")
      mode = ConsoleMode::tty;
    else if (global.progress == "auto")
      mode = detect_console_mode(STDERR_FILENO, environment_value(environment, "TERM").value_or(""));
    console = std::make_unique<Console>(STDERR_FILENO, mode);
  }
  return *console;
}

void Context::use_git() {
  if (!git) git = std::make_unique<ci::GitLibrary>(ci::GitOwnerCheck::on);
}

Result<Settings> Context::settings() const {
  const auto given = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional<fs::path>(text);
  };
  return load_settings({.config_file = given(global.config),
                        .store = given(global.store),
                        .database = given(global.database),
                        .policy = given(global.policy)},
                       environment, geteuid() == 0, program);
}

Result<std::shared_ptr<CredentialSource>> Context::user_credentials() {
  fs::path file;
  if (const auto folder = environment_value(environment, "DOCKER_CONFIG"))
    file = fs::path(*folder) / "config.json";
  else if (const auto home = environment_value(environment, "HOME"))
    file = fs::path(*home) / ".docker/config.json";
  std::error_code ignored;
  if (file.empty() || !fs::exists(file, ignored)) return std::make_shared<Logins>();
  SCANGATE_TRY(const std::string json, read_file(file, kMaxDockerConfigBytes));
  SCANGATE_TRY(auto source, docker_config_credentials(json, file.string(), runner));
  return std::shared_ptr<CredentialSource>(std::move(source));
}

Result<std::unique_ptr<Engine>> Context::open_engine(Mounts mounts, std::shared_ptr<CredentialSource> credentials,
                                                     const std::string& names_of) {
  SCANGATE_TRY(auto loaded, settings());  // before the namespaces: a plain user's home is found by his own id
  loaded.names_of = names_of;
  if (mounts != Mounts::no) {
    const auto privilege = enter_host_namespaces();
    if (!privilege && mounts == Mounts::yes) return fail(privilege.error());
    loaded.without_mounts = mounts == Mounts::where_possible;
  }
  if (!credentials) {
    SCANGATE_TRY(credentials, user_credentials());
  }
  return Engine::open(std::move(loaded), std::move(credentials), clock, runner, environment);
}

void Context::report(const Error& error) {
  progress();  // ends a drawn bar before the message
  console.reset();
  const std::string text = "scangate: " + error.text() + "\n";
  static_cast<void>(write_fd(STDERR_FILENO, as_bytes(text), "standard error"));
  exit = exit_code_of(error);
}

void Context::guard(const std::function<Result<ExitCode>()>& body) {
  auto code = body();
  if (code)
    exit = *code;
  else
    report(code.error());
  console.reset();
}

Result<void> Context::print(std::string_view text) const {
  return write_fd(STDOUT_FILENO, as_bytes(text), "standard output");
}

void forbid_core_dumps() {
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);
}

}  // namespace scangate::cli
