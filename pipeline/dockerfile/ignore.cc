#include "pipeline/dockerfile/ignore.h"

#include "base/text.h"

namespace scangate::dockerfile {

std::string clean_path(std::string_view path) {
  const bool rooted = path.starts_with('/');
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    start = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!parts.empty() && parts.back() != "..") {
        parts.pop_back();
        continue;
      }
      if (rooted) continue;
    }
    parts.push_back(part);
  }
  std::string out = rooted ? "/" : "";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += '/';
    out += parts[i];
  }
  return out.empty() ? "." : out;
}

Result<void> IgnoreRules::add(std::string_view line) {
  const bool keep = line.starts_with('!');
  if (keep) line = trim(line.substr(1));
  if (line.empty()) return fail(Fault::user, "'!' alone is no pattern");
  std::string pattern = clean_path(line);
  if (pattern.size() > 1 && pattern[0] == '/') pattern.erase(0, 1);
  // Documented: "For historical reasons, the pattern . is ignored."
  if (pattern == "." || pattern == "/") return {};
  if (rules_.size() == kMaxIgnoreRules) return fail(Fault::user, fmt::format("more than {} rules", kMaxIgnoreRules));
  SCANGATE_TRY(auto glob, Glob::parse(pattern, GlobFlavor::ignore));
  rules_.push_back({std::move(glob), keep});
  patterns_.push_back((keep ? "!" : "") + pattern);
  return {};
}

Result<IgnoreRules> IgnoreRules::parse(std::string_view text, std::string_view name) {
  if (text.size() > kMaxIgnoreBytes)
    return fail(Error(Fault::user, fmt::format("larger than {} bytes", kMaxIgnoreBytes)).at(std::string(name)));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  IgnoreRules rules;
  int number = 0;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view raw = text.substr(start, end - start);
    start = end + 1;
    ++number;
    if (raw.starts_with('#')) continue;  // only in the first column
    const std::string_view line = trim(raw);
    if (line.empty()) continue;
    if (auto added = rules.add(line); !added)
      return fail(std::move(added).error().at(fmt::format("{}:{}:1", name, number)));
  }
  return rules;
}

Result<IgnoreRules> IgnoreRules::from_patterns(const std::vector<std::string>& patterns) {
  IgnoreRules rules;
  for (const std::string& pattern : patterns) {
    if (!trim(pattern).empty()) SCANGATE_CHECK(rules.add(trim(pattern)));
  }
  return rules;
}

int IgnoreRules::deciding_rule(std::string_view path) const {
  if (rules_.empty()) return -1;
  // From the topmost folder down, as BuildKit walks: a rule that matched a folder holds below it. A rule that would
  // have changed nothing for the folder (a ! rule on one that is not ignored, any other on one that is) is not asked,
  // and so does not hold below. moby/patternmatcher, MatchesUsingParentResults.
  std::vector<bool> matched(rules_.size(), false);
  int decided = -1;
  for (std::size_t end = 0; end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    const std::string_view each = path.substr(0, end);
    bool ignored = false;
    decided = -1;
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      if (!matched[i]) {
        if (rules_[i].keep != ignored) continue;
        matched[i] = rules_[i].glob.matches(each);
      }
      if (!matched[i]) continue;
      ignored = !rules_[i].keep;
      decided = static_cast<int>(i);
    }
  }
  return decided;
}

bool IgnoreRules::ignored(std::string_view path) const {
  const int rule = deciding_rule(path);
  return rule >= 0 && !rules_[static_cast<std::size_t>(rule)].keep;
}

bool IgnoreRules::can_skip_below(std::string_view path) const {
  for (const Rule& rule : rules_) {
    if (rule.keep && rule.glob.can_match_below(path)) return false;
  }
  return true;
}

std::vector<std::string> ignore_file_candidates(std::string_view dockerfile_path) {
  return {std::string(dockerfile_path) + ".dockerignore", ".dockerignore"};
}

}  // namespace scangate::dockerfile
