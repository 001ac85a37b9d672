#include "pipeline/command/image_location.h"

#include <array>

#include "base/text.h"

namespace scangate::command {
namespace {

using Kind = ImageLocation::Kind;

struct Transport {
  std::string_view prefix;
  Kind kind;
};
constexpr std::array<Transport, 6> kTransports = {{{"docker://", Kind::registry},
                                                   {"containers-storage:", Kind::store},
                                                   {"docker-daemon:", Kind::store},
                                                   {"docker-archive:", Kind::docker_archive},
                                                   {"oci:", Kind::oci},
                                                   {"oci-archive:", Kind::oci_archive}}};
constexpr std::array<std::string_view, 5> kRefused = {"dir:", "ostree:", "sif:", "tarball:", "atomic:"};

}  // namespace

bool has_transport(std::string_view text) {
  for (const auto& transport : kTransports)
    if (text.starts_with(transport.prefix)) return true;
  for (const auto prefix : kRefused)
    if (text.starts_with(prefix)) return true;
  return false;
}

Result<ImageLocation> parse_location(std::string_view command, std::string_view text) {
  for (const auto& transport : kTransports) {
    if (!text.starts_with(transport.prefix)) continue;
    ImageLocation out{.kind = transport.kind, .name = {}, .path = {}, .text = std::string(text)};
    const std::string_view rest = text.substr(transport.prefix.size());
    if (transport.kind == Kind::registry || transport.kind == Kind::store) {
      // "[graph-driver@/storage/root]name": the part in brackets says where the store is, which is ours here.
      out.name =
          rest.starts_with('[') && rest.find(']') != std::string_view::npos ? rest.substr(rest.find(']') + 1) : rest;
      if (out.name.empty())
        return fail(Error(Fault::user, fmt::format("{}: '{}' names no image", command, printable(text)))
                        .remedy("is a variable not set?"));
      return out;
    }
    const std::size_t colon = rest.find(':');
    out.path = rest.substr(0, colon);
    if (colon != std::string_view::npos) out.name = rest.substr(colon + 1);
    if (out.path.empty())
      return fail(Error(Fault::user, fmt::format("{}: '{}' names no file", command, printable(text)))
                      .remedy("is a variable not set?"));
    return out;
  }
  constexpr const char* kServed =
      "docker://, docker-archive:, oci:, oci-archive:, containers-storage: and docker-daemon: are";
  for (const auto prefix : kRefused)
    if (text.starts_with(prefix))
      return fail(Error(Fault::user, fmt::format("{}: the transport '{}' is not served by scangate", command, prefix))
                      .remedy(kServed));
  return fail(Error(Fault::user, fmt::format("{}: '{}' has no transport", command, printable(text)))
                  .remedy(fmt::format("did you mean docker://{}?", printable(text))));
}

}  // namespace scangate::command
