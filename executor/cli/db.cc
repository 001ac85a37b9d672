#include <CLI/CLI.hpp>

#include "base/file.h"
#include "base/text.h"
#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "scan/advisory/advisory.h"

namespace scangate::cli {
namespace {

std::string sources_table(const std::vector<DataSource>& sources) {
  std::string out = fmt::format("{:<24} {:>9}  {:<22} {}\n", "ECOSYSTEM", "RECORDS", "NEWEST", "IMPORTED");
  for (const auto& source : sources)
    out += fmt::format("{:<24} {:>9}  {:<22} {}\n", source.name, source.records, source.newest ? format_rfc3339(*source.newest) : "-",
                       source.imported ? format_rfc3339(*source.imported) : "-");
  return out;
}

Result<ExitCode> import(Context& context, const std::vector<std::string>& paths) {
  SCANGATE_TRY(const auto settings, context.settings());
  SCANGATE_CHECK(make_directories(settings.database.parent_path()));
  const std::vector<std::filesystem::path> inputs(paths.begin(), paths.end());
  SCANGATE_TRY(const auto report, import_advisories(inputs, settings.database, context.clock, context.cancel, context.progress()));
  context.console.reset();
  SCANGATE_CHECK(context.print(sources_table(report.sources) + fmt::format("{} records read, {} withdrawn, {} malformed; database {}\n", report.records,
                                                                           report.withdrawn, report.refused, settings.database.string())));
  return ExitCode::done;
}

Result<ExitCode> status(Context& context) {
  SCANGATE_TRY(const auto settings, context.settings());
  SCANGATE_TRY(const auto database, AdvisoryDatabase::open(settings.database));
  SCANGATE_CHECK(context.print(fmt::format("database {}\n", settings.database.string()) + sources_table(database->sources())));
  return ExitCode::done;
}

}  // namespace

void add_db(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("db", "The advisory database");
  command->require_subcommand(1);
  auto paths = std::make_shared<std::vector<std::string>>();
  auto* in = command->add_subcommand("import", "Build the database from OSV documents: .json files, .zip exports, folders of both");
  in->add_option("path", *paths)->required()->type_name("PATH");
  in->callback([paths, &context] { context.guard([&] { return import(context, *paths); }); });
  auto* show = command->add_subcommand("status", "What the database holds and how old it is");
  show->callback([&context] { context.guard([&] { return status(context); }); });
}

}  // namespace scangate::cli
