#include "pipeline/command/skopeo.h"

#include "base/json/json.h"
#include "base/text.h"
#include "executor/gate/image_copy.h"
#include "executor/gate/job_login.h"
#include "executor/gate/remote_image.h"
#include "executor/gate/tool_fronts.h"

namespace scangate {
namespace {

using Kind = command::ImageLocation::Kind;

// Serves one parsed command; an operator for each kind of request.
class SkopeoFront {
 public:
  SkopeoFront(ImageCommands& images, GateCall& call, Platform platform)
      : images_(images), call_(call), platform_(std::move(platform)) {}

  int operator()(const command::SkopeoCopy& asked) {
    ImageCopy copy{.source = {asked.source, asked.source_login},
                   .targets = {{asked.target, asked.target_login}},
                   .platform = platform_,
                   .all_platforms = asked.all};
    for (const auto& tag : asked.additional_tags)
      copy.targets.push_back({{Kind::registry, tag, {}, tag}, asked.target_login});
    NoProgress silent;
    const auto copied = copy_image(images_, call_, copy, asked.quiet ? static_cast<Progress&>(silent) : call_.console);
    if (!copied) return call_.fail_with(copied.error());
    if (copied->code != 0) return copied->code;
    if (!asked.digestfile.empty())
      if (auto written = call_.files.write(asked.digestfile, copied->manifest_digest.str()); !written)
        return call_.fail_with(written.error());
    return 0;
  }

  int operator()(const command::SkopeoInspect& asked) {
    std::optional<std::vector<std::string>> tags;
    const auto documents = look(asked, tags);
    if (!documents) return call_.fail_with(documents.error());
    if (asked.raw) {
      call_.print(asked.config ? documents->config_text : documents->named_text);
      return 0;
    }
    if (asked.config && asked.format.empty()) {
      call_.print(indented(documents->config_text));
      return 0;
    }
    const std::string json = asked.config ? documents->config_text : inspect_json(*documents, tags);
    if (asked.format.empty()) {
      call_.print(json);
      return 0;
    }
    const auto text = field(json, asked.format);
    if (!text) return call_.fail_with(text.error());
    call_.print(*text + "\n");
    return 0;
  }

  int operator()(const command::SkopeoListTags& asked) {
    const auto name = Reference::parse(asked.repository.name);
    if (!name) return call_.fail_with(name.error());
    use_login(images_, call_, asked.login, name->registry, AuthFiles::containers);
    const auto tags = images_.registry(call_).tags(*name, call_.cancel);
    if (!tags) return call_.fail_with(tags.error());
    nlohmann::ordered_json out;
    out["Repository"] = name->registry + "/" + name->repository;
    out["Tags"] = *tags;
    call_.print(dump_json(out, 4) + "\n");
    return 0;
  }

  int operator()(const command::LoginRequest& asked) {
    // Logins are kept by the gate, not in a file; --authfile only says where others would be read from.
    return serve_login(images_, call_, "skopeo login", asked);
  }
  int operator()(const command::LogoutRequest& asked) { return serve_logout(images_, call_, asked); }
  int operator()(const command::HelpRequest& asked) {
    call_.print(asked.text);
    return 0;
  }

 private:
  Result<ImageDocuments> look(const command::SkopeoInspect& asked, std::optional<std::vector<std::string>>& tags) {
    if (asked.image.kind == Kind::store) {
      SCANGATE_TRY(const Digest digest, images_.resolve(asked.image.name));
      return stored_documents(images_.store(), digest, asked.image.name);
    }
    if (asked.image.kind != Kind::registry) {
      ImageCopy copy{.source = {asked.image, asked.login}, .targets = {}, .platform = platform_};
      NoProgress silent;
      SCANGATE_TRY(const auto lease, images_.store().lease());
      SCANGATE_TRY(const Digest digest, bring_in(images_, call_, copy, silent));
      return stored_documents(images_.store(), digest, "");
    }
    SCANGATE_TRY(const Reference name, Reference::parse(asked.image.name));
    use_login(images_, call_, asked.login, name.registry, AuthFiles::containers);
    SCANGATE_TRY(auto documents, remote_documents(images_, call_, name, platform_));
    if (!asked.raw && !asked.config && !asked.no_tags) {
      SCANGATE_TRY(tags, images_.registry(call_).tags(name, call_.cancel));
    }
    return documents;
  }

  static std::string indented(const std::string& json) {
    const auto value = nlohmann::ordered_json::parse(json, nullptr, false);
    return dump_json(value, 4) + "\n";
  }

  // "{{.Digest}}": one field with text around it.
  static Result<std::string> field(const std::string& json, const std::string& format) {
    const auto value = nlohmann::json::parse(json, nullptr, false);
    std::string out;
    std::string_view left = format;
    while (!left.empty()) {
      const std::size_t open = left.find("{{");
      out += left.substr(0, open);
      if (open == std::string_view::npos) break;
      const std::size_t close = left.find("}}", open);
      const std::string_view name =
          close == std::string_view::npos ? "" : trim(left.substr(open + 2, close - open - 2));
      if (!name.starts_with('.') || !value.is_object() || !value.contains(name.substr(1)))
        return fail(
            Error(Fault::user, fmt::format("skopeo inspect: --format '{}' is not served by scangate", printable(name)))
                .remedy("plain fields like {{.Digest}} are; use jq for more"));
      const auto& member = value[std::string(name.substr(1))];
      out += member.is_string() ? member.get<std::string>() : dump_json(member);
      left.remove_prefix(close + 2);
    }
    return out;
  }

  ImageCommands& images_;
  GateCall& call_;
  Platform platform_;
};

}  // namespace

int serve_skopeo(ImageCommands& images, GateCall& call) {
  auto parsed = command::parse_skopeo(call.arguments());
  if (!parsed) return call.fail_with(parsed.error());
  for (const auto& note : parsed->notes)
    call.say("note: " + note + "\n");
  const auto platform =
      parsed->platform.empty() ? Result<Platform>(Platform::host()) : Platform::parse(parsed->platform);
  if (!platform) return call.fail_with(platform.error());
  return std::visit(SkopeoFront(images, call, *platform), parsed->request);
}

}  // namespace scangate
