#include <CLI/CLI.hpp>

#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "executor/cli/reports.h"
#include "pipeline/image/transfer.h"
#include "scan/report/report.h"

namespace scangate::cli {
namespace {

struct Options {
  std::string source;
  ReportOrders reports;
};

struct Target {
  Digest manifest_digest;
  std::string name;
};

Result<Target> pulled(Engine& engine, Context& context, std::string_view text) {
  SCANGATE_TRY(const Reference name, Reference::parse(text));
  SCANGATE_TRY(const auto image,
               engine.registry().pull(name, Platform::host(), PullPolicy::if_not_present, *engine.store(), context.cancel, context.progress()));
  return Target{image.manifest_digest, name.familiar()};
}

Result<Target> target_of(Engine& engine, Context& context, const std::string& source) {
  const auto has = [&](std::string_view prefix) { return source.starts_with(prefix); };
  if (has("registry:")) return pulled(engine, context, std::string_view(source).substr(9));
  if (has("oci:") || has("oci-archive:") || has("docker-archive:")) {
    SCANGATE_TRY(const auto imported, import_image(*engine.store(), source, Platform::host(), context.cancel, context.progress()));
    return Target{imported.manifest_digest, imported.names.empty() ? source : imported.names.front()};
  }
  for (const std::string_view later : {"dir:", "sbom:"})
    if (has(later)) return fail(Error(Fault::user, fmt::format("'{}' sources are not supported yet", later)).remedy("images, registries and archives are"));
  if (auto stored = engine.store()->resolve(source)) return Target{*stored, source};
  // As users of scanners expect: what is not here is looked for in its registry.
  return pulled(engine, context, source);
}

Result<ExitCode> scan(Context& context, const Options& options) {
  SCANGATE_CHECK(check_report_orders(options.reports));
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::no));
  SCANGATE_TRY(const Target target, target_of(*engine, context, options.source));
  // Of several platforms all are judged, as the push judges them.
  SCANGATE_TRY(const auto images, engine->images_of(target.manifest_digest, target.name));
  std::vector<ScanResult> results;
  ExitCode worst = ExitCode::done;
  for (const auto& image : images) {
    auto result = engine->scan(image.manifest_digest, image.name, context.cancel, context.progress());
    if (!result) {
      context.report(result.error());
      return context.cancel.cancelled() ? ExitCode::environment : ExitCode::undecided;  // a scan that failed decided nothing
    }
    worst = std::max(worst, exit_code_of(result->verdict.outcome));
    results.push_back(std::move(*result));
  }
  context.console.reset();
  SCANGATE_CHECK(write_reports(context, options.reports, engine->policy(), results));
  return worst;
}

}  // namespace

void add_scan(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("scan", "Scan an image and judge it by the policy; exit 0 passed, 3 stopped, 4 undecided");
  auto options = std::make_shared<Options>();
  command->add_option("source", options->source, "REF, registry:REF, oci:DIR[:TAG], oci-archive:FILE or docker-archive:FILE")->required()->type_name("IMAGE");
  command->add_option("--format", options->reports.format, "table, json, junit, gitlab, codequality");
  command->add_option("-o,--output", options->reports.output, "Write the report to a file")->type_name("FILE");
  command->add_option("--report", options->reports.further, "A further report; may be given again")->type_name("FORMAT=FILE")->allow_extra_args(false);
  command->callback([options, &context] { context.guard([&] { return scan(context, *options); }); });
}

}  // namespace scangate::cli
