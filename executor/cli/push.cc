#include <CLI/CLI.hpp>

#include "base/text.h"
#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "executor/cli/reports.h"
#include "scan/report/report.h"

namespace scangate::cli {
namespace {

struct Options {
  std::string source;
  std::vector<std::string> destinations;
  std::vector<std::string> reports;
};

Result<ExitCode> push(Context& context, const Options& options) {
  ReportOrders orders{.format = "table", .output = {}, .further = options.reports};
  SCANGATE_CHECK(check_report_orders(orders));
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::no));
  SCANGATE_TRY(const Digest digest, engine->store()->resolve(options.source));
  std::vector<std::string> names = options.destinations;
  if (names.empty()) names.push_back(options.source);
  std::vector<Reference> destinations;
  for (const auto& name : names) {
    SCANGATE_TRY(auto reference, Reference::parse(name));
    destinations.push_back(std::move(reference));
  }
  std::vector<ScanResult> scans;
  ExitCode worst = ExitCode::done;
  for (const auto& destination : destinations) {
    SCANGATE_TRY(auto outcome, engine->push(digest, destination, context.cancel, context.progress()));
    if (outcome.pushed)
      context.progress().line(Level::info, fmt::format("pushed {} {} ({} sent, {} blobs were there)", destination.familiar(),
                                                       outcome.pushed->manifest_digest.str(), human_bytes(outcome.pushed->sent_bytes), outcome.pushed->known_blobs));
    worst = std::max(worst, outcome.code);
    for (auto& scan : outcome.scans) scans.push_back(std::move(scan));
  }
  context.console.reset();
  if (!scans.empty()) SCANGATE_CHECK(write_reports(context, orders, engine->policy(), scans));
  return worst;
}

Result<ExitCode> pull(Context& context, const std::string& text, bool all) {
  SCANGATE_TRY(const Reference name, Reference::parse(text));
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::no));
  SCANGATE_TRY(const auto image, all ? engine->registry().pull_all(name, *engine->store(), context.cancel, context.progress())
                                     : engine->registry().pull(name, Platform::host(), PullPolicy::always, *engine->store(), context.cancel, context.progress()));
  SCANGATE_CHECK(context.print(image.manifest_digest.str() + "\n"));
  return ExitCode::done;
}

}  // namespace

void add_push(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("push", "Scan an image of the store and push it if the policy allows; exit 3 stopped, 4 undecided");
  auto options = std::make_shared<Options>();
  command->add_option("source", options->source, "Name or id in the store")->required()->type_name("REF");
  command->add_option("destination", options->destinations, "Where to; the name itself when left out")->type_name("DESTINATION");
  command->add_option("--report", options->reports, "Write a report; may be given again")->type_name("FORMAT=FILE")->allow_extra_args(false);
  command->callback([options, &context] { context.guard([&] { return push(context, *options); }); });
}

void add_pull(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("pull", "Pull an image from its registry into the store; prints its digest");
  auto name = std::make_shared<std::string>();
  command->add_option("name", *name, "Image")->required()->type_name("REF");
  auto all = std::make_shared<bool>(false);
  command->add_flag("--all-platforms", *all, "Of an index take every platform, not the host's alone");
  command->callback([name, all, &context] { context.guard([&] { return pull(context, *name, *all); }); });
}

}  // namespace scangate::cli
