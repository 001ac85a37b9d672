#include <CLI/CLI.hpp>

#include "base/text.h"
#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "pipeline/image/image_index.h"
#include "pipeline/image/transfer.h"

namespace scangate::cli {
namespace {

Result<ExitCode> list(Context& context, bool quiet) {
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::no));
  SCANGATE_TRY(const auto images, engine->store()->images());
  std::string out;
  if (!quiet) out += fmt::format("{:<60} {:<14} {:<22} {:>10}\n", "NAME", "ID", "STORED", "SIZE");
  for (const auto& image : images) {
    SCANGATE_TRY(const auto name, Reference::parse(image.name));
    if (quiet)
      out += image.config_digest.brief() + "\n";
    else
      out += fmt::format("{:<60} {:<14} {:<22} {:>10}\n", name.familiar(), image.config_digest.brief(), format_rfc3339(image.stored), human_bytes(image.size_bytes));
  }
  SCANGATE_CHECK(context.print(out));
  return ExitCode::done;
}

Result<ExitCode> inspect(Context& context, const std::string& name) {
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::no));
  SCANGATE_TRY(const Digest named, engine->store()->resolve(name));
  SCANGATE_TRY(const Digest digest, platform_manifest(*engine->store(), named, Platform::host()));
  SCANGATE_TRY(const auto manifest, engine->store()->manifest(digest));
  SCANGATE_TRY(const std::string manifest_text, engine->store()->read_blob(digest, kMaxManifestBytes));
  SCANGATE_TRY(const std::string config_text, engine->store()->read_blob(manifest.config.digest, kMaxConfigBytes));
  SCANGATE_CHECK(context.print(fmt::format("{{\"digest\":\"{}\",\n\"manifest\":{},\n\"config\":{}}}\n", digest.str(), manifest_text, config_text)));
  return ExitCode::done;
}

Result<ExitCode> remove(Context& context, const std::vector<std::string>& names) {
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::no));
  for (const auto& text : names) {
    SCANGATE_TRY(const auto name, Reference::parse(text));
    SCANGATE_TRY(const auto found, engine->store()->find(name));
    if (!found) return fail(Error(Fault::user, fmt::format("no image '{}' in the store", text)).remedy("scangate image ls shows what there is"));
    SCANGATE_CHECK(engine->store()->untag(name));
  }
  return ExitCode::done;
}

Result<ExitCode> prune(Context& context) {
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::no));
  SCANGATE_TRY(const auto report, engine->store()->prune(std::chrono::hours(1), 0));
  SCANGATE_CHECK(context.print(fmt::format("removed {} blobs and {} snapshots, {} freed\n", report.blobs, report.snapshots, human_bytes(report.freed_bytes))));
  return ExitCode::done;
}

Result<ExitCode> import(Context& context, const std::string& text, const std::string& source, bool all) {
  SCANGATE_TRY(const auto name, Reference::parse(text));
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::no));
  SCANGATE_TRY(const auto imported, all ? import_all(*engine->store(), source, context.cancel, context.progress())
                                        : import_image(*engine->store(), source, Platform::host(), context.cancel, context.progress()));
  SCANGATE_CHECK(engine->store()->tag(name, imported.manifest_digest));
  SCANGATE_CHECK(context.print(imported.manifest_digest.str() + "\n"));
  return ExitCode::done;
}

Result<ExitCode> do_export(Context& context, const std::string& text, const std::string& target) {
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::no));
  SCANGATE_TRY(const Digest digest, engine->store()->resolve(text));
  auto name = Reference::parse(text);
  SCANGATE_CHECK(export_image(*engine->store(), digest, name ? name->str() : std::string(), target, context.cancel, context.progress()));
  return ExitCode::done;
}

}  // namespace

void add_image(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("image", "Images in the store");
  command->require_subcommand(1);
  struct Words {
    std::string name, file;
    std::vector<std::string> names;
    bool quiet = false;
    bool all = false;
  };
  auto words = std::make_shared<Words>();

  auto* ls = command->add_subcommand("ls", "List images");
  ls->add_flag("-q,--quiet", words->quiet, "Ids only");
  ls->callback([words, &context] { context.guard([&] { return list(context, words->quiet); }); });

  auto* show = command->add_subcommand("inspect", "Manifest and config as JSON");
  show->add_option("name", words->name)->required()->type_name("REF");
  show->callback([words, &context] { context.guard([&] { return inspect(context, words->name); }); });

  auto* rm = command->add_subcommand("rm", "Remove names; the content goes with the next prune");
  rm->add_option("name", words->names)->required()->type_name("REF");
  rm->callback([words, &context] { context.guard([&] { return remove(context, words->names); }); });

  auto* clean = command->add_subcommand("prune", "Remove what no name needs");
  clean->callback([&context] { context.guard([&] { return prune(context); }); });

  auto* in = command->add_subcommand("import", "Bring an image in: a root file system tar, docker-archive:FILE, oci:DIR[:TAG] or oci-archive:FILE");
  in->add_option("name", words->name)->required()->type_name("REF");
  in->add_option("source", words->file)->required()->type_name("SOURCE");
  in->add_flag("--all-platforms", words->all, "Of an index take every platform, not the host's alone");
  in->callback([words, &context] { context.guard([&] { return import(context, words->name, words->file, words->all); }); });

  auto* out = command->add_subcommand("export", "Write an image: docker-archive:FILE, oci:DIR[:TAG] or oci-archive:FILE");
  out->add_option("name", words->name)->required()->type_name("REF");
  out->add_option("target", words->file)->required()->type_name("TARGET");
  out->callback([words, &context] { context.guard([&] { return do_export(context, words->name, words->file); }); });
}

}  // namespace scangate::cli
