#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scan/model/finding.h"

namespace scangate {
namespace {

struct Scored {
  std::string_view vector;
  double score;
};

class CvssScore : public testing::TestWithParam<Scored> {};
TEST_P(CvssScore, IsThePublishedOne) {
  const auto score = cvss_base_score(GetParam().vector);
  ASSERT_TRUE(score.has_value());
  EXPECT_DOUBLE_EQ(*score, GetParam().score);
}

// CVSS 2.0 guide, section 3.3 ("Examples").
INSTANTIATE_TEST_SUITE_P(Version2, CvssScore,
                         testing::Values(Scored{"AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8},   // CVE-2002-0392
                                         Scored{"AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0},  // CVE-2003-0818
                                         Scored{"AV:L/AC:H/Au:N/C:C/I:C/A:C", 6.2},   // CVE-2003-0062
                                         Scored{"(AV:N/AC:L/Au:N/C:P/I:P/A:P)", 7.5},
                                         Scored{"AV:N/AC:L/Au:N/C:P/I:P/A:P/E:POC/RL:OF/RC:C", 7.5},
                                         Scored{"CVSS:2.0/AV:L/AC:L/Au:N/C:N/I:N/A:N", 0.0}));
// CVSS 3.1 examples document and user guide.
INSTANTIATE_TEST_SUITE_P(Version3, CvssScore,
                         testing::Values(Scored{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0},  // log4shell
                                         Scored{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8},
                                         Scored{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5},  // heartbleed
                                         Scored{"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N",
                                                6.4},  // CVE-2013-1937 family
                                         Scored{"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1},
                                         Scored{"CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1},  // POODLE
                                         Scored{"CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:N", 0.0},
                                         Scored{"CVSS:3.1/S:U/AV:N/AC:L/PR:N/UI:N/A:H/I:H/C:H/E:P/MAV:L", 9.8}));
// CVSS 4.0 examples document and specification; the whole space of 104,976 base vectors was compared with an
// independent implementation once.
INSTANTIATE_TEST_SUITE_P(
    Version4, CvssScore,
    testing::Values(Scored{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 10.0},
                    Scored{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3},
                    Scored{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", 8.7},
                    Scored{"CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.7},
                    Scored{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:A/VC:N/VI:N/VA:N/SC:L/SI:L/SA:N", 5.1},
                    Scored{"CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U", 7.3},
                    Scored{"CVSS:4.0/AV:P/AC:H/AT:P/PR:H/UI:A/VC:N/VI:N/VA:L/SC:N/SI:N/SA:N", 1.0},
                    Scored{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0.0}));

class CvssMalformed : public testing::TestWithParam<std::string_view> {};
TEST_P(CvssMalformed, HasNoScore) {
  EXPECT_EQ(cvss_base_score(GetParam()), std::nullopt);
}
INSTANTIATE_TEST_SUITE_P(Vectors, CvssMalformed,
                         testing::Values("", "/", ":", "7.5", "CVSS:3.1/", "CVSS:3.1/AV:N",
                                         "CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",       // no such version
                                         "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H",           // one missing
                                         "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/A:H",   // twice
                                         "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",       // no such value
                                         "CVSS:3.1/AV:NN/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",      // no such value
                                         "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/ZZ:1",  // unknown metric
                                         "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/",      // trailing slash
                                         "CVSS:4.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",       // 3.1's metrics
                                         "AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"));              // 3.1 without a prefix

TEST(SeverityOfCvss, FollowsTheQualitativeScale) {
  EXPECT_EQ(severity_of_cvss(0.0), Severity::negligible);
  EXPECT_EQ(severity_of_cvss(0.1), Severity::low);
  EXPECT_EQ(severity_of_cvss(3.9), Severity::low);
  EXPECT_EQ(severity_of_cvss(4.0), Severity::medium);
  EXPECT_EQ(severity_of_cvss(6.9), Severity::medium);
  EXPECT_EQ(severity_of_cvss(7.0), Severity::high);
  EXPECT_EQ(severity_of_cvss(8.9), Severity::high);
  EXPECT_EQ(severity_of_cvss(9.0), Severity::critical);
  EXPECT_EQ(severity_of_cvss(10.0), Severity::critical);
}

TEST(SeverityOfCvss, OutsideTheScaleIsUnknown) {
  EXPECT_EQ(severity_of_cvss(-0.1), Severity::unknown);
  EXPECT_EQ(severity_of_cvss(10.1), Severity::unknown);
  EXPECT_EQ(severity_of_cvss(std::numeric_limits<double>::quiet_NaN()), Severity::unknown);
}

}  // namespace
}  // namespace scangate
