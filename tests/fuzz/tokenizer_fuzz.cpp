// SPDX-License-Identifier: MIT
// Tokenizer files and a text to encode: vocab.json, merges.txt, text; or tokenizer.json, text.

#include <solo/text/tokenizer.hpp>

#include "fuzz/fuzz.hpp"

#include <algorithm>

namespace {

using namespace solo;

/// Whether no added token takes white space away or is written in another way than its bytes.
bool keeps_text(const Tokenizer& tokenizer) {
  const auto& added = tokenizer.added_tokens();
  return !tokenizer.add_prefix_space() && tokenizer.prefix_ids().empty() &&
         tokenizer.suffix_ids().empty() &&
         std::all_of(added.begin(), added.end(), [&](const AddedToken& token) {
           return !token.lstrip && !token.rstrip && tokenizer.token(token.id) == token.content;
         });
}

void encode(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool special : {false, true}) {
    const std::vector<int> ids = tokenizer.encode(text, {.special_tokens = special});
    std::string joined;
    for (const int id : ids) joined += tokenizer.token(id);  // throws beyond the vocabulary
    fuzz::require(joined == tokenizer.decode(ids), "decode joins the tokens");
    fuzz::require(joined == text || !keeps_text(tokenizer), "decode(encode(x)) is x");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  static const fuzz::Folder saved;
  const auto parts = fuzz::parts_of(fuzz::text_of(data, size), 3);
  for (const char* name : {"vocab.json", "merges.txt", "tokenizer.json"}) {
    folder.remove(name);
    saved.remove(name);
  }
  folder.write(parts.size() == 3 ? "vocab.json" : "tokenizer.json", parts[0]);
  if (parts.size() == 3) folder.write("merges.txt", parts[1]);
  fuzz::accepted([&] {
    const Tokenizer tokenizer = Tokenizer::from_pretrained(folder.path());
    encode(tokenizer, parts.back());
    encode(tokenizer, parts[0]);
    for (int id = 0; id < tokenizer.vocab_size(); ++id) {
      const std::string_view token = tokenizer.token(id);
      fuzz::require(!token.empty() && tokenizer.token(tokenizer.token_id(token)) == token,
                    "a token is found by its bytes");
    }
    tokenizer.save_pretrained(saved.path());
    fuzz::require(Tokenizer::from_pretrained(saved.path()) == tokenizer, "a tokenizer survives");
  });
  return 0;
}
