// SPDX-License-Identifier: MIT
#include <solo/kernels/isa.hpp>
#include <solo/kernels/table.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <algorithm>

namespace {

using namespace solo;

TEST_CASE("every instruction set that the CPU runs can be chosen by name") {
  const std::vector<Isa> available = available_isas();
  REQUIRE(!available.empty());
  CHECK(available.front() == Isa::scalar);
  CHECK(choose_isa("") == available.back());
  for (const Isa isa : available) {
    CHECK(cpu_supports(isa));
    CHECK(choose_isa(to_string(isa)) == isa);
  }
}

TEST_CASE("AArch64 runs NEON and nothing of x86, other CPUs no NEON") {
#if defined(__aarch64__)
  CHECK(available_isas() == std::vector<Isa>{Isa::scalar, Isa::neon});
#else
  CHECK(!cpu_supports(Isa::neon));
#endif
}

TEST_CASE("an unknown instruction set is refused") {
  for (const char* name : {"sse9", "AVX2", "avx2 ", "best"}) {
    test::check_throws<ConfigError>([&] { return choose_isa(name); }, "config.simd",
                                    {"SOLO_SIMD", "scalar", std::string("'") + name + "'"});
  }
}

TEST_CASE("an instruction set that the CPU lacks is refused") {
  for (const Isa isa : kAllIsas) {
    if (cpu_supports(isa)) continue;
    test::check_throws<ConfigError>([&] { return choose_isa(to_string(isa)); }, "config.simd",
                                    {std::string(to_string(isa))});
  }
  CHECK(cpu_supports(Isa::scalar));
}

TEST_CASE("a scoped instruction set ends with its scope") {
  const Isa before = active_isa();
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    CHECK(active_isa() == isa);
    CHECK(kernels<float>().isa == isa);
    CHECK(kernels<double>().isa == Isa::scalar);
  }
  CHECK(active_isa() == before);
}

}  // namespace
