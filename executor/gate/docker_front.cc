#include "executor/gate/docker_front.h"

#include "base/text.h"
#include "executor/gate/image_list.h"
#include "executor/gate/job_credentials.h"
#include "pipeline/command/docker.h"

namespace scangate {
namespace {

constexpr std::size_t kMaxPasswordBytes = 64U << 10U;

// Serves one parsed command; an operator for each kind of request.
class DockerFront {
 public:
  DockerFront(ImageCommands& images, GateCall& call) : images_(images), call_(call) {}

  int operator()(const command::BuildRequest& asked) {
    std::vector<Reference> names;
    for (const auto& tag : asked.tags) {
      auto name = Reference::parse(tag);
      if (!name) return call_.fail_with(name.error());
      names.push_back(std::move(*name));
    }
    NoProgress silent;
    const auto built = images_.build(call_, asked, names, asked.quiet ? static_cast<Progress&>(silent) : call_.console);
    if (!built) return call_.fail_with(built.error());
    if (built->failed_step) {
      call_.say("ERROR: " + built->failed_step->text + "\n");
      return kCommandFailed;
    }
    if (asked.quiet)
      call_.print(built->config_digest.str() + "\n");
    else
      for (const auto& name : names)
        call_.console.line(Level::info, fmt::format("naming to {}", name.str()));
    if (!asked.push) return 0;
    for (const auto& name : names)
      if (const int code = push_one(built->manifest_digest, name, asked.quiet); code != 0) return code;
    return 0;
  }

  int operator()(const command::PushRequest& asked) {
    const auto name = Reference::parse(asked.reference);
    if (!name) return call_.fail_with(name.error());
    if (asked.all_tags) return call_.fail_with(Error(Fault::user, "docker push: --all-tags is not supported yet"));
    const auto digest = images_.store().find(*name);
    if (!digest) return call_.fail_with(digest.error());
    if (!*digest)
      return call_.fail_with(Error(Fault::user, "An image does not exist locally with the tag: " + name->familiar()));
    return push_one(**digest, *name, asked.quiet);
  }

  int operator()(const command::PullRequest& asked) {
    const auto name = Reference::parse(asked.reference);
    if (!name) return call_.fail_with(name.error());
    if (asked.all_tags) return call_.fail_with(Error(Fault::user, "docker pull: --all-tags is not supported yet"));
    const auto platform = asked.platform.empty() ? Result<Platform>(Platform::host()) : Platform::parse(asked.platform);
    if (!platform) return call_.fail_with(platform.error());
    NoProgress silent;
    const auto pulled = images_.pull(call_, *name, *platform, PullPolicy::always,
                                     asked.quiet ? static_cast<Progress&>(silent) : call_.console);
    if (!pulled) return call_.fail_with(pulled.error());
    call_.print(asked.quiet ? name->str() + "\n"
                            : fmt::format("Digest: {}\n{}\n", pulled->manifest_digest.str(), name->str()));
    return 0;
  }

  int operator()(const command::TagRequest& asked) {
    const auto digest = images_.resolve(asked.source);
    if (!digest) return call_.fail_with(digest.error());
    const auto target = Reference::parse(asked.target);
    if (!target) return call_.fail_with(target.error());
    if (auto tagged = images_.store().tag(*target, *digest); !tagged) return call_.fail_with(tagged.error());
    return 0;
  }

  int operator()(const command::LoginRequest& asked) {
    auto password = password_of(asked);
    if (!password) return call_.fail_with(password.error());
    const auto registry = images_.login(
        call_, asked.server, {.username = asked.user, .password = std::move(*password), .identity_token = {}});
    if (!registry) return call_.fail_with(registry.error());
    call_.print("Login Succeeded\n");
    return 0;
  }

  int operator()(const command::LogoutRequest& asked) {
    const std::string registry = login_registry(asked.server);
    call_.print(images_.logout(asked.server) ? fmt::format("Removing login credentials for {}\n", registry)
                                             : fmt::format("Not logged in to {}\n", registry));
    return 0;
  }

  int operator()(const command::ImagesRequest& asked) {
    const auto text = list_images(images_.store(), asked);
    if (!text) return call_.fail_with(text.error());
    call_.print(*text);
    return 0;
  }

  int operator()(const command::RmiRequest& asked) {
    for (const auto& image : asked.images) {
      const auto name = Reference::parse(image);
      if (!name) return call_.fail_with(name.error());
      const auto found = images_.store().find(*name);
      if (!found) return call_.fail_with(found.error());
      if (!*found) {
        if (asked.force) continue;
        return call_.fail_with(Error(Fault::user, "No such image: " + name->familiar()));
      }
      if (auto removed = images_.store().untag(*name); !removed) return call_.fail_with(removed.error());
      call_.print("Untagged: " + name->familiar() + "\n");
    }
    return 0;
  }

  int operator()(const command::HelpRequest& asked) {
    call_.print(asked.text);
    return 0;
  }

  int operator()(const command::VersionRequest& asked) {
    call_.print(asked.short_form ? "Docker commands served by scangate\n"
                                 : "Client: scangate image gate\nServer: scangate image gate (no Docker daemon)\n");
    return 0;
  }

  int operator()(const command::InfoRequest&) {
    call_.print(
        "Client: scangate image gate\nServer:\n Storage Driver: overlay2\n Operating System: scangate image gate (no "
        "Docker daemon)\n");
    return 0;
  }

  int operator()(const command::BuilderRequest&) { return 0; }  // there is one builder, and it is ready

  int operator()(const command::InspectRequest&) { return not_yet("inspect"); }
  int operator()(const command::SaveRequest&) { return not_yet("save"); }
  int operator()(const command::LoadRequest&) { return not_yet("load"); }

 private:
  int not_yet(std::string_view name) {
    return call_.fail_with(Error(Fault::user, fmt::format("docker {} is not supported yet", name)));
  }

  int push_one(const Digest& digest, const Reference& name, bool quiet) {
    if (!quiet) call_.print(fmt::format("The push refers to repository [{}/{}]\n", name.registry, name.repository));
    NoProgress silent;
    const auto outcome = images_.push(call_, digest, name, quiet ? static_cast<Progress&>(silent) : call_.console);
    if (!outcome) return call_.fail_with(outcome.error());
    if (!outcome->pushed) return exit_number(outcome->code);
    call_.print(quiet ? name.str() + "\n"
                      : fmt::format("{}: digest: {} ({} sent)\n", name.tag, outcome->pushed->manifest_digest.str(),
                                    human_bytes(outcome->pushed->sent_bytes)));
    return 0;
  }

  Result<std::string> password_of(const command::LoginRequest& asked) {
    if (!asked.password_stdin) {
      if (asked.password) return *asked.password;
      return fail(Error(Fault::user, "docker login: no password was given").remedy("use --password-stdin"));
    }
    SCANGATE_TRY(std::string password, call_.read_input(kMaxPasswordBytes, "the password"));
    while (!password.empty() && (password.back() == '\n' || password.back() == '\r'))
      password.pop_back();
    if (password.empty()) return fail(Fault::user, "docker login: the password on standard input is empty");
    return password;
  }

  ImageCommands& images_;
  GateCall& call_;
};

}  // namespace

int serve_docker(ImageCommands& images, GateCall& call) {
  auto parsed = command::parse_docker(call.arguments());
  if (!parsed) return call.fail_with(parsed.error());
  call.file_credentials =
      job_credentials(call, images, call.program() == "podman" ? AuthFiles::containers : AuthFiles::docker,
                      parsed->config_folder, parsed->notes);
  for (const auto& note : parsed->notes)
    call.say("note: " + note + "\n");
  return std::visit(DockerFront(images, call), parsed->request);
}

}  // namespace scangate
