#include "executor/services/services.h"

#include "base/text.h"
#include "executor/job/running_container.h"

namespace scangate {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// Between two looks at a port: a connection on loopback costs some 50 us.
constexpr auto kLookAgain = std::chrono::milliseconds(20);
// Lines of a log that are shown.
constexpr std::size_t kMaxShownLines = 200;

}  // namespace

class Services::Service {
 public:
  Service(std::string name, Container container, std::vector<std::uint16_t> ports, Sandbox& sandbox)
      : name_(std::move(name)),
        ports_(std::move(ports)),
        container_(sandbox, std::move(container), kMaxServiceLogBytes) {}

  void run() { container_.start({}); }
  void ask_to_end() { container_.kill(); }

  // What is wrong; nullopt when it takes connections, or has no port to look at and runs.
  std::optional<std::string> trouble(const JobNetwork& network, SteadyClock::time_point limit, const Cancel& cancel) {
    for (;;) {
      const ContainerState state = container_.state();
      if (state.phase == ContainerState::Phase::exited)
        return state.error ? state.error->cause() : fmt::format("it ended with code {}", state.exit_code);
      for (const std::uint16_t port : ports_)
        if (const auto accepts = network.accepts(port); accepts && *accepts) return std::nullopt;
      if (ports_.empty() || cancel.cancelled()) return std::nullopt;
      if (SteadyClock::now() >= limit)
        return fmt::format("it took no connection at port {} in time", fmt::join(ports_, ", "));
      container_.wait_end(cancel, kLookAgain);
    }
  }

  const std::string& name() const { return name_; }
  std::string log() const { return container_.log().text(); }

 private:
  std::string name_;
  std::vector<std::uint16_t> ports_;
  RunningContainer container_;
};

Services::Services() = default;
Services::Services(Services&&) noexcept = default;
Services& Services::operator=(Services&&) noexcept = default;

Services::~Services() {
  for (const auto& service : services_)
    service->ask_to_end();
}

Result<Services> Services::start(Engine& engine, const std::vector<ServiceOrder>& orders, const JobNetwork& network,
                                 const NameFiles& names, const Cancel& cancel, Progress& progress) {
  Services out;
  if (orders.empty()) return out;
  out.network_ = &network;
  SCANGATE_TRY(Sandbox * sandbox, engine.sandbox(progress));
  for (const auto& order : orders) {
    auto container =
        make_container(engine, order.image, order.command, name_mounts(names), std::nullopt, cancel, progress);
    if (!container) return fail(std::move(container).error().during("starting service " + order.name));
    SandboxSpec& spec = container->spec;
    for (const auto& entry : order.environment)
      if (const std::size_t equals = entry.find('='); equals != std::string::npos && equals > 0)
        set_variable(spec.environment, std::string_view(entry).substr(0, equals), entry.substr(equals + 1));
    if (!environment_value(spec.environment, "PATH")) set_variable(spec.environment, "PATH", std::string(kDefaultPath));
    spec.join = &network;
    spec.hostname = "service";
    std::vector<std::uint16_t> ports = container->tcp_ports;
    if (const auto named = environment_value(order.environment, "HEALTHCHECK_TCP_PORT")) {
      ports = tcp_ports({*named});
      if (ports.empty())
        return fail(Fault::user,
                    fmt::format("service {}: HEALTHCHECK_TCP_PORT '{}' is no port", order.name, printable(*named)));
    }
    out.services_.push_back(std::make_unique<Service>(order.name, std::move(*container), std::move(ports), *sandbox));
  }
  for (const auto& service : out.services_)
    service->run();
  return out;
}

void Services::wait(std::chrono::seconds limit, const Cancel& cancel, Progress& progress) {
  if (limit.count() == 0) return;
  const auto until = SteadyClock::now() + limit;
  for (const auto& service : services_) {
    const auto trouble = service->trouble(*network_, until, cancel);
    if (!trouble) continue;
    progress.line(Level::warning,
                  fmt::format("*** WARNING: Service {} probably didn't start properly.", service->name()));
    progress.line(Level::warning, "Health check error: " + *trouble);
    progress.line(Level::warning, "Service container logs:");
    auto lines = split(service->log(), '\n');
    while (!lines.empty() && trim(lines.back()).empty())
      lines.pop_back();
    const std::size_t first = lines.size() > kMaxShownLines ? lines.size() - kMaxShownLines : 0;
    for (std::size_t i = first; i < lines.size(); ++i)
      progress.line(Level::warning, printable(lines[i]));
    progress.line(Level::warning, "*********");
  }
}

}  // namespace scangate
