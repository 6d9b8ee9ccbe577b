// SPDX-License-Identifier: MIT
// Values of options: plain numbers in a range that the message says.
#include "cli/program.hpp"

using namespace solo;
using test::check_error;
using test::solo_program;

namespace {

using Words = std::vector<std::string>;

/// solo train on a folder that is not read before the options.
Words train(const std::string& option, const std::string& value) {
  return {"train", "--model",  "m",    "--train", "t",  "--output",
          "o",     "--method", "lora", option,    value};
}

constexpr const char* kWhole = "expected a whole number from ";

}  // namespace

TEST_CASE("what is no plain number is no value of a number") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  for (const std::string option : {"--seed", "--max-steps", "--warmup-steps", "--batch-size",
                                   "--rank", "--threads", "--layers-to-transform"}) {
    for (const std::string value : {"", " ", "1 ", " 1", "+1", "1.0", "1e3", "0x10", "1'000", "one",
                                    "nan", "18446744073709551616", "-9223372036854775809"}) {
      INFO(option << " '" << value << "'");
      if (option == "--layers-to-transform" && value.empty()) continue;  // an empty list
      check_error(solo_program(dir, train(option, value)), 2, option + ": " + kWhole);
    }
  }
  for (const std::string option : {"--learning-rate", "--weight-decay", "--adam-beta1", "--epochs",
                                   "--max-grad-norm", "--dropout", "--lora-alpha"}) {
    for (const std::string value :
         {"", " ", "0.1 ", "+0.1", "0x1p3", "nan", "inf", "-inf", "infinity", "1e999", "0,1"}) {
      INFO(option << " '" << value << "'");
      check_error(solo_program(dir, train(option, value)), 2, option + ": expected a number");
    }
  }
}

TEST_CASE("messages name the range of a number") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  check_error(solo_program(dir, train("--seed", "-1")), 2,
              "--seed: expected a whole number from 0 to 18446744073709551615, found '-1'");
  check_error(solo_program(dir, train("--threads", "1000000")), 2,
              "--threads: expected a whole number from 0 to 1024, found '1000000'");
  check_error(solo_program(dir, train("--stride", "9223372036854775808")), 2,
              "--stride: expected a whole number from -9223372036854775808 to 9223372036854775807");
  const auto generate = [&](const std::string& option, const std::string& value) {
    return solo_program(dir, {"generate", "--model", "m", "--prompt", "a", option, value});
  };
  check_error(
      generate("--max-new-tokens", "-1"), 2,
      "--max-new-tokens: expected a whole number from 0 to 9223372036854775807, found '-1'");
  check_error(generate("--eos-token-id", "2147483648"), 2, "from -1 to 2147483647");
  check_error(generate("--temperature", "nan"), 2, "--temperature: expected a number, found 'nan'");
  check_error(solo_program(dir, {"score", "--model", "m", "--input", "i", "--batch-size", "0"}), 2,
              "--batch-size: expected a whole number from 1 to ");
  for (const std::string value : {"lora_A=", "lora_A=1x", "lora_A=nan", "=2", "lora_A"}) {
    check_error(solo_program(dir, train("--lr-multiplier", value)), 2, "--lr-multiplier: ");
  }
  const Words compare = {"compare", "--plan", "p.json", "--output", "o"};
  for (const std::string option : {"--seeds", "--methods"}) {
    Words words = compare;
    words.insert(words.end(), {option, ""});
    check_error(solo_program(dir, words), 2, option);
  }
}

TEST_CASE("a number is decimal, also with zeros in front") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const auto trainable = [&](const std::string& rank) {
    return solo_program(dir, {"params", "--size", "gpt2", "--method", "lora", "--rank", rank,
                              "--sequence-length", "0064", "--batch-size", "010", "--json"})
        .json();
  };
  CHECK(trainable("010") == trainable("10"));
  CHECK(trainable("10").at("trainable") == 12 * 10 * (768 + 3 * 768));
  CHECK(trainable("10").at("forecast").at("rows") == 640);
}

TEST_CASE("numbers in a configuration file keep to the same") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string file = dir.path() / "options.json";
  const auto refused = [&](const std::string& text, const std::string& part) {
    INFO(text);
    std::ofstream(file) << text;
    check_error(solo_program(dir, {"train", "--model", "m", "--train", "t", "--output", "o",
                                   "--method", "lora", "--config", file}),
                1, part);
  };
  refused(R"({"seed": ""})", "seed: expected a whole number from 0 to 18446744073709551615");
  refused(R"({"seed": -1})", "seed: expected a whole number from 0 to 18446744073709551615");
  refused(R"({"seed": 18446744073709551616})", "seed: expected a whole number");
  refused(R"({"max-steps": 9223372036854775808})", "max-steps: ");
  refused(R"({"learning-rate": ""})", "learning-rate: expected a number");
  refused(R"({"learning-rate": "0.1"})", "learning-rate: expected a number");
  refused(R"({"layers-to-transform": ""})", "layers-to-transform");
  refused(R"({"layers-to-transform": "1,,2"})", "layers-to-transform");
}

TEST_CASE("sizes that cannot be counted are an error") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  std::filesystem::create_directory(dir.path() / "huge");
  std::ofstream(dir.path() / "huge" / "config.json")
      << R"({"vocab_size": 512, "n_positions": 64, "n_embd": 16777216, "n_layer": 4096,)"
      << R"( "n_head": 4096})";
  for (const std::string method : {"lora", "full", "solo", "bitfit", "ln_tuning"}) {
    INFO(method);
    check_error(solo_program(dir, {"params", "--model", dir.path() / "huge", "--method", method}),
                1, "too large");
  }
}

TEST_CASE("threads that the system does not start are an error") {
  SOLO_NEEDS_PROGRAM;
#ifdef SOLO_SANITIZED
  SOLO_SKIP("no limit of the address space");
#endif
  const test::TempDir dir;  // their stacks are beyond the limit of the address space
  check_error(solo_program(dir, {"doctor", "--threads", "1024"}), 1, "threads: the system starts ");
}
