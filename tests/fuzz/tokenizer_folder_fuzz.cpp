// SPDX-License-Identifier: MIT
// What a tokenizer folder says beside its vocabulary, and a text to encode: tokenizer_config.json,
// special_tokens_map.json, added_tokens.json, text. An empty part is no file.

#include <solo/text/tokenizer.hpp>

#include "fuzz/fuzz.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace solo;

constexpr std::array<const char*, 3> kFiles = {"tokenizer_config.json", "special_tokens_map.json",
                                               "added_tokens.json"};

const fuzz::Folder& folder() {
  static const fuzz::Folder made;
  static const bool filled = [] {
    made.write("vocab.json", fuzz::byte_vocabulary({"he", "ll"}));
    made.write("merges.txt", "h e\nl l\n");
    return true;
  }();
  static_cast<void>(filled);
  return made;
}

void use(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool special : {false, true}) {
    const std::vector<int> ids = tokenizer.encode(text, {.special_tokens = special});
    for (const int id : ids)
      static_cast<void>(tokenizer.token(id));  // throws beyond the vocabulary
  }
  for (const AddedToken& token : tokenizer.added_tokens()) {
    fuzz::require(!token.content.empty() && !tokenizer.token(token.id).empty(),
                  "an added token is in the vocabulary");
  }
  for (const int id :
       {tokenizer.eos_token_id(), tokenizer.bos_token_id(), tokenizer.pad_token_id()}) {
    fuzz::require(id >= -1 && id < tokenizer.vocab_size(), "a special token is in the vocabulary");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder saved;
  const auto parts = fuzz::parts_of(fuzz::text_of(data, size), kFiles.size() + 1);
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    if (i + 1 < parts.size() && !parts[i].empty()) {
      folder().write(kFiles[i], parts[i]);
    } else {
      folder().remove(kFiles[i]);
    }
  }
  fuzz::accepted([&] {
    const Tokenizer tokenizer = Tokenizer::from_pretrained(folder().path());
    use(tokenizer, parts.back());
    if (size % 8 != 0) return;  // a round trip takes twice as long as the rest
    tokenizer.save_pretrained(saved.path());
    const Tokenizer again = Tokenizer::from_pretrained(saved.path());
    fuzz::require(again == tokenizer && again.fingerprint() == tokenizer.fingerprint(),
                  "a tokenizer survives");
  });
  return 0;
}
