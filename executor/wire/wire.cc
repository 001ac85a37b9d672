#include "executor/wire/wire.h"

namespace scangate::wire {
namespace {

void put_list(std::string& out, const std::vector<std::string>& list) {
  out += encode_u32(static_cast<std::uint32_t>(list.size()));
  for (const auto& text : list) {
    out += encode_u32(static_cast<std::uint32_t>(text.size()));
    out += text;
  }
}

class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}
  std::optional<std::uint32_t> number() {
    if (rest_.size() < 4) return std::nullopt;
    const std::uint32_t value = decode_u32(rest_);
    rest_.remove_prefix(4);
    return value;
  }
  std::optional<std::vector<std::string>> list() {
    const auto count = number();
    if (!count || *count > kMaxStrings) return std::nullopt;
    std::vector<std::string> out;
    for (std::uint32_t i = 0; i < *count; ++i) {
      const auto size = number();
      if (!size || *size > rest_.size()) return std::nullopt;
      if (rest_.substr(0, *size).find('\0') != std::string_view::npos) return std::nullopt;
      out.emplace_back(rest_.substr(0, *size));
      rest_.remove_prefix(*size);
    }
    return out;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace

std::string encode_u32(std::uint32_t value) {
  std::string out(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<char>((value >> (8 * i)) & 0xFFU);
  return out;
}

std::uint32_t decode_u32(std::string_view four_bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(static_cast<unsigned char>(four_bytes[i])) << (8 * i);
  return value;
}

std::string encode_header(std::uint32_t payload_bytes) { return std::string(kMagic) + encode_u32(payload_bytes); }

std::optional<std::uint32_t> decode_header(std::string_view header) {
  if (header.size() != kHeaderBytes || !header.starts_with(kMagic)) return std::nullopt;
  const std::uint32_t size = decode_u32(header.substr(kMagic.size()));
  return size <= kMaxPayloadBytes ? std::optional(size) : std::nullopt;
}

std::string encode(const Request& request) {
  std::string out;
  put_list(out, request.arguments);
  put_list(out, request.environment);
  put_list(out, {request.directory});
  return out;
}

std::optional<Request> decode(std::string_view payload) {
  Reader reader(payload);
  auto arguments = reader.list();
  if (!arguments || arguments->empty()) return std::nullopt;
  auto environment = reader.list();
  if (!environment) return std::nullopt;
  auto directory = reader.list();
  if (!directory || directory->size() != 1 || !reader.at_end()) return std::nullopt;
  return Request{std::move(*arguments), std::move(*environment), std::move(directory->front())};
}

}  // namespace scangate::wire
