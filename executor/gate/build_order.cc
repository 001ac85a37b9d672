#include "executor/gate/build_order.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "executor/engine/build_contexts.h"
#include "executor/engine/cache_places.h"
#include "executor/engine/step_options.h"
#include "executor/engine/tar_context.h"
#include "executor/gate/build_output.h"
#include "executor/gate/job_archive.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxDockerfileBytes = 16U << 20U;

Result<void> refuse_unserved(const command::BuildRequest& asked) {
  if (!asked.network.empty() && asked.network != "none" && asked.network != "host" && asked.network != "default")
    return fail(Error(Fault::user, fmt::format("docker build: --network '{}' is not served", printable(asked.network)))
                    .remedy("default, host and none are"));
  return {};
}

// What provenance says of the job, and what none may say: what the job has in place of its credentials.
AttestationOrder attestations_of(const command::BuildRequest& asked, const GateContext& context) {
  AttestationOrder order = attestation_order(asked.attestations);
  order.facts.invocation_id = context.origin.job_url;
  order.facts.source = context.origin.project_url;
  order.facts.revision = context.origin.commit;
  if (context.broker)
    order.facts.holds_credential = [broker = context.broker](std::string_view text) {
      return broker->holds_secret_or_placeholder(text);
    };
  return order;
}

// `path` relative to the job's project, as messages and reports name it; empty when it is outside or the project
// itself.
std::string in_project(const GateContext& context, const std::string& path) {
  const std::string relative = fs::path(path).lexically_relative(context.project_dir).string();
  return relative.empty() || relative == "." || relative.starts_with("..") ? std::string() : relative;
}

Result<void> take_dockerfile(GateCall& call, const command::BuildRequest& asked, const GateContext& context,
                             const std::string& context_path, BuildRequest& build) {
  std::string prefix = in_project(context, context_path);
  if (!prefix.empty()) prefix += '/';
  if (asked.dockerfile == "-") {
    SCANGATE_TRY(build.dockerfile_text, call.read_input(kMaxDockerfileBytes, "the Dockerfile"));
    build.dockerfile_name = "Dockerfile";
    return {};
  }
  if (asked.dockerfile.empty()) {
    build.dockerfile_name = prefix + "Dockerfile";
    return {};
  }
  const std::string file = call.files.absolute(asked.dockerfile);
  const std::string inside = fs::path(file).lexically_relative(context_path).string();
  if (!inside.empty() && !inside.starts_with("..")) {
    build.dockerfile = inside;
    build.dockerfile_name = prefix + inside;
    return {};
  }
  SCANGATE_TRY(build.dockerfile_text, call.files.read(asked.dockerfile, kMaxDockerfileBytes));
  const std::string named = in_project(context, file);
  build.dockerfile_name = named.empty() ? asked.dockerfile : named;
  return {};
}

// A tar, plain or compressed, or a Dockerfile alone: docker tells them apart by content too.
Result<void> take_stdin(GateCall& call, const command::BuildRequest& asked, Store& store, BuildOrder& order) {
  JobInput input(call.request.input.get(), "the build context on standard input", call.cancel);
  SCANGATE_TRY(order.unpacked, store.make_work_folder("context-"));
  SCANGATE_TRY(const std::optional<std::string> dockerfile,
               take_tar_context(input, "the build context on standard input", order.unpacked->path(), call.cancel));
  order.request.context = order.unpacked->path();
  if (dockerfile) {
    order.request.dockerfile_text = *dockerfile;
    order.request.dockerfile_name = "Dockerfile";
    return {};
  }
  // Its Dockerfile is in the archive.
  order.request.dockerfile = fs::path("/" + asked.dockerfile).lexically_normal().relative_path().string();
  order.request.dockerfile_name = asked.dockerfile.empty() ? "Dockerfile" : order.request.dockerfile;
  return {};
}

// Secrets hold what the job has: of a brokered credential that is the placeholder, as everywhere in the job.
Result<void> take_secrets(GateCall& call, const command::BuildRequest& asked, BuildRequest& build) {
  for (const auto& each : asked.steps.secrets) {
    const std::string from = each.file.empty() ? each.id : each.file;
    const auto variable =
        each.file.empty() ? call.variable(each.variable.empty() ? each.id : each.variable) : std::nullopt;
    if (!each.variable.empty() && !variable) return fail(secret_not_found(each.id, each.variable));
    Result<std::string> value = variable ? *variable : call.files.read(from, kMaxSecretBytes);
    if (!value)
      return fail(std::move(value).error().during(fmt::format("reading the secret '{}'", printable(each.id))));
    build.secrets.push_back({each.id, std::move(*value)});
  }
  return {};
}

// A credential of the job's in an address is for its own host alone.
RevealFor reveal_for(const GateContext& context) {
  if (!context.broker) return {};
  return
      [broker = context.broker](std::string_view text, const std::string& host) { return broker->reveal(text, host); };
}

Result<void> take_remote(GateCall& call, const command::BuildRequest& asked, const GateContext& context, Engine& engine,
                         BuildOrder& order) {
  if (asked.dockerfile == "-") {
    SCANGATE_TRY(order.request.dockerfile_text, call.read_input(kMaxDockerfileBytes, "the Dockerfile"));
  }
  SCANGATE_TRY(auto fetched, engine.fetch_remote(asked.context, git_agent(order.request), reveal_for(context),
                                                 call.cancel, call.console));
  SCANGATE_CHECK(use_remote_context(fetched, asked.dockerfile, order.request));
  order.remotes.push_back(std::move(fetched));
  return {};
}

Result<UniqueFd> open_context(GateCall& call, const std::string& path) {
  auto folder = call.files.open_folder(path);
  if (folder) return folder;
  return fail(Fault::user, fmt::format("the build context '{}' is no folder of the job: {}", printable(path),
                                       folder.error().cause()));
}

// Our own descriptor, reached by path: it stays the folder it was opened as, whatever the job renames meanwhile.
std::filesystem::path held_path(const UniqueFd& folder) {
  return fmt::format("/proc/self/fd/{}", folder.get());
}

Result<void> take_named(GateCall& call, const command::BuildRequest& asked, const GateContext& context, Engine& engine,
                        BuildOrder& order) {
  const NamedFiles files{.folder = [&](const std::string& path) -> Result<std::filesystem::path> {
                           SCANGATE_TRY(UniqueFd folder, open_context(call, path));
                           order.folders.push_back(std::move(folder));
                           return held_path(order.folders.back());
                         },
                         .layout = [&](const std::string& path, const std::string& tag) -> Result<Digest> {
                           const command::ImageLocation layout{command::ImageLocation::Kind::oci, tag, path, path};
                           SCANGATE_TRY(const auto imported,
                                        import_from_job(call, *engine.store(), layout, std::nullopt, call.console));
                           return imported.manifest_digest;
                         },
                         .reveal = reveal_for(context)};
  SCANGATE_TRY(auto remotes,
               take_named_contexts(engine, asked.named_contexts, files, order.request, call.cancel, call.console));
  std::ranges::move(remotes, std::back_inserter(order.remotes));
  return {};
}

// A folder of the job as a path that stays what it was opened as, whatever the job renames meanwhile.
Result<fs::path> hold(BuildOrder& order, UniqueFd folder) {
  order.caches.push_back(std::move(folder));
  return fs::path(fmt::format("/proc/self/fd/{}", order.caches.back().get()));
}

Result<void> take_caches(GateCall& call, const command::BuildRequest& asked, BuildOrder& order) {
  for (const std::string& each : asked.cache_from) {
    SCANGATE_TRY(const auto flag, command::parse_cache_from(each));
    // The first build of all has no cache to start from.
    if (!flag.folder.empty() && !call.files.exists(flag.folder)) {
      call.say(fmt::format("note: the build cache {} is not there yet\n", printable(flag.folder)));
      continue;
    }
    SCANGATE_TRY(auto place, cache_source(flag, [&](const std::string& folder) -> Result<fs::path> {
                   SCANGATE_TRY(UniqueFd opened, call.files.open_folder(folder));
                   return hold(order, std::move(opened));
                 }));
    order.request.cache_from.push_back(std::move(place));
  }
  for (const std::string& each : asked.cache_to) {
    SCANGATE_TRY(const auto flag, command::parse_cache_to(each));
    order.request.inline_cache = order.request.inline_cache || flag.in_image;
    if (flag.in_image) continue;
    SCANGATE_TRY(auto target, cache_target(flag, [&](const std::string& folder) -> Result<fs::path> {
                   SCANGATE_TRY(UniqueFd opened, call.files.make_folder(folder));
                   return hold(order, std::move(opened));
                 }));
    order.request.cache_to.push_back(std::move(target));
  }
  order.request.inline_cache = order.request.inline_cache || wants_inline_cache(order.request.build_args);
  order.request.no_cache_filter = asked.no_cache_filter;
  order.request.cache_max_age = asked.cache_max_age;
  return {};
}

Result<void> take_agents(GateCall& call, const command::BuildRequest& asked, BuildOrder& order) {
  for (const auto& each : asked.steps.agents) {
    const std::string path = each.path.empty() ? call.variable("SSH_AUTH_SOCK").value_or("") : each.path;
    if (path.empty()) return fail(no_agent(each.id));
    auto socket = call.files.open_socket(path);
    if (!socket) return fail(std::move(socket).error());
    if (!*socket) return fail(no_socket(each.id, path));
    // Reached by our own descriptor, whatever the job puts in its place meanwhile; git's ssh is another process.
    order.request.ssh_agents.push_back({each.id, fmt::format("/proc/{}/fd/{}", ::getpid(), socket->get())});
    order.agents.push_back(std::move(*socket));
  }
  return {};
}

}  // namespace

Result<BuildOrder> build_order(GateCall& call, const command::BuildRequest& asked, const GateContext& context,
                               Engine& engine) {
  SCANGATE_CHECK(refuse_unserved(asked));
  BuildOrder order;
  order.attestations = attestations_of(asked, context);
  BuildRequest& build = order.request;
  build.target = asked.target;
  build.no_cache = asked.no_cache;
  build.pull = asked.pull;
  build.cache_namespace = context.cache_namespace;
  build.network = asked.network == "none" ? Network::none : Network::host;
  if (!asked.platforms.empty()) {
    SCANGATE_TRY(build.platform, Platform::parse(asked.platforms.front()));
  }
  for (const auto& arg : asked.build_args) {
    if (arg.value)
      build.build_args[arg.name] = *arg.value;
    else if (const auto value = call.variable(arg.name))
      build.build_args[arg.name] = *value;
  }
  for (const auto& [name, value] : asked.labels)
    build.labels[name] = value;
  order.annotations = asked.annotations;
  std::vector<BuildOutput> outputs;
  for (const auto& text : asked.outputs) {
    SCANGATE_TRY(auto output, parse_build_output(text));
    order.annotations.insert(order.annotations.end(), output.annotations.begin(), output.annotations.end());
    outputs.push_back(std::move(output));
  }
  SCANGATE_TRY(build.form, form_of(outputs));
  SCANGATE_TRY(build.step_options, step_options(asked.steps));
  SCANGATE_CHECK(take_secrets(call, asked, build));
  SCANGATE_CHECK(take_agents(call, asked, order));
  SCANGATE_CHECK(take_named(call, asked, context, engine, order));
  SCANGATE_CHECK(take_caches(call, asked, order));

  if (asked.context == "-") {
    SCANGATE_CHECK(take_stdin(call, asked, *engine.store(), order));
    return order;
  }
  SCANGATE_TRY(const bool is_remote, is_remote_context(asked.context));
  if (is_remote) {
    SCANGATE_CHECK(take_remote(call, asked, context, engine, order));
    return order;
  }
  if (asked.context.find("://") != std::string::npos)
    return fail(
        Error(Fault::user, fmt::format("the build context '{}' is not served", redact(printable(asked.context))))
            .remedy("give a folder, a git repository, the URL of a tar, or a tar on standard input with '-'"));
  SCANGATE_TRY(UniqueFd folder, open_context(call, asked.context));
  order.folders.push_back(std::move(folder));
  build.context = held_path(order.folders.back());
  SCANGATE_CHECK(take_dockerfile(call, asked, context, call.files.absolute(asked.context), build));
  return order;
}

}  // namespace scangate
