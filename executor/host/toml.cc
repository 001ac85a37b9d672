#include "executor/host/toml.h"

#include <map>
#include <set>

#include "base/text.h"
#include "executor/host/toml_cursor.h"

namespace scangate::toml {
namespace {

using Path = std::vector<std::string>;

bool is_bare_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}
bool is_bare_value(char c) {
  return is_bare_key(c) || c == '+' || c == '.' || c == ':';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string shown(const Path& path) {
  return printable(fmt::format("{}", fmt::join(path, ".")));
}

class Reader : Cursor {
 public:
  using Cursor::Cursor;

  Result<Document> read() {
    if (text_.size() > kMaxTomlBytes)
      return fail(Error(Fault::user, fmt::format("larger than {} bytes", kMaxTomlBytes)).at(std::string(place_)));
    if (!is_utf8(text_)) return fail(Error(Fault::user, "not UTF-8, which TOML must be").at(std::string(place_)));
    // Editors of another system put it there, and gitlab-runner's own reader skips it.
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    if (const auto first = text_.find('\n'); first != std::string_view::npos && first > 0 && text_[first - 1] == '\r')
      document_.newline = "\r\n";
    document_.tables.emplace_back();
    document_.tables.back().header = {at_, at_};
    document_.tables.back().line = 1;
    while (at_ < text_.size())
      SCANGATE_CHECK(line());
    return std::move(document_);
  }

 private:
  // What may follow an entry or a header on its line.
  Result<void> rest_of_line() {
    blanks();
    SCANGATE_CHECK(comment());
    if (!at_end() && !newline()) return refuse(fmt::format("expected the end of the line, found {}", found()));
    return {};
  }

  Result<void> line() {
    const std::size_t begin = at_;
    const int number = line_;
    blanks();
    if (at_end() || peek() == '#' || peek() == '\n' || peek() == '\r') return rest_of_line();
    if (peek() == '[') return header(begin, number);
    Entry entry;
    entry.line = number;
    const std::size_t key_at = at_;
    SCANGATE_TRY(entry.key, key());
    if (peek() != '=') return refuse(fmt::format("expected '=' after the key, found {}", found()));
    ++at_;
    blanks();
    SCANGATE_TRY(entry.value, value(0));
    SCANGATE_CHECK(rest_of_line());
    entry.lines = {begin, at_};
    if (!keys_.insert(entry.key).second)
      return refuse_at(key_at, fmt::format("the key '{}' is there twice", shown(entry.key)));
    document_.tables.back().entries.push_back(std::move(entry));
    return {};
  }

  Result<void> header(std::size_t begin, int number) {
    Table table;
    const std::size_t header_at = at_;
    table.kind = looking_at("[[") ? Table::Kind::element : Table::Kind::table;
    at_ += table.kind == Table::Kind::element ? 2 : 1;
    blanks();
    SCANGATE_TRY(table.path, key());
    const std::string_view close = table.kind == Table::Kind::element ? "]]" : "]";
    if (!looking_at(close))
      return refuse(fmt::format("expected '{}' after the table's name, found {}", close, found()));
    at_ += close.size();
    SCANGATE_CHECK(rest_of_line());
    table.header = {begin, at_};
    table.line = number;
    keys_.clear();
    SCANGATE_CHECK(enter(table, header_at));
    document_.tables.push_back(std::move(table));
    return {};
  }

  // Refuses a table that is there twice. "[a.b]" below one "[[a]]" is another one than below the next.
  Result<void> enter(const Table& table, std::size_t header_at) {
    Path identity;
    for (std::size_t i = 0; i < table.path.size(); ++i) {
      identity.push_back(table.path[i]);
      const auto array = elements_.find(identity);
      if (array == elements_.end()) continue;
      if (i + 1 < table.path.size()) identity.push_back(std::to_string(array->second));
      if (i + 1 == table.path.size() && table.kind == Table::Kind::table)
        return refuse_at(header_at,
                         fmt::format("'{}' is an array of tables above and a table here", shown(table.path)));
    }
    if (table.kind == Table::Kind::element) {
      if (defined_.contains(identity))
        return refuse_at(header_at,
                         fmt::format("'{}' is a table above and an array of tables here", shown(table.path)));
      ++elements_[identity];
    } else if (!defined_.insert(identity).second) {
      return refuse_at(header_at, fmt::format("the table '{}' is there twice", shown(table.path)));
    }
    return {};
  }

  // A possibly dotted key, and the blanks behind it.
  Result<Path> key() {
    Path path;
    for (;;) {
      if (path.size() >= static_cast<std::size_t>(kMaxTomlDepth))
        return refuse(fmt::format("a key of more than {} parts", kMaxTomlDepth));
      std::string part;
      if (peek() == '"' || peek() == '\'') {
        if (looking_at("\"\"\"") || looking_at("'''")) return refuse("a key cannot be a multi-line string");
        SCANGATE_TRY(part, string());
      } else {
        while (!at_end() && is_bare_key(peek()))
          part += text_[at_++];
        if (part.empty()) return refuse(fmt::format("expected a key, found {}", found()));
      }
      path.push_back(std::move(part));
      blanks();
      if (peek() != '.') return path;
      ++at_;
      blanks();
    }
  }

  Result<Value> value(int depth) {
    if (depth > kMaxTomlDepth) return refuse(fmt::format("nested deeper than {}", kMaxTomlDepth));
    Value out;
    out.span.begin = at_;
    if (peek() == '"' || peek() == '\'') {
      out.kind = Value::Kind::text;
      SCANGATE_TRY(out.text, string());
    } else if (peek() == '[') {
      SCANGATE_CHECK(array(out, depth));
    } else if (peek() == '{') {
      SCANGATE_CHECK(inline_table(depth));
    } else {
      SCANGATE_CHECK(scalar());
    }
    out.span.end = at_;
    return out;
  }

  // Numbers, booleans, dates: their characters are checked, not their meaning.
  Result<void> scalar() {
    const std::size_t begin = at_;
    while (!at_end() && is_bare_value(peek()))
      ++at_;
    if (at_ == begin) return refuse(fmt::format("expected a value, found {}", found()));
    // "1979-05-27 07:32:00": a space may stand between date and time.
    if (at_ - begin == 10 && text_[begin + 4] == '-' && peek() == ' ' && is_digit(peek(1)) && is_digit(peek(2)) &&
        peek(3) == ':') {
      ++at_;
      while (!at_end() && is_bare_value(peek()))
        ++at_;
    }
    const std::string_view word = text_.substr(begin, at_ - begin);
    const bool number =
        is_digit(word[0]) || ((word[0] == '+' || word[0] == '-') && word.size() > 1 && is_digit(word[1]));
    for (const std::string_view known : {"true", "false", "inf", "+inf", "-inf", "nan", "+nan", "-nan"})
      if (word == known) return {};
    if (!number) return refuse_at(begin, fmt::format("'{}' is no value: a text needs quotes", printable(word)));
    return {};
  }

  // Blanks, comments and line ends between the items of an array.
  Result<void> gap() {
    for (;;) {
      blanks();
      SCANGATE_CHECK(comment());
      if (!newline()) return {};
    }
  }

  Result<void> array(Value& out, int depth) {
    out.kind = Value::Kind::texts;
    ++at_;
    for (;;) {
      SCANGATE_CHECK(gap());
      if (peek() == ']') break;
      SCANGATE_TRY(auto item, value(depth + 1));
      if (item.kind == Value::Kind::text)
        out.texts.push_back(std::move(item.text));
      else
        out.kind = Value::Kind::other;
      SCANGATE_CHECK(gap());
      if (peek() == ',') {
        ++at_;
        continue;
      }
      if (peek() != ']') return refuse(fmt::format("expected ',' or ']' in the array, found {}", found()));
      break;
    }
    ++at_;
    if (out.kind == Value::Kind::other) out.texts.clear();
    return {};
  }

  Result<void> inline_table(int depth) {
    ++at_;
    blanks();
    if (peek() == '}') {
      ++at_;
      return {};
    }
    std::set<Path> keys;
    for (;;) {
      blanks();
      const std::size_t key_at = at_;
      SCANGATE_TRY(auto name, key());
      if (peek() != '=') return refuse(fmt::format("expected '=' after the key, found {}", found()));
      ++at_;
      blanks();
      SCANGATE_TRY([[maybe_unused]] const auto item, value(depth + 1));
      if (!keys.insert(name).second) return refuse_at(key_at, fmt::format("the key '{}' is there twice", shown(name)));
      blanks();
      if (peek() == ',') {
        ++at_;
        continue;
      }
      if (peek() != '}') return refuse(fmt::format("expected ',' or '}}' in the inline table, found {}", found()));
      ++at_;
      return {};
    }
  }

  Document document_;
  std::set<Path> keys_;           // of the table being read
  std::set<Path> defined_;        // tables, by path and number of each array element on the way
  std::map<Path, int> elements_;  // arrays of tables
};

}  // namespace

const Entry* Table::find(std::string_view key) const {
  for (const auto& entry : entries)
    if (entry.key.size() == 1 && entry.key.front() == key) return &entry;
  return nullptr;
}

Result<Document> read(std::string_view text, std::string_view place) {
  return Reader(text, place).read();
}

std::string basic_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
  return out + "\"";
}

std::string basic_string(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts)
    out += (out.size() > 1 ? ", " : "") + basic_string(text);
  return out + "]";
}

}  // namespace scangate::toml
