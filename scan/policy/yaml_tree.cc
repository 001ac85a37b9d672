#include "scan/policy/yaml_tree.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/text.h"

namespace scangate {
namespace {

class Converter {
 public:
  explicit Converter(std::string_view file) : file_(file) {}

  Result<YamlNode> convert(const YAML::Node& node, int depth) {
    YamlNode out;
    out.place = place(node.Mark());
    if (depth > kMaxPolicyDepth) return wrong(out, fmt::format("nested deeper than {} levels", kMaxPolicyDepth));
    if (++nodes_ > kMaxPolicyNodes)
      return wrong(out, fmt::format("the document has more than {} values, aliases counted", kMaxPolicyNodes));
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        out.kind = YamlNode::Kind::scalar;
        out.text = node.Scalar();
        if (node.Tag() == "?" && (out.text == "~" || out.text == "null")) out.kind = YamlNode::Kind::null;
        return out;
      case YAML::NodeType::Sequence:
        out.kind = YamlNode::Kind::list;
        for (const auto& item : node) {
          SCANGATE_TRY(auto value, convert(item, depth + 1));
          out.items.push_back(std::move(value));
        }
        return out;
      case YAML::NodeType::Map:
        out.kind = YamlNode::Kind::map;
        for (const auto& pair : node) {
          if (!pair.first.IsScalar()) return wrong(out, "a key is not a plain text");
          YamlNode::Entry entry{pair.first.Scalar(), place(pair.first.Mark()), {}};
          // yaml-cpp keeps both and finds the first; others let the last win.
          if (out.find(entry.key) != nullptr)
            return fail(
                Error(Fault::user, fmt::format("key '{}' is there twice", printable(entry.key))).at(entry.place));
          SCANGATE_TRY(entry.value, convert(pair.second, depth + 1));
          out.entries.push_back(std::move(entry));
        }
        return out;
      default:
        return out;
    }
  }

 private:
  static tl::unexpected<Error> wrong(const YamlNode& node, std::string cause) {
    return fail(Error(Fault::user, std::move(cause)).at(node.place));
  }
  std::string place(const YAML::Mark& mark) const {
    return mark.is_null() ? file_ : fmt::format("{}:{}:{}", file_, mark.line + 1, mark.column + 1);
  }

  std::string file_;
  std::size_t nodes_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto at = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return at == entries.end() ? nullptr : &at->value;
}

Result<YamlNode> parse_yaml_tree(std::string_view text, std::string_view place) {
  const auto wrong = [&](std::string at, std::string cause) {
    return fail(Error(Fault::user, std::move(cause)).at(std::move(at)));
  };
  const std::string file(place);
  if (text.size() > kMaxPolicyBytes) return wrong(file, fmt::format("larger than {}", human_bytes(kMaxPolicyBytes)));
  if (!is_utf8(text)) return wrong(file, "not UTF-8 text");
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) return wrong(file, "more than one YAML document");
    if (documents.empty()) return YamlNode{.kind = YamlNode::Kind::null, .place = file};
    return Converter(file).convert(documents.front(), 0);
  } catch (const YAML::Exception& e) {
    const bool known = !e.mark.is_null();
    return wrong(known ? fmt::format("{}:{}:{}", file, e.mark.line + 1, e.mark.column + 1) : file,
                 "not valid YAML: " + e.msg);
  } catch (const std::exception& e) {
    return wrong(file, fmt::format("not valid YAML: {}", e.what()));
  }
}

}  // namespace scangate
