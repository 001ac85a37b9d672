#include "base/digest.h"

#include <openssl/evp.h>

#include <cstring>
#include <stdexcept>

namespace scangate {
namespace {
constexpr std::string_view kPrefix = "sha256:";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Fetched once: an implicit fetch with each context costs 0.4 us more (openssl/openssl#19612).
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (algorithm == nullptr) throw std::runtime_error("OpenSSL offers no SHA256");
  return algorithm;
}
}  // namespace

std::string to_hex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    out += kDigits[std::to_integer<unsigned>(b) >> 4U];
    out += kDigits[std::to_integer<unsigned>(b) & 15U];
  }
  return out;
}

Result<Digest> Digest::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Fault::user, fmt::format("'{}' is not a digest: {}", text.substr(0, 100), why));
  };
  if (!text.starts_with(kPrefix)) return bad("it must begin with 'sha256:'");
  text.remove_prefix(kPrefix.size());
  if (text.size() != 2 * kSize) return bad("64 lower-case hex digits must follow 'sha256:'");
  Digest digest;
  for (std::size_t i = 0; i < kSize; ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return bad("64 lower-case hex digits must follow 'sha256:'");
    digest.bytes_[i] = static_cast<std::byte>(high * 16 + low);
  }
  return digest;
}

Digest Digest::of(Bytes bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string Digest::hex() const {
  return to_hex(bytes_);
}
std::string Digest::str() const {
  return std::string(kPrefix) + hex();
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
  void start() {
    if (context == nullptr || EVP_DigestInit_ex(context, sha256_algorithm(), nullptr) != 1)
      throw std::runtime_error("OpenSSL cannot start SHA256");
  }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  state_->start();
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(Bytes bytes) {
  if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1)
    throw std::runtime_error("OpenSSL SHA256 update failed");
}

Digest Sha256::finish() {
  std::array<std::byte, Digest::kSize> out{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(out.data()), &size) != 1 ||
      size != Digest::kSize)
    throw std::runtime_error("OpenSSL SHA256 final failed");
  state_->start();
  return Digest(out);
}

}  // namespace scangate

std::size_t std::hash<scangate::Digest>::operator()(const scangate::Digest& digest) const noexcept {
  std::size_t value = 0;
  std::memcpy(&value, digest.bytes().data(), sizeof value);
  return value;
}
