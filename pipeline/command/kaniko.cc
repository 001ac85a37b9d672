#include "pipeline/command/kaniko.h"

#include <algorithm>

#include "base/text.h"
#include "pipeline/command/cache_flags.h"
#include "pipeline/command/flag_makers.h"
#include "pipeline/command/registry_login.h"

namespace scangate::command {
namespace {

using Args = std::span<const std::string>;
using Kind = Flag::Kind;

constexpr std::string_view kCommand = "kaniko";
// Where kaniko's image expects the context when nothing is said.
constexpr std::string_view kDefaultContext = "/workspace/";

Result<void> set_context(const std::string& written, KanikoBuild& build) {
  std::string_view text = written;
  if (text.empty()) return fail(Error(Fault::user, "kaniko: --context is empty").remedy("is a variable not set?"));
  if (text.starts_with("dir://")) {
    build.context = text.substr(6);
    return {};
  }
  if (text == "tar://stdin") {
    build.context_kind = KanikoBuild::Context::input;
    return {};
  }
  if (text.starts_with("tar://")) {
    build.context_kind = KanikoBuild::Context::archive;
    build.context = text.substr(6);
    return {};
  }
  if (text.starts_with("https://") || text.starts_with("http://")) {
    build.context_kind = KanikoBuild::Context::url;
    build.context = text;
    return {};
  }
  if (text.starts_with("git://")) {
    build.context_kind = KanikoBuild::Context::git;
    const std::size_t hash = std::min(text.find('#'), text.size());
    // The commit alone tells what is checked out.
    const std::size_t last = text.rfind('#');
    build.context =
        fmt::format("https://{}{}", text.substr(6, hash - 6), last == std::string_view::npos ? "" : text.substr(last));
    return {};
  }
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos)
    return fail(Error(Fault::user, fmt::format("kaniko: a context from {} is not served by scangate",
                                               printable(text.substr(0, scheme + 3))))
                    .remedy("dir://, tar://, https://, git:// and plain paths are"));
  build.context = text;
  return {};
}

}  // namespace

Result<KanikoCommand> parse_kaniko(std::span<const std::string> args) {
  if (args.size() > kMaxArguments)
    return fail(Fault::user, fmt::format("kaniko: more than {} arguments", kMaxArguments));
  KanikoCommand out;
  KanikoBuild build;
  bool help = false;
  bool cache = true;
  bool no_push_cache = false;
  std::string context(kDefaultContext);
  std::string verbosity;
  constexpr std::string_view kOwnCache = "the build cache is the runner host's own";
  constexpr std::string_view kOwnSnapshots = "layers are taken from an overlay, not from a walk over the file system";
  constexpr std::string_view kIsolated = "every build runs in a root of its own, which is removed afterwards";
  const std::vector<Flag> flags = {
      flag::text("context", 'c', context),
      flag::text("context-sub-path", '\0', build.sub_path),
      flag::text("dockerfile", 'f', build.dockerfile),
      flag::texts("destination", 'd', build.destinations),
      flag::build_arg("build-arg", build.build_args),
      flag::pairs("label", '\0', build.labels),
      flag::text("target", '\0', build.target),
      flag::text("custom-platform", '\0', build.platform),
      flag::text("customPlatform", '\0', build.platform),
      flag::text("tar-path", '\0', build.tar_path),
      flag::text("tarPath", '\0', build.tar_path),
      flag::text("oci-layout-path", '\0', build.oci_layout_path),
      flag::text("digest-file", '\0', build.digest_file),
      flag::text("image-name-with-digest-file", '\0', build.image_name_with_digest_file),
      flag::text("image-name-tag-with-digest-file", '\0', build.image_name_tag_with_digest_file),
      flag::toggle("no-push", '\0', build.no_push),
      flag::toggle("cache", '\0', cache),
      flag::text("verbosity", 'v', verbosity),
      flag::silent("git", '\0', Kind::value),
      // Where kaniko itself keeps or finds things.
      flag::text("cache-repo", '\0', build.cache_repository),
      flag::noted("cache-dir", '\0', Kind::value, out.notes, kOwnCache),
      flag::age("cache-ttl", build.cache_max_age),
      flag::silent("cache-copy-layers", '\0', Kind::toggle),
      flag::silent("cache-run-layers", '\0', Kind::toggle),
      flag::silent("compressed-caching", '\0', Kind::toggle),
      flag::toggle("no-push-cache", '\0', no_push_cache),
      flag::noted("snapshot-mode", '\0', Kind::value, out.notes, kOwnSnapshots),
      flag::noted("snapshotMode", '\0', Kind::value, out.notes, kOwnSnapshots),
      flag::silent("use-new-run", '\0', Kind::toggle),
      flag::silent("cleanup", '\0', Kind::toggle),
      flag::silent("force", '\0', Kind::toggle),
      flag::silent("log-format", '\0', Kind::value),
      flag::silent("log-timestamp", '\0', Kind::toggle),
      flag::silent("push-retry", '\0', Kind::value),
      flag::silent("image-fs-extract-retry", '\0', Kind::value),
      flag::silent("image-download-retry", '\0', Kind::value),
      flag::silent("push-ignore-immutable-tag-errors", '\0', Kind::toggle),
      flag::silent("ignore-var-run", '\0', Kind::toggle),
      flag::silent("skip-unused-stages", '\0', Kind::toggle),
      flag::silent("skip-push-permission-check", '\0', Kind::toggle),
      flag::silent("initial-fs-unpacked", '\0', Kind::toggle),
      flag::silent("whitelist-var-run", '\0', Kind::toggle),
      flag::silent("compression-level", '\0', Kind::value),
      flag::noted("compression", '\0', Kind::value, out.notes, "layers are compressed with gzip"),
      flag::noted("kaniko-dir", '\0', Kind::value, out.notes, kIsolated),
      flag::noted("ignore-path", '\0', Kind::value, out.notes, kIsolated),
      flag::noted("reproducible", '\0', Kind::toggle, out.notes,
                  "same input gives the same layers here; set SOURCE_DATE_EPOCH as a build argument for fixed times"),
      flag::noted("insecure", '\0', Kind::toggle, out.notes, kHostDecides),
      flag::noted("insecure-pull", '\0', Kind::toggle, out.notes, kHostDecides),
      flag::noted("insecure-registry", '\0', Kind::value, out.notes, kHostDecides),
      flag::noted("skip-tls-verify", '\0', Kind::toggle, out.notes, kHostDecides),
      flag::noted("skip-tls-verify-pull", '\0', Kind::toggle, out.notes, kHostDecides),
      flag::noted("skip-tls-verify-registry", '\0', Kind::value, out.notes, kHostDecides),
      flag::noted("registry-certificate", '\0', Kind::value, out.notes, kHostDecides),
      flag::noted("registry-client-cert", '\0', Kind::value, out.notes, kHostDecides),
      flag::noted("registry-mirror", '\0', Kind::value, out.notes, "mirrors are for the host's configuration to name"),
      flag::noted("registry-map", '\0', Kind::value, out.notes, "mirrors are for the host's configuration to name"),
      flag::noted("skip-default-registry-fallback", '\0', Kind::toggle, out.notes,
                  "mirrors are for the host's configuration to name"),
      flag::noted("single-snapshot", '\0', Kind::toggle, out.notes,
                  "each step keeps its layer, so that findings name it"),
      annotation(build.annotations),
      flag::refused("dockerfile-path", "use --dockerfile"),
      flag::refused("bucket", "contexts in object stores are not served; use dir://, tar://, https:// or git://", 'b'),
  };
  SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
  if (help) {
    out.request = HelpRequest{"kaniko: served by scangate; the flags are those of /kaniko/executor\n"};
    return out;
  }
  if (rest.size() == 1 && rest[0] == "version") {
    out.request = HelpRequest{"kaniko's executor served by scangate\n"};
    return out;
  }
  // `--cache true` is often written, and leaves "true" as an argument that kaniko itself ignores.
  for (const auto& word : rest)
    if (word != "true" && word != "false")
      return fail(Error(Fault::user, fmt::format("kaniko: unexpected argument '{}'", printable(word)))
                      .remedy("the context is given with --context"));
  SCANGATE_CHECK(set_context(context, build));
  if (build.dockerfile.empty()) build.dockerfile = "Dockerfile";
  for (const auto& destination : build.destinations)
    if (destination.empty())
      return fail(Error(Fault::user, "kaniko: --destination is empty").remedy("is a variable not set?"));
  if (!build.no_push && build.destinations.empty())
    return fail(Error(Fault::user, "kaniko: no --destination").remedy("name the image, or use --no-push"));
  if (!build.tar_path.empty() && build.destinations.empty())
    return fail(
        Error(Fault::user, "kaniko: --tar-path without --destination").remedy("an image in a tar needs a name"));
  build.quiet = verbosity == "error" || verbosity == "fatal" || verbosity == "panic";
  build.cache = cache;
  build.push_cache = !no_push_cache;
  if (build.cache_repository.find("://") != std::string::npos || build.cache_repository.starts_with("oci:"))
    return fail(Error(Fault::user,
                      fmt::format("kaniko: --cache-repo '{}' is not served", redact(printable(build.cache_repository))))
                    .remedy("name a repository of a registry"));
  if (!build.cache_repository.empty()) {
    SCANGATE_CHECK(cache_in_repository(build.cache_repository, build.dockerfile, build.target));
  }
  out.request = std::move(build);
  return out;
}

}  // namespace scangate::command
