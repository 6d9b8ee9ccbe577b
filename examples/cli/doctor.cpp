// SPDX-License-Identifier: MIT
// solo doctor: what this machine has and what the library uses of it.
#include <solo/core/parallel.hpp>
#include <solo/kernels/isa.hpp>

#include "program.hpp"

#include <Eigen/Core>

#include <cstdlib>
#include <thread>
#include <unistd.h>

namespace solo::cli {
namespace {

Json cache_sizes() {
  Json caches = Json::object();
  const auto add = [&caches](const char* name, int key) {
    const long bytes = ::sysconf(key);
    if (bytes > 0) caches[name] = bytes;
  };
  add("L1d", _SC_LEVEL1_DCACHE_SIZE);
  add("L2", _SC_LEVEL2_CACHE_SIZE);
  add("L3", _SC_LEVEL3_CACHE_SIZE);
  return caches;
}

Json library_versions() {
  return {
      {"solo", SOLO_VERSION_STRING},
      {"Eigen", concat(EIGEN_WORLD_VERSION, '.', EIGEN_MAJOR_VERSION, '.', EIGEN_MINOR_VERSION)},
      {"nlohmann_json", concat(NLOHMANN_JSON_VERSION_MAJOR, '.', NLOHMANN_JSON_VERSION_MINOR, '.',
                               NLOHMANN_JSON_VERSION_PATCH)},
      {"CLI11", CLI11_VERSION},
      {"compiler", __VERSION__}};
}

void run_doctor(const Common& common) {
  const char* const forced = std::getenv("SOLO_SIMD");
  Json found = Json::array();
  for (const Isa isa : available_isas()) found.push_back(to_string(isa));
  const Json result = {
      {"simd_found", found},
      {"simd_used", to_string(choose_isa(forced == nullptr ? "" : forced))},
      {"cores", static_cast<int>(std::thread::hardware_concurrency())},
      {"threads", ThreadPool(common.threads).threads()},
      {"cache_bytes", cache_sizes()},
      {"versions", library_versions()},
  };
  if (common.json) {
    print_line(result);
    return;
  }
  for (const auto& [key, value] : result.items()) {
    print(concat(key, ": ", value.is_string() ? value.get<std::string>() : dump_line(value), '\n'));
  }
}

}  // namespace

Command add_doctor(CLI::App& program, Common& common) {
  CLI::App& app = add_subcommand(program, common, "doctor",
                                 "instruction sets, threads, caches and library versions");
  return {&app, [&common] { run_doctor(common); }};
}

}  // namespace solo::cli
