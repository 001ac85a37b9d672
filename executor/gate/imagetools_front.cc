#include "executor/gate/imagetools_front.h"

#include "base/json/json.h"
#include "base/text.h"
#include "executor/gate/go_template.h"
#include "executor/gate/image_lists.h"
#include "pipeline/image/image_index.h"

namespace scangate {

Result<void> annotate_index(ImageIndex& index, const std::vector<std::string>& annotations) {
  for (const auto& written : annotations) {
    const std::size_t equals = written.find('=');
    const std::size_t colon = written.substr(0, equals).find(':');
    const std::string kind = colon == std::string::npos ? "manifest" : written.substr(0, colon);
    const std::string key =
        colon == std::string::npos ? written.substr(0, equals) : written.substr(colon + 1, equals - colon - 1);
    if (equals == std::string::npos || key.empty())
      return fail(Fault::user, fmt::format("--annotation '{}' is not KIND:NAME=VALUE", printable(written)));
    const std::string value = written.substr(equals + 1);
    if (kind == "index")
      index.annotations[key] = value;
    else if (kind == "manifest-descriptor")
      for (auto& entry : index.manifests)
        entry.annotations[key] = value;
    else
      return fail(Error(Fault::user, fmt::format("--annotation of '{}' is not served", printable(kind)))
                      .remedy("index: and manifest-descriptor: are; images leave as they were scanned"));
  }
  return {};
}

namespace {

Result<int> imagetools_create(ImageCommands& images, GateCall& call, const command::ImagetoolsRequest& asked) {
  SCANGATE_TRY(const auto lease, images.store().lease());
  ImageLists lists(images, call);
  std::vector<std::string> sources = asked.sources;
  if (asked.append) {
    if (asked.tags.empty()) return fail(Fault::user, "docker buildx imagetools create: --append without --tag");
    sources.insert(sources.begin(), asked.tags.front());
  }
  ImageIndex index;
  std::optional<Digest> only;
  for (const auto& source : sources) {
    SCANGATE_TRY(const Digest digest, lists.bring(source, Take::all, LookIn::registry));
    SCANGATE_TRY(auto inner, stored_index(images.store(), digest));
    if (sources.size() == 1 && asked.annotations.empty() && (inner || !asked.prefer_index)) only = digest;
    if (inner) {
      for (auto& entry : inner->manifests)
        put_entry(index, std::move(entry));
    } else {
      SCANGATE_TRY(Descriptor entry, index_entry(images.store(), digest));
      put_entry(index, std::move(entry));
    }
  }
  SCANGATE_CHECK(annotate_index(index, asked.annotations));
  if (!only) {
    SCANGATE_TRY(only, lists.put(index));
  }
  if (asked.dry_run) {
    SCANGATE_TRY(const std::string text, images.store().read_blob(*only, kMaxManifestBytes));
    call.print(dump_json(nlohmann::ordered_json::parse(text, nullptr, false), 2) + "\n");
    return 0;
  }
  for (const auto& tag : asked.tags) {
    SCANGATE_TRY(const Reference name, Reference::parse(tag));
    SCANGATE_TRY(const auto outcome, images.push(call, *only, name, call.console));
    if (!outcome.pushed) return exit_number(outcome.code);
    call.say(fmt::format("pushing {} to {}\n", only->str(), name.str()));
  }
  return 0;
}

Result<int> imagetools_inspect(ImageCommands& images, GateCall& call, const command::ImagetoolsRequest& asked) {
  SCANGATE_TRY(const Reference name, Reference::parse(asked.sources[0]));
  SCANGATE_TRY(const auto remote, images.registry(call).document(name, call.cancel));
  if (!remote) return fail(Fault::user, name.str() + ": not found");
  if (asked.raw) {
    call.print(remote->text);
    return 0;
  }
  const std::string type = document_media_type(remote->text);
  if (!asked.format.empty()) {
    nlohmann::ordered_json manifest = nlohmann::ordered_json::parse(remote->text, nullptr, false);
    manifest["digest"] = remote->digest.str();
    manifest["size"] = remote->text.size();
    // Go's fields have capitals, its JSON has none.
    manifest["Digest"] = remote->digest.str();
    manifest["MediaType"] = type;
    manifest["Size"] = remote->text.size();
    const nlohmann::ordered_json all = {{"Name", name.str()}, {"Manifest", std::move(manifest)}};
    SCANGATE_TRY(const std::string text, fill_template(asked.format, dump_json(all)));
    call.print(text + "\n");
    return 0;
  }
  std::string out =
      fmt::format("Name:      {}\nMediaType: {}\nDigest:    {}\n", name.str(), type, remote->digest.str());
  if (is_index_type(type)) {
    SCANGATE_TRY(const ImageIndex index, parse_index(remote->text, name.familiar()));
    out += "           \nManifests: \n";
    for (const auto& entry : index.manifests)
      out += fmt::format("  Name:      {}@{}\n  MediaType: {}\n  Platform:  {}\n             \n", name.str(),
                         entry.digest.str(), printable(entry.media_type),
                         entry.platform ? printable(entry.platform->str()) : "");
  }
  call.print(out);
  return 0;
}

}  // namespace

int serve_imagetools(ImageCommands& images, GateCall& call, const command::ImagetoolsRequest& asked) {
  const auto code = asked.inspect ? imagetools_inspect(images, call, asked) : imagetools_create(images, call, asked);
  return code ? *code : call.fail_with(code.error());
}

}  // namespace scangate
