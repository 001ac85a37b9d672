#include "base/http/http.h"
#include "executor/gate/job_archive.h"
#include "executor/gate/job_credentials.h"
#include "executor/gate/tool_fronts.h"
#include "pipeline/command/cache_flags.h"
#include "pipeline/command/kaniko.h"

namespace scangate {
namespace {

using command::ImageLocation;
using command::KanikoBuild;

// Joins `below` to a folder of the job; an absolute `below` stays what it is.
std::string joined(const std::string& folder, const std::string& below) {
  if (below.empty()) return folder;
  if (below.starts_with('/')) return below;
  return folder + (folder.ends_with('/') ? "" : "/") + below;
}

// kaniko reads who it is from these; README, "Using Private Git Repository".
std::string with_credentials(const GateCall& call, const std::string& address) {
  constexpr std::string_view kHttps = "https://";
  const std::string token = call.variable("GIT_TOKEN").value_or("");
  const std::string user = token.empty() ? call.variable("GIT_USERNAME").value_or("") : token;
  const std::string password = token.empty() ? call.variable("GIT_PASSWORD").value_or("") : "";
  if (user.empty() && password.empty()) return address;
  return fmt::format("{}{}:{}@{}", kHttps, url_encode(user), url_encode(password), address.substr(kHttps.size()));
}

Result<command::BuildRequest> build_request(GateCall& call, const KanikoBuild& asked) {
  command::BuildRequest build;
  build.target = asked.target;
  build.build_args = asked.build_args;
  build.labels = asked.labels;
  build.annotations = asked.annotations;
  build.tags = asked.destinations;
  build.no_cache = !asked.cache;
  if (asked.cache && !asked.cache_repository.empty()) {
    SCANGATE_TRY(const std::string reference,
                 command::cache_in_repository(asked.cache_repository, asked.dockerfile, asked.target));
    build.cache_from.push_back("type=registry,ref=" + reference);
    // As kaniko: the layers of all stages, and a cache that cannot be written fails no build.
    if (asked.push_cache) build.cache_to.push_back("type=registry,mode=max,ignore-error=true,ref=" + reference);
  }
  build.cache_max_age = asked.cache_max_age;
  if (!asked.platform.empty()) build.platforms = {asked.platform};
  if (asked.context_kind == KanikoBuild::Context::git) {
    build.context = with_credentials(call, asked.context);
    if (!asked.sub_path.empty())
      build.context += (build.context.find('#') == std::string::npos ? "#:" : ":") + asked.sub_path;
    build.dockerfile = asked.dockerfile;
    return build;
  }
  if (asked.context_kind != KanikoBuild::Context::folder) {
    if (!asked.sub_path.empty())
      return fail(Error(Fault::user, "kaniko: --context-sub-path of a tar is not supported yet"));
    if (asked.context_kind == KanikoBuild::Context::archive) {
      SCANGATE_TRY(call.request.input, call.files.open_file(asked.context));
    }
    build.context = asked.context_kind == KanikoBuild::Context::url ? asked.context : "-";
    build.dockerfile = asked.dockerfile;
    return build;
  }
  build.context = joined(asked.context, asked.sub_path);
  // As kaniko: where the command was called first, then the context.
  build.dockerfile = call.files.exists(asked.dockerfile) ? asked.dockerfile : joined(build.context, asked.dockerfile);
  return build;
}

Result<void> write_files(GateCall& call, ImageCommands& images, const KanikoBuild& asked, const Digest& digest,
                         const std::vector<Reference>& names) {
  std::string with_digest;
  std::string with_tag;
  for (const auto& name : names) {
    with_digest += fmt::format("{}/{}@{}\n", name.registry, name.repository, digest.str());
    with_tag += fmt::format("{}/{}:{}@{}\n", name.registry, name.repository, name.tag, digest.str());
  }
  if (!asked.digest_file.empty()) SCANGATE_CHECK(call.files.write(asked.digest_file, digest.str()));
  if (!asked.image_name_with_digest_file.empty())
    SCANGATE_CHECK(call.files.write(asked.image_name_with_digest_file, with_digest));
  if (!asked.image_name_tag_with_digest_file.empty())
    SCANGATE_CHECK(call.files.write(asked.image_name_tag_with_digest_file, with_tag));
  if (!asked.tar_path.empty()) {
    const ImageLocation archive{ImageLocation::Kind::docker_archive, names.front().str(), asked.tar_path,
                                asked.tar_path};
    SCANGATE_CHECK(export_to_job(call, images.store(), digest, names.front().str(), archive, call.console));
  }
  if (!asked.oci_layout_path.empty()) {
    const ImageLocation layout{ImageLocation::Kind::oci, {}, asked.oci_layout_path, asked.oci_layout_path};
    SCANGATE_CHECK(
        export_to_job(call, images.store(), digest, names.empty() ? "" : names.front().str(), layout, call.console));
  }
  return {};
}

int build(ImageCommands& images, GateCall& call, const KanikoBuild& asked) {
  std::vector<Reference> names;
  for (const auto& destination : asked.destinations) {
    auto name = Reference::parse(destination);
    if (!name) return call.fail_with(name.error());
    names.push_back(std::move(*name));
  }
  const auto request = build_request(call, asked);
  if (!request) return call.fail_with(request.error());
  NoProgress silent;
  Progress& progress = asked.quiet ? static_cast<Progress&>(silent) : call.console;
  const auto built = images.build(call, *request, {}, progress);
  if (!built) return call.fail_with(built.error());
  if (built->failed_step) {
    call.say("ERROR: " + built->failed_step->text + "\n");
    return kCommandFailed;
  }
  if (built->cache_code != ExitCode::done) return exit_number(built->cache_code);
  if (!asked.no_push)
    for (const auto& name : names) {
      const auto outcome = images.push(call, built->manifest_digest, name, progress);
      if (!outcome) return call.fail_with(outcome.error());
      if (!outcome->pushed) return exit_number(outcome->code);
      if (!asked.quiet) call.say(fmt::format("Pushed {}@{}\n", name.str(), built->manifest_digest.str()));
    }
  // Last, as kaniko does: a file with the digest says that the image is there.
  if (auto written = write_files(call, images, asked, built->manifest_digest, names); !written)
    return call.fail_with(written.error());
  return 0;
}

}  // namespace

int serve_kaniko(ImageCommands& images, GateCall& call) {
  auto parsed = command::parse_kaniko(call.arguments());
  if (!parsed) return call.fail_with(parsed.error());
  call.file_credentials = job_credentials(call, images, AuthFiles::kaniko, "", parsed->notes);
  for (const auto& note : parsed->notes)
    call.say("note: " + note + "\n");
  if (const auto* help = std::get_if<command::HelpRequest>(&parsed->request)) {
    call.print(help->text);
    return 0;
  }
  return build(images, call, std::get<KanikoBuild>(parsed->request));
}

}  // namespace scangate
