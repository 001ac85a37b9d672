#include "executor/gate/image_list.h"

#include <fnmatch.h>

#include <algorithm>
#include <vector>

#include "base/json/json.h"
#include "base/text.h"
#include "executor/gate/go_template.h"

namespace scangate {
namespace {

// Captions of a "table" format's columns.
constexpr std::pair<const char*, const char*> kCaptions[] = {
    {"Repository", "REPOSITORY"}, {"Tag", "TAG"},   {"ID", "IMAGE ID"},   {"CreatedAt", "CREATED AT"},
    {"CreatedSince", "CREATED"},  {"Size", "SIZE"}, {"Digest", "DIGEST"},
};

// Columns set apart by tabs, each as wide as its widest cell and three blanks.
std::string aligned(const std::vector<std::string>& rows) {
  std::vector<std::vector<std::string>> cells;
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    cells.push_back(split(row, '\t'));
    widths.resize(std::max(widths.size(), cells.back().size()));
    for (std::size_t i = 0; i < cells.back().size(); ++i)
      widths[i] = std::max(widths[i], cells.back()[i].size());
  }
  std::string out;
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < row.size(); ++i)
      out += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}", row[i], widths[i] + 3);
    out += "\n";
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
    return fnmatch(pattern.c_str(), repository.c_str(), 0) == 0 ||
           fnmatch(pattern.c_str(), name.familiar().c_str(), 0) == 0;
  };
  if (!request.repository.empty() && !matches(request.repository)) return false;
  for (const auto& [key, value] : request.filters)
    if (key == "reference" && !matches(value)) return false;
  return true;
}

}  // namespace

Result<std::string> list_images(const Store& store, const command::ImagesRequest& request) {
  // Images here have names: a dangling one is only in the memory of the command that built it.
  bool none = false;
  for (const auto& [key, value] : request.filters)
    if (key == "dangling" && (value == "true" || value == "1")) none = true;
  SCANGATE_TRY(const auto images, store.images());
  std::string format = request.format;
  bool table = format.empty() || format == "table";
  if (format.starts_with("table ")) {
    table = true;
    format.erase(0, 6);
  } else if (table) {
    format = request.digests ? "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
                             : "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
  } else if (format == "json") {
    format = "{{json .}}";
  }
  // Shells pass "\t" as two characters; docker reads it as a tab.
  for (std::size_t at = format.find("\\t"); at != std::string::npos; at = format.find("\\t", at))
    format.replace(at, 2, "\t");
  std::vector<std::string> rows;
  if (table && !request.quiet) {
    nlohmann::ordered_json captions;
    for (const auto& [field, caption] : kCaptions)
      captions[field] = caption;
    SCANGATE_TRY(auto head, fill_template(format, dump_json(captions)));
    rows.push_back(std::move(head));
  }
  for (const auto& image : images) {
    SCANGATE_TRY(const Reference name, Reference::parse(image.name));
    if (none || !wanted(name, request)) continue;
    const std::string id = request.no_trunc ? image.config_digest.str() : image.config_digest.brief();
    if (request.quiet) {
      rows.push_back(id);
      continue;
    }
    const nlohmann::ordered_json row = {{"Repository", repository_of(name)},
                                        {"Tag", name.tag},
                                        {"ID", id},
                                        {"CreatedAt", format_rfc3339(image.stored)},
                                        {"CreatedSince", format_rfc3339(image.stored)},
                                        {"Size", human_bytes(image.size_bytes)},
                                        {"Digest", image.manifest_digest.str()}};
    SCANGATE_TRY(auto text, fill_template(format, dump_json(row)));
    rows.push_back(std::move(text));
  }
  if (table && !request.quiet) return aligned(rows);
  std::string out;
  for (const auto& row : rows)
    out += row + "\n";
  return out;
}

}  // namespace scangate
