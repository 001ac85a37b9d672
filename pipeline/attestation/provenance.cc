#include "pipeline/attestation/provenance.h"

#include <algorithm>

#include "base/base64.h"
#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/dockerfile/stages.h"
#include "scan/inspect/secret_names.h"

namespace scangate {
namespace {

using Json = nlohmann::ordered_json;
using Mode = ProvenanceOrder::Mode;

// Shorter values of secrets are part of ordinary words.
constexpr std::size_t kMinSecretBytes = 4;
constexpr std::string_view kMetadata = "https://mobyproject.org/buildkit@v1#metadata";

class Provenance {
 public:
  Provenance(const ProvenanceOrder& order, const BuildRequest& request, const BuiltImage& built,
             const ProvenanceFacts& facts)
      : order_(order), request_(request), built_(built), facts_(facts) {
    parameters_ = parameters();
    if (order_.mode == Mode::max) config_ = config();
  }

  std::string text() const { return dump_json(order_.slsa == ProvenanceOrder::Slsa::v1 ? v1() : v0_2()); }

 private:
  bool is_secret(std::string_view text) const {
    if (facts_.holds_credential && facts_.holds_credential(text)) return true;
    return std::ranges::any_of(request_.secrets, [&](const BuildSecret& each) {
      return each.value.size() >= kMinSecretBytes && text.find(each.value) != std::string_view::npos;
    });
  }
  bool has_fixed_time() const {
    return request_.source_date_epoch || request_.build_args.contains("SOURCE_DATE_EPOCH");
  }
  std::string builder_id() const {
    if (!order_.builder_id.empty()) return order_.builder_id;
    return "scangate:builder" + (facts_.tool_version.empty() ? "" : "@" + facts_.tool_version);
  }

  // What the caller asked for, under the names that BuildKit gives the same.
  Json parameters() {
    Json args = Json::object();
    if (!request_.target.empty()) args["target"] = request_.target;
    Json out = {{"frontend", "dockerfile.v0"}};
    if (order_.mode == Mode::max) {
      const auto put = [&](const std::string& kind, const std::string& name, const std::string& value) {
        const bool named = is_secret_name(name) && may_be_secret_value(value);
        if (named || is_secret(name) || is_secret(value))
          is_complete_ = false;
        else
          args[kind + name] = value;
      };
      for (const auto& [name, value] : request_.build_args) {
        // Proxies are the host's affair, and may hold credentials: they are in no history either.
        if (dockerfile::is_predefined_arg(name))
          is_complete_ = false;
        else
          put("build-arg:", name, value);
      }
      for (const auto& [name, value] : request_.labels)
        put("label:", name, value);
      if (request_.network == Network::none) args["force-network-mode"] = "none";
      if (request_.no_cache) args["no-cache"] = "";
      add_ids(out, "secrets", request_.secrets);
      add_ids(out, "ssh", request_.ssh_agents);
    } else if (!request_.build_args.empty() || !request_.labels.empty() || !request_.secrets.empty()) {
      is_complete_ = false;
    }
    out["args"] = std::move(args);
    if (!request_.context_material) out["locals"] = Json::array({{{"name", "context"}}, {{"name", "dockerfile"}}});
    return out;
  }

  template <class Item>
  static void add_ids(Json& out, const char* member, const std::vector<Item>& items) {
    for (const auto& each : items)
      out[member].push_back({{"id", each.id}});
  }

  // The Dockerfile as it stood, and the line that each layer comes from.
  Json config() {
    Json out = Json::object();
    if (is_secret(built_.dockerfile_text)) {
      is_complete_ = false;
    } else {
      out["dockerfile"] = {{"path", entry_point()},
                           {"digest", {{"sha256", Digest::of(built_.dockerfile_text).hex()}}},
                           {"data", base64_encode(built_.dockerfile_text)}};
    }
    Json& layers = out["layers"] = Json::array();
    for (const LayerFacts& layer : built_.facts.layers) {
      Json entry = {{"diffId", layer.diff_id.digest.str()}, {"base", layer.is_base}, {"stage", layer.stage}};
      if (layer.place) entry["place"] = fmt::format("{}:{}", layer.place->file, layer.place->line);
      layers.push_back(std::move(entry));
    }
    return out;
  }

  std::string entry_point() const {
    return built_.facts.dockerfile.value_or(request_.dockerfile.empty() ? "Dockerfile" : request_.dockerfile);
  }

  static Json digest_of(const BuildMaterial& material) {
    Json out = Json::object();
    if (!material.digest.empty()) out[material.algorithm] = material.digest;
    return out;
  }
  Json materials() const {
    Json out = Json::array();
    for (const auto& each : built_.materials)
      out.push_back({{"uri", each.uri}, {"digest", digest_of(each)}});
    return out;
  }
  Json config_source() const {
    Json out = Json::object();
    if (request_.context_material) {
      out["uri"] = request_.context_material->uri;
      out["digest"] = digest_of(*request_.context_material);
    }
    return out;
  }
  // Of files of a folder and of what RUN fetched nobody knows where they are from.
  bool has_all_materials() const { return request_.context_material && request_.network == Network::none; }

  Json vcs() const {
    Json out = Json::object();
    if (!facts_.source.empty()) out["source"] = redact(facts_.source);
    if (!facts_.revision.empty()) out["revision"] = facts_.revision;
    return out;
  }

  Json v0_2() const {
    Json source = config_source();
    source["entryPoint"] = entry_point();
    Json out;
    out["builder"] = {{"id", builder_id()}};
    out["buildType"] = kProvenanceBuildType;
    out["materials"] = materials();
    out["invocation"] = {{"configSource", std::move(source)},
                         {"parameters", parameters_},
                         {"environment", {{"platform", Platform::host().str()}}}};
    if (config_) out["buildConfig"] = *config_;
    Json& metadata = out["metadata"] = Json::object();
    if (!has_fixed_time()) {
      if (!facts_.invocation_id.empty()) metadata["buildInvocationID"] = facts_.invocation_id;
      metadata["buildStartedOn"] = format_rfc3339(facts_.started);
      metadata["buildFinishedOn"] = format_rfc3339(facts_.finished);
    }
    metadata["completeness"] = {
        {"parameters", is_complete_}, {"environment", true}, {"materials", has_all_materials()}};
    metadata["reproducible"] = order_.reproducible;
    if (Json where = vcs(); !where.empty()) metadata[kMetadata] = {{"vcs", std::move(where)}};
    return out;
  }

  Json v1() const {
    Json source = config_source();
    source["path"] = entry_point();
    Json out;
    Json& definition = out["buildDefinition"];
    definition["buildType"] = kProvenanceBuildType;
    definition["externalParameters"] = {{"configSource", std::move(source)}, {"request", parameters_}};
    definition["internalParameters"] = {{"builderPlatform", Platform::host().str()}};
    if (config_) definition["internalParameters"]["buildConfig"] = *config_;
    definition["resolvedDependencies"] = materials();
    Json& details = out["runDetails"];
    details["builder"] = {{"id", builder_id()}};
    Json& metadata = details["metadata"] = Json::object();
    if (!has_fixed_time()) {
      if (!facts_.invocation_id.empty()) metadata["invocationId"] = facts_.invocation_id;
      metadata["startedOn"] = format_rfc3339(facts_.started);
      metadata["finishedOn"] = format_rfc3339(facts_.finished);
    }
    if (Json where = vcs(); !where.empty()) metadata["buildkit_metadata"] = {{"vcs", std::move(where)}};
    metadata["buildkit_completeness"] = {{"request", is_complete_}, {"resolvedDependencies", has_all_materials()}};
    metadata["buildkit_reproducible"] = order_.reproducible;
    return out;
  }

  const ProvenanceOrder& order_;
  const BuildRequest& request_;
  const BuiltImage& built_;
  const ProvenanceFacts& facts_;
  bool is_complete_ = true;  // nothing was left out of the parameters
  Json parameters_;
  std::optional<Json> config_;
};

}  // namespace

std::string provenance_predicate(const ProvenanceOrder& order, const BuildRequest& request, const BuiltImage& built,
                                 const ProvenanceFacts& facts) {
  return Provenance(order, request, built, facts).text();
}

}  // namespace scangate
