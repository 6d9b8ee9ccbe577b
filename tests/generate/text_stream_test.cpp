// SPDX-License-Identifier: MIT
// Text handed on in whole characters.
#include <solo/generate/text_stream.hpp>
#include <solo/text/utf8.hpp>

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace solo;

namespace {

std::vector<std::string> pieces_of(const std::vector<std::string>& pushed) {
  std::vector<std::string> pieces;
  const std::function<void(std::string_view)> sink = [&](std::string_view piece) {
    pieces.emplace_back(piece);
  };
  detail::TextStream stream(sink);
  for (const std::string& bytes : pushed) stream.push(bytes);
  stream.finish();
  return pieces;
}

}  // namespace

TEST_CASE("a character that is not complete waits for its bytes") {
  CHECK(pieces_of({"a", "b"}) == std::vector<std::string>{"a", "b"});
  CHECK(pieces_of({"x\xC3", "\xA9y"}) == std::vector<std::string>{"x", "éy"});
  CHECK(pieces_of({"\xF0", "\x9F", "\x98", "\x80"}) == std::vector<std::string>{"😀"});
  CHECK(pieces_of({"\xE2\x82"}) == std::vector<std::string>{"\uFFFD"});
  CHECK(pieces_of({"\xC3", "x"}) == std::vector<std::string>{"\uFFFDx"});
  CHECK(pieces_of({"\xFF"}) == std::vector<std::string>{"\uFFFD"});
  CHECK(pieces_of({"", ""}).empty());
}

TEST_CASE("the pieces of any bytes, cut anywhere, are the lossy text, each of them whole") {
  const std::vector<std::string> texts = {"é€😀 plain", "\xE0\x80\xAF|\xED\xA0\x80|\xF4\x90\x80\x80",
                                          "\xC3\xC3\xA9\xE2\x82\xE2\x82\xAC\xF0\x9F\x98",
                                          "\x80\xBF\xC1\xBF\xF8\x88\xF0\x8F\xBF"};
  for (const std::string& text : texts) {
    for (std::size_t step = 1; step <= text.size(); ++step) {
      std::vector<std::string> cut;
      for (std::size_t i = 0; i < text.size(); i += step) cut.push_back(text.substr(i, step));
      std::string joined;
      for (const std::string& piece : pieces_of(cut)) {
        CHECK(is_utf8(piece));
        CHECK_FALSE(piece.empty());
        joined += piece;
      }
      CHECK(joined == to_utf8_lossy(text));
    }
  }
}
