// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/core/scalar.hpp>
#include <solo/io/safetensors.hpp>

#include "io/io_test_support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

using solo::test::error_of;
using solo::test::file_of;

TEST_CASE("safetensors: conversions are exact or rounded to nearest", "[safetensors]") {
  const solo::test::TempDir dir;
  SECTION("float32 to all") {
    const std::vector<float> values = {0.0F, -1.5F, 3.14159265F, 1e-40F, 3e38F};
    const auto file = file_of(dir, "F32", values);
    std::vector<float> f(5);
    std::vector<double> d(5);
    file.read(file.at("t"), std::span(f));
    file.read(file.at("t"), std::span(d));
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(f[i] == values[i]);
      CHECK(d[i] == static_cast<double>(values[i]));
    }
  }
  SECTION("every finite float16 and bfloat16") {
    std::vector<std::uint16_t> half;
    std::vector<std::uint16_t> brain;
    for (unsigned i = 0; i < 65536; ++i) {
      if ((i & 0x7C00U) != 0x7C00U) half.push_back(static_cast<std::uint16_t>(i));
      if ((i & 0x7F80U) != 0x7F80U) brain.push_back(static_cast<std::uint16_t>(i));
    }
    std::vector<float> f(half.size());
    const auto halves = file_of(dir, "F16", half);
    halves.read(halves.at("t"), std::span(f));
    bool equal = true;
    for (std::size_t i = 0; i < f.size(); ++i) {
      const float expected = solo::to_float(solo::float16{half[i]});
      equal = equal && std::memcmp(&f[i], &expected, sizeof(float)) == 0;
    }
    CHECK(equal);
    std::vector<double> d(brain.size());
    const auto brains = file_of(dir, "BF16", brain);
    brains.read(brains.at("t"), std::span(d));
    equal = true;
    for (std::size_t i = 0; i < d.size(); ++i) {
      equal = equal && d[i] == static_cast<double>(solo::to_float(solo::bfloat16{brain[i]}));
    }
    CHECK(equal);
  }
  SECTION("float64") {
    const std::vector<double> values = {0.1, -2.5, 1e-320, 3.4028234663852886e38};
    const auto file = file_of(dir, "F64", values);
    std::vector<float> f(4);
    std::vector<double> d(4);
    file.read(file.at("t"), std::span(f));
    file.read(file.at("t"), std::span(d));
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(f[i] == static_cast<float>(values[i]));
      CHECK(d[i] == values[i]);
    }
    std::vector<double> middle(2);
    file.read_part(file.at("t"), 1, std::span(middle));
    CHECK(middle == std::vector<double>{-2.5, 1e-320});
    for (const solo::Index first : {solo::Index{-1}, solo::Index{3}, solo::Index{5}}) {
      CHECK(error_of([&] {
              file.read_part(file.at("t"), first, std::span(middle));
            }).find("ShapeError safetensors.buffer | ") == 0);
    }
  }
}

TEST_CASE("safetensors: NaN and infinity are found wherever they are", "[safetensors]") {
  const solo::test::TempDir dir;
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const std::size_t at : {0U, 1U, 6U, 65535U, 65536U, 65537U, 100000U}) {
    for (const float bad : {std::nanf(""), kInf, -kInf}) {
      std::vector<float> values(100001, 3.4e38F);
      values[at] = bad;
      const auto file = file_of(dir, "F32", values);
      const std::string part = " at element " + std::to_string(at);
      std::vector<float> f(values.size());
      std::vector<double> d(values.size());
      for (const std::string& error : {error_of([&] { file.read(file.at("t"), std::span(f)); }),
                                       error_of([&] { file.read(file.at("t"), std::span(d)); }),
                                       error_of([&] { file.check_finite(file.at("t")); })}) {
        CHECK(error.find("NumericError numeric.nonfinite | ") == 0);
        CHECK(error.find("t.safetensors: tensor 't': expected finite values, found ") !=
              std::string::npos);
        CHECK(error.substr(error.size() - part.size()) == part);
      }
    }
  }
}

TEST_CASE("safetensors: NaN and infinity in every dtype of weights", "[safetensors]") {
  const solo::test::TempDir dir;
  const auto check = [&](const std::string& dtype, const auto& values) {
    INFO(dtype);
    const auto file = file_of(dir, dtype, values);
    std::vector<float> f(values.size());
    CHECK(error_of([&] {
            file.read(file.at("t"), std::span(f));
          }).find("NumericError numeric.nonfinite | ") == 0);
    CHECK(error_of([&] {
            file.check_finite(file.at("t"));
          }).find("NumericError numeric.nonfinite | ") == 0);
  };
  using Bits16 = std::vector<std::uint16_t>;
  for (const std::uint16_t bits : Bits16{0x7C00, 0xFC00, 0x7C01, 0xFFFF})
    check("F16", Bits16{1, 2, bits});
  for (const std::uint16_t bits : Bits16{0x7F80, 0xFF80, 0x7F81, 0xFFFF}) {
    check("BF16", Bits16{1, 2, 3, 4, bits});
  }
  check("F64", std::vector<double>{1.0, std::nan("")});
  check("F64", std::vector<double>{-std::numeric_limits<double>::infinity()});

  const auto big = file_of(dir, "F64", std::vector<double>{1.0, -1e39});
  std::vector<float> f(2);
  CHECK(error_of([&] {
          big.read(big.at("t"), std::span(f));
        }).find("NumericError numeric.overflow | ") == 0);
  CHECK(error_of([&] {
          big.read(big.at("t"), std::span(f));
        }).find("tensor 't': expected values that fit float32, found -1e+39 at element 1") !=
        std::string::npos);
  CHECK_NOTHROW(big.check_finite(big.at("t")));
}
