#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/text.h"
#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "executor/engine/build_contexts.h"
#include "executor/engine/cache_export.h"
#include "executor/engine/cache_places.h"
#include "executor/engine/platform_build.h"
#include "executor/engine/step_options.h"
#include "executor/gate/build_output.h"
#include "executor/gate/container_copy.h"
#include "pipeline/attestation/attestation.h"
#include "pipeline/build/flatten.h"
#include "pipeline/image/transfer.h"
#include "scan/report/report.h"

namespace scangate::cli {
namespace {

constexpr std::size_t kMaxDockerfileBytes = 16U << 20U;

struct Options {
  std::string context = ".";
  std::string dockerfile, target, platform, iid_file, network = "host";
  std::vector<std::string> names, build_args, labels, outputs, annotations;
  std::vector<std::string> contexts, secrets, agents, hosts, resources;
  std::vector<std::string> attestations;  // --attest
  std::string sbom, provenance;
  std::vector<std::string> cache_from, cache_to, no_cache_filter;
  std::string shared_memory, memory;
  bool no_cache = false;
  bool pull = false;
  bool check = false;
};

// K=V, or K alone: the value of the environment, as docker does; a name the environment lacks is left out.
Result<std::map<std::string, std::string>> pairs(const std::vector<std::string>& words,
                                                 const std::vector<std::string>& environment, std::string_view flag) {
  std::map<std::string, std::string> out;
  for (const auto& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == 0) return fail(Fault::user, fmt::format("{} '{}' has no name before '='", flag, word));
    if (equals != std::string::npos) {
      out[word.substr(0, equals)] = word.substr(equals + 1);
    } else if (const auto value = environment_value(environment, word)) {
      out[word] = *value;
    }
  }
  return out;
}

// Secrets, agents and limits: the same flags as docker's.
Result<void> take_step_flags(const Options& options, const Context& context, BuildRequest& request) {
  command::StepFlags flags;
  for (const auto& each : options.hosts) {
    SCANGATE_TRY(auto host, command::parse_host_flag(each));
    flags.add_hosts.push_back(std::move(host));
  }
  for (const auto& each : options.resources) {
    SCANGATE_TRY(auto limit, command::parse_resource_flag(each));
    flags.resources.push_back(std::move(limit));
  }
  if (!options.shared_memory.empty()) {
    SCANGATE_TRY(flags.shared_memory_bytes, command::parse_size_flag(options.shared_memory));
  }
  if (!options.memory.empty()) {
    SCANGATE_TRY(flags.memory_bytes, command::parse_size_flag(options.memory));
  }
  SCANGATE_TRY(request.step_options, step_options(flags));
  for (const auto& each : options.secrets) {
    SCANGATE_TRY(const auto secret, command::parse_secret_flag(each));
    const std::string name = secret.variable.empty() ? secret.id : secret.variable;
    const auto variable = secret.file.empty() ? environment_value(context.environment, name) : std::nullopt;
    if (!secret.variable.empty() && !variable) return fail(secret_not_found(secret.id, secret.variable));
    Result<std::string> value =
        variable ? *variable : read_file(secret.file.empty() ? secret.id : secret.file, kMaxSecretBytes);
    if (!value) return fail(std::move(value).error().during(fmt::format("reading the secret '{}'", secret.id)));
    request.secrets.push_back({secret.id, std::move(*value)});
  }
  for (const auto& each : options.agents) {
    SCANGATE_TRY(const auto agent, command::parse_ssh_flag(each));
    const std::string path =
        agent.path.empty() ? environment_value(context.environment, "SSH_AUTH_SOCK").value_or("") : agent.path;
    if (path.empty()) return fail(no_agent(agent.id));
    std::error_code ignored;
    if (!std::filesystem::is_socket(path, ignored)) return fail(no_socket(agent.id, path));
    request.ssh_agents.push_back({agent.id, std::filesystem::absolute(path)});
  }
  return {};
}

Result<void> take_cache_flags(const Options& options, BuildRequest& request) {
  for (const auto& each : options.cache_from) {
    SCANGATE_TRY(const auto asked, command::parse_cache_from(each));
    SCANGATE_TRY(auto place, cache_source(asked, [](const std::string& folder) -> Result<std::filesystem::path> {
                   return std::filesystem::path(folder);
                 }));
    request.cache_from.push_back(std::move(place));
  }
  for (const auto& each : options.cache_to) {
    SCANGATE_TRY(const auto asked, command::parse_cache_to(each));
    request.inline_cache = request.inline_cache || asked.in_image;
    if (asked.in_image) continue;
    SCANGATE_TRY(auto target, cache_target(asked, [](const std::string& folder) -> Result<std::filesystem::path> {
                   SCANGATE_CHECK(make_directories(folder));
                   return std::filesystem::path(folder);
                 }));
    request.cache_to.push_back(std::move(target));
  }
  for (const auto& each : options.no_cache_filter)
    for (auto& stage : split(each, ','))
      if (!stage.empty()) request.no_cache_filter.push_back(std::move(stage));
  request.inline_cache = request.inline_cache || wants_inline_cache(request.build_args);
  return {};
}

Result<BuildRequest> request_of(const Options& options, const Context& context, bool from_repository) {
  BuildRequest request;
  request.context = options.context;
  request.target = options.target;
  request.no_cache = options.no_cache;
  request.pull = options.pull;
  if (options.network != "host" && options.network != "none" && options.network != "default")
    return fail(Fault::user, fmt::format("--network '{}' is not one of default, host, none", options.network));
  request.network = options.network == "none" ? Network::none : Network::host;
  SCANGATE_TRY(request.build_args, pairs(options.build_args, context.environment, "--build-arg"));
  SCANGATE_CHECK(take_step_flags(options, context, request));
  SCANGATE_TRY(request.labels, pairs(options.labels, {}, "--label"));
  if (const auto epoch = environment_value(context.environment, "SOURCE_DATE_EPOCH")) {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(epoch->data(), epoch->data() + epoch->size(), seconds);
    if (error != std::errc() || end != epoch->data() + epoch->size())
      return fail(Fault::user, fmt::format("SOURCE_DATE_EPOCH '{}' is not a number of seconds", *epoch));
    request.source_date_epoch = TimePoint(std::chrono::seconds(seconds));
  }
  if (options.dockerfile == "-") {
    SCANGATE_TRY(request.dockerfile_text, read_fd(0, kMaxDockerfileBytes, "standard input"));
    request.dockerfile_name = "Dockerfile";
  } else if (!from_repository) {
    // As docker: a relative -f is relative to where the user stands, not to the context.
    const std::filesystem::path file = options.dockerfile.empty()
                                           ? std::filesystem::path(options.context) / "Dockerfile"
                                           : std::filesystem::path(options.dockerfile);
    std::error_code ignored;
    const auto inside = std::filesystem::relative(file, options.context, ignored);
    if (!inside.empty() && !inside.string().starts_with("..")) {
      request.dockerfile = inside.string();
    } else {
      SCANGATE_TRY(request.dockerfile_text, read_file(file, kMaxDockerfileBytes));
    }
    request.dockerfile_name = file.lexically_normal().string();
  }
  return request;
}

// Folders and layouts of this machine.
NamedFiles host_files(Engine& engine, Context& context) {
  return {.folder = [](const std::string& path) -> Result<std::filesystem::path> {
            std::error_code ignored;
            if (!std::filesystem::is_directory(path, ignored))
              return fail(Fault::user, fmt::format("'{}' is no folder", path));
            return std::filesystem::path(path);
          },
          .layout = [&](const std::string& path, const std::string& tag) -> Result<Digest> {
            SCANGATE_TRY(const auto imported,
                         import_all(*engine.store(), "oci:" + path + (tag.empty() ? "" : ":" + tag), context.cancel,
                                    context.progress()));
            return imported.manifest_digest;
          },
          .reveal = {}};
}

Result<AttestationOrder> attestations_of(const Options& options) {
  command::AttestFlags flags;
  const auto take = [&](std::string_view flag, Result<void> (*taker)(const std::string&, command::AttestFlags&),
                        const std::string& value) -> Result<void> {
    if (auto taken = taker(value, flags); !taken)
      return fail(Fault::user, fmt::format("{}: {}", flag, taken.error().cause()));
    return {};
  };
  if (!options.sbom.empty()) SCANGATE_CHECK(take("--sbom", command::take_sbom_flag, options.sbom));
  if (!options.provenance.empty())
    SCANGATE_CHECK(take("--provenance", command::take_provenance_flag, options.provenance));
  for (const auto& each : options.attestations)
    SCANGATE_CHECK(take("--attest", command::take_attest_flag, each));
  return attestation_order(flags);
}

// Warnings are the result here, so they go to standard output; with any of them the exit code is 1, as docker's.
Result<ExitCode> check(Context& context, const BuildRequest& request) {
  SCANGATE_TRY(const auto warnings, check_build(request, context.progress()));
  std::string text;
  for (const auto& warning : warnings)
    text += warning.str() + "\n";
  SCANGATE_CHECK(context.print(text.empty() ? "no warnings\n" : text));
  return warnings.empty() ? ExitCode::done : ExitCode::failed;
}

// Under the gate, as a push: the report says why when nothing goes out.
Result<ExitCode> send_cache(Context& context, Engine& engine, const BuildRequest& request, const BuiltImage& built,
                            const std::string& name) {
  std::string report;
  SCANGATE_TRY(const CacheOutcome outcome,
               export_cache(engine, request.cache_to, built.cache, name.empty() ? "the image" : name, context.cancel,
                            context.progress(), nullptr, [&](const std::vector<ScanResult>& scans, Upload upload) {
                              if (upload == Upload::refused) report = render_report(ReportFormat::table, scans, {});
                            }));
  if (outcome.code == ExitCode::done) return outcome.code;
  context.progress().line(Level::warning, "the build cache stays here: nothing of it was sent");
  context.console.reset();
  static_cast<void>(write_fd(2, as_bytes(report), "standard error"));
  return outcome.code;
}

bool is_transport(const std::string& text) {
  return text.starts_with("oci:") || text.starts_with("oci-archive:") || text.starts_with("docker-archive:");
}

// What all outputs together ask of the image.
Result<void> take_form(const Options& options, BuildRequest& request, std::vector<command::AnnotationFlag>& flags) {
  for (const auto& text : options.annotations) {
    SCANGATE_TRY(const auto parsed, command::parse_annotation_flag(text));
    flags.insert(flags.end(), parsed.begin(), parsed.end());
  }
  std::vector<BuildOutput> outputs;
  for (const auto& text : options.outputs) {
    if (is_transport(text)) continue;
    SCANGATE_TRY(auto output, parse_build_output(text));
    if (output.push)
      return fail(Error(Fault::user, "--output does not push here").remedy("run 'scangate push' afterwards"));
    if (!output.names.empty()) return fail(Error(Fault::user, "--output: name= is not served here").remedy("use -t"));
    if ((output.archive || output.local) && (output.path.empty() || output.path == "-"))
      return fail(Error(Fault::user, "--output needs a file or folder here").remedy("add dest=PATH"));
    flags.insert(flags.end(), output.annotations.begin(), output.annotations.end());
    outputs.push_back(std::move(output));
  }
  SCANGATE_TRY(request.form, form_of(outputs));
  return {};
}

Result<void> write_tar(Engine& engine, Context& context, const Digest& image, const std::string& path) {
  SCANGATE_TRY(const auto lease, engine.store()->lease());
  SCANGATE_TRY(Snapshots * snapshots, engine.snapshots());
  SCANGATE_TRY(const AttestedImage attested, attested_image(*engine.store(), image));
  std::map<std::string, std::string> beside;
  for (const auto& file : attested.files)
    beside[file.name] = file.text;
  SCANGATE_TRY(const WrittenLayer files, flatten_image(*engine.store(), *snapshots, attested.manifest_digest, beside,
                                                       context.cancel, context.progress()));
  SCANGATE_TRY(UniqueFd blob, engine.store()->open_blob(files.blob.digest));
  FdSource from(std::move(blob), "the image's files");
  const bool is_stream = path.empty() || path == "-";
  UniqueFd fd;
  if (is_stream) {
    fd = UniqueFd(::fcntl(1, F_DUPFD_CLOEXEC, 0));
    if (!fd) return fail(Fault::host, "standard output is closed");
  } else {
    SCANGATE_TRY(fd, open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  }
  FdSink to(std::move(fd), is_stream ? "standard output" : path);
  return copy_bytes(from, to).map([](const auto&) {});
}

Result<void> write_folder(Engine& engine, Context& context, const Digest& image, const std::string& path) {
  SCANGATE_TRY(Snapshots * snapshots, engine.snapshots());
  SCANGATE_TRY(const AttestedImage attested, attested_image(*engine.store(), image));
  SCANGATE_TRY(const Manifest manifest, engine.store()->manifest(attested.manifest_digest));
  SCANGATE_TRY(const ImageConfig config, engine.store()->config(manifest));
  SCANGATE_TRY(const Workspace mounted,
               snapshots->mount_read_only(config.diff_ids, context.cancel, context.progress()));
  SCANGATE_TRY(const UniqueFd root, open_file(mounted.root(), O_PATH | O_DIRECTORY));
  SCANGATE_CHECK(make_directories(path));
  SCANGATE_TRY(const UniqueFd target, open_file(path, O_PATH | O_DIRECTORY));
  SCANGATE_CHECK(copy_content(root.get(), "/", target.get(), "/", CopiedOwners::ours, context.cancel));
  for (const auto& file : attested.files)
    SCANGATE_CHECK(write_file_atomic(std::filesystem::path(path) / file.name, as_bytes(file.text)));
  return {};
}

Result<void> write_output(Engine& engine, Context& context, const std::string& text, const BuiltImage& built,
                          const std::string& name) {
  std::string target = text;
  if (!is_transport(text)) {
    SCANGATE_TRY(const BuildOutput output, parse_build_output(text));
    if (output.tar) return write_tar(engine, context, built.manifest_digest, output.path);
    if (output.local) return write_folder(engine, context, built.manifest_digest, output.path);
    if (!output.archive) return {};
    const char* transport = *output.archive == ArchiveForm::docker ? "docker-archive:"
                            : output.unpacked                      ? "oci:"
                                                                   : "oci-archive:";
    target = transport + output.path;
  }
  return export_image(*engine.store(), built.manifest_digest, name, target, context.cancel, context.progress());
}

// Standard output is the tar's then.
bool prints_files(const Options& options) {
  return std::ranges::any_of(options.outputs, [](const std::string& text) {
    const auto output = is_transport(text) ? Result<BuildOutput>(BuildOutput()) : parse_build_output(text);
    return output && is_streamed(*output);
  });
}

Result<ExitCode> build(Context& context, const Options& options) {
  SCANGATE_TRY(const bool is_remote, is_remote_context(options.context));
  SCANGATE_TRY(BuildRequest request, request_of(options, context, is_remote));
  std::vector<command::ContextFlag> named;
  for (const auto& text : options.contexts) {
    SCANGATE_TRY(auto flag, command::parse_context_flag(text));
    named.push_back(std::move(flag));
  }
  if (options.check && !is_remote && named.empty()) return check(context, request);
  SCANGATE_TRY(const AttestationOrder attestations, attestations_of(options));
  std::vector<command::AnnotationFlag> annotations;
  SCANGATE_CHECK(take_form(options, request, annotations));
  std::vector<Reference> names;
  for (const auto& name : options.names) {
    SCANGATE_TRY(auto reference, Reference::parse(name));
    names.push_back(std::move(reference));
  }
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::where_possible));
  std::optional<RemoteContext> fetched;
  if (is_remote) {
    SCANGATE_TRY(fetched,
                 engine->fetch_remote(options.context, git_agent(request), {}, context.cancel, context.progress()));
    SCANGATE_CHECK(use_remote_context(*fetched, options.dockerfile == "-" ? "" : options.dockerfile, request));
  }
  SCANGATE_TRY(const auto remotes, take_named_contexts(*engine, named, host_files(*engine, context), request,
                                                       context.cancel, context.progress()));
  if (options.check) return check(context, request);
  SCANGATE_TRY(auto platforms, parse_platforms(options.platform.empty() ? std::vector<std::string>()
                                                                        : std::vector<std::string>{options.platform}));
  if (platforms.empty()) platforms.push_back(request.platform);
  SCANGATE_CHECK(take_cache_flags(options, request));
  SCANGATE_TRY(const auto built, build_platforms(*engine, request, platforms, names, context.cancel, context.progress(),
                                                 nullptr, attestations, annotations));
  for (const auto& warning : built.warnings)
    context.progress().line(Level::warning, warning.str());
  if (built.failed_step) {
    context.console.reset();
    const std::string text = "scangate: " + built.failed_step->text + "\n";
    static_cast<void>(write_fd(2, as_bytes(text), "standard error"));
    return ExitCode::failed;
  }
  for (const auto& text : options.outputs)
    SCANGATE_CHECK(write_output(*engine, context, text, built, names.empty() ? "" : names.front().str()));
  if (!options.iid_file.empty())
    SCANGATE_CHECK(write_file_atomic(options.iid_file, as_bytes(built.config_digest.str())));
  for (const auto& name : names)
    context.progress().line(Level::info, "built " + name.familiar());
  SCANGATE_TRY(const ExitCode code, send_cache(context, *engine, request, built,
                                               names.empty() ? request.dockerfile_name : names.front().familiar()));
  if (prints_files(options)) return code;
  SCANGATE_CHECK(context.print(built.config_digest.str() + "\n"));
  return code;
}

}  // namespace

void add_build(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("build", "Build an image from a Dockerfile into the store; prints its id");
  auto options = std::make_shared<Options>();
  command->add_option("-f,--file", options->dockerfile, "Dockerfile; - reads standard input")->type_name("FILE");
  command->add_option("-t,--tag", options->names, "Name of the image; may be given again")
      ->type_name("REF")
      ->allow_extra_args(false);
  command->add_option("--target", options->target, "Stage to build instead of the last")->type_name("STAGE");
  command->add_option("--build-arg", options->build_args, "Value of an ARG; may be given again")
      ->type_name("K=V")
      ->allow_extra_args(false);
  command->add_option("--label", options->labels, "Label of the image; may be given again")
      ->type_name("K=V")
      ->allow_extra_args(false);
  command->add_option("--platform", options->platform, "os/architecture; several with commas give an index")
      ->type_name("PLATFORM");
  command
      ->add_option("--build-context", options->contexts,
                   "Folder, URL, docker-image://REF or oci-layout://DIR under a name; may be given again")
      ->type_name("NAME=WHAT")
      ->allow_extra_args(false);
  command->add_option("--network", options->network, "Network of RUN steps: default, host, none");
  command->add_option("--secret", options->secrets, "Secret for RUN --mount=type=secret; may be given again")
      ->type_name("id=ID,src=FILE|env=NAME")
      ->allow_extra_args(false);
  command
      ->add_option("--ssh", options->agents,
                   "Agent for RUN --mount=type=ssh: default, or ID=SOCKET; may be given again")
      ->type_name("ID[=SOCKET]")
      ->allow_extra_args(false);
  command->add_option("--add-host", options->hosts, "Line for /etc/hosts of RUN steps; may be given again")
      ->type_name("NAME:ADDRESS")
      ->allow_extra_args(false);
  command->add_option("--ulimit", options->resources, "Limit of RUN steps; may be given again")
      ->type_name("NAME=SOFT[:HARD]")
      ->allow_extra_args(false);
  command->add_option("--shm-size", options->shared_memory, "Size of /dev/shm in RUN steps")->type_name("SIZE");
  command->add_option("-m,--memory", options->memory, "Memory that a RUN step may use")->type_name("SIZE");
  command
      ->add_option("-o,--output", options->outputs,
                   "Also write the image: oci:DIR, oci-archive:FILE, docker-archive:FILE, or type=… as docker; may be "
                   "given again")
      ->type_name("TARGET")
      ->allow_extra_args(false);
  command->add_option("--annotation", options->annotations, "OCI annotation; may be given again")
      ->type_name("[TYPE:]K=V")
      ->allow_extra_args(false);
  command->add_option("--sbom", options->sbom, "Attach what the image holds, as SPDX")->type_name("true|false");
  command
      ->add_option("--provenance", options->provenance,
                   "Attach how the image was built, as SLSA provenance; max with build arguments and the Dockerfile")
      ->type_name("true|false|mode=min|mode=max");
  command->add_option("--attest", options->attestations, "The same as docker writes it; may be given again")
      ->type_name("type=sbom|provenance[,…]")
      ->allow_extra_args(false);
  command->add_option("--iidfile", options->iid_file, "Write the image id to a file")->type_name("FILE");
  command->add_flag("--no-cache", options->no_cache, "Run every step again");
  command->add_option("--no-cache-filter", options->no_cache_filter, "Run the steps of these stages again")
      ->type_name("STAGE[,STAGE]")
      ->allow_extra_args(false);
  command
      ->add_option("--cache-from", options->cache_from,
                   "Take steps that other hosts have done: REF, or type=local,src=DIR; may be given again")
      ->type_name("CACHE")
      ->allow_extra_args(false);
  command
      ->add_option("--cache-to", options->cache_to,
                   "Send this build's steps, scanned first: type=registry,ref=REF[,mode=max] or type=local,dest=DIR")
      ->type_name("CACHE")
      ->allow_extra_args(false);
  command->add_flag("--check", options->check, "Only tell the build checks' warnings; nothing is built");
  command->add_flag("--pull", options->pull, "Ask the registry for newer base images");
  command
      ->add_option("context", options->context,
                   "Folder that COPY and ADD read from, a git repository: URL#ref:folder, or the URL of a tar")
      ->required()
      ->type_name("CONTEXT");
  command->callback([options, &context] { context.guard([&] { return build(context, *options); }); });
}

}  // namespace scangate::cli
