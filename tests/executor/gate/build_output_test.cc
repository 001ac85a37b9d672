#include "executor/gate/build_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scangate {
namespace {

using Of = command::AnnotationFlag::Of;

BuildOutput parsed(const std::string& text) {
  auto output = parse_build_output(text);
  EXPECT_TRUE(output) << text << ": " << output.error().text();
  return output ? std::move(*output) : BuildOutput();
}

TEST(BuildOutputs, AreToldApart) {
  EXPECT_TRUE(parsed("out").local);
  EXPECT_EQ(parsed("type=local,dest=out").path, "out");
  EXPECT_TRUE(parsed("-").tar);
  EXPECT_EQ(parsed("-").path, "-");
  EXPECT_TRUE(parsed("type=tar,dest=x.tar").tar);
  EXPECT_EQ(parsed("type=docker,dest=x.tar").archive, ArchiveForm::docker);
  EXPECT_EQ(parsed("type=docker").archive, std::nullopt);
  EXPECT_EQ(parsed("type=oci").archive, ArchiveForm::oci);
  EXPECT_TRUE(parsed("type=oci,tar=false,dest=dir").unpacked);
  EXPECT_TRUE(parsed("type=registry").push);
  EXPECT_TRUE(parsed("type=image,push=true,name=a/b:1").push);
  EXPECT_FALSE(parsed("type=image,push=false").push);
}

TEST(BuildOutputs, SayHowLayersArePacked) {
  const auto zstd =
      parsed("type=image,compression=zstd,compression-level=19,force-compression=true,oci-mediatypes=true");
  EXPECT_EQ(zstd.form, (ImageForm{Compression::zstd, 19, true, ImageForm::Types::oci}));
  EXPECT_EQ(parsed("type=oci,compression=uncompressed").form.compression, Compression::none);
  EXPECT_EQ(parsed("type=oci,compression-level=9").form, (ImageForm{Compression::gzip, 9}));
  EXPECT_EQ(parsed("type=image,unpack=false,store=true,rewrite-timestamp=true").form, ImageForm());
}

TEST(BuildOutputs, HoldAnnotations) {
  const auto output = parsed("type=oci,annotation.org.x=1,annotation-manifest-descriptor[linux/amd64].b.c=2=3");
  EXPECT_EQ(output.annotations,
            (std::vector<command::AnnotationFlag>{{Of::manifest, "", "org.x", "1"},
                                                  {Of::manifest_descriptor, "linux/amd64", "b.c", "2=3"}}));
}

TEST(BuildOutputs, AreRefusedWhenTheyAreNotServed) {
  const std::pair<const char*, const char*> cases[] = {
      {"type=local", "--output: type=local needs a folder (-o type=local,dest=FOLDER)"},
      {"type=cacheonly", "--output: type=cacheonly is not served (local, tar, docker, oci, image and registry are)"},
      {"type=image,compression=estargz",
       "--output: compression=estargz is not served (gzip, zstd and uncompressed are)"},
      {"type=image,compression=zstd,compression-level=x", "--output: compression-level 'x' is no number from 0 to 22"},
      {"type=image,compression-level=23", "--output: compression-level '23' is no number from 0 to 22"},
      {"type=image,compression=zstd,oci-mediatypes=false", "--output: layers of Docker's media types are in gzip"},
      {"type=image,push=maybe", "--output: push is true or false, not 'maybe'"},
      {"type=image,store=false", "--output: store=false is not served"},
      {"type=image,push-by-digest=true", "--output: 'push-by-digest' is not served"},
      {"type=docker,tar=false,dest=x", "--output: tar=false is for a folder (-o type=oci,tar=false,dest=FOLDER)"},
      {"type=oci,tar=false", "--output: tar=false is for a folder (-o type=oci,tar=false,dest=FOLDER)"},
      {"type=oci,annotation=x", "--output: annotation=x is not served"},
  };
  for (const auto& [text, message] : cases) {
    const auto output = parse_build_output(text);
    ASSERT_FALSE(output) << text;
    EXPECT_EQ(output.error().text(), message);
  }
}

TEST(BuildOutputs, OfOneBuildAgreeOnItsForm) {
  const auto plain = parsed("out");
  const auto zstd = parsed("type=image,compression=zstd");
  const auto gzip = parsed("type=oci,dest=x,compression=gzip");
  EXPECT_EQ(*form_of({plain, zstd, zstd}), zstd.form);
  EXPECT_EQ(*form_of({plain}), ImageForm());
  EXPECT_EQ(form_of({zstd, gzip}).error().text(),
            "--output: one build gives images of one compression and one set of media types (build again for the "
            "other; its steps are cached)");
  EXPECT_EQ(form_of({parsed("-"), parsed("type=oci")}).error().text(),
            "--output: standard output holds one of them (add dest=FILE)");
}

}  // namespace
}  // namespace scangate
