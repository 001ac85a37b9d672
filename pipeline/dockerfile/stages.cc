#include "pipeline/dockerfile/stages.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/text.h"

namespace scangate::dockerfile {
namespace {

std::optional<std::size_t> number_of(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// The last stage of that name before `limit`: a later stage of the same name hides an earlier one.
std::optional<std::size_t> stage_named(const Dockerfile& file, std::string_view name, std::size_t limit) {
  const std::string wanted = to_lower(name);
  for (std::size_t i = std::min(limit, file.stages.size()); i-- > 0;) {
    if (!file.stages[i].name.empty() && file.stages[i].name == wanted) return i;
  }
  return std::nullopt;
}

Result<std::string> expand_at(const Dockerfile& file, const Variables& variables, const std::string& text,
                              Place place) {
  auto value = expand_word(
      text,
      [&](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
      },
      file.escape);
  if (!value) return fail(std::move(value).error().at(place_text(file.name, place)));
  return value;
}

Result<std::size_t> find_target(const Dockerfile& file, const std::string& target) {
  if (target.empty()) return file.stages.size() - 1;
  if (auto named = stage_named(file, target, file.stages.size())) return *named;
  if (auto number = number_of(target); number && *number < file.stages.size()) return *number;
  std::vector<std::string> known;
  for (const Stage& stage : file.stages) {
    if (!stage.name.empty()) known.push_back(stage.name);
  }
  Error error = Error(Fault::user, fmt::format("there is no stage '{}'", printable(target))).at(file.name);
  if (auto best = nearest(to_lower(target), known))
    return fail(std::move(error).remedy(fmt::format("did you mean '{}'?", *best)));
  return fail(std::move(error));
}

// Depth first with an explicit path, so that a cycle can be named.
Result<void> visit(const Dockerfile& file, const ResolvedFile& resolved, std::size_t stage, std::vector<char>& state,
                   std::vector<std::size_t>& order) {
  state[stage] = 1;
  for (const std::size_t need : resolved.stages[stage].needs) {
    if (state[need] == 1)
      return fail(Error(Fault::user, fmt::format("the stages {} and {} need each other", need, stage))
                      .at(place_text(file.name, file.stages[stage].from.place)));
    // Recursion is bounded by kMaxStages.
    if (state[need] == 0) SCANGATE_CHECK(visit(file, resolved, need, state, order));
  }
  state[stage] = 2;
  order.push_back(stage);
  return {};
}

}  // namespace

bool is_predefined_arg(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kNames{"http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
                                                          "all_proxy"};
  const std::string lower = to_lower(name);
  const bool one_case = lower == name || std::ranges::none_of(name, [](char c) { return c >= 'a' && c <= 'z'; });
  return one_case && std::ranges::find(kNames, std::string_view(lower)) != kNames.end();
}

Variables platform_args(const StageOptions& options) {
  Variables args;
  const auto add = [&](const std::string& prefix, const std::string& os, const std::string& architecture,
                       const std::string& variant) {
    args[prefix + "PLATFORM"] = os + "/" + architecture + (variant.empty() ? "" : "/" + variant);
    args[prefix + "OS"] = os;
    args[prefix + "ARCH"] = architecture;
    args[prefix + "VARIANT"] = variant;
  };
  add("TARGET", options.os, options.architecture, options.variant);
  add("BUILD", options.build_os, options.build_architecture, options.build_variant);
  args["TARGETSTAGE"] = options.target.empty() ? "default" : options.target;
  return args;
}

Result<SourceRef> resolve_source(const Dockerfile& file, std::size_t stage, const Word& from,
                                 const ContextLookup& contexts) {
  const auto at = [&](Error error) { return std::move(error).at(place_text(file.name, from.place)); };
  if (from.text.empty()) return fail(at(Error(Fault::user, "--from is empty")));
  if (from.text.find('$') != std::string::npos)
    return fail(at(Error(Fault::user, "variables are not expanded in --from")
                       .remedy("define a stage FROM the variable and name that stage")));
  if (auto number = number_of(from.text)) {
    if (*number >= file.stages.size())
      return fail(at(Error(Fault::user, fmt::format("there is no stage number {}", *number))));
    if (*number == stage) return fail(at(Error(Fault::user, "a stage cannot copy from itself")));
    return SourceRef{BaseKind::stage, *number, ""};
  }
  if (auto named = stage_named(file, from.text, file.stages.size())) {
    if (*named == stage) return fail(at(Error(Fault::user, "a stage cannot copy from itself")));
    return SourceRef{BaseKind::stage, *named, ""};
  }
  if (to_lower(from.text) == "scratch") return SourceRef{BaseKind::scratch, 0, ""};
  if (contexts) {
    if (auto context = contexts(from.text)) return SourceRef{BaseKind::context, 0, std::move(*context)};
  }
  return SourceRef{BaseKind::image, 0, from.text};
}

Result<ResolvedFile> resolve_stages(const Dockerfile& file, const StageOptions& options) {
  ResolvedFile resolved;
  resolved.contexts = options.contexts;
  const auto context_of = [&](std::string_view name) {
    return options.contexts && !name.empty() ? options.contexts(name) : std::nullopt;
  };
  resolved.global_args = platform_args(options);
  for (auto& [name, value] : resolved.global_args) {
    if (auto given = options.build_args.find(name); given != options.build_args.end()) value = given->second;
  }
  for (const ArgLine& line : file.args) {
    for (const ArgName& arg : line.args) {
      if (auto given = options.build_args.find(arg.name); given != options.build_args.end()) {
        resolved.global_args[arg.name] = given->second;
      } else if (arg.fallback) {
        SCANGATE_TRY(resolved.global_args[arg.name], expand_at(file, resolved.global_args, *arg.fallback, arg.place));
      }
    }
  }
  SCANGATE_TRY(resolved.target, find_target(file, options.target));
  for (const Stage& stage : file.stages) {
    const FromLine& from = stage.from_line();
    ResolvedStage out;
    SCANGATE_TRY(const std::string base, expand_at(file, resolved.global_args, from.base.text, from.base.place));
    if (base.empty())
      return fail(
          Error(Fault::user, fmt::format("the base image '{}' is empty after expansion", printable(from.base.text)))
              .at(place_text(file.name, from.base.place))
              .remedy("give the ARG a default or pass --build-arg"));
    SCANGATE_TRY(out.platform, expand_at(file, resolved.global_args, from.platform, stage.from.place));
    std::set<std::size_t> needs;
    if (auto instead = context_of(stage.name)) {
      out.base = {BaseKind::context, 0, std::move(*instead)};
      out.replaced = true;
      resolved.stages.push_back(std::move(out));
      continue;
    }
    if (auto earlier = stage_named(file, base, stage.index)) {
      out.base = {BaseKind::stage, *earlier, ""};
      needs.insert(*earlier);
    } else if (base == "scratch") {
      out.base = {BaseKind::scratch, 0, ""};
    } else if (auto context = context_of(base)) {
      out.base = {BaseKind::context, 0, std::move(*context)};
    } else {
      out.base = {BaseKind::image, 0, base};
    }
    const auto need = [&](const Word& word) -> Result<void> {
      SCANGATE_TRY(auto source, resolve_source(file, stage.index, word, options.contexts));
      if (source.kind == BaseKind::stage) needs.insert(source.stage);
      return {};
    };
    for (const Instruction& instruction : stage.instructions) {
      if (const auto* copy = std::get_if<CopyLine>(&instruction.body); copy != nullptr && copy->from)
        SCANGATE_CHECK(need(*copy->from));
      if (const auto* run = std::get_if<RunLine>(&instruction.body)) {
        for (const Mount& mount : run->mounts) {
          for (const KeyValue& option : mount.options) {
            if (option.key == "from") SCANGATE_CHECK(need({option.value, option.place}));
          }
        }
      }
    }
    out.needs.assign(needs.begin(), needs.end());
    resolved.stages.push_back(std::move(out));
  }
  std::vector<char> state(file.stages.size(), 0);
  SCANGATE_CHECK(visit(file, resolved, resolved.target, state, resolved.order));
  return resolved;
}

std::vector<std::string> unused_build_args(const Dockerfile& file, const Variables& build_args) {
  std::set<std::string, std::less<>> declared;
  for (const ArgLine& line : file.args) {
    for (const ArgName& arg : line.args)
      declared.insert(arg.name);
  }
  for (const Stage& stage : file.stages) {
    for (const Instruction& instruction : stage.instructions) {
      if (const auto* line = std::get_if<ArgLine>(&instruction.body)) {
        for (const ArgName& arg : line->args)
          declared.insert(arg.name);
      }
    }
  }
  std::vector<std::string> unused;
  for (const auto& [name, value] : build_args) {
    if (!declared.contains(name) && !is_predefined_arg(name) && name != "SOURCE_DATE_EPOCH") unused.push_back(name);
  }
  return unused;
}

}  // namespace scangate::dockerfile
