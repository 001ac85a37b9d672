#include "executor/engine/platform_build.h"

#include <algorithm>

#include "base/text.h"
#include "pipeline/image/image_index.h"

namespace scangate {

// More than there are; each is a whole build.
constexpr std::size_t kMaxPlatforms = 32;

Result<std::vector<Platform>> parse_platforms(const std::vector<std::string>& texts) {
  std::vector<Platform> out;
  for (const auto& text : texts)
    for (const auto& word : split(text, ',')) {
      SCANGATE_TRY(Platform platform, Platform::parse(word));
      if (std::ranges::find(out, platform) == out.end()) out.push_back(std::move(platform));
      if (out.size() > kMaxPlatforms) return fail(Fault::user, fmt::format("more than {} platforms", kMaxPlatforms));
    }
  return out;
}

namespace {

using Of = command::AnnotationFlag::Of;

Result<std::map<std::string, std::string>> annotations_of(const std::vector<command::AnnotationFlag>& flags, Of of,
                                                          const Platform& platform) {
  std::map<std::string, std::string> out;
  for (const auto& flag : flags) {
    if (flag.of != of) continue;
    if (!flag.platform.empty()) {
      SCANGATE_TRY(const Platform wanted, Platform::parse(flag.platform));
      if (!platform_matches(wanted, platform)) continue;
    }
    out[flag.key] = flag.value;
  }
  return out;
}

Result<void> check_annotations(const std::vector<command::AnnotationFlag>& flags,
                               const std::vector<Platform>& platforms, bool has_index) {
  for (const auto& flag : flags) {
    if (flag.of != Of::manifest && !has_index)
      return fail(Error(Fault::user, fmt::format("the annotation '{}' is of an index, and one platform makes none",
                                                 printable(flag.key)))
                      .remedy("annotate the manifest, or name several platforms"));
    if (flag.platform.empty()) continue;
    SCANGATE_TRY(const Platform wanted, Platform::parse(flag.platform));
    if (std::ranges::none_of(platforms, [&](const Platform& each) { return platform_matches(wanted, each); }))
      return fail(Fault::user,
                  fmt::format("the annotation '{}' is of {}, which is not built", printable(flag.key), wanted.str()));
  }
  return {};
}

}  // namespace

Result<BuiltImage> build_platforms(Engine& engine, BuildRequest request, const std::vector<Platform>& platforms,
                                   const std::vector<Reference>& names, const Cancel& cancel, Progress& progress,
                                   Registry* registry, AttestationOrder attestations,
                                   const std::vector<command::AnnotationFlag>& annotations) {
  const bool has_index = platforms.size() > 1 || attestations.is_wanted();
  SCANGATE_CHECK(check_annotations(annotations, platforms, has_index));
  if (!has_index) {
    request.platform = platforms.front();
    SCANGATE_TRY(request.form.annotations, annotations_of(annotations, Of::manifest, request.platform));
    return engine.build(request, names, cancel, progress, registry);
  }
  Store& store = *engine.store();
  SCANGATE_TRY(const auto lease, store.lease());
  ImageIndex index{.media_type = std::string(media_type::kOciIndex), .manifests = {}, .annotations = {}};
  BuiltImage out;
  std::size_t steps = 0;
  std::size_t cached_steps = 0;
  std::vector<Descriptor> statements;
  const bool several = platforms.size() > 1;
  std::vector<StageCache> cache;
  for (const auto& platform : platforms) {
    if (several) progress.line(Level::info, "building for " + platform.str());
    request.platform = platform;
    attestations.facts.started = engine.clock().now();
    SCANGATE_TRY(request.form.annotations, annotations_of(annotations, Of::manifest, platform));
    auto built = engine.build(request, {}, cancel, progress, registry);
    if (!built)
      return fail(several ? std::move(built).error().during("building for " + platform.str())
                          : std::move(built).error());
    out = std::move(*built);
    if (out.failed_step) return out;
    steps += out.steps;
    cached_steps += out.cached_steps;
    std::ranges::move(out.cache, std::back_inserter(cache));
    SCANGATE_TRY(Descriptor entry, index_entry(store, out.manifest_digest));
    // What a base image calls itself decides what the image is: an index that says otherwise would mislead.
    if (several && !platform_matches(platform, *entry.platform))
      return fail(Error(Fault::user, fmt::format("the build for {} gave an image for {}", platform.str(),
                                                 printable(entry.platform->str())))
                      .remedy("its base image has no such platform"));
    if (entry.platform->variant.empty()) entry.platform->variant = platform.variant;
    SCANGATE_TRY(entry.annotations, annotations_of(annotations, Of::manifest_descriptor, platform));
    index.manifests.push_back(std::move(entry));
    if (!attestations.is_wanted()) continue;
    attestations.facts.finished = engine.clock().now();
    SCANGATE_TRY(Descriptor statement, attest(engine, attestations, request, out, names, cancel, progress));
    statements.push_back(std::move(statement));
  }
  // Behind the images: whoever takes an index's first entry gets one that runs.
  std::ranges::move(statements, std::back_inserter(index.manifests));
  SCANGATE_TRY(index.annotations, annotations_of(annotations, Of::index, Platform::host()));
  out.steps = steps;
  out.cached_steps = cached_steps;
  out.cache = std::move(cache);
  SCANGATE_TRY(out.manifest_digest, store.put_blob(to_json(index)));
  out.config_digest = out.manifest_digest;
  for (const auto& name : names)
    SCANGATE_CHECK(store.tag(name, out.manifest_digest));
  return out;
}

}  // namespace scangate
