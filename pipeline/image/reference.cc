#include "pipeline/image/reference.h"

#include <algorithm>

namespace scangate {
namespace {

constexpr std::string_view kDefaultRegistry = "docker.io";
constexpr std::string_view kOfficial = "library/";
constexpr std::size_t kMaxNameBytes = 255;  // registry and repository together: distribution's reference grammar
constexpr std::size_t kMaxTagBytes = 128;
constexpr std::size_t kMaxTextBytes = 1024;  // name, tag and digest with room to spare; the rest is an attack

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_alphanumeric(char c) {
  return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z');
}

// [a-z0-9]+ parts joined by ".", "_", "__" or any number of "-".
bool is_path_component(std::string_view text) {
  const auto is_word = [](char c) { return is_digit(c) || is_lower(c); };
  std::size_t at = 0;
  for (;;) {
    const std::size_t start = at;
    while (at < text.size() && is_word(text[at]))
      ++at;
    if (at == start) return false;
    if (at == text.size()) return true;
    const std::size_t separator = at;
    while (at < text.size() && !is_word(text[at]))
      ++at;
    const std::string_view between = text.substr(separator, at - separator);
    if (between != "." && between != "_" && between != "__" &&
        !std::all_of(between.begin(), between.end(), [](char c) { return c == '-'; }))
      return false;
  }
}

bool is_host_label(std::string_view text) {
  return !text.empty() && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    text = text.substr(1, text.size() - 2);
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
    });
  }
  for (;;) {
    const std::size_t dot = text.find('.');
    if (!is_host_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_registry(std::string_view text) {
  const std::size_t colon = text.ends_with(']') ? std::string_view::npos : text.rfind(':');
  if (colon == std::string_view::npos) return is_host(text);
  const std::string_view port = text.substr(colon + 1);
  return is_host(text.substr(0, colon)) && !port.empty() && port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), is_digit);
}

bool is_tag(std::string_view text) {
  const auto is_word = [](char c) { return is_alphanumeric(c) || c == '_'; };
  return !text.empty() && text.size() <= kMaxTagBytes && is_word(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

// docker's rule for the part before the first slash: a host has a dot, a port or an upper-case letter, or is localhost.
bool names_registry(std::string_view first) {
  return first == "localhost" || first.find_first_of(".:") != std::string_view::npos ||
         std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// docker takes such a name for an image's id.
bool is_whole_id(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

}  // namespace

Result<Reference> Reference::parse(std::string_view text) {
  const auto wrong = [&](std::string why) {
    return fail(Fault::user, fmt::format("'{}' is not an image reference: {}", text.substr(0, 200), why));
  };
  if (text.empty()) return wrong("it is empty");
  if (text.size() > kMaxTextBytes) return wrong("it is too long");
  Reference out;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    auto digest = Digest::parse(rest.substr(at + 1));
    if (!digest) return wrong(digest.error().cause());
    out.digest = *digest;
    rest = rest.substr(0, at);
  }
  const std::size_t last_slash = rest.rfind('/');
  const std::size_t colon = rest.find(':', last_slash == std::string_view::npos ? 0 : last_slash + 1);
  if (colon != std::string_view::npos) {
    const std::string_view tag = rest.substr(colon + 1);
    if (!is_tag(tag))
      return wrong(tag.empty() ? std::string("the tag is empty")
                               : fmt::format("the tag '{}' may hold letters, digits, '_', '.' and '-', at most {}", tag,
                                             kMaxTagBytes));
    out.tag = tag;
    rest = rest.substr(0, colon);
  } else if (!out.digest) {
    out.tag = "latest";
  }
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos && names_registry(rest.substr(0, slash))) {
    out.registry = rest.substr(0, slash);
    if (!is_registry(out.registry)) return wrong(fmt::format("'{}' is not a registry host", out.registry));
    if (out.registry == "index.docker.io") out.registry = kDefaultRegistry;
    rest = rest.substr(slash + 1);
  } else {
    out.registry = kDefaultRegistry;
  }
  if (rest.empty()) return wrong("the repository is missing");
  out.repository = rest;
  for (std::string_view left = rest;;) {
    const std::size_t end = left.find('/');
    const std::string_view component = left.substr(0, end);
    if (!is_path_component(component)) {
      if (std::any_of(component.begin(), component.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
        return wrong(fmt::format("the repository '{}' must be lower-case", rest));
      return wrong(fmt::format(
          "the repository '{}' must be lower-case letters and digits, joined by '/', '.', '_' or '-'", rest));
    }
    if (end == std::string_view::npos) break;
    left.remove_prefix(end + 1);
  }
  if (out.registry == kDefaultRegistry && slash == std::string_view::npos) {
    if (is_whole_id(rest)) return wrong("64 hex digits are an image id, not a repository");
  }
  if (out.registry == kDefaultRegistry && out.repository.find('/') == std::string::npos)
    out.repository.insert(0, kOfficial);
  if (out.registry.size() + 1 + out.repository.size() > kMaxNameBytes)
    return wrong(fmt::format("registry and repository are longer than {} bytes", kMaxNameBytes));
  return out;
}

std::string Reference::str() const {
  std::string out = registry + "/" + repository;
  if (!tag.empty()) out += ":" + tag;
  if (digest) out += "@" + digest->str();
  return out;
}

std::string Reference::familiar() const {
  std::string out = str();
  if (registry != kDefaultRegistry) return out;
  const std::size_t slash = repository.find('/');
  // Not when what is left would read as another name: one with a registry of its own, or an id.
  if (names_registry(std::string_view(repository).substr(0, slash))) return out;
  out.erase(0, kDefaultRegistry.size() + 1);
  const std::string_view last = std::string_view(repository).substr(slash + 1);
  if (repository.starts_with(kOfficial) && last.find('/') == std::string_view::npos && !is_whole_id(last))
    out.erase(0, kOfficial.size());
  return out;
}

}  // namespace scangate
