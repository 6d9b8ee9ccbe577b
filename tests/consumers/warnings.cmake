# SPDX-License-Identifier: MIT
# Included by a consumer's project(): our installed headers must be quiet under these warnings. The
# dependencies stay system headers: their warnings are not ours.
set(CMAKE_NO_SYSTEM_FROM_IMPORTED ON)
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(nlohmann_json REQUIRED)
foreach(dependency IN ITEMS Eigen3::Eigen nlohmann_json::nlohmann_json)
  include_directories(SYSTEM $<TARGET_PROPERTY:${dependency},INTERFACE_INCLUDE_DIRECTORIES>)
endforeach()
