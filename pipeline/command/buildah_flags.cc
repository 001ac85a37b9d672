#include "pipeline/command/buildah_flags.h"

#include "base/text.h"

namespace scangate::command::buildah {

using Kind = Flag::Kind;

void add_registry(std::vector<Flag>& flags, RegistryLogin& login, std::vector<std::string>& notes) {
  flags.push_back(flag::credentials("creds", login.user, login.password));
  flags.push_back(flag::text("authfile", '\0', login.authfile));
  flags.push_back(flag::noted("tls-verify", '\0', Kind::toggle, notes, kHostDecides));
  flags.push_back(flag::noted("cert-dir", '\0', Kind::value, notes, kHostDecides));
  flags.push_back(flag::silent("signature-policy", '\0', Kind::value));
  flags.push_back(flag::silent("retry", '\0', Kind::value));
  flags.push_back(flag::silent("retry-delay", '\0', Kind::value));
}

std::string PlatformFlags::text() const {
  if (!platform.empty()) return platform;
  if (architecture.empty()) return {};
  return (os.empty() ? "linux" : os) + "/" + architecture + (variant.empty() ? "" : "/" + variant);
}

void add_platform(std::vector<Flag>& flags, PlatformFlags& platform) {
  flags.push_back(flag::text("platform", '\0', platform.platform));
  flags.push_back(flag::text("os", '\0', platform.os));
  flags.push_back(flag::text("arch", '\0', platform.architecture));
  flags.push_back(flag::text("variant", '\0', platform.variant));
}

Result<std::string> image_name(std::string_view command, const std::string& written) {
  if (written.empty())
    return fail(
        Error(Fault::user, fmt::format("{}: the image's name is empty", command)).remedy("is a variable not set?"));
  if (!has_transport(written)) return written;
  SCANGATE_TRY(auto location, parse_location(command, written));
  if (location.kind != ImageLocation::Kind::registry && location.kind != ImageLocation::Kind::store)
    return fail(Error(Fault::user, fmt::format("{}: '{}' is no name of an image", command, printable(written)))
                    .remedy("files are brought in with skopeo copy"));
  return std::move(location.name);
}

Result<std::optional<ImageLocation>> destination(std::string_view command, const std::string& written) {
  SCANGATE_TRY(auto location, parse_location(command, has_transport(written) ? written : "docker://" + written));
  return std::optional(std::move(location));
}

}  // namespace scangate::command::buildah
