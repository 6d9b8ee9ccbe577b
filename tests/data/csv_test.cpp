// SPDX-License-Identifier: MIT
#include <solo/data/csv.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using solo::test::check_throws;
using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

namespace {

Rows parse(std::string_view text) {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "f.csv";
  solo::write_file_atomically(path, text);
  solo::CsvReader reader(path);
  Rows rows;
  for (Row row; reader.next(row);) rows.push_back(row);
  return rows;
}

void refuse(std::string_view text, const std::vector<std::string>& parts) {
  check_throws<solo::FormatError>([&] { return parse(text); }, "data.csv", parts);
}

}  // namespace

TEST_CASE("rows and fields as RFC 4180 has them") {
  CHECK(parse("") == Rows{});
  CHECK(parse("a,b\n1,2\n") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(parse("a,b\r\n1,2") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(parse("\"a\",\"b,c\"\n") == Rows{{"a", "b,c"}});
  CHECK(parse("\"say \"\"hi\"\"\",\"\"\n") == Rows{{"say \"hi\"", ""}});
  CHECK(parse("a,\n,b\n") == Rows{{"a", ""}, {"", "b"}});
  CHECK(parse(" a , b \n") == Rows{{" a ", " b "}});
  CHECK(parse("\xEF\xBB\xBF\"a\",b\n") == Rows{{"a", "b"}});
}

TEST_CASE("quoted fields keep their line ends") {
  CHECK(parse("\"a\nb\",\"c\r\n\r\nd\"\r\n1,2\r\n") == Rows{{"a\nb", "c\r\n\r\nd"}, {"1", "2"}});
  CHECK(parse("\"\n\"") == Rows{{"\n"}});
}

TEST_CASE("blank rows are fine at the end of a csv file only") {
  CHECK(parse("a,b\n\n\r\n") == Rows{{"a", "b"}});
  refuse("a,b\n\n1,2\n", {"f.csv: line 2", "blank"});
}

TEST_CASE("what is not CSV is an error that names the line where the row begins") {
  refuse("a,b\n1,\"x\ny\n", {"line 2", "not closed"});
  refuse("a,b\n\"x\ny\" z,2\n", {"line 2", "' z,2'"});
  refuse("a,b\n1,x\"y\"\n", {"line 2", "field 2"});
  refuse("a,b\n1\n", {"line 2", "2 fields", "found 1"});
  refuse("a,b\n\"1\n\n\",2\n1,2,3\n", {"line 5", "found 3"});
}
