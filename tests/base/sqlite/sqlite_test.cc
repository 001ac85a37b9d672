#include "base/sqlite/sqlite.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

class Sqlite : public testing::Test {
 protected:
  TempDir folder_ = *TempDir::make(fs::temp_directory_path(), "sqlite-");
  fs::path file_ = folder_.path() / "a?b#c%d.db";
};

Error explain(SqliteFault fault, std::string_view text) {
  return Error(Fault::host, fmt::format("fault {}: {}", static_cast<int>(fault), text)).remedy("what to do");
}

TEST_F(Sqlite, WhatOneConnectionWritesAnotherReads) {
  auto writer = SqliteConnection::open_shared(file_, explain);
  ASSERT_TRUE(writer) << writer.error().text();
  ASSERT_TRUE(writer->execute("CREATE TABLE t (name TEXT, number INTEGER)"));
  auto insert = writer->prepare("INSERT INTO t VALUES (?1, ?2)");
  ASSERT_TRUE(insert) << insert.error().text();
  insert->bind_copy(1, std::string("one"));
  insert->bind(2, std::int64_t{1});
  ASSERT_TRUE(insert->run());
  insert->bind(1, std::string_view());
  insert->bind_null(2);
  ASSERT_TRUE(insert->run());
  EXPECT_EQ(writer->changed_rows(), 1);

  auto reader = SqliteConnection::open_shared(file_, explain);
  ASSERT_TRUE(reader) << reader.error().text();
  EXPECT_EQ(reader->integer("SELECT count(*) FROM t").value(), 2);
  EXPECT_EQ(reader->integer("SELECT number FROM t WHERE name = ''").value(), std::nullopt);
  auto select = reader->prepare("SELECT name, number FROM t WHERE number = 1");
  ASSERT_TRUE(select) << select.error().text();
  ASSERT_TRUE(select->step().value());
  EXPECT_EQ(select->text(0), "one");
  EXPECT_EQ(select->integer(1), 1);
  EXPECT_FALSE(select->is_null(1));
  EXPECT_FALSE(select->step().value());
}

TEST_F(Sqlite, AReadOnlyFileCannotBeWritten) {
  {
    auto writer = SqliteConnection::create(file_);
    ASSERT_TRUE(writer) << writer.error().text();
    ASSERT_TRUE(writer->execute("CREATE TABLE t (n); INSERT INTO t VALUES (7)"));
  }
  auto reader = SqliteConnection::open_read_only(file_);
  ASSERT_TRUE(reader) << reader.error().text();
  EXPECT_EQ(reader->integer("SELECT n FROM t").value(), 7);
  const auto written = reader->execute("INSERT INTO t VALUES (8)");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().text(), file_.string() + ": attempt to write a readonly database");
}

TEST_F(Sqlite, ErrorsAreInTheWordsOfTheConnection) {
  ASSERT_TRUE(write_file_atomic(file_, as_bytes(std::string(4096, 'x'))));
  const auto broken = SqliteConnection::open_shared(file_, explain);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().text(), file_.string() + ": fault 0: file is not a database (what to do)");
  auto reader = SqliteConnection::open_read_only(file_);
  ASSERT_TRUE(reader) << reader.error().text();
  const auto plain = reader->integer("SELECT 1 FROM t");
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().text(), file_.string() + ": file is not a database");
  const auto missing = SqliteConnection::open_shared(folder_.path() / "no/folder.db", explain);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text(),
            (folder_.path() / "no/folder.db").string() + ": fault 2: unable to open database file (what to do)");
}

}  // namespace
}  // namespace scangate
