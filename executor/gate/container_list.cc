#include "executor/gate/container_list.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "executor/gate/container_inspect.h"
#include "executor/gate/go_template.h"
#include "pipeline/image/reference.h"

namespace scangate {
namespace {

std::string row(std::string_view id, std::string_view image, std::string_view command, std::string_view age,
                std::string_view status, std::string_view ports, std::string_view name) {
  return fmt::format("{:<14} {:<24} {:<24} {:<20} {:<26} {:<28} {}\n", id, image, command, age, status, ports, name);
}

// "{{.Names}}\t{{.Status}}" of a table: its fields in capitals.
std::string heading(std::string_view format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format.substr(i, 3) == "{{.") {
      const std::size_t end = format.find("}}", i);
      if (end == std::string_view::npos) break;
      for (const char c : format.substr(i + 3, end - i - 3))
        out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
      i = end + 1;
    } else if (format.substr(i, 2) == "\\t") {
      out += '\t';
      ++i;
    } else {
      out += format[i];
    }
  }
  return out;
}

bool names_status(const command::ListContainers& asked) {
  return std::any_of(asked.filters.begin(), asked.filters.end(),
                     [](const auto& filter) { return filter.first == "status"; });
}

bool holds(JobContainer& container, const std::string& key, const std::string& value, const Cancel& cancel) {
  const ContainerFacts& facts = container.facts();
  if (key == "name") {
    // Docker takes a pattern here; what people write of it are its ends: ^/name$.
    std::string_view text = value;
    const bool from_start = text.starts_with('^');
    if (from_start) text.remove_prefix(1);
    const bool to_end = text.ends_with('$');
    if (to_end) text.remove_suffix(1);
    if (text.starts_with('/')) text.remove_prefix(1);
    const std::string name = container.name();
    const std::size_t at = name.find(text);
    if (from_start && to_end) return name == text;
    if (from_start) return name.starts_with(text);
    return to_end ? name.ends_with(text) : at != std::string::npos;
  }
  if (key == "id") return facts.id.starts_with(value);
  if (key == "status") return phase_name(container.running().state().phase) == value;
  if (key == "health") return container_health_name(container.check_health(cancel)) == value;
  if (key == "network") return facts.network == value;
  if (key == "label")
    return std::any_of(facts.labels.begin(), facts.labels.end(), [&](const auto& label) {
      return value == label.first || value == label.first + "=" + label.second;
    });
  if (key == "publish")
    return std::any_of(facts.ports.begin(), facts.ports.end(),
                       [&](const auto& port) { return value.substr(0, value.find('/')) == std::to_string(port.host); });
  // ancestor
  const auto asked = Reference::parse(value);
  const auto own = Reference::parse(facts.image);
  return value == facts.image || (asked && own && asked->str() == own->str()) ||
         facts.image_id.hex().starts_with(value);
}

// Several of one key: one of them must hold; of different keys, each.
bool passes(JobContainer& container, const command::ListContainers& asked, const Cancel& cancel) {
  std::map<std::string, bool> held;
  for (const auto& [key, value] : asked.filters)
    held[key] = held[key] || holds(container, key, value, cancel);
  return std::all_of(held.begin(), held.end(), [](const auto& each) { return each.second; });
}

}  // namespace

Result<std::string> list_containers(JobContainers& table, const command::ListContainers& asked, const Cancel& cancel) {
  std::string out;
  std::vector<JobContainers::Ptr> shown;
  const auto all = table.all();
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    const bool wanted = asked.all || asked.last > 0 || names_status(asked) ||
                        (*it)->running().state().phase == ContainerState::Phase::running;
    if (wanted && passes(**it, asked, cancel)) shown.push_back(*it);
  }
  if (asked.last > 0 && shown.size() > asked.last) shown.resize(asked.last);
  const TimePoint now = SystemClock().now();
  std::string format = asked.format;
  const bool titled = !asked.quiet && (format.empty() || format.starts_with("table"));
  if (asked.quiet) format = "{{.ID}}";
  if (format == "json") format = "{{json .}}";
  if (titled && format.starts_with("table ")) {
    format = format.substr(6);
    out += heading(format) + "\n";
  } else if (titled) {
    out += row("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES");
    format.clear();
  }
  for (const auto& container : shown) {
    const std::string json = list_container_json(*container, now, asked.no_trunc);
    std::vector<std::string> cells;
    for (const std::string_view field : {"ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"}) {
      if (!format.empty()) break;
      SCANGATE_TRY(std::string cell, fill_template(fmt::format("{{{{.{}}}}}", field), json));
      cells.push_back(std::move(cell));
    }
    if (format.empty()) {
      out += row(cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]);
      continue;
    }
    SCANGATE_TRY(const std::string text, fill_template(format, json));
    out += text + "\n";
  }
  return out;
}

}  // namespace scangate
