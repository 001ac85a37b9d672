#include "pipeline/dockerfile/lines.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "pipeline/dockerfile/parse.h"
#include "pipeline/dockerfile/words.h"

namespace scangate::dockerfile {

std::string place_text(const std::string& file_name, Place place) {
  return fmt::format("{}:{}:{}", file_name, place.line, place.column);
}

std::string Heredoc::text() const {
  if (!strip_tabs) return content;
  std::string out;
  bool line_start = true;
  for (const char c : content) {
    if (line_start && c == '\t') continue;
    line_start = c == '\n';
    out += c;
  }
  return out;
}

void LogicalLine::append(std::string_view piece, Place place) {
  pieces_.push_back({text_.size(), place});
  text_ += piece;
}

Place LogicalLine::place_at(std::size_t offset) const {
  auto after = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                [](std::size_t wanted, const Piece& piece) { return wanted < piece.offset; });
  if (after == pieces_.begin()) return {};
  const Piece& piece = *std::prev(after);
  return {piece.place.line, piece.place.column + static_cast<int>(offset - piece.offset)};
}

std::optional<Heredoc> heredoc_of_word(std::string_view word) {
  std::size_t i = 0;
  unsigned descriptor = 0;
  while (i < word.size() && word[i] >= '0' && word[i] <= '9') {
    if (i >= 3) return std::nullopt;  // no shell has a four-digit descriptor
    descriptor = descriptor * 10 + static_cast<unsigned>(word[i++] - '0');
  }
  if (!word.substr(i).starts_with("<<")) return std::nullopt;
  i += 2;
  Heredoc doc;
  doc.file_descriptor = descriptor;
  if (i < word.size() && word[i] == '-') {
    doc.strip_tabs = true;
    ++i;
  }
  const std::string_view delimiter = word.substr(i);
  if (delimiter.empty() || delimiter.find('<') != std::string_view::npos) return std::nullopt;
  char quote = 0;
  for (std::size_t k = 0; k < delimiter.size(); ++k) {
    const char c = delimiter[k];
    if (quote == 0 && is_blank(c)) return std::nullopt;  // more than one word
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      doc.expand = false;
    } else if (c == quote) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && k + 1 < delimiter.size()) {
      doc.expand = false;
      doc.name += delimiter[++k];
    } else {
      doc.name += c;
    }
  }
  if (quote != 0 || doc.name.empty()) return std::nullopt;
  return doc;
}

namespace {

struct RawLine {
  std::string_view text;  // without line end
  std::string_view whole;
  int number = 0;
};

std::vector<RawLine> raw_lines(std::string_view text) {
  std::vector<RawLine> lines;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::string_view line = text.substr(start, end - start);
    const std::string_view whole = text.substr(start, std::min(end + 1, text.size()) - start);
    while (line.ends_with('\r'))
      line.remove_suffix(1);
    lines.push_back({line, whole, static_cast<int>(lines.size()) + 1});
    start = end + 1;
  }
  return lines;
}

std::size_t indent_of(std::string_view line) {
  std::size_t i = 0;
  while (i < line.size() && is_blank(line[i]))
    ++i;
  return i;
}

bool is_comment(std::string_view line) {
  const std::size_t i = indent_of(line);
  return i < line.size() && line[i] == '#';
}

// Cuts the continuation mark with the blanks after it and says whether there was one. An escaped escape at the end of a
// line ("\\" twice) is text.
bool cut_continuation(std::string_view& line, char escape) {
  std::string_view cut = line;
  while (!cut.empty() && (cut.back() == ' ' || cut.back() == '\t'))
    cut.remove_suffix(1);
  if (cut.empty() || cut.back() != escape) return false;
  cut.remove_suffix(1);
  if (!cut.empty() && cut.back() == escape) return false;
  line = cut;
  return true;
}

struct Directive {
  std::string key;
  std::string value;
};

std::optional<Directive> directive_of(std::string_view line) {
  line = trim(line);
  if (!line.starts_with('#')) return std::nullopt;
  line = trim(line.substr(1));
  std::size_t i = 0;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  while (i < line.size() && (letter(line[i]) || (i > 0 && line[i] >= '0' && line[i] <= '9')))
    ++i;
  if (i == 0) return std::nullopt;
  std::string key = to_lower(line.substr(0, i));
  line = trim(line.substr(i));
  if (!line.starts_with('=')) return std::nullopt;
  line = trim(line.substr(1));
  if (line.empty()) return std::nullopt;
  return Directive{std::move(key), std::string(line)};
}

// Directives stand before everything else, also before comments; the first line that is none ends them.
Result<void> read_directives(const std::vector<RawLine>& lines, std::string_view name, LexedFile& file) {
  std::set<std::string> seen;
  for (const RawLine& line : lines) {
    auto directive = directive_of(line.text);
    if (!directive) return {};
    const auto place = [&] { return fmt::format("{}:{}:{}", name, line.number, indent_of(line.text) + 1); };
    if (directive->key != "escape" && directive->key != "syntax" && directive->key != "check") return {};
    if (!seen.insert(directive->key).second)
      return fail(
          Error(Fault::user, fmt::format("the parser directive '{}' may be given once", directive->key)).at(place()));
    if (directive->key == "escape") {
      if (directive->value != "\\" && directive->value != "`")
        return fail(Error(Fault::user,
                          fmt::format("invalid escape character '{}': it must be \\ or `", printable(directive->value)))
                        .at(place()));
      file.escape = directive->value[0];
    } else if (directive->key == "syntax") {
      file.syntax = directive->value;
    } else {
      file.check = directive->value;
    }
  }
  return {};
}

bool takes_heredocs(std::string_view line) {
  const auto words = plain_words(line);
  if (words.empty()) return false;
  std::string first = to_lower(words.front().text);
  if (first == "onbuild" && words.size() > 1) first = to_lower(words[1].text);
  return first == "run" || first == "copy" || first == "add";
}

// Reads the bodies that the line announces; `next` is the index of the first line after it.
Result<void> read_heredocs(const std::vector<RawLine>& lines, std::size_t& next, std::string_view name,
                           LogicalLine& line) {
  if (line.text().find("<<") == std::string::npos || !takes_heredocs(line.text())) return {};
  // A RUN in exec form has no redirections: its "<<" is data.
  for (const Span& word : quoted_words(line.text(), '\\')) {
    auto doc = heredoc_of_word(word.text);
    if (!doc) continue;
    doc->place = line.place_at(word.offset);
    bool ended = false;
    while (next < lines.size() && !ended) {
      std::string_view candidate = lines[next].text;
      if (doc->strip_tabs) {
        while (candidate.starts_with('\t'))
          candidate.remove_prefix(1);
      }
      line.last_line = lines[next].number;
      ended = candidate == doc->name;
      if (!ended) doc->content += lines[next].whole;
      ++next;
    }
    if (!ended)
      return fail(Error(Fault::user, fmt::format("the heredoc '{}' is not ended", printable(doc->name)))
                      .at(place_text(std::string(name), doc->place))
                      .remedy(fmt::format("add a line with only {} after its text", printable(doc->name))));
    line.heredocs.push_back(std::move(*doc));
  }
  return {};
}

}  // namespace

Result<LexedFile> lex_dockerfile(std::string_view text, std::string_view name) {
  if (text.size() > kMaxDockerfileBytes)
    return fail(Error(Fault::user, fmt::format("larger than {} bytes", kMaxDockerfileBytes)).at(std::string(name)));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::vector<RawLine> lines = raw_lines(text);
  LexedFile file;
  SCANGATE_CHECK(read_directives(lines, name, file));
  std::size_t next = 0;
  while (next < lines.size()) {
    const RawLine& first = lines[next++];
    if (is_comment(first.text)) continue;
    const std::size_t indent = indent_of(first.text);
    std::string_view piece = first.text.substr(indent);
    bool more = cut_continuation(piece, file.escape);
    if (piece.empty() && !more) continue;
    LogicalLine line;
    line.last_line = first.number;
    line.append(piece, {first.number, static_cast<int>(indent) + 1});
    while (more && next < lines.size()) {
      const RawLine& following = lines[next++];
      line.last_line = following.number;
      // Comments and empty lines inside a continuation are dropped and do not end it.
      if (is_comment(following.text)) continue;
      if (indent_of(following.text) == following.text.size()) {
        line.empty_continuation = true;
        continue;
      }
      piece = following.text;
      more = cut_continuation(piece, file.escape);
      line.append(piece, {following.number, 1});
    }
    if (trim(line.text()).empty()) continue;
    SCANGATE_CHECK(read_heredocs(lines, next, name, line));
    file.lines.push_back(std::move(line));
    if (file.lines.size() > kMaxInstructions)
      return fail(Error(Fault::user, fmt::format("more than {} instructions", kMaxInstructions)).at(std::string(name)));
  }
  return file;
}

}  // namespace scangate::dockerfile
