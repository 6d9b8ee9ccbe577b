# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What must be installed to build, and how it is installed (Debian and Ubuntu). Sourced by scripts/test
# and scripts/quickstart.

missing=()

need() {  # need PACKAGE PROBE WHY; PROBE: a command, a pattern from /, a path below an include directory
  local package=$1 probe=$2 why=$3 found=no directory
  if [[ $probe == /* ]]; then
    compgen -G "$probe" >/dev/null && found=yes
  elif [[ $probe == */* ]]; then
    for directory in /usr/include /usr/local/include /usr/share/cmake /usr/lib/cmake; do
      [[ -e $directory/$probe ]] && found=yes
    done
  elif command -v "$probe" >/dev/null; then
    found=yes
  fi
  if [[ $found == no ]]; then
    echo "missing: $package ($why)"
    missing+=("$package")
  fi
}

need_for_release() {  # what the release preset builds with
  need g++ g++ "the compiler"
  need cmake cmake "configures the build"
  need ninja-build ninja "runs the build"
  need ccache ccache "makes second builds quick"
  need libeigen3-dev eigen3/Eigen/Core "matrices, used by the library"
  need nlohmann-json3-dev nlohmann/json.hpp "JSON, used by the library"
  need catch2 catch2/ "the tests"
  need libcli11-dev CLI/CLI.hpp "the command line of the solo program"
  need libbenchmark-dev benchmark/benchmark.h "the benchmarks"
}

find_installer() {  # sets as_root; ends the script where nothing can be installed
  if ! command -v apt-get >/dev/null; then
    echo "error: there is no apt-get here; install by other means: ${missing[*]}" >&2
    exit 1
  fi
  if [[ $(id -u) == 0 ]]; then
    as_root=(env)
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
  else
    echo "Root is needed to install them. Run this, then start again:" >&2
    echo "  sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
}

install_missing() {
  "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
  "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -qq \
    "${missing[@]}" </dev/null
}

require_cmake() {  # the version the presets ask for
  local version
  version=$(cmake --version | sed -n '1s/[^0-9]*//p')
  if [[ $(printf '%s\n' 3.25 "$version" | sort -V | head -n 1) != 3.25 ]]; then
    echo "error: CMake 3.25 or later is needed, found $version" >&2
    exit 1
  fi
}
