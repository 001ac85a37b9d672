#include "executor/gate/job_credentials.h"

#include "base/json/json.h"
#include "base/text.h"

namespace scangate {
namespace {

// Nothing of the job is run as a helper: the configuration it gets holds none, and this would refuse one.
class NoPrograms final : public ProcessRunner {
 public:
  Result<Exit> run(const Command& command, const Cancel&, const OnOutput&) override {
    return fail(Fault::user, fmt::format("the program '{}' is not run", command.argv.empty() ? "" : command.argv[0]));
  }
};

class JobCredentials final : public CredentialSource {
 public:
  explicit JobCredentials(std::shared_ptr<Broker> broker) : broker_(std::move(broker)) {}

  Result<void> read(const std::string& auths_only, const std::string& place) {
    SCANGATE_TRY(source_, docker_config_credentials(auths_only, place, no_programs_));
    return {};
  }

  Result<std::optional<Credentials>> find(const std::string& registry, const std::string& repository) override {
    SCANGATE_TRY(auto found, source_->find(registry, repository));
    if (found && broker_) {
      const std::string host = to_lower(registry);
      found->password = broker_->reveal(found->password, host);
      found->identity_token = broker_->reveal(found->identity_token, host);
    }
    return found;
  }

 private:
  NoPrograms no_programs_;
  std::unique_ptr<CredentialSource> source_;
  std::shared_ptr<Broker> broker_;
};

std::vector<std::string> places(const GateCall& call, AuthFiles files, const std::string& named) {
  std::vector<std::string> out;
  if (!named.empty()) return {files == AuthFiles::docker ? named + "/config.json" : named};
  const std::string home = call.variable("HOME").value_or("/root");
  const auto add = [&](std::string_view variable, std::string_view below) {
    if (const auto folder = call.variable(variable); folder && !folder->empty())
      out.push_back(*folder + std::string(below));
  };
  if (files == AuthFiles::containers) {
    add("REGISTRY_AUTH_FILE", "");
    add("XDG_RUNTIME_DIR", "/containers/auth.json");
    out.push_back("/run/containers/0/auth.json");
    out.push_back(home + "/.config/containers/auth.json");
  }
  add("DOCKER_CONFIG", "/config.json");
  if (files == AuthFiles::kaniko) out.emplace_back("/kaniko/.docker/config.json");
  out.push_back(home + "/.docker/config.json");
  return out;
}

std::shared_ptr<CredentialSource> read_source(const std::string& text, const std::string& place,
                                              const ImageCommands& images, std::vector<std::string>& notes) {
  const auto ignored = [&](const Error& error) {
    notes.push_back("not used for credentials: " + error.text());
    return nullptr;
  };
  const auto config = parse_json(text, place);
  if (!config) return ignored(config.error());
  if (!config->is_object()) return ignored(Error(Fault::user, "this is not a JSON object").at(place));
  if (!json_object(*config, "credHelpers").empty() || !json_string(*config, "credsStore").empty())
    notes.push_back(place +
                    ": credential helpers (credHelpers, credsStore) are not run by the image gate; it reads 'auths'");
  nlohmann::json auths_only = {{"auths", json_object(*config, "auths")}};
  auto source = std::make_shared<JobCredentials>(images.context().broker);
  if (auto read = source->read(dump_json(auths_only), place); !read) return ignored(read.error());
  return source;
}

}  // namespace

std::shared_ptr<CredentialSource> job_credentials(const GateCall& call, const ImageCommands& images, AuthFiles files,
                                                  const std::string& named, std::vector<std::string>& notes) {
  for (const auto& place : places(call, files, named)) {
    const auto text = call.files.read_if_there(place, kMaxAuthFileBytes);
    if (!text) {
      notes.push_back("not used for credentials: " + text.error().text());
      return nullptr;
    }
    if (*text) return read_source(**text, place, images, notes);
  }
  // Newer docker clients take the file's text from here; GitLab documents the variable for its runner's own pulls.
  if (const auto text = call.variable("DOCKER_AUTH_CONFIG"); text && !text->empty() && named.empty())
    return read_source(*text, "DOCKER_AUTH_CONFIG", images, notes);
  return nullptr;
}

}  // namespace scangate
