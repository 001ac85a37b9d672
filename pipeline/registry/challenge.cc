#include "pipeline/registry/challenge.h"

#include "base/text.h"

namespace scangate {
namespace {

// Registries send one challenge, some Basic and Bearer both; three parameters each.
constexpr std::size_t kMaxChallenges = 8;
constexpr std::size_t kMaxParameters = 16;

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool done() const { return text_.empty(); }
  void skip(std::string_view characters) {
    const std::size_t end = text_.find_first_not_of(characters);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end);
  }
  std::string token() {
    std::size_t length = 0;
    while (length < text_.size() && is_token_character(text_[length]))
      ++length;
    std::string out(text_.substr(0, length));
    text_.remove_prefix(length);
    return out;
  }
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string value() {
    if (!take('"')) return token();
    std::string out;
    while (!text_.empty() && !take('"')) {
      if (text_.front() == '\\' && text_.size() > 1) text_.remove_prefix(1);
      out += text_.front();
      text_.remove_prefix(1);
    }
    return out;
  }
  // Whether what follows is "name=", and not the scheme of the next challenge.
  bool at_parameter() const {
    Reader ahead = *this;
    if (ahead.token().empty()) return false;
    ahead.skip(" \t");
    return ahead.take('=');
  }

 private:
  std::string_view text_;
};

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> out;
  Reader reader(header);
  while (out.size() < kMaxChallenges) {
    reader.skip(" \t,");
    Challenge challenge{.scheme = to_lower(reader.token())};
    if (challenge.scheme.empty()) break;
    reader.skip(" \t");
    while (challenge.parameters.size() < kMaxParameters && reader.at_parameter()) {
      const std::string name = to_lower(reader.token());
      reader.skip(" \t=");
      challenge.parameters[name] = reader.value();
      reader.skip(" \t,");
    }
    out.push_back(std::move(challenge));
  }
  return out;
}

}  // namespace scangate
