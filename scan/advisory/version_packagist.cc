// Composer: getcomposer.org, "Versions and constraints", and PHP's version_compare for the order of stabilities.
// Branches ("dev-main") have no order.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/text.h"
#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

// "2010-01-02.1" and the like have a few more than four.
constexpr std::size_t kMaxParts = 50;
enum Stability { dev, alpha, beta, candidate, stable, patch };

struct Version {
  std::vector<std::string> numbers;
  Stability stability = stable;
  std::vector<std::string> counters;  // "beta.2.1": 2, 1
  bool dev_of_it = false;             // "1.0-beta2-dev"
};

std::optional<Stability> stability_of(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, Stability>, 9> kWords{{{"dev", dev},
                                                                                 {"alpha", alpha},
                                                                                 {"a", alpha},
                                                                                 {"beta", beta},
                                                                                 {"b", beta},
                                                                                 {"rc", candidate},
                                                                                 {"stable", stable},
                                                                                 {"patch", patch},
                                                                                 {"pl", patch}}};
  if (word == "p") return patch;
  for (const auto& [name, stability] : kWords)
    if (name == word) return stability;
  return std::nullopt;
}

bool is_separator(char c) {
  return c == '.' || c == '-' || c == '_';
}

std::optional<Version> parse(std::string_view text) {
  std::string lower = to_lower(trim(text));
  lower = lower.substr(0, lower.find('+'));
  std::string_view rest = lower;
  if (rest.starts_with('v')) rest.remove_prefix(1);
  Version out;
  while (!rest.empty() && is_digit(rest.front())) {
    out.numbers.emplace_back(take_digits(rest));
    if (out.numbers.size() > kMaxParts) return std::nullopt;
    if (rest.size() >= 2 && is_separator(rest.front()) && is_digit(rest[1])) rest.remove_prefix(1);
  }
  if (out.numbers.empty()) return std::nullopt;
  for (int words = 0; !rest.empty(); ++words) {
    if (is_separator(rest.front())) rest.remove_prefix(1);
    std::size_t length = 0;
    while (length < rest.size() && is_letter(rest[length]))
      ++length;
    const auto stability = stability_of(rest.substr(0, length));
    if (!stability) return std::nullopt;
    rest.remove_prefix(length);
    if (words == 1 || (*stability == dev && words == 0)) {
      if (*stability != dev || !rest.empty()) return std::nullopt;
      if (words == 0)
        out.stability = dev;
      else
        out.dev_of_it = true;
      break;
    }
    if (words > 1) return std::nullopt;
    out.stability = *stability;
    while (!rest.empty() && (is_digit(rest.front()) ||
                             (rest.size() >= 2 && (rest.front() == '.' || rest.front() == '-') && is_digit(rest[1])))) {
      if (!is_digit(rest.front())) rest.remove_prefix(1);
      out.counters.emplace_back(take_digits(rest));
      if (out.counters.size() > kMaxParts) return std::nullopt;
    }
  }
  while (out.numbers.size() < 4)
    out.numbers.emplace_back("0");
  return out;
}

int compare_numbers(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if (const int order = compare_digits(a[i], b[i]); order != 0) return order;
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;  // version_compare: what goes on with a digit is later
}

}  // namespace

std::optional<int> compare_packagist(std::string_view a, std::string_view b) {
  const auto left = parse(a);
  const auto right = parse(b);
  if (!left || !right) return std::nullopt;
  if (const int order = compare_numbers(left->numbers, right->numbers); order != 0) return order;
  if (left->stability != right->stability) return left->stability < right->stability ? -1 : 1;
  if (const int order = compare_numbers(left->counters, right->counters); order != 0) return order;
  if (left->dev_of_it != right->dev_of_it) return left->dev_of_it ? -1 : 1;
  return 0;
}

}  // namespace scangate::versions
