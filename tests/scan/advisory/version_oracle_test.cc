// Our order against the field's own programs, on pairs that look like versions: made from a fixed seed, so a failure
// repeats.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "scan/advisory/version.h"

namespace scangate {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Second of a pair is mostly a small change of the first: unrelated versions differ in their first digits already.
// Every version starts with `front`.
Pairs make_pairs(const std::string& front, const std::vector<std::string>& pieces, std::size_t count) {
  std::mt19937 random(20240229);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  Pairs pairs;
  while (pairs.size() < count) {
    std::vector<std::string> a;
    for (std::size_t i = 0; i < 1 + below(7); ++i)
      a.push_back(pieces[below(pieces.size())]);
    std::vector<std::string> b = a;
    for (std::size_t i = 0; i < 1 + below(2); ++i) {
      switch (below(3)) {
        case 0:
          b.insert(b.begin() + static_cast<std::ptrdiff_t>(below(b.size() + 1)), pieces[below(pieces.size())]);
          break;
        case 1:
          b[below(b.size())] = pieces[below(pieces.size())];
          break;
        default:
          if (b.size() > 1) b.erase(b.begin() + static_cast<std::ptrdiff_t>(below(b.size())));
      }
    }
    const auto join = [&](const std::vector<std::string>& parts) {
      std::string text = front;
      for (const auto& part : parts)
        text += part;
      return text;
    };
    pairs.emplace_back(join(a), join(b));
  }
  return pairs;
}

// Runs `script` with bash or python over lines "A<TAB>B"; each answer line is -1, 0, 1 or "?".
std::vector<std::string> ask(const std::string& program, const std::string& script, const Pairs& pairs) {
  auto folder = TempDir::make(std::filesystem::temp_directory_path(), "scangate-version-");
  if (!folder) return {};
  {
    std::ofstream in(folder->path() / "pairs");
    for (const auto& [a, b] : pairs)
      in << a << '\t' << b << '\n';
    std::ofstream(folder->path() / "script") << script;
  }
  const std::string command = program + " " + (folder->path() / "script").string() + " < " +
                              (folder->path() / "pairs").string() + " > " + (folder->path() / "answers").string() +
                              " 2>/dev/null";
  if (std::system(command.c_str()) != 0) return {};
  std::ifstream out(folder->path() / "answers");
  std::vector<std::string> answers;
  for (std::string line; std::getline(out, line);)
    answers.push_back(line);
  return answers;
}

void expect_agreement(VersionScheme scheme, const Pairs& pairs, const std::vector<std::string>& answers) {
  ASSERT_EQ(answers.size(), pairs.size());
  std::size_t ordered = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto ours = compare_versions(scheme, pairs[i].first, pairs[i].second);
    ordered += ours.has_value() ? 1 : 0;
    EXPECT_EQ(ours ? std::to_string(*ours) : "?", answers[i]) << pairs[i].first << " and " << pairs[i].second;
  }
  // Else the pairs would test nothing but refusals.
  EXPECT_GT(ordered, pairs.size() / 8);
}

TEST(VersionOracle, DpkgAgreesWithDpkg) {
  if (std::system("dpkg --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no dpkg here";
  const Pairs pairs = make_pairs("1",
                                 {"1", "0", "10", "09", "99999999999999999999", ".", ".", "-", "+", "~", "~", "a", "rc",
                                  "deb12u", "Z", ":1", "2.36", "_"},
                                 2000);
  const auto answers = ask("bash", R"(while IFS=$'\t' read -r a b; do
  dpkg --compare-versions -- "$a" lt "$b" 2>/dev/null; lt=$?
  if [ $lt = 0 ]; then echo -1
  elif [ $lt = 2 ]; then echo '?'
  elif dpkg --compare-versions -- "$a" eq "$b" 2>/dev/null; then echo 0
  else echo 1; fi
done
)",
                           pairs);
  expect_agreement(VersionScheme::dpkg, pairs, answers);
}

TEST(VersionOracle, Pep440AgreesWithPackaging) {
  const std::string check = "python3 -c 'import packaging.version' > /dev/null 2>&1";
  if (std::system(check.c_str()) != 0) GTEST_SKIP() << "no python3 with the packaging module here";
  const Pairs pairs = make_pairs("1", {".1",    ".0",    ".10",  ".09",   "99999999999999999999",
                                       "1",     ".",     "-",    "_",     "a",
                                       "b",     "rc1",   "-c2",  ".post", "rev",
                                       ".dev",  ".dev3", "+abc", "+1",    "1!",
                                       "alpha", "PRE",   "-7"},
                                 8000);
  const auto answers = ask("python3", R"(import sys
from packaging.version import Version, InvalidVersion
for line in sys.stdin:
    a, b = line.rstrip("\n").split("\t")
    try:
        x, y = Version(a), Version(b)
        print((x > y) - (x < y))
    except InvalidVersion:
        print("?")
)",
                           pairs);
  expect_agreement(VersionScheme::pep440, pairs, answers);
}

}  // namespace
}  // namespace scangate
