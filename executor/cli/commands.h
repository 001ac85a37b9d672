#pragma once
// The commands, a file each. Each adds its options to the application and a callback that does the work.
namespace CLI {
class App;
}

namespace scangate::cli {

struct Context;

void add_build(CLI::App& app, Context& context);
void add_scan(CLI::App& app, Context& context);
void add_push(CLI::App& app, Context& context);
void add_pull(CLI::App& app, Context& context);
void add_image(CLI::App& app, Context& context);
void add_db(CLI::App& app, Context& context);
void add_plan(CLI::App& app, Context& context);
void add_run(CLI::App& app, Context& context);
void add_executor(CLI::App& app, Context& context);
void add_register(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_completion(CLI::App& app, Context& context);
void add_debug(CLI::App& app, Context& context);

}  // namespace scangate::cli
