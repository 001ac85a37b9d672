#include "executor/gate/docker_service.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "executor/console/console.h"
#include "executor/gate/image_list.h"
#include "pipeline/command/docker.h"
#include "scan/report/report.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxPasswordBytes = 64U << 10U;
constexpr std::size_t kMaxDockerfileBytes = 16U << 20U;
// Columns of a job log: browsers show longer lines than terminals do.
constexpr int kLogWidth = 150;
// Docker's own code for a command that failed.
constexpr int kFailed = 1;

// `path` as the job means it, made absolute and free of "." and ".."; symlinks are resolved later, inside the job's root.
std::string absolute_in_job(const std::string& directory, const std::string& path) {
  return (fs::path(directory) / path).lexically_normal().string();
}

}  // namespace

// One command under way.
struct DockerService::Call {
  GateRequest& request;
  const Cancel& cancel;
  Console console;
  command::DockerCommand command;

  Call(GateRequest& asked, const Cancel& gone) : request(asked), cancel(gone), console(asked.error.get(), ConsoleMode::plain) {}

  int fail_with(const Error& error, int code = kFailed) {
    say("ERROR: " + error.text() + "\n");
    return code;
  }
  void say(std::string_view text) { static_cast<void>(write_fd(request.error.get(), as_bytes(text), "the job's log")); }
  void print(std::string_view text) { static_cast<void>(write_fd(request.output.get(), as_bytes(text), "the job's output")); }
};

namespace {

// Where the image operation's files are, opened inside the job's root.
struct OpenedContext {
  UniqueFd folder;
  std::string path;  // in the sandbox
};

Result<OpenedContext> open_context(const GateRequest& request, const command::BuildRequest& build) {
  if (build.context == "-" || build.context.find("://") != std::string::npos || build.context.starts_with("git@"))
    return fail(Error(Fault::user, fmt::format("the build context '{}' is not supported yet", build.context)).remedy("give a folder"));
  OpenedContext out;
  out.path = absolute_in_job(request.directory, build.context);
  auto folder = open_in_root(request.root.get(), out.path, O_RDONLY | O_DIRECTORY);
  if (!folder) return fail(Error(Fault::user, fmt::format("the build context '{}' is no folder of the job: {}", build.context, folder.error().cause())));
  out.folder = std::move(*folder);
  return out;
}

// Flags that the builder cannot honour yet are refused: an image built without them would not be what was asked for.
Result<void> refuse_unserved(const command::BuildRequest& build) {
  const std::pair<bool, const char*> flags[] = {{!build.cache_to.empty(), "--cache-to"},         {!build.no_cache_filter.empty(), "--no-cache-filter"},
                                                {!build.add_hosts.empty(), "--add-host"},        {!build.outputs.empty(), "--output"},
                                                {!build.metadata_file.empty(), "--metadata-file"}, {build.platforms.size() > 1, "--platform with several platforms"},
                                                {!build.sbom.empty() && build.sbom != "false", "--sbom"}};
  for (const auto& [given, name] : flags)
    if (given) return fail(Fault::user, fmt::format("docker build: {} is not supported yet", name));
  return {};
}

Result<BuildRequest> engine_request(const GateRequest& request, const command::BuildRequest& asked, const OpenedContext& opened, const GateContext& context) {
  BuildRequest build;
  // Our own descriptor, reached by path: it stays the folder it was opened as, whatever the job renames meanwhile.
  build.context = fmt::format("/proc/self/fd/{}", opened.folder.get());
  build.target = asked.target;
  build.no_cache = asked.no_cache;
  build.pull = asked.pull;
  build.cache_namespace = context.cache_namespace;
  build.network = asked.network == "none" ? Network::none : Network::host;
  if (!asked.network.empty() && asked.network != "none" && asked.network != "host" && asked.network != "default")
    return fail(Fault::user, fmt::format("docker build: --network '{}' is not supported yet (host and none are)", asked.network));
  if (!asked.platforms.empty()) {
    SCANGATE_TRY(build.platform, Platform::parse(asked.platforms.front()));
  }
  for (const auto& arg : asked.build_args) {
    if (arg.value)
      build.build_args[arg.name] = *arg.value;
    else if (const auto value = environment_value(request.environment, arg.name))
      build.build_args[arg.name] = *value;
  }
  for (const auto& [name, value] : asked.labels) build.labels[name] = value;

  const std::string in_project = fs::path(opened.path).lexically_relative(context.project_dir).string();
  const std::string prefix = in_project.empty() || in_project.starts_with("..") || in_project == "." ? "" : in_project + "/";
  if (asked.dockerfile == "-") {
    SCANGATE_TRY(build.dockerfile_text, read_fd(request.input.get(), kMaxDockerfileBytes, "standard input"));
    build.dockerfile_name = "Dockerfile";
    return build;
  }
  if (asked.dockerfile.empty()) {
    build.dockerfile_name = prefix + "Dockerfile";
    return build;
  }
  const std::string file = absolute_in_job(request.directory, asked.dockerfile);
  const std::string inside = fs::path(file).lexically_relative(opened.path).string();
  if (!inside.empty() && !inside.starts_with("..")) {
    build.dockerfile = inside;
    build.dockerfile_name = prefix + inside;
    return build;
  }
  SCANGATE_TRY(const UniqueFd fd, open_in_root(request.root.get(), file, O_RDONLY));
  SCANGATE_TRY(build.dockerfile_text, read_fd(fd.get(), kMaxDockerfileBytes, asked.dockerfile));
  const std::string named = fs::path(file).lexically_relative(context.project_dir).string();
  build.dockerfile_name = named.empty() || named.starts_with("..") ? asked.dockerfile : named;
  return build;
}

Result<std::string> password_of(const GateRequest& request, const command::LoginRequest& login) {
  if (!login.password_stdin) {
    if (login.password) return *login.password;
    return fail(Error(Fault::user, "docker login: no password was given").remedy("use --password-stdin"));
  }
  SCANGATE_TRY(std::string password, read_fd(request.input.get(), kMaxPasswordBytes, "the password on standard input"));
  while (!password.empty() && (password.back() == '\n' || password.back() == '\r')) password.pop_back();
  if (password.empty()) return fail(Fault::user, "docker login: the password on standard input is empty");
  return password;
}

}  // namespace

DockerService::DockerService(Engine& engine, std::shared_ptr<Logins> logins, GateContext context)
    : engine_(engine), logins_(std::move(logins)), context_(std::move(context)) {}

std::vector<ScanResult> DockerService::results() const {
  const std::lock_guard lock(mutex_);
  return results_;
}

ExitCode DockerService::worst() const {
  const std::lock_guard lock(mutex_);
  return worst_;
}

int DockerService::build(Call& call) {
  const auto& asked = std::get<command::BuildRequest>(call.command.request);
  if (auto served = refuse_unserved(asked); !served) return call.fail_with(served.error());
  const auto opened = open_context(call.request, asked);
  if (!opened) return call.fail_with(opened.error());
  const auto request = engine_request(call.request, asked, *opened, context_);
  if (!request) return call.fail_with(request.error());
  std::vector<Reference> names;
  for (const auto& tag : asked.tags) {
    auto name = Reference::parse(tag);
    if (!name) return call.fail_with(name.error());
    names.push_back(std::move(*name));
  }
  NoProgress silent;
  const auto built = engine_.build(*request, names, call.cancel, asked.quiet ? static_cast<Progress&>(silent) : call.console);
  if (!built) return call.fail_with(built.error());
  for (const auto& warning : built->warnings)
    call.console.line(Level::warning, fmt::format("{}:{}: {} ({})", warning.place.file, warning.place.line, warning.text, warning.rule));
  if (built->failed_step) {
    call.say("ERROR: " + built->failed_step->text + "\n");
    return kFailed;
  }
  const std::string id = built->config_digest.str();
  if (!asked.iidfile.empty()) {
    auto file = open_in_root(call.request.root.get(), absolute_in_job(call.request.directory, asked.iidfile), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (!file) return call.fail_with(file.error());
    if (auto written = write_fd(file->get(), as_bytes(id), asked.iidfile); !written) return call.fail_with(written.error());
  }
  if (asked.quiet) call.print(id + "\n");
  for (const auto& name : names) call.console.line(Level::info, fmt::format("naming to {}", name.str()));
  if (!asked.push) return 0;
  for (const auto& tag : asked.tags) {
    call.command.request = command::PushRequest{.reference = tag};
    if (const int code = push(call); code != 0) return code;
  }
  return 0;
}

int DockerService::push(Call& call) {
  const auto asked = std::get<command::PushRequest>(call.command.request);
  if (asked.all_tags) return call.fail_with(Error(Fault::user, "docker push: --all-tags is not supported yet"));
  const auto name = Reference::parse(asked.reference);
  if (!name) return call.fail_with(name.error());
  const auto digest = engine_.store()->find(*name);
  if (!digest) return call.fail_with(digest.error());
  if (!*digest) return call.fail_with(Error(Fault::user, "An image does not exist locally with the tag: " + name->familiar()));
  call.print(fmt::format("The push refers to repository [{}/{}]\n", name->registry, name->repository));
  auto outcome = engine_.push(**digest, *name, call.cancel, call.console);
  if (!outcome) return call.fail_with(outcome.error());
  if (engine_.settings().enforce != Enforce::off) {
    call.say(render_report(ReportFormat::table, {outcome->scan}, ReportOptions{.width = kLogWidth}));
    const std::lock_guard lock(mutex_);
    results_.push_back(outcome->scan);
    worst_ = std::max(worst_, outcome->code);
  }
  if (!outcome->pushed) {
    call.say(fmt::format("ERROR: {} stays here: nothing of it was sent to {}\n", name->familiar(), name->registry));
    return exit_number(outcome->code);
  }
  call.print(fmt::format("{}: digest: {} ({} sent)\n", name->tag, outcome->pushed->manifest_digest.str(), human_bytes(outcome->pushed->sent_bytes)));
  return 0;
}

int DockerService::serve(GateRequest& request, const Cancel& cancel) {
  Call call(request, cancel);
  const std::vector<std::string> arguments(request.arguments.begin() + 1, request.arguments.end());
  auto parsed = command::parse_docker(arguments);
  if (!parsed) return call.fail_with(parsed.error());
  call.command = std::move(*parsed);
  for (const auto& note : call.command.notes) call.say("note: " + note + "\n");
  const auto& asked = call.command.request;

  if (std::holds_alternative<command::BuildRequest>(asked)) return build(call);
  if (std::holds_alternative<command::PushRequest>(asked)) return push(call);
  if (const auto* pull = std::get_if<command::PullRequest>(&asked)) {
    const auto name = Reference::parse(pull->reference);
    if (!name) return call.fail_with(name.error());
    if (pull->all_tags) return call.fail_with(Error(Fault::user, "docker pull: --all-tags is not supported yet"));
    auto platform = pull->platform.empty() ? Result<Platform>(Platform::host()) : Platform::parse(pull->platform);
    if (!platform) return call.fail_with(platform.error());
    const auto pulled = engine_.registry().pull(*name, *platform, PullPolicy::always, *engine_.store(), cancel, call.console);
    if (!pulled) return call.fail_with(pulled.error());
    call.print(pull->quiet ? name->str() + "\n" : fmt::format("Digest: {}\n{}\n", pulled->manifest_digest.str(), name->str()));
    return 0;
  }
  if (const auto* tag = std::get_if<command::TagRequest>(&asked)) {
    const auto digest = engine_.store()->resolve(tag->source);
    if (!digest) return call.fail_with(digest.error());
    const auto target = Reference::parse(tag->target);
    if (!target) return call.fail_with(target.error());
    if (auto tagged = engine_.store()->tag(*target, *digest); !tagged) return call.fail_with(tagged.error());
    return 0;
  }
  if (const auto* login = std::get_if<command::LoginRequest>(&asked)) {
    const auto password = password_of(request, *login);
    if (!password) return call.fail_with(password.error());
    const std::string registry = login_registry(login->server);
    const Credentials credentials{.username = login->user, .password = context_.broker ? context_.broker->reveal(*password, registry) : *password};
    if (auto taken = engine_.registry().check_login(registry, credentials, cancel); !taken) return call.fail_with(taken.error());
    logins_->add(registry, credentials);
    call.print("Login Succeeded\n");
    return 0;
  }
  if (const auto* logout = std::get_if<command::LogoutRequest>(&asked)) {
    const std::string registry = login_registry(logout->server);
    call.print(logins_->remove(registry) ? fmt::format("Removing login credentials for {}\n", registry) : fmt::format("Not logged in to {}\n", registry));
    return 0;
  }
  if (const auto* images = std::get_if<command::ImagesRequest>(&asked)) {
    const auto text = list_images(*engine_.store(), *images);
    if (!text) return call.fail_with(text.error());
    call.print(*text);
    return 0;
  }
  if (const auto* rmi = std::get_if<command::RmiRequest>(&asked)) {
    for (const auto& image : rmi->images) {
      const auto name = Reference::parse(image);
      if (!name) return call.fail_with(name.error());
      const auto found = engine_.store()->find(*name);
      if (!found) return call.fail_with(found.error());
      if (!*found && !rmi->force) return call.fail_with(Error(Fault::user, "No such image: " + name->familiar()));
      if (auto removed = engine_.store()->untag(*name); !removed) return call.fail_with(removed.error());
      call.print("Untagged: " + name->familiar() + "\n");
    }
    return 0;
  }
  if (const auto* help = std::get_if<command::HelpRequest>(&asked)) {
    call.print(help->text);
    return 0;
  }
  if (const auto* version = std::get_if<command::VersionRequest>(&asked)) {
    call.print(version->short_form ? "Docker commands served by scangate\n" : "Client: scangate image gate\nServer: scangate image gate (no Docker daemon)\n");
    return 0;
  }
  if (std::holds_alternative<command::InfoRequest>(asked)) {
    call.print("Client: scangate image gate\nServer:\n Storage Driver: overlay2\n Operating System: scangate image gate (no Docker daemon)\n");
    return 0;
  }
  if (std::holds_alternative<command::BuilderRequest>(asked)) return 0;  // there is one builder, and it is ready
  return call.fail_with(Error(Fault::user, fmt::format("docker {} is not supported yet", command::name_of(asked))));
}

}  // namespace scangate
