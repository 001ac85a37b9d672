#include "executor/engine/cache_export.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "pipeline/build/cache_folder.h"
#include "pipeline/build/cache_image.h"

namespace scangate {
namespace {

class CacheExport {
 public:
  CacheExport(Engine& engine, const std::vector<StageCache>& stages, const Cancel& cancel, Progress& progress,
              Registry& registry)
      : engine_(engine), stages_(stages), cancel_(cancel), progress_(progress), registry_(registry) {}

  // The result, of several platforms each. False when it may not leave.
  Result<bool> judge_result(const std::string& name, CacheOutcome& outcome, const OnVerdict& on_verdict) {
    std::vector<Engine::NamedManifest> images;
    for (const StageCache& each : stages_)
      if (each.is_result && each.manifest_digest) images.push_back({*each.manifest_digest, name});
    if (engine_.settings().enforce != Enforce::off) {
      const Engine::Judgement judged = engine_.judge(images, cancel_, progress_);
      if (on_verdict) on_verdict(judged.scans, judged.may_leave ? Upload::follows : Upload::refused);
      if (!judged.may_leave) {
        outcome.code = judged.code;
        return false;
      }
    }
    for (const Engine::NamedManifest& each : images)
      SCANGATE_CHECK(allow(each.manifest_digest));
    return true;
  }

  // Each by itself: one that may not leave keeps its own layers here.
  Result<void> judge_stages() {
    for (const StageCache& each : stages_) {
      if (each.is_result || !each.manifest_digest) continue;
      if (engine_.settings().enforce != Enforce::off) {
        const Engine::Judgement judged =
            engine_.judge({{*each.manifest_digest, "stage " + each.stage}}, cancel_, progress_);
        if (!judged.may_leave) {
          const Verdict& verdict = judged.scans.front().verdict;
          progress_.line(Level::warning,
                         fmt::format("the layers of stage '{}' are left out of the cache: {}", printable(each.stage),
                                     verdict.reasons.empty() ? "the policy stops it" : printable(verdict.reasons[0])));
          continue;
        }
      }
      SCANGATE_CHECK(allow(*each.manifest_digest));
    }
    return {};
  }

  Result<void> send(const CacheTarget& target) {
    if (cancel_.cancelled()) return fail(cancelled_error());
    SCANGATE_TRY(const CacheImage image,
                 write_cache_image(*engine_.store(), stages_, target.mode, target.place.reference ? allowed_ : all()));
    if (target.place.reference) {
      SCANGATE_TRY(const PushedImage pushed, registry_.push(*engine_.store(), image.manifest_digest,
                                                            *target.place.reference, cancel_, progress_));
      progress_.line(Level::info,
                     fmt::format("sent the build cache {}: {} steps, {} layers ({} new)", target.place.shown,
                                 image.steps, image.layers, human_bytes(pushed.sent_bytes)));
      return {};
    }
    SCANGATE_TRY(const auto folder, build::CacheFolder::open(target.place.folder));
    SCANGATE_CHECK(folder.put(*engine_.store(), image.manifest_digest, target.place.tag, cancel_));
    progress_.line(Level::info, fmt::format("wrote the build cache {}: {} steps, {} layers", target.place.shown,
                                            image.steps, image.layers));
    return {};
  }

 private:
  Result<void> allow(const Digest& manifest_digest) {
    SCANGATE_TRY(const Manifest manifest, engine_.store()->manifest(manifest_digest));
    for (const Descriptor& layer : manifest.layers)
      allowed_.insert(layer.digest);
    return {};
  }

  std::set<Digest> all() const {
    std::set<Digest> out;
    for (const StageCache& stage : stages_)
      for (const CacheRecord& each : stage.records)
        if (each.blob) out.insert(each.blob->digest);
    return out;
  }

  Engine& engine_;
  const std::vector<StageCache>& stages_;
  const Cancel& cancel_;
  Progress& progress_;
  Registry& registry_;
  std::set<Digest> allowed_;  // layers of images that were scanned and may leave
};

}  // namespace

Result<CacheOutcome> export_cache(Engine& engine, const std::vector<CacheTarget>& targets,
                                  const std::vector<StageCache>& stages, const std::string& name, const Cancel& cancel,
                                  Progress& progress, Registry* registry, const OnVerdict& on_verdict) {
  CacheOutcome outcome;
  if (targets.empty()) return outcome;
  SCANGATE_TRY(const auto lease, engine.store()->lease());
  CacheExport out(engine, stages, cancel, progress, registry == nullptr ? engine.registry() : *registry);
  const auto goes_out = [](const CacheTarget& each) { return each.place.reference.has_value(); };
  bool may_leave = false;
  if (std::ranges::any_of(targets, goes_out)) {
    progress.line(Level::info, fmt::format("scanning {} before its build cache is sent", name));
    SCANGATE_TRY(may_leave, out.judge_result(name, outcome, on_verdict));
    const bool with_stages = std::ranges::any_of(
        targets, [&](const CacheTarget& each) { return goes_out(each) && each.mode == CacheMode::max; });
    if (may_leave && with_stages) SCANGATE_CHECK(out.judge_stages());
  }
  for (const CacheTarget& target : targets) {
    if (goes_out(target) && !may_leave) continue;
    auto sent = out.send(target);
    if (sent) continue;
    if (cancel.cancelled() || !target.ignore_errors)
      return fail(std::move(sent).error().during("writing the build cache " + target.place.shown));
    progress.line(Level::warning,
                  fmt::format("the build cache {} was not written: {}", target.place.shown, sent.error().text()));
  }
  return outcome;
}

}  // namespace scangate
