#include "pipeline/command/crane.h"

#include "executor/gate/image_copy.h"
#include "executor/gate/job_archive.h"
#include "executor/gate/job_login.h"
#include "executor/gate/remote_image.h"
#include "executor/gate/tool_fronts.h"

namespace scangate {
namespace {

using command::ImageLocation;
using Kind = ImageLocation::Kind;

ImageLocation at_registry(const std::string& name) {
  return {Kind::registry, name, {}, name};
}

// Serves one parsed command; an operator for each kind of request.
class CraneFront {
 public:
  CraneFront(ImageCommands& images, GateCall& call, std::optional<Platform> platform)
      : images_(images), call_(call), platform_(std::move(platform)) {}

  int operator()(const command::CraneCopy& asked) {
    std::string target = asked.target;
    if (asked.is_tag) {
      auto name = Reference::parse(asked.source);
      if (!name) return call_.fail_with(name.error());
      target = fmt::format("{}/{}:{}", name->registry, name->repository, asked.target);
    }
    return copy({{at_registry(asked.source), {}}, {{at_registry(target), {}}}}, target, "");
  }

  int operator()(const command::CranePush& asked) {
    // A folder is an OCI layout, a file a docker-archive.
    const bool folder = call_.files.open_folder(asked.path).has_value();
    const ImageLocation from{folder ? Kind::oci : Kind::docker_archive, {}, asked.path, asked.path};
    return copy({{from, {}}, {{at_registry(asked.target), {}}}}, asked.target, asked.image_refs);
  }

  int operator()(const command::CranePull& asked) {
    if (asked.images.size() > 1)
      return call_.fail_with(Error(Fault::user, "crane pull: several images in one archive are not supported yet"));
    const ImageLocation to{asked.format == "oci" ? Kind::oci : Kind::docker_archive, {}, asked.path, asked.path};
    ImageCopy copy{.source = {at_registry(asked.images[0]), {}},
                   .targets = {{to, {}}},
                   .files = AuthFiles::docker,
                   .platform = platform_.value_or(Platform::host())};
    const auto copied = copy_image(images_, call_, copy, call_.console);
    return copied ? copied->code : call_.fail_with(copied.error());
  }

  int operator()(const command::CraneShow& asked) {
    const auto name = Reference::parse(asked.image);
    if (!name) return call_.fail_with(name.error());
    use_login(images_, call_, {}, name->registry, AuthFiles::docker);
    const auto text = shown(asked, *name);
    if (!text) return call_.fail_with(text.error());
    call_.print(*text);
    return 0;
  }

  int operator()(const command::LoginRequest& asked) { return serve_login(images_, call_, "crane auth login", asked); }
  int operator()(const command::LogoutRequest& asked) { return serve_logout(images_, call_, asked); }
  int operator()(const command::HelpRequest& asked) {
    call_.print(asked.text);
    return 0;
  }

 private:
  int copy(ImageCopy copy, const std::string& target, const std::string& refs_file) {
    copy.files = AuthFiles::docker;
    // crane takes all of an index unless it is told one platform.
    copy.platform = platform_.value_or(Platform::host());
    copy.all_platforms = !platform_;
    const auto copied = copy_image(images_, call_, copy, call_.console);
    if (!copied) return call_.fail_with(copied.error());
    if (copied->code != 0) return copied->code;
    const auto name = Reference::parse(target);
    if (!name) return call_.fail_with(name.error());
    const std::string exact =
        fmt::format("{}/{}@{}\n", name->registry, name->repository, copied->manifest_digest.str());
    if (!refs_file.empty())
      if (auto written = call_.files.write(refs_file, exact); !written) return call_.fail_with(written.error());
    call_.print(exact);
    return 0;
  }

  Result<std::string> shown(const command::CraneShow& asked, const Reference& name) {
    using What = command::CraneShow::What;
    if (asked.what == What::tags) {
      SCANGATE_TRY(const auto tags, images_.registry(call_).tags(name, call_.cancel));
      std::string out;
      for (const auto& tag : tags)
        out += (asked.full_name ? fmt::format("{}/{}:", name.registry, name.repository) : "") + tag + "\n";
      return out;
    }
    SCANGATE_TRY(const auto documents, remote_documents(images_, call_, name, platform_.value_or(Platform::host())));
    if (asked.what == What::config) return documents.config_text + "\n";
    if (asked.what == What::manifest) return (platform_ ? documents.manifest_text : documents.named_text) + "\n";
    const Digest digest = platform_ ? Digest::of(documents.manifest_text) : documents.named_digest;
    return (asked.full_name ? fmt::format("{}/{}@", name.registry, name.repository) : "") + digest.str() + "\n";
  }

  ImageCommands& images_;
  GateCall& call_;
  std::optional<Platform> platform_;
};

}  // namespace

int serve_crane(ImageCommands& images, GateCall& call) {
  auto parsed = command::parse_crane(call.arguments());
  if (!parsed) return call.fail_with(parsed.error());
  for (const auto& note : parsed->notes)
    call.say("note: " + note + "\n");
  std::optional<Platform> platform;
  if (!parsed->platform.empty()) {
    auto named = Platform::parse(parsed->platform);
    if (!named) return call.fail_with(named.error());
    platform = std::move(*named);
  }
  return std::visit(CraneFront(images, call, std::move(platform)), parsed->request);
}

}  // namespace scangate
