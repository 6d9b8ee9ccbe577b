// SPDX-License-Identifier: MIT
// Expressions over module names, against the verdicts of Python's re.fullmatch.

#include <solo/adapters/module_pattern.hpp>
#include <solo/adapters/modules.hpp>
#include <solo/core/tensor.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <vector>

using namespace solo;
using namespace solo::test;

namespace {

const std::vector<std::string> kNames = {"transformer.h.0.attn.c_attn",
                                         "transformer.h.1.attn.c_attn",
                                         "transformer.h.11.attn.c_attn",
                                         "transformer.h.2.mlp.c_fc",
                                         "transformer.h.11.mlp.c_proj",
                                         "h.3.attn.c_proj",
                                         "transformer.wte",
                                         "lm_head",
                                         "attn.c_proj",
                                         "c_attn",
                                         ""};

struct Verdicts {
  std::string expression;
  std::string matches;  // x or . for each name
};

}  // namespace

TEST_CASE("Expressions match as Python's re.fullmatch", "[pattern]") {
  const std::vector<Verdicts> cases = {
      {R"(c_attn)", ".........x."},
      {R"(.*c_attn)", "xxx......x."},
      {R"(.*\.c_attn)", "xxx........"},
      {R"(transformer\.h\.(0|1)\.attn\.c_attn)", "xx........."},
      {R"(.*\.h\.[02]\.(attn|mlp)\.c_(attn|fc))", "x..x......."},
      {R"(.*\d+.*c_fc$)", "...x......."},
      {R"(^transformer\.h\.\d\.mlp\..+)", "...x......."},
      {R"((?:transformer\.)?h\.\d{1,2}\.attn\.c_proj)", ".....x....."},
      {R"(transformer\.h\.([2-9]|1[01])\.mlp\.c_fc)", "...x......."},
      {R"(.*(c_attn|c_proj|c_fc))", "xxxxxx..xx."},
      {R"([^.]+\.h\..*)", "xxxxx......"},
      {R"(.+?c_[afp].*?)", "xxxxxx..x.."},
      {R"(transformer.h.1.attn.c_attn)", ".x........."},
      {R"((.*\.)?(attn\.c_proj)$)", ".....x..x.."},
      {R"(\w+\.h\.\d+\.\w+\.c_attn)", "xxx........"},
      {R"()", "..........x"},
      {R"(lm_head|.*wte)", "......xx..."},
      {R"(.*h\.1{2}\..*)", "..x.x......"},
      {R"(.*h\.1{,1}\..*)", ".x........."},
      {R"((a|b)*)", "..........x"},
      {R"(((t)(?P<x>r)ansformer)\.h\.11\.attn\.c_attn)", "..x........"},
      {R"(transformer\.h\.[^1]\..*)", "x..x......."},
      {R"([]a-z._\d]+)", "xxxxxxxxxx."},
      {R"(.*c_attn{1})", "xxx......x."},
      {R"(.*\Dc_fc\Z)", "...x......."},
      {R"(\Atransformer.*)", "xxxxx.x...."},
      {R"(transformer\.(h\.){1,2}0.*)", "x.........."},
      {R"([\-_a-z]+)", ".......x.x."},
      {R"(\S*[^\s.]c_fc)", "..........."},
      {R"(\S*\.c_fc)", "...x......."},
      {R"(c_attn{x)", "..........."},
  };
  for (const Verdicts& c : cases) {
    const ModulePattern pattern(c.expression, "target_modules");
    std::string found;
    for (const std::string& name : kNames) found += pattern.matches(name) ? 'x' : '.';
    CAPTURE(c.expression);
    CHECK(found == c.matches);
  }
}

TEST_CASE("Expressions that Python refuses, or that we do not support, are refused", "[pattern]") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"(", "missing ')'"},
      {")", "unexpected ')'"},
      {"a)(b", "unexpected ')' at position 1"},
      {"[", "ends too early"},
      {"[b-a]", "bad character range"},
      {"*a", "nothing to repeat"},
      {"a**", "repetition of a repetition"},
      {"a{2}{3}", "repetition of a repetition"},
      {"a{2,1}", "minimum over maximum"},
      {"a{1001}", "too large"},
      {"^*", "nothing to repeat"},
      {"(?=a)", "extension that is not supported"},
      {"(?!a)", "extension that is not supported"},
      {"(?i)a", "extension that is not supported"},
      {"(?P=x)", "extension that is not supported"},
      {"(?P<x", "ends too early"},
      {"\\1", "escape that is not supported"},
      {"\\b", "escape that is not supported"},
      {"a\\", "ends too early"},
      {"a++", "repetition of a repetition"},
      {"\xC3\xA9", "a character that no module name has"},
      {"((a{1000}){1000}){1000}", "too large"},
  };
  for (const auto& [expression, why] : cases) {
    check_throws<ConfigError>(
        [&, text = expression] { return ModulePattern(text, "rank_pattern"); }, "pattern.syntax",
        {"rank_pattern", quoted(expression), why});
  }
  const std::string deep(60, '(');
  check_throws<ConfigError>([&] { return ModulePattern(deep, "target_modules"); }, "pattern.syntax",
                            {"nested too deep"});
}

TEST_CASE("No expression makes matching slow", "[pattern]") {
  const auto start = std::chrono::steady_clock::now();
  const ModulePattern evil("(a|a)*(a*)*(a?){500}b", "target_modules");
  CHECK(!evil.matches(std::string(500, 'a')));
  CHECK(ModulePattern("(((){1000}){1000}){1000}x", "target_modules").matches("x"));
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  CHECK(taken.count() < 2.0);
}

TEST_CASE("List entries are whole names or ends after a dot", "[pattern]") {
  CHECK(detail::names_module("c_attn", "transformer.h.0.attn.c_attn"));
  CHECK(detail::names_module("attn.c_attn", "transformer.h.0.attn.c_attn"));
  CHECK(detail::names_module("lm_head", "lm_head"));
  CHECK(!detail::names_module("ttn.c_attn", "transformer.h.0.attn.c_attn"));
  CHECK(!detail::names_module("attn", "transformer.h.0.attn.c_attn"));
  CHECK(!detail::names_module("transformer.h.0.attn.c_attn", "c_attn"));
}

TEST_CASE("A base's tensors are those of a model", "[pattern]") {
  const GPT2Config config{
      .vocab_size = 7, .n_positions = 5, .n_embd = 4, .n_layer = 1, .n_head = 2, .n_inner = 6};
  std::string text;
  for (const detail::BaseTensor& t : detail::base_tensors(config)) {
    text += t.full_name() + to_string(t.shape) + ' ';
  }
  CHECK(text ==
        "transformer.wte.weight(7, 4) transformer.wpe.weight(5, 4) transformer.h.0.ln_1.weight(4,) "
        "transformer.h.0.ln_1.bias(4,) transformer.h.0.attn.c_attn.weight(4, 12) "
        "transformer.h.0.attn.c_attn.bias(12,) transformer.h.0.attn.c_proj.weight(4, 4) "
        "transformer.h.0.attn.c_proj.bias(4,) transformer.h.0.ln_2.weight(4,) "
        "transformer.h.0.ln_2.bias(4,) transformer.h.0.mlp.c_fc.weight(4, 6) "
        "transformer.h.0.mlp.c_fc.bias(6,) transformer.h.0.mlp.c_proj.weight(6, 4) "
        "transformer.h.0.mlp.c_proj.bias(4,) transformer.ln_f.weight(4,) transformer.ln_f.bias(4,) "
        "lm_head.weight(7, 4) ");
  CHECK(detail::module_names(config).size() == 5 + 13 + 2);
}
