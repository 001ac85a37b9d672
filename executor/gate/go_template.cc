#include "executor/gate/go_template.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <vector>

#include "base/json/json.h"
#include "base/text.h"
#include "executor/gate/go_template_syntax.h"

namespace scangate {
namespace {

using Json = nlohmann::ordered_json;
using go_template::Node;
using go_template::Token;
using go_template::tokens_of;
using go_template::wrong;

// What docker has as Go maps: a missing member is no error.
bool is_map_name(std::string_view name) {
  return name == "Labels" || name == "ExposedPorts" || name == "Volumes" || name == "Annotations";
}

bool is_true(const Json& value) {
  if (value.is_null()) return false;
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.empty();
}

// As Go prints a value of that shape.
std::string shown(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "<no value>";
  if (value.is_array()) {
    std::string out = "[";
    for (std::size_t i = 0; i < value.size(); ++i)
      out += (i == 0 ? "" : " ") + shown(value[i]);
    return out + "]";
  }
  if (value.is_object()) {
    std::map<std::string, std::string> sorted;
    for (const auto& [key, member] : value.items())
      sorted[key] = shown(member);
    std::string out = "map[";
    for (const auto& [key, text] : sorted)
      out += (out.size() == 4 ? "" : " ") + key + ":" + text;
    return out + "]";
  }
  return dump_json(value);
}

class Evaluator {
 public:
  explicit Evaluator(const Json& root) : root_(root) {}

  Result<std::string> run(const std::vector<Node>& nodes) {
    std::string out;
    SCANGATE_CHECK(write(nodes, root_, out));
    return out;
  }

 private:
  using Variables = std::map<std::string, Json>;

  Result<void> write(const std::vector<Node>& nodes, const Json& dot, std::string& out) {
    for (const Node& node : nodes) {
      if (out.size() > kMaxTemplateOutput)
        return wrong(fmt::format("the text is longer than {} bytes", kMaxTemplateOutput));
      if (node.kind == Node::Kind::text) {
        out += node.text;
        continue;
      }
      SCANGATE_TRY(const Json value, pipeline(node.code, dot));
      switch (node.kind) {
        case Node::Kind::range:
          SCANGATE_CHECK(write_range(node, value, dot, out));
          break;
        case Node::Kind::condition:
          SCANGATE_CHECK(write(is_true(value) ? node.body : node.otherwise, dot, out));
          break;
        case Node::Kind::with:
          SCANGATE_CHECK(is_true(value) ? write(node.body, value, out) : write(node.otherwise, dot, out));
          break;
        default:
          out += shown(value);
      }
    }
    return {};
  }

  Result<void> write_range(const Node& node, const Json& value, const Json& dot, std::string& out) {
    if (!value.is_null() && !value.is_array() && !value.is_object()) return wrong("range over what is no list");
    if (value.empty()) return write(node.otherwise, dot, out);
    const Variables before = variables_;
    std::size_t index = 0;
    // A range inside a range multiplies: the output's cap bounds text, this bounds silent loops.
    for (const auto& [key, item] : value.items()) {
      if (++steps_ > kMaxSteps) return wrong(fmt::format("more than {} rounds of range", kMaxSteps));
      if (!node.variables.empty()) variables_[node.variables.back()] = item;
      if (node.variables.size() == 2) variables_[node.variables[0]] = value.is_array() ? Json(index) : Json(key);
      ++index;
      SCANGATE_CHECK(write(node.body, item, out));
    }
    variables_ = before;
    return {};
  }

  // COMMAND | COMMAND | …: each gets the one before as its last argument.
  Result<Json> pipeline(std::span<const Token> code, const Json& dot, int depth = 0) {
    if (depth > kMaxTemplateDepth) return wrong(fmt::format("nested deeper than {}", kMaxTemplateDepth));
    std::optional<Json> last;
    std::size_t begin = 0;
    int open = 0;
    for (std::size_t i = 0; i <= code.size(); ++i) {
      if (i < code.size()) {
        if (code[i].kind == Token::Kind::open) ++open;
        if (code[i].kind == Token::Kind::close) --open;
        if (open > 0 || code[i].kind != Token::Kind::pipe) continue;
      }
      SCANGATE_TRY(last, one_command(code.subspan(begin, i - begin), dot, last, depth));
      begin = i + 1;
    }
    return std::move(*last);
  }

  Result<Json> one_command(std::span<const Token> code, const Json& dot, const std::optional<Json>& piped, int depth) {
    if (code.empty()) return wrong("a command is missing");
    std::vector<Json> values;
    const bool is_function =
        code[0].kind == Token::Kind::word && code[0].text != "true" && code[0].text != "false" && code[0].text != "nil";
    for (std::size_t i = is_function ? 1 : 0; i < code.size();) {
      if (code[i].kind == Token::Kind::open) {
        std::size_t end = i + 1;
        for (int open = 1; end < code.size(); ++end) {
          if (code[end].kind == Token::Kind::open) ++open;
          if (code[end].kind == Token::Kind::close && --open == 0) break;
        }
        if (end >= code.size()) return wrong("'(' is not closed");
        SCANGATE_TRY(Json value, pipeline(code.subspan(i + 1, end - i - 1), dot, depth + 1));
        i = end + 1;
        if (i < code.size() && code[i].kind == Token::Kind::field && code[i].text.size() > 1) {
          SCANGATE_TRY(value, field(value, code[i].text, ""));
          ++i;
        }
        values.push_back(std::move(value));
        continue;
      }
      SCANGATE_TRY(Json value, operand(code[i], dot));
      values.push_back(std::move(value));
      ++i;
    }
    if (piped) values.push_back(*piped);
    if (is_function) return call(code[0].text, values);
    if (values.size() != 1) return wrong(fmt::format("'{}' is no function", printable(code[0].text)));
    return std::move(values[0]);
  }

  Result<Json> operand(const Token& token, const Json& dot) {
    switch (token.kind) {
      case Token::Kind::field:
        return field(dot, token.text, "");
      case Token::Kind::variable: {
        const std::size_t point = token.text.find('.');
        const std::string name = token.text.substr(0, point);
        const std::string path = point == std::string::npos ? "." : token.text.substr(point);
        if (name == "$") return field(root_, path, "");
        const auto found = variables_.find(name);
        if (found == variables_.end()) return wrong(fmt::format("undefined variable '{}'", printable(name)));
        return field(found->second, path, "");
      }
      case Token::Kind::text:
        return Json(token.text);
      case Token::Kind::number: {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(token.text.data(), token.text.data() + token.text.size(), number);
        if (error != std::errc() || end != token.text.data() + token.text.size())
          return wrong(fmt::format("'{}' is no number", printable(token.text)));
        return Json(number);
      }
      case Token::Kind::word:
        if (token.text == "true" || token.text == "false") return Json(token.text == "true");
        if (token.text == "nil") return Json();
        return wrong(fmt::format("a call of '{}' inside needs parentheses", printable(token.text)));
      default:
        return wrong(fmt::format("unexpected '{}'", token.text));
    }
  }

  // ".A.B" of `from`.
  static Result<Json> field(const Json& from, std::string_view path, std::string_view parent) {
    const Json* at = &from;
    std::string above(parent);
    for (const std::string& name : split(path.substr(1), '.')) {
      if (name.empty()) continue;
      if (at->is_null()) return Json();
      const auto found = at->is_object() ? at->find(name) : at->end();
      if (!at->is_object() || found == at->end()) {
        if (is_map_name(above)) return Json();
        return wrong(fmt::format("there is no field '{}' in '{}'", printable(name), printable(path)));
      }
      at = &*found;
      above = name;
    }
    return *at;
  }

  static Result<Json> index_of(const Json& from, const Json& key) {
    if (from.is_null()) return Json("");
    if (from.is_array() && key.is_number_integer()) {
      const auto at = key.get<std::int64_t>();
      if (at < 0 || at >= static_cast<std::int64_t>(from.size()))
        return wrong(fmt::format("index {} is out of range: there are {}", at, from.size()));
      return from[static_cast<std::size_t>(at)];
    }
    if (from.is_object() && key.is_string()) {
      const auto found = from.find(key.get<std::string>());
      return found == from.end() ? Json("") : *found;  // the zero value of a map of texts
    }
    return wrong("index of what is neither list nor map");
  }

  static Result<Json> call(const std::string& name, const std::vector<Json>& values) {
    const auto text = [&](std::size_t i) { return i < values.size() ? shown(values[i]) : std::string(); };
    const auto needs = [&](std::size_t count) -> Result<void> {
      if (values.size() == count) return {};
      return wrong(fmt::format("'{}' takes {} values, not {}", name, count, values.size()));
    };
    if (name == "json") {
      SCANGATE_CHECK(needs(1));
      return Json(dump_json(values[0]));
    }
    if (name == "index") {
      if (values.empty()) return wrong("'index' takes a list or map");
      Json at = values[0];
      for (std::size_t i = 1; i < values.size(); ++i) {
        SCANGATE_TRY(at, index_of(at, values[i]));
      }
      return at;
    }
    if (name == "len") {
      SCANGATE_CHECK(needs(1));
      return Json(values[0].is_string() ? values[0].get_ref<const std::string&>().size() : values[0].size());
    }
    if (name == "join") {
      SCANGATE_CHECK(needs(2));
      std::string out;
      for (const Json& item : values[0])
        out += (&item == &values[0].front() ? "" : text(1)) + shown(item);
      return Json(out);
    }
    if (name == "split") {
      SCANGATE_CHECK(needs(2));
      if (text(1).size() != 1) return wrong("'split' is served for one character");
      return Json(scangate::split(text(0), text(1)[0]));
    }
    if (name == "lower" || name == "upper") {
      SCANGATE_CHECK(needs(1));
      std::string out = to_lower(text(0));
      if (name == "upper") {
        out = text(0);
        for (char& c : out)
          if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
      }
      return Json(out);
    }
    if (name == "slice") {
      if (values.size() < 2 || values.size() > 3 || !values[0].is_string())
        return wrong("'slice' takes a text and places");
      const std::string whole = text(0);
      const auto place = [&](std::size_t i, std::int64_t otherwise) {
        return i < values.size() && values[i].is_number_integer() ? values[i].get<std::int64_t>() : otherwise;
      };
      const std::int64_t begin = place(1, -1);
      const std::int64_t end = place(2, static_cast<std::int64_t>(whole.size()));
      if (begin < 0 || end < begin || end > static_cast<std::int64_t>(whole.size()))
        return wrong("'slice' is out of range");
      return Json(whole.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    }
    if (name == "print" || name == "println") {
      std::string out;
      for (std::size_t i = 0; i < values.size(); ++i)
        out += (i == 0 || name == "print" ? "" : " ") + text(i);
      return Json(name == "println" ? out + "\n" : out);
    }
    if (name == "printf") return formatted(values);
    if (name == "eq" || name == "ne") {
      SCANGATE_CHECK(needs(2));
      return Json((values[0] == values[1]) == (name == "eq"));
    }
    if (name == "not") {
      SCANGATE_CHECK(needs(1));
      return Json(!is_true(values[0]));
    }
    if (name == "and" || name == "or") {
      if (values.empty()) return wrong(fmt::format("'{}' takes values", name));
      for (const Json& value : values)
        if (is_true(value) == (name == "or")) return value;
      return values.back();
    }
    return wrong(fmt::format("the function '{}' is not served", printable(name)));
  }

  // %s, %v, %d, %q and %%.
  static Result<Json> formatted(const std::vector<Json>& values) {
    if (values.empty() || !values[0].is_string()) return wrong("'printf' takes a format");
    const std::string format = values[0].get<std::string>();
    std::string out;
    std::size_t next = 1;
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%' || i + 1 >= format.size()) {
        out += format[i];
        continue;
      }
      const char verb = format[++i];
      if (verb == '%') {
        out += '%';
      } else if (verb == 's' || verb == 'v' || verb == 'd' || verb == 'q') {
        if (next >= values.size()) return wrong("'printf' has too few values");
        const std::string text = shown(values[next++]);
        out += verb == 'q' ? dump_json(Json(text)) : text;
      } else {
        return wrong(fmt::format("'%{}' of printf is not served", printable(std::string(1, verb))));
      }
    }
    return Json(out);
  }

  static constexpr std::size_t kMaxSteps = 100'000;
  const Json& root_;
  Variables variables_;
  std::size_t steps_ = 0;
};

}  // namespace

Result<std::string> fill_template(std::string_view format, std::string_view json) {
  if (format.size() > kMaxTemplateBytes) return wrong(fmt::format("longer than {} bytes", kMaxTemplateBytes));
  const Json root = Json::parse(json, nullptr, false);
  if (root.is_discarded()) return fail(Fault::host, "--format: what it is to show is no JSON");
  SCANGATE_TRY(const auto nodes, go_template::parse(format));
  return Evaluator(root).run(nodes);
}

}  // namespace scangate
