#include "executor/gate/docker_front.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "executor/gate/build_output.h"
#include "executor/gate/compose_front.h"
#include "executor/gate/container_commands.h"
#include "executor/gate/container_copy.h"
#include "executor/gate/container_run.h"
#include "executor/gate/go_template.h"
#include "executor/gate/image_files.h"
#include "executor/gate/image_inspect.h"
#include "executor/gate/image_list.h"
#include "executor/gate/imagetools_front.h"
#include "executor/gate/job_archive.h"
#include "executor/gate/job_credentials.h"
#include "executor/gate/manifest_front.h"
#include "executor/gate/scanner_answer.h"
#include "pipeline/attestation/attestation.h"
#include "pipeline/command/docker.h"

namespace scangate {
namespace {

constexpr std::size_t kMaxPasswordBytes = 64U << 10U;

// Serves one parsed command; an operator for each kind of request.
class DockerFront {
 public:
  DockerFront(ImageCommands& images, GateCall& call) : images_(images), call_(call) {}

  int operator()(const command::BuildRequest& asked) {
    if (asked.check) return check(asked);
    std::vector<Reference> names;
    std::vector<BuildOutput> outputs;
    bool push = asked.push;
    std::vector<std::string> tags = asked.tags;
    for (const auto& text : asked.outputs) {
      auto output = parse_build_output(text);
      if (!output) return call_.fail_with(output.error());
      tags.insert(tags.end(), output->names.begin(), output->names.end());
      push = push || output->push;
      outputs.push_back(std::move(*output));
    }
    for (const auto& tag : tags) {
      auto name = Reference::parse(tag);
      if (!name) return call_.fail_with(name.error());
      names.push_back(std::move(*name));
    }
    if (push && names.empty())
      return call_.fail_with(
          Error(Fault::user, "docker build: pushing needs a name").remedy("name the image with --tag"));
    NoProgress silent;
    const auto built = images_.build(call_, asked, names, asked.quiet ? static_cast<Progress&>(silent) : call_.console);
    if (!built) return call_.fail_with(built.error());
    if (built->failed_step) {
      call_.say("ERROR: " + built->failed_step->text + "\n");
      return kCommandFailed;
    }
    const std::string id = built->config_digest.str();
    for (const auto& output : outputs) {
      if (output.local) {
        if (auto written = write_files(built->manifest_digest, output.path); !written)
          return call_.fail_with(written.error());
      }
      if (output.tar) {
        if (auto written = save_files(images_, call_, built->manifest_digest, output.path); !written)
          return call_.fail_with(written.error());
      }
      if (output.unpacked) {
        const command::ImageLocation folder{command::ImageLocation::Kind::oci, {}, output.path, output.path};
        const auto written = export_to_job(call_, images_.store(), built->manifest_digest,
                                           names.empty() ? "" : names[0].str(), folder, call_.console);
        if (!written) return call_.fail_with(written.error());
        continue;
      }
      if (!output.archive) continue;
      const auto saved =
          save_archive(images_, call_, {names.empty() ? id : names[0].str()}, *output.archive, output.path);
      if (!saved) return call_.fail_with(saved.error());
    }
    if (asked.quiet && std::ranges::none_of(outputs, is_streamed)) call_.print(id + "\n");
    if (!asked.quiet)
      for (const auto& name : names)
        call_.console.line(Level::info, fmt::format("naming to {}", name.str()));
    if (built->cache_code != ExitCode::done) return exit_number(built->cache_code);
    if (!push) return 0;
    for (const auto& name : names)
      if (const int code = push_one(built->manifest_digest, name, asked.quiet); code != 0) return code;
    return 0;
  }

  int operator()(const command::PushRequest& asked) {
    const auto name = Reference::parse(asked.reference);
    if (!name) return call_.fail_with(name.error());
    if (asked.all_tags) return push_all(*name, asked.quiet);
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
    const auto digest = images_.resolve_named(asked.source);
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
      const auto names = names_of(image);
      if (!names) {
        if (asked.force) continue;
        return call_.fail_with(names.error());
      }
      for (const auto& name : *names) {
        if (auto removed = images_.store().untag(name); !removed) return call_.fail_with(removed.error());
        call_.print("Untagged: " + name.familiar() + "\n");
      }
    }
    return 0;
  }

  int operator()(const command::HelpRequest& asked) {
    call_.print(asked.text);
    return 0;
  }

  int operator()(const command::VersionRequest& asked) {
    if (asked.buildx) {
      call_.print("github.com/docker/buildx v0.0.0+scangate (served by the scangate image gate)\n");
      return 0;
    }
    if (asked.short_form) return show("Docker version {{.Client.Version}}, build scangate", version_json());
    return show(asked.format.empty() ? "Client: scangate image gate\n Version: {{.Client.Version}}\n API version: "
                                       "{{.Client.ApiVersion}}\n OS/Arch: {{.Client.Os}}/{{.Client.Arch}}\n\nServer: "
                                       "scangate image gate (no Docker daemon)\n Version: {{.Server.Version}}"
                                     : asked.format,
                version_json());
  }

  int operator()(const command::InfoRequest& asked) {
    return show(asked.format.empty()
                    ? "Client: scangate image gate\nServer:\n Server Version: {{.ServerVersion}}\n Storage "
                      "Driver: {{.Driver}}\n Operating System: {{.OperatingSystem}}\n OSType: "
                      "{{.OSType}}\n Architecture: {{.Architecture}}\n CPUs: {{.NCPU}}"
                    : asked.format,
                info_json());
  }

  int operator()(const command::BuilderRequest&) { return 0; }  // there is one builder, and it is ready

  int operator()(const command::InspectRequest& asked) {
    std::string all;
    for (const auto& name : asked.images) {
      const auto json = inspected(name, asked.type);
      if (!json) {
        if (asked.format.empty()) call_.print("[]\n");
        return call_.fail_with(json.error());
      }
      if (asked.format.empty()) {
        all += (all.empty() ? "" : ",\n") + *json;
      } else if (const int code = show(asked.format, *json); code != 0) {
        return code;
      }
    }
    if (asked.format.empty()) call_.print("[\n" + all + "\n]\n");
    return 0;
  }

  int operator()(const command::HistoryRequest& asked) {
    const auto digest = images_.resolve(asked.image);
    if (!digest) return call_.fail_with(Error(Fault::user, "No such image: " + printable(asked.image)));
    const auto text = history_text(images_.store(), *digest, asked);
    if (!text) return call_.fail_with(text.error());
    call_.print(*text);
    return 0;
  }

  int operator()(const command::SaveRequest& asked) {
    if (auto saved = save_archive(images_, call_, asked.images, ArchiveForm::docker, asked.output); !saved)
      return call_.fail_with(saved.error());
    return 0;
  }

  int operator()(const command::LoadRequest& asked) {
    const auto loaded = load_archive(images_, call_, asked.input);
    if (!loaded) return call_.fail_with(loaded.error());
    for (const auto& line : *loaded)
      call_.print(line + "\n");
    return 0;
  }

  int operator()(const command::ComposeArguments& asked) {
    return serve_compose_arguments(images_, call_, asked.arguments);
  }

  int operator()(const command::RunRequest& asked) {
    if (const auto answered = answer_scanner(images_, call_, asked)) return *answered;
    return run_container(images_, call_, asked);
  }

  int operator()(const command::ManifestRequest& asked) { return serve_manifest(images_, call_, asked); }
  int operator()(const command::ImagetoolsRequest& asked) { return serve_imagetools(images_, call_, asked); }
  int operator()(const command::ContainerRequest& asked) { return serve_containers(images_, call_, asked); }

 private:
  // `docker build -o FOLDER`: what the image holds, for the job's own user.
  Result<void> write_files(const Digest& built, const std::string& folder) {
    SCANGATE_TRY(Snapshots * snapshots, images_.engine().snapshots());
    SCANGATE_TRY(const AttestedImage image, attested_image(images_.store(), built));
    SCANGATE_TRY(const Manifest manifest, images_.store().manifest(image.manifest_digest));
    SCANGATE_TRY(const ImageConfig config, images_.store().config(manifest));
    SCANGATE_TRY(const Workspace mounted, snapshots->mount_read_only(config.diff_ids, call_.cancel, call_.console));
    SCANGATE_TRY(const UniqueFd root, open_file(mounted.root(), O_PATH | O_DIRECTORY));
    SCANGATE_CHECK(call_.files.make_folder(folder));
    SCANGATE_CHECK(copy_content(root.get(), "/", call_.request.root.get(), call_.files.absolute(folder),
                                CopiedOwners::ours, call_.cancel));
    for (const auto& file : image.files)
      SCANGATE_CHECK(call_.files.write(fmt::format("{}/{}", folder, file.name), file.text));
    return {};
  }

  int check(const command::BuildRequest& asked) {
    const auto warnings = images_.check(call_, asked);
    if (!warnings) return call_.fail_with(warnings.error());
    for (const auto& warning : *warnings)
      call_.print(warning.str() + "\n");
    if (warnings->empty()) call_.print("Check complete, no warnings found.\n");
    return warnings->empty() ? 0 : kCommandFailed;
  }

  Result<std::string> inspected(const std::string& name, const std::string& type) {
    if (type != "image")
      if (auto json = inspect_container(images_, call_, name)) return std::move(*json);
    if (type == "container") return fail(Fault::user, "No such container: " + printable(name));
    const auto digest = images_.resolve(name);
    if (!digest) return fail(Fault::user, (type.empty() ? "No such object: " : "No such image: ") + printable(name));
    return inspect_json(images_.store(), *digest);
  }

  int show(std::string_view format, std::string_view json) {
    const auto text = fill_template(format == "json" ? "{{json .}}" : format, json);
    if (!text) return call_.fail_with(text.error());
    call_.print(*text + "\n");
    return 0;
  }

  // The names a user means: one, or all of an image's when it is named by id.
  Result<std::vector<Reference>> names_of(const std::string& image) {
    if (const auto name = Reference::parse(image); name && !name->tag.empty()) {
      SCANGATE_TRY(const auto found, images_.store().find(*name));
      if (found) return std::vector<Reference>{*name};
    }
    const auto digest = images_.resolve_named(image);
    if (!digest) return fail(Fault::user, "No such image: " + printable(image));
    std::vector<Reference> out;
    SCANGATE_TRY(const auto stored, images_.store().images());
    for (const auto& one : stored)
      if (one.manifest_digest == *digest)
        if (auto name = Reference::parse(one.name)) out.push_back(std::move(*name));
    return out;
  }

  int push_all(const Reference& repository, bool quiet) {
    const auto stored = images_.store().images();
    if (!stored) return call_.fail_with(stored.error());
    std::size_t pushed = 0;
    int worst = 0;
    for (const auto& one : *stored) {
      const auto name = Reference::parse(one.name);
      if (!name || name->registry != repository.registry || name->repository != repository.repository) continue;
      ++pushed;
      worst = std::max(worst, push_one(one.manifest_digest, *name, quiet));
    }
    if (pushed == 0)
      return call_.fail_with(Error(Fault::user, fmt::format("An image does not exist locally with the name: {}/{}",
                                                            repository.registry, repository.repository)));
    return worst;
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

int serve_docker_request(ImageCommands& images, GateCall& call, const command::DockerRequest& request) {
  return std::visit(DockerFront(images, call), request);
}

int serve_docker(ImageCommands& images, GateCall& call) {
  auto parsed = command::parse_docker(call.arguments());
  if (!parsed) return call.fail_with(parsed.error());
  call.file_credentials =
      job_credentials(call, images, call.program() == "podman" ? AuthFiles::containers : AuthFiles::docker,
                      parsed->config_folder, parsed->notes);
  for (const auto& note : parsed->notes)
    call.say("note: " + note + "\n");
  return serve_docker_request(images, call, parsed->request);
}

}  // namespace scangate
