#include "pipeline/dockerfile/excerpt.h"

#include <gtest/gtest.h>

namespace scangate::dockerfile {
namespace {

struct Row {
  const char* behaviour;
  std::string text;
  Place place;
  std::string shown;
};

TEST(Excerpt, ShowsTheLineAndTheColumn) {
  const Row rows[] = {
      {"the column", "FROM a\nRUNN x\n", {2, 1}, "  2 | RUNN x\n    | ^"},
      {"a column inside", "COPY --form=x a b", {1, 6}, "  1 | COPY --form=x a b\n    |      ^"},
      {"numbers of two digits", std::string(11, '\n') + "X y\n", {12, 3}, "  12 | X y\n     |   ^"},
      {"tabs stay", "\tX\ty\n", {1, 4}, "  1 | \tX\ty\n    | \t \t^"},
      {"characters of several bytes", "ENV ä=ö x\n", {1, 11}, "  1 | ENV ä=ö x\n    |         ^"},
      {"no column, no caret", "X\n", {1, 0}, "  1 | X"},
      {"line ends of Windows", "X\r\nY\r\n", {1, 1}, "  1 | X\n    | ^"},
      {"control characters", "X \x1b[31m\n", {1, 1}, "  1 | X ?[31m\n    | ^"},
      {"the end of a line", "X", {1, 2}, "  1 | X\n    |  ^"},
      {"a line that is not there", "X\n", {7, 1}, ""},
      {"an empty line", "X\n\n", {2, 1}, ""},
      {"no place", "X\n", {0, 0}, ""},
  };
  for (const Row& row : rows)
    EXPECT_EQ(excerpt(row.text, row.place), row.shown) << row.behaviour;
}

TEST(Excerpt, CutsALongLineOnBothSides) {
  const std::string line = std::string(200, 'a') + "X" + std::string(200, 'b');
  EXPECT_EQ(excerpt(line, {1, 201}),
            "  1 | …" + std::string(60, 'a') + "X" + std::string(59, 'b') + "…\n    |  " + std::string(60, ' ') + "^");
}

TEST(Excerpt, IsForErrorsPlacedInTheFile) {
  const auto shown = [](const std::string& place) {
    return excerpt_of(Error(Fault::user, "no").at(place), "FROM a\nRUNN\n", "Dockerfile");
  };
  EXPECT_EQ(shown("Dockerfile:2:1"), "  2 | RUNN\n    | ^");
  EXPECT_EQ(shown("Dockerfile:2"), "  2 | RUNN");
  for (const char* other :
       {"Dockerfile", "Dockerfile:x", "Dockerfile:2:y", ".dockerignore:2:1", "Dockerfile:99999999999:1"})
    EXPECT_EQ(shown(other), "") << other;
}

TEST(Excerpt, AllLinesOfAnInstructionAreMarked) {
  EXPECT_EQ(excerpt_lines("FROM a\nRUN false\n", 2, 2), "  2 | >>> RUN false");
  EXPECT_EQ(excerpt_lines("\n\n\n\n\n\n\n\nRUN a && \\\r\n\tb\x01\n", 9, 10),
            "   9 | >>> RUN a && \\\n  10 | >>> \tb?");
}

TEST(Excerpt, OfALongInstructionTheBeginningIsShown) {
  std::string text = "RUN <<EOF\n";
  for (int i = 0; i < 10; ++i)
    text += std::to_string(i) + "\n";
  std::string shown = "   1 | >>> RUN <<EOF";
  for (int i = 2; i <= 10; ++i)
    shown += fmt::format("\n  {:>2} | >>> {}", i, i - 2);
  EXPECT_EQ(excerpt_lines(text, 1, 11), shown + "\n     | … 1 more line");
  EXPECT_EQ(excerpt_lines(text, 1, 12), shown + "\n     | … 2 more lines");
}

TEST(Excerpt, LinesThatAreNotThereShowNothing) {
  EXPECT_EQ(excerpt_lines("RUN a\n", 7, 9), "");
}

}  // namespace
}  // namespace scangate::dockerfile
