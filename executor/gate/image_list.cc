#include "executor/gate/image_list.h"

#include <fnmatch.h>

#include <map>

#include "base/text.h"

namespace scangate {
namespace {

// "{{.Repository}}:{{.Tag}}" with the fields of one image.
Result<std::string> fill(std::string_view format, const std::map<std::string, std::string, std::less<>>& fields) {
  std::string out;
  while (!format.empty()) {
    const std::size_t open = format.find("{{");
    out += format.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = format.find("}}", open);
    std::string_view name = close == std::string_view::npos ? "" : trim(format.substr(open + 2, close - open - 2));
    const auto field = name.starts_with('.') ? fields.find(name.substr(1)) : fields.end();
    if (field == fields.end()) return fail(Fault::user, fmt::format("docker images: --format field '{}' is not supported yet", name));
    out += field->second;
    format.remove_prefix(close + 2);
  }
  return out;
}

std::string repository_of(const Reference& name) {
  const std::string familiar = name.familiar();
  return familiar.substr(0, familiar.size() - name.tag.size() - 1);
}

bool wanted(const Reference& name, const command::ImagesRequest& request) {
  const std::string repository = repository_of(name);
  const auto matches = [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), repository.c_str(), 0) == 0 || fnmatch(pattern.c_str(), name.familiar().c_str(), 0) == 0;
  };
  if (!request.repository.empty() && !matches(request.repository)) return false;
  for (const auto& [key, value] : request.filters)
    if (key == "reference" && !matches(value)) return false;
  return true;
}

}  // namespace

Result<std::string> list_images(const Store& store, const command::ImagesRequest& request) {
  for (const auto& [key, value] : request.filters)
    if (key != "reference") return fail(Fault::user, fmt::format("docker images: --filter {}={} is not supported yet", key, value));
  SCANGATE_TRY(const auto images, store.images());
  const bool table = request.format.empty() || request.format == "table";
  std::string out;
  if (table && !request.quiet) out = fmt::format("{:<50} {:<20} {:<14} {:<22} {}\n", "REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE");
  for (const auto& image : images) {
    SCANGATE_TRY(const Reference name, Reference::parse(image.name));
    if (!wanted(name, request)) continue;
    const std::string id = request.no_trunc ? image.config_digest.str() : image.config_digest.brief();
    if (request.quiet) {
      out += id + "\n";
    } else if (table) {
      out += fmt::format("{:<50} {:<20} {:<14} {:<22} {}\n", repository_of(name), name.tag, id, format_rfc3339(image.stored), human_bytes(image.size_bytes));
    } else {
      SCANGATE_TRY(const auto row, fill(request.format, {{"Repository", repository_of(name)},
                                                         {"Tag", name.tag},
                                                         {"ID", id},
                                                         {"Size", human_bytes(image.size_bytes)},
                                                         {"CreatedAt", format_rfc3339(image.stored)}}));
      out += row + "\n";
    }
  }
  return out;
}

}  // namespace scangate
