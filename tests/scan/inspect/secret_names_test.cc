#include "scan/inspect/secret_names.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(SecretName, IsKnownByItsLastWords) {
  for (const char* name : {"PASSWORD",
                           "DB_PASSWORD",
                           "MYSQL_ROOT_PASSWORD",
                           "PGPASSWORD",
                           "API_TOKEN",
                           "token",
                           "GITHUB_TOKEN",
                           "CLIENT_SECRET",
                           "API_KEY",
                           "APIKEY",
                           "STRIPE_APIKEY",
                           "AWS_SECRET_ACCESS_KEY",
                           "AWS_ACCESS_KEY_ID",
                           "SECRET_KEY",
                           "SECRET_KEY_BASE",
                           "PRIVATE_KEY",
                           "SSH_PASSPHRASE",
                           "DB_PASS",
                           "NPM_AUTH_TOKEN",
                           "DB_PWD",
                           "GOOGLE_CREDENTIALS",
                           "ENCRYPTION_KEY",
                           "AZURE_STORAGE_ACCOUNT_KEY",
                           "Db_Password"})
    EXPECT_TRUE(is_secret_name(name)) << name;
}

TEST(SecretName, IsNotAWordInTheMiddle) {
  for (const char* name : {"",
                           "_",
                           "PATH",
                           "PWD",
                           "OLDPWD",
                           "HOME",
                           "GPG_KEY",
                           "PASSWORD_MIN_LENGTH",
                           "TOKEN_URL",
                           "TOKEN_TTL",
                           "SECRETARY",
                           "KEY",
                           "PUBLIC_KEY",
                           "PASS",
                           "BYPASS",
                           "COMPASS",
                           "KEYBOARD",
                           "PYTHON_VERSION",
                           "SECRET_NAME",
                           "PASSWORD_FILE",
                           "DB_PASSWORD_FILE",
                           "USER_ID",
                           "DATABASE",
                           "SSH_AUTH_SOCK"})
    EXPECT_FALSE(is_secret_name(name)) << name;
}

TEST(SecretValue, IsAnythingThatDoesNotStandForOne) {
  for (const char* value : {"hunter2", "s3cr3t!", "AKIAIOSFODNN7ABCDEFG", "\"quoted\"", "correct horse", "12345"})
    EXPECT_TRUE(may_be_secret_value(value)) << value;
  for (const char* value : {"",          "  ",
                            "\"\"",      "/run/secrets/db",
                            "./token",   "~/.token",
                            "file:/x",   "$TOKEN",
                            "${TOKEN}",  "{{ token }}",
                            "<token>",   "changeme",
                            "CHANGE_ME", "your-token-here",
                            "example",   "xxxxxxxx",
                            "********",  "true",
                            "none",      "0"})
    EXPECT_FALSE(may_be_secret_value(value)) << value;
}

}  // namespace
}  // namespace scangate
