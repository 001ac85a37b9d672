#include "executor/broker/broker.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "executor/broker/encodings.h"

namespace scangate {
namespace {

// A placeholder is as long as its value where that is long enough to be unguessable and unlike other text: then
// fixed-width uses keep working.
constexpr std::string_view kPrefix = "sgph";
constexpr std::size_t kMinPlaceholderBytes = 24;

// Derived with the value as the key: the same in every stage of the job, each of which is a process of its own, and of
// no use for finding the value.
std::string derive(std::string_view value) {
  static constexpr std::string_view kPurpose = "scangate placeholder ";
  const std::size_t size = std::max(value.size(), kMinPlaceholderBytes);
  std::string out(kPrefix);
  for (unsigned block = 0; out.size() < size; ++block) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned int mac_size = 0;
    const std::string text = std::string(kPurpose) + std::to_string(block);
    HMAC(EVP_sha256(), value.data(), static_cast<int>(value.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &mac_size);
    static constexpr std::string_view kHex = "0123456789abcdef";
    for (unsigned int i = 0; i < mac_size; ++i) {
      out += kHex[mac[i] >> 4U];
      out += kHex[mac[i] & 15U];
    }
  }
  out.resize(size);
  return out;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  if (at == std::string::npos) return;
  std::string out;
  std::size_t done = 0;
  for (; at != std::string::npos; at = text.find(from, done)) {
    out.append(text, done, at - done);
    out += to;
    done = at + from.size();
  }
  out.append(text, done);
  text = std::move(out);
}

}  // namespace

bool host_matches(std::string_view host, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    if (pattern.starts_with("*."))
      return host.size() > pattern.size() - 1 && host.ends_with(std::string_view(pattern).substr(1));
    return host == pattern;
  });
}

void Broker::add(std::string_view value, const std::vector<std::string>& hosts, const std::vector<std::string>& users) {
  if (value.size() < kMinSecretBytes) return;
  const std::unique_lock lock(mutex_);
  auto known =
      std::find_if(secrets_.begin(), secrets_.end(), [&](const Secret& secret) { return secret.value == value; });
  if (known == secrets_.end()) {
    if (secrets_.size() >= kMaxSecrets) return;
    secrets_.push_back({.value = std::string(value), .placeholder = derive(value), .hosts = {}, .users = {}});
    known = secrets_.end() - 1;
  }
  for (const auto& host : hosts)
    if (std::find(known->hosts.begin(), known->hosts.end(), host) == known->hosts.end()) known->hosts.push_back(host);
  for (const auto& user : users)
    if (std::find(known->users.begin(), known->users.end(), user) == known->users.end()) known->users.push_back(user);
  for (auto& pair : encodings_of(known->value, known->placeholder, users))
    if (std::find(encodings_.begin(), encodings_.end(), pair) == encodings_.end())
      encodings_.push_back(std::move(pair));
  std::stable_sort(encodings_.begin(), encodings_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

std::string Broker::conceal(std::string_view text) const {
  const std::shared_lock lock(mutex_);
  std::string out(text);
  for (const auto& [value, placeholder] : encodings_)
    replace_all(out, value, placeholder);
  return out;
}

std::string Broker::reveal(std::string_view text, std::string_view host) const {
  const std::shared_lock lock(mutex_);
  std::string out(text);
  for (const auto& secret : secrets_)
    if (host_matches(host, secret.hosts)) replace_all(out, secret.placeholder, secret.value);
  return out;
}

bool Broker::holds_secret(std::string_view text) const {
  const std::shared_lock lock(mutex_);
  return std::any_of(encodings_.begin(), encodings_.end(),
                     [&](const auto& pair) { return text.find(pair.first) != std::string_view::npos; });
}

bool Broker::holds_secret_or_placeholder(std::string_view text) const {
  const std::shared_lock lock(mutex_);
  return std::any_of(encodings_.begin(), encodings_.end(), [&](const auto& pair) {
    return text.find(pair.first) != std::string_view::npos || text.find(pair.second) != std::string_view::npos;
  });
}

std::vector<std::pair<std::string, std::string>> Broker::logins(std::string_view host) const {
  const std::shared_lock lock(mutex_);
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& secret : secrets_)
    if (host_matches(host, secret.hosts))
      for (const auto& user : secret.users)
        out.emplace_back(user, secret.placeholder);
  return out;
}

bool Broker::empty() const {
  const std::shared_lock lock(mutex_);
  return secrets_.empty();
}

std::size_t Broker::longest_encoding() const {
  const std::shared_lock lock(mutex_);
  return encodings_.empty() ? 0 : encodings_.front().first.size();
}

std::string Broker::placeholder(std::string_view value) const {
  const std::shared_lock lock(mutex_);
  const auto found =
      std::find_if(secrets_.begin(), secrets_.end(), [&](const Secret& secret) { return secret.value == value; });
  return found == secrets_.end() ? std::string(value) : found->placeholder;
}

}  // namespace scangate
