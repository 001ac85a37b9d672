#include "pipeline/command/docker.h"

#include <gtest/gtest.h>

namespace scangate::command {
namespace {

using Args = std::vector<std::string>;

template <class Request>
Request request_of(const Args& args) {
  auto command = parse_docker(args);
  EXPECT_TRUE(command) << command.error().text();
  if (!command || !std::holds_alternative<Request>(command->request)) {
    ADD_FAILURE() << "another request";
    return {};
  }
  return std::get<Request>(command->request);
}

std::string error_of(const Args& args) {
  const auto command = parse_docker(args);
  if (command) return "no error";
  EXPECT_EQ(command.error().fault(), Fault::user);
  return command.error().text();
}

TEST(Docker, BuildWithItsFlags) {
  const auto request = request_of<BuildRequest>({"build",
                                                 "--pull",
                                                 "-t",
                                                 "a:1",
                                                 "--tag=b:2",
                                                 "-fDocker/File",
                                                 "--build-arg",
                                                 "V=1=2",
                                                 "--build-arg",
                                                 "FROM_ENV",
                                                 "--label",
                                                 "org.x=y",
                                                 "--label=bare",
                                                 "--target",
                                                 "final",
                                                 "--no-cache",
                                                 "-q",
                                                 "--platform",
                                                 "linux/amd64,linux/arm64",
                                                 "--network=host",
                                                 "--progress",
                                                 "plain",
                                                 "--iidfile",
                                                 "id",
                                                 "--cache-from",
                                                 "c:1",
                                                 "--add-host",
                                                 "db:10.0.0.1",
                                                 "--rm",
                                                 "--force-rm=false",
                                                 "."});
  EXPECT_EQ(request.context, ".");
  EXPECT_EQ(request.dockerfile, "Docker/File");
  EXPECT_EQ(request.tags, (Args{"a:1", "b:2"}));
  EXPECT_EQ(request.build_args, (std::vector<BuildArg>{{"V", "1=2"}, {"FROM_ENV", std::nullopt}}));
  EXPECT_EQ(request.labels, (std::vector<std::pair<std::string, std::string>>{{"org.x", "y"}, {"bare", ""}}));
  EXPECT_EQ(request.target, "final");
  EXPECT_TRUE(request.no_cache && request.pull && request.quiet);
  EXPECT_EQ(request.platforms, (Args{"linux/amd64", "linux/arm64"}));
  EXPECT_EQ(request.network, "host");
  EXPECT_EQ(request.progress, "plain");
  EXPECT_EQ(request.iidfile, "id");
  EXPECT_EQ(request.cache_from, Args{"c:1"});
  EXPECT_EQ(request.steps.add_hosts.at(0), (std::pair<std::string, std::string>{"db", "10.0.0.1"}));
  EXPECT_FALSE(request.buildx);
}

TEST(Docker, FlagsInEveryFormPflagTakes) {
  EXPECT_EQ(request_of<BuildRequest>({"build", ".", "-t", "x"}).tags, Args{"x"});
  EXPECT_EQ(request_of<BuildRequest>({"build", "-tx", "."}).tags, Args{"x"});
  EXPECT_EQ(request_of<BuildRequest>({"build", "-t=x", "."}).tags, Args{"x"});
  EXPECT_EQ(request_of<BuildRequest>({"build", "-qtx", "."}).tags, Args{"x"});
  EXPECT_TRUE(request_of<BuildRequest>({"build", "-qt", "x", "."}).quiet);
  EXPECT_FALSE(request_of<BuildRequest>({"build", "--pull=false", "."}).pull);
  EXPECT_EQ(request_of<BuildRequest>({"build", "--", "-odd"}).context, "-odd");
  EXPECT_EQ(request_of<BuildRequest>({"build", "-"}).context, "-");
  EXPECT_EQ(request_of<BuildRequest>({"build", "-f", "-", "."}).dockerfile, "-");
}

TEST(Docker, BuildUnderItsOtherNames) {
  for (const Args& args : {Args{"image", "build", "."}, Args{"builder", "build", "."}})
    EXPECT_FALSE(request_of<BuildRequest>(args).buildx);
  const auto request = request_of<BuildRequest>({"buildx", "--builder", "b", "build", "--push", "--load", "-t", "a:1",
                                                 "--provenance=false", "--cache-to", "type=inline", "--metadata-file",
                                                 "m.json", "-o", "type=docker", "."});
  EXPECT_TRUE(request.buildx && request.push && request.load);
  EXPECT_EQ(request.builder, "b");
  EXPECT_TRUE(request.attestations.provenance_said && !request.attestations.provenance);
  EXPECT_EQ(request.metadata_file, "m.json");
  EXPECT_EQ(request.outputs, Args{"type=docker"});
}

TEST(Docker, TheOtherCommands) {
  EXPECT_EQ(request_of<PushRequest>({"push", "r/a:1"}).reference, "r/a:1");
  EXPECT_TRUE(request_of<PushRequest>({"image", "push", "-a", "-q", "r/a"}).all_tags);
  EXPECT_EQ(request_of<PullRequest>({"pull", "--platform", "linux/amd64", "r/a:1"}).platform, "linux/amd64");
  EXPECT_EQ(request_of<TagRequest>({"tag", "a:1", "r/a:1"}).target, "r/a:1");
  const auto login = request_of<LoginRequest>({"login", "-u", "me", "-p", "secret", "registry.example.com"});
  EXPECT_EQ(login.user, "me");
  EXPECT_EQ(login.password, "secret");
  EXPECT_EQ(login.server, "registry.example.com");
  EXPECT_TRUE(request_of<LoginRequest>({"login", "--username", "AWS", "--password-stdin", "x"}).password_stdin);
  EXPECT_EQ(request_of<LogoutRequest>({"logout", "x"}).server, "x");
  const auto images =
      request_of<ImagesRequest>({"images", "-aq", "--no-trunc", "-f", "reference=a:*", "--format", "{{.ID}}", "a"});
  EXPECT_TRUE(images.all && images.quiet && images.no_trunc);
  EXPECT_EQ(images.filters.at(0), (std::pair<std::string, std::string>{"reference", "a:*"}));
  EXPECT_EQ(images.repository, "a");
  EXPECT_EQ(request_of<ImagesRequest>({"image", "ls"}).repository, "");
  EXPECT_EQ(request_of<InspectRequest>({"inspect", "--type=image", "--format", "{{.Id}}", "a", "b"}).images,
            (Args{"a", "b"}));
  EXPECT_EQ(request_of<InspectRequest>({"image", "inspect", "a"}).images, Args{"a"});
  EXPECT_TRUE(request_of<RmiRequest>({"rmi", "-f", "a"}).force);
  EXPECT_EQ(request_of<RmiRequest>({"image", "rm", "a"}).images, Args{"a"});
  EXPECT_EQ(request_of<SaveRequest>({"save", "-o", "x.tar", "a:1"}).output, "x.tar");
  EXPECT_EQ(request_of<LoadRequest>({"load", "--input=x.tar"}).input, "x.tar");
  EXPECT_TRUE(request_of<VersionRequest>({"--version"}).short_form);
  EXPECT_EQ(request_of<VersionRequest>({"version", "-f", "{{.Server.Version}}"}).format, "{{.Server.Version}}");
  EXPECT_EQ(request_of<InfoRequest>({"info"}).format, "");
  EXPECT_EQ(
      request_of<BuilderRequest>({"buildx", "create", "--use", "--name", "b", "--driver", "docker-container"}).name,
      "b");
  EXPECT_EQ(request_of<HistoryRequest>({"history", "--no-trunc", "a"}).image, "a");
  EXPECT_EQ(request_of<RunRequest>({"container", "run", "--rm", "a", "-b"}).command, Args{"-b"});
  EXPECT_EQ(request_of<ComposeArguments>({"compose", "-f", "x", "build"}).arguments, (Args{"-f", "x", "build"}));
  EXPECT_FALSE(request_of<HelpRequest>({}).text.empty());
  EXPECT_FALSE(request_of<HelpRequest>({"build", "--help"}).text.empty());
}

TEST(Docker, GlobalFlagsStandBeforeTheCommand) {
  const Args args = {"--config", "/root/.d", "-H", "tcp://docker:2376", "--tlsverify", "-lerror", "-D", "push", "a"};
  const auto command = parse_docker(args);
  ASSERT_TRUE(command) << command.error().text();
  EXPECT_EQ(command->config_folder, "/root/.d");
  EXPECT_EQ(command->notes, Args{"--host: there is no daemon, the build runs here"});
  EXPECT_EQ(name_of(command->request), "push");
}

TEST(Docker, RefusalsSayWhatIsServed) {
  const std::string served =
      " (build, buildx build, push, pull, tag, login, logout, images, inspect, history, manifest, rmi, save, load, "
      "run, create, ps, logs, exec, stop, kill, rm, wait, port, start, restart, cp, network, volume, version, info and "
      "the same "
      "under 'docker image' and 'docker container' are)";
  const std::pair<Args, std::string> cases[] = {
      {{"swarm", "init"}, "docker: 'swarm' is not served by scangate" + served},
      {{"exec", "c"},
       "docker exec: requires at least 2 arguments, a container and a command (see 'docker exec --help')"},
      {{"exec", "--privileged", "c", "ls"},
       "docker exec: --privileged is not served by scangate (a container gets no more rights than docker gives by "
       "default)"},
      {{"logs", "--tail", "x", "c"}, "docker logs: --tail 'x' is no number"},
      {{"stop", "-t", "x", "c"}, "docker stop: --time 'x' is no number of seconds"},
      {{"kill", "-s", "NOPE", "c"}, "docker kill: --signal: 'NOPE' is no signal"},
      {{"rename", "a", "../b"}, "docker rename: '../b' is no name"},
      {{"volume", "create", "a/b"}, "docker volume create: 'a/b' is no name"},
      {{"volume", "connect", "a", "b"},
       "docker volume: 'connect' is not served by scangate (create, rm, ls, inspect, prune are)"},
      {{"manifest", "create", "a"},
       "docker manifest create: requires the list and its images (see 'docker manifest create --help')"},
      {{"manifest", "add", "a", "b"},
       "docker manifest: 'add' is not served by scangate (create, annotate, inspect, push, rm are)"},
      {{"buildx", "imagetools", "create", "a"},
       "docker buildx imagetools create: no --tag (name the new image with --tag)"},
      {{"psuh", "a"}, "docker: 'psuh' is not served by scangate (did you mean 'push'?)"},
      {{"image", "mount", "a"}, "docker image: 'mount' is not served by scangate" + served},
      {{"build", "--taag", "x", "."}, "docker build: unknown flag: --taag (did you mean --tag?)"},
      {{"build", "-z", "."}, "docker build: unknown shorthand flag: 'z'"},
      {{"build", "--secret", "x", "."},
       "docker build: --secret: a secret is given by key=value pairs (write id=ID,src=FILE)"},
      {{"build", "-m", "much", "."}, "docker build: --memory: 'much' is not a size (write 512m or 2g)"},
      {{"build", "--push", "."}, "docker build: unknown flag: --push"},
      {{"build"}, "docker build: requires exactly 1 argument, the context (see 'docker build --help')"},
      {{"build", ".", "extra"}, "docker build: requires exactly 1 argument, the context (see 'docker build --help')"},
      {{"build", "-t"}, "docker build: flag needs an argument: -t"},
      {{"build", "--tag"}, "docker build: flag needs an argument: --tag"},
      {{"build", "-t", "", "."}, "docker build: --tag is empty (is a variable not set?)"},
      {{"build", "--pull=maybe", "."}, "docker build: --pull takes true or false"},
      {{"build", "--build-arg", "=x", "."}, "docker build: --build-arg: the name is empty"},
      {{"buildx", "build", "--push", "."}, "docker buildx build: --push without --tag (name the image with --tag)"},
      {{"tag", "a"}, "docker tag: requires exactly 2 arguments, the image and its new name (see 'docker tag --help')"},
      {{"push", ""}, "docker push: the image's name is empty (is a variable not set?)"},
      {{"login", "-p", "x", "--password-stdin"},
       "docker login: --password and --password-stdin are mutually exclusive"},
      {{"images", "--filter", "since=x"},
       "docker images: --filter since is not served by scangate (reference and dangling are)"},
      {{"inspect", "--type", "network", "a"},
       "docker inspect: --type network is not served by scangate (image and container are)"},
  };
  for (const auto& [args, message] : cases)
    EXPECT_EQ(error_of(args), message);
}

TEST(Docker, ErrorsNeverHoldThePassword) {
  for (const Args& args :
       {Args{"login", "-u", "me", "-p", "hunter2", "a", "b"}, Args{"login", "-xphunter2"},
        Args{"login", "--pasword=hunter2"}, Args{"login", "--password-stdin=hunter2x", "-p", "hunter2"}}) {
    const std::string text = error_of(args);
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
    EXPECT_NE(text, "no error");
  }
}

TEST(Docker, ArgumentsAreCapped) {
  EXPECT_EQ(error_of(Args(kMaxArguments + 1, "x")), "docker: more than 10000 arguments");
}

}  // namespace
}  // namespace scangate::command
