// How the variables and the shape of a script show in the plan.
#include <gtest/gtest.h>

#include "read.h"

namespace scangate::plan {
namespace {

using Lines = std::vector<std::string>;

Job job_of(const std::string& lines, const std::string& variables = "{}") {
  const auto plan = read_plan("job:\n  variables: " + variables + "\n  script:\n" + lines);
  EXPECT_TRUE(plan) << plan.error().text();
  return plan ? plan->jobs.at(0) : Job{};
}

TEST(Script, VariablesOfTheScriptItself) {
  EXPECT_EQ(
      shape(job_of("    - TAG=v1\n    - export NAME=\"r.example/app\" OTHER=x\n    - docker build -t $NAME:$TAG .\n")),
      Lines{"build r.example/app:v1"});
  EXPECT_EQ(shape(job_of("    - docker build -t app:${TAG:-latest} .\n", "{TAG: ''}")), Lines{"build app:latest"});
  EXPECT_EQ(shape(job_of("    - TAG=$(git describe)\n    - docker build -t app:$TAG .\n")),
            Lines{"build app:$(git describe)?"});
  EXPECT_EQ(shape(job_of("    - docker build -t \"app:$SECRET\" .\n")), Lines{"build app:$SECRET?"});
  EXPECT_EQ(shape(job_of("    - docker build -t \"${SECRET}x:1\" .\n")), Lines{"build ${SECRET}x:1?"});
  EXPECT_EQ(shape(job_of("    - docker build -t $IMAGE .\n", "{IMAGE: $MISSING/app}")), Lines{"build $MISSING/app?"});
  EXPECT_EQ(shape(job_of("    - (TAG=v1)\n    - docker build -t app:$TAG .\n")), Lines{"build app:$TAG?"});
}

TEST(Script, WhatIsSetUnderAConditionIsDecidedAtRunTime) {
  EXPECT_EQ(shape(job_of("    - TAG=dev\n    - if [ -n \"$CI_COMMIT_TAG\" ]; then TAG=$CI_COMMIT_TAG; fi\n    - docker "
                         "build -t app:$TAG .\n")),
            Lines{"build app:$TAG?"});
  EXPECT_EQ(shape(job_of("    - '[ -n \"$X\" ] && TAG=x'\n    - docker build -t app:$TAG .\n", "{TAG: dev}")),
            Lines{"build app:$TAG?"});
  EXPECT_EQ(shape(job_of("    - docker push x || true\n    - docker push y || docker push z\n")),
            (Lines{"scan x", "push x", "scan y", "push y", "scan z *", "push z *"}));
}

TEST(Script, AnIfMaySpanLinesOfTheList) {
  EXPECT_EQ(shape(job_of("    - if [ \"$A\" = b ]; then\n    - docker push x\n    - fi\n    - docker push y\n")),
            (Lines{"scan x *", "push x *", "scan y", "push y"}));
}

TEST(Script, BlockScalarsKeepTheirLines) {
  const Job job = job_of("    - |\n      echo hello\n      docker build \\\n        -t app:1 \\\n        .\n");
  ASSERT_EQ(job.operations.size(), 1U);
  EXPECT_EQ(job.operations[0].place.line, 6);
  EXPECT_EQ(job.operations[0].command, "docker build -t app:1 .");
}

TEST(Script, UnquotedValuesAreSplitAndMayBeFlags) {
  EXPECT_EQ(shape(job_of("    - docker build $ARGS .\n", "{ARGS: '-t a:1 --no-cache'}")), Lines{"build a:1"});
  const Job job = job_of("    - docker build $EXTRA -t a:1 .\n");
  EXPECT_EQ(shape(job), Lines{"build a:1"});
  EXPECT_EQ(notes(job), Lines{".gitlab-ci.yml:4:7: holds flags that are decided at run time"});
  EXPECT_EQ(shape(job_of("    - docker push $IMAGE\n")), (Lines{"scan $IMAGE?", "push $IMAGE?"}));
}

TEST(Script, CommandsInsideOthers) {
  EXPECT_EQ(shape(job_of("    - ID=$(docker build -q .)\n    - sudo docker push a\n    - time docker push b\n    - sh "
                         "-c 'docker push c'\n    - bash -euc \"docker push $X\"\n",
                         "{X: d}")),
            (Lines{"build", "scan a", "push a", "scan b", "push b", "scan c", "push c", "scan d", "push d"}));
  EXPECT_EQ(shape(job_of("    - |\n      release() {\n        docker push \"$1\"\n      }\n      release x\n")),
            (Lines{"scan $1? *", "push $1? *"}));
  EXPECT_EQ(shape(job_of("    - for t in a b; do docker push r.example/x:$t; done\n")),
            (Lines{"scan r.example/x:$t? *", "push r.example/x:$t? *"}));
  EXPECT_EQ(shape(job_of("    - command -v docker\n    - echo docker push x\n    - docker --version\n")), Lines{});
}

TEST(Script, WhatIsNoShellIsANoteAndTheOtherLinesAreRead) {
  const Job job = job_of("    - echo 'unclosed\n    - docker push x\n");
  EXPECT_EQ(shape(job), (Lines{"scan x", "push x"}));
  EXPECT_EQ(notes(job), Lines{".gitlab-ci.yml:4:7: cannot be read as shell: the quote ' is not closed"});
}

TEST(Script, AfterScriptIsAShellOfItsOwn) {
  const auto plan = read_plan("a:\n  script: [TAG=x]\n  after_script: [docker push a:$TAG]\n");
  ASSERT_TRUE(plan);
  EXPECT_EQ(shape(plan->jobs.at(0)).back(), "push a:$TAG?");
}

TEST(Script, AssignmentsThatDoubleEachOtherStopGrowing) {
  std::string lines = "    - A=0123456789\n";
  for (int i = 0; i < 200; ++i)
    lines += "    - A=$A$A\n";
  const Job job = job_of(lines + "    - docker push $A\n");
  EXPECT_FALSE(job.operations.at(0).images.at(0).decided);
}

}  // namespace
}  // namespace scangate::plan
