#pragma once
// Content digests. OCI image-spec v1.1, descriptor.md, "Digests".
#include <array>
#include <compare>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace scangate {

// `sha256:` and 64 lower-case hex digits; other algorithms are a user fault.
class Digest {
 public:
  static constexpr std::size_t kSize = 32;
  Digest() = default;
  explicit Digest(const std::array<std::byte, kSize>& bytes) : bytes_(bytes) {}
  static Result<Digest> parse(std::string_view text);
  // Digest of bytes in memory.
  static Digest of(Bytes bytes);
  static Digest of(std::string_view text) { return of(as_bytes(text)); }
  std::string str() const;                                   // with "sha256:"
  std::string hex() const;                                   // without
  std::string brief() const { return hex().substr(0, 12); }  // for people, never for lookups
  const std::array<std::byte, kSize>& bytes() const { return bytes_; }
  auto operator<=>(const Digest&) const = default;

 private:
  std::array<std::byte, kSize> bytes_{};
};

// Hash of the layer as *uncompressed* tar; mixing it up with the blob's digest is the classic bug here.
// OCI image-spec v1.1, config.md, "Layer DiffID".
struct DiffId {
  Digest digest;
  auto operator<=>(const DiffId&) const = default;
};
// Identity of a stack of layers: OCI image-spec v1.1, config.md, "Layer ChainID".
struct ChainId {
  Digest digest;
  auto operator<=>(const ChainId&) const = default;
};

// Running SHA-256. One thread at a time. Bulk rate with SHA extensions is about 1 GB/s.
class Sha256 final : public ByteSink {
 public:
  Sha256();
  ~Sha256() override;
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(Bytes bytes);
  void update(std::string_view text) { update(as_bytes(text)); }
  Result<void> write(Bytes bytes) override {
    update(bytes);
    return {};
  }
  // The digest so far; the object starts anew afterwards.
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string to_hex(Bytes bytes);

}  // namespace scangate

template <>
struct std::hash<scangate::Digest> {
  std::size_t operator()(const scangate::Digest& digest) const noexcept;
};
