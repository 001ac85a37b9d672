#include "pipeline/git_source/git_url.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace scangate {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool has_control_bytes(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
}

Error bad(std::string cause) {
  return {Fault::user, std::move(cause)};
}

// Takes what stands after the last `mark` off `text`.
std::optional<std::string_view> take_after(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

Result<bool> parse_switch(std::string_view name, std::string_view value) {
  const std::string lower = to_lower(value);
  if (lower == "true" || lower == "1") return true;
  if (lower == "false" || lower == "0") return false;
  return fail(bad(fmt::format("'{}' in the git address is true or false, not '{}'", name, printable(value))));
}

// The query form: each name once, none empty; what it says may not contradict the fragment.
Result<void> read_query(std::string_view query, GitUrl& url) {
  std::vector<std::string> seen;
  for (const std::string& part : split(query, '&')) {
    const std::size_t equals = part.find('=');
    const std::string name = percent_decoded(std::string_view(part).substr(0, equals));
    const std::string value =
        equals == std::string::npos ? "" : percent_decoded(std::string_view(part).substr(equals + 1));
    if (value.empty()) return fail(bad(fmt::format("'{}' in the git address has no value", printable(name))));
    if (std::ranges::find(seen, name) != seen.end())
      return fail(bad(fmt::format("'{}' is given twice in the git address", printable(name))));
    seen.push_back(name);
    const auto set = [&](std::string& field, std::string wanted) -> Result<void> {
      if (!field.empty() && field != wanted)
        return fail(bad(fmt::format("the git address names both '{}' and '{}'", printable(field), printable(wanted))));
      field = std::move(wanted);
      return {};
    };
    if (name == "ref") {
      SCANGATE_CHECK(set(url.ref, value));
    } else if (name == "branch") {
      SCANGATE_CHECK(set(url.ref, "refs/heads/" + value));
    } else if (name == "tag") {
      SCANGATE_CHECK(set(url.ref, "refs/tags/" + value));
    } else if (name == "subdir") {
      SCANGATE_CHECK(set(url.subfolder, value));
    } else if (name == "commit" || name == "checksum") {
      SCANGATE_CHECK(set(url.commit, value));
    } else if (name == "keep-git-dir") {
      SCANGATE_TRY(url.keep_git_folder, parse_switch(name, value));
    } else if (name == "submodules") {
      SCANGATE_TRY(url.submodules, parse_switch(name, value));
    } else {
      return fail(bad(fmt::format("the git address has an unknown parameter '{}'", printable(name)))
                      .remedy("known: ref, branch, tag, subdir, commit, checksum, keep-git-dir, submodules"));
    }
  }
  return {};
}

// "user@host:path", the form of scp. The user is part of the address, not a secret.
bool is_scp_form(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::size_t colon = text.find(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || at == 0 || colon < at + 2) return false;
  const auto plain = [](std::string_view part, std::string_view also) {
    return std::ranges::all_of(part, [&](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             also.find(c) != std::string_view::npos;
    });
  };
  return text[0] != '-' && text[at + 1] != '-' && plain(text.substr(0, at), "-_") &&
         plain(text.substr(at + 1, colon - at - 1), "-.");
}

Result<void> read_options(std::optional<std::string_view> fragment, std::optional<std::string_view> query,
                          GitUrl& url) {
  if (fragment && !fragment->empty()) {
    const std::size_t colon = fragment->find(':');
    url.ref = std::string(fragment->substr(0, colon));
    if (colon != std::string_view::npos) url.subfolder = std::string(fragment->substr(colon + 1));
  }
  if (query && !query->empty()) SCANGATE_CHECK(read_query(*query, url));
  if (url.ref.starts_with('-')) return fail(bad(fmt::format("'{}' is not a git ref", printable(url.ref))));
  if (has_control_bytes(url.ref) || url.ref.find_first_of("~^:?*[\\") != std::string::npos ||
      url.ref.find("..") != std::string::npos)
    return fail(bad(fmt::format("'{}' is not a git ref", printable(url.ref)))
                    .remedy("name a branch, a tag or a full commit id"));
  if (!std::ranges::all_of(url.commit, [](char c) { return hex_value(c) >= 0; }))
    return fail(bad(fmt::format("'{}' is not a commit id", printable(url.commit))));
  url.commit = to_lower(url.commit);
  return {};
}

}  // namespace

std::string GitUrl::host() const {
  const std::size_t scheme = remote.find("://");
  if (scheme == std::string::npos) {
    const std::size_t at = remote.find('@');
    return at == std::string::npos ? "" : remote.substr(at + 1, remote.find(':') - at - 1);
  }
  std::string authority = remote.substr(scheme + 3);
  authority.resize(std::min(authority.find('/'), authority.size()));
  if (const std::size_t at = authority.rfind('@'); at != std::string::npos) authority.erase(0, at + 1);
  return to_lower(authority);
}

std::string GitUrl::str() const {
  std::string text = remote;
  if (!ref.empty() || !subfolder.empty()) text += "#" + ref;
  if (!subfolder.empty()) text += ":" + subfolder;
  return text;
}

Result<std::optional<GitUrl>> parse_git_url(std::string_view text, GitShorthand shorthand) {
  GitUrl url;
  std::string_view rest = text;
  const auto fragment = take_after(rest, '#');
  const auto query = take_after(rest, '?');
  const std::size_t scheme_end = rest.find("://");
  const bool with_scheme = scheme_end != std::string_view::npos;
  const std::string scheme = with_scheme ? to_lower(rest.substr(0, scheme_end)) : "";
  const bool short_form = !with_scheme && rest.starts_with("github.com/") && shorthand == GitShorthand::allowed;
  if (with_scheme) {
    static constexpr std::array<std::string_view, 5> kSchemes{"http", "https", "ssh", "git", "file"};
    if (std::ranges::find(kSchemes, std::string_view(scheme)) == kSchemes.end()) return std::nullopt;
    const bool web = scheme == "http" || scheme == "https";
    if (web && !rest.ends_with(".git")) return std::nullopt;
  } else if (!short_form && !is_scp_form(rest)) {
    return std::nullopt;
  }
  if (text.size() > kMaxGitUrlBytes)
    return fail(bad(fmt::format("the git address is longer than {} bytes", kMaxGitUrlBytes)));
  if (has_control_bytes(rest)) return fail(bad("the git address has blanks or control characters"));
  url.remote = short_form ? "https://" + std::string(rest) : std::string(rest);
  if (with_scheme) {
    std::string_view after = rest.substr(scheme_end + 3);
    const std::size_t slash = std::min(after.find('/'), after.size());
    std::string_view authority = after.substr(0, slash);
    const std::size_t at = authority.rfind('@');
    if (at != std::string_view::npos && scheme != "ssh") {
      const std::string_view login = authority.substr(0, at);
      const std::size_t colon = login.find(':');
      url.user = percent_decoded(login.substr(0, colon));
      if (colon != std::string_view::npos) url.password = percent_decoded(login.substr(colon + 1));
      authority = authority.substr(at + 1);
    } else if (at != std::string_view::npos && authority.substr(0, at).find(':') != std::string_view::npos) {
      return fail(bad("the git address has a password, which ssh does not take").remedy("use a key of an ssh agent"));
    }
    const bool local = scheme == "file";
    if (!local && (authority.empty() || authority.starts_with('-') || authority.find("@-") != std::string_view::npos))
      return fail(bad("the git address has no host"));
    if (slash + 1 >= after.size())
      return fail(bad(fmt::format("the git address {}://{} has no path", scheme, printable(authority))));
    url.remote = fmt::format("{}://{}{}", scheme, authority, after.substr(slash));
  }
  SCANGATE_CHECK(read_options(fragment, query, url));
  return url;
}

}  // namespace scangate
