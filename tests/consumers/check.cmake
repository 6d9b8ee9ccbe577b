# SPDX-License-Identifier: MIT
# Builds and runs a consumer project as a user would. For find_package the library is installed
# first, into the work folder. Nothing is thrown away, so a second run is quick.
set(options -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}" -DCMAKE_BUILD_TYPE=Debug
  "-DCMAKE_CXX_FLAGS_DEBUG=-O0" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}")
set(must COMMAND_ERROR_IS_FATAL ANY)
set(prefix "${WORK}/prefix")

if(PROJECT STREQUAL "find_package")
  execute_process(${must} COMMAND "${CMAKE_COMMAND}" -S "${SOLO_SOURCE}" -B "${WORK}/solo" ${options}
    "-DSOLO_HEADER_ONLY=${HEADER_ONLY}" "-DCMAKE_INSTALL_PREFIX=${prefix}" -DCMAKE_UNITY_BUILD=ON
    -DSOLO_BUILD_TESTS=OFF -DSOLO_BUILD_EXAMPLES=OFF -DSOLO_BUILD_BENCHMARKS=OFF)
  execute_process(${must} COMMAND "${CMAKE_COMMAND}" --build "${WORK}/solo")
  file(REMOVE_RECURSE "${prefix}")
  execute_process(${must} COMMAND "${CMAKE_COMMAND}" --install "${WORK}/solo" OUTPUT_QUIET)
  list(APPEND options "-DCMAKE_PREFIX_PATH=${prefix}")
else()
  list(APPEND options "-DSOLO_SOURCE=${SOLO_SOURCE}")
endif()

execute_process(${must} COMMAND "${CMAKE_COMMAND}"
  -S "${CMAKE_CURRENT_LIST_DIR}/${PROJECT}" -B "${WORK}/app" ${options})
execute_process(${must} COMMAND "${CMAKE_COMMAND}" --build "${WORK}/app")
execute_process(${must} COMMAND "${WORK}/app/app")

# No flag of ours may reach the user's compiler.
file(STRINGS "${WORK}/app/compile_commands.json" commands REGEX "\"command\"")
if(commands MATCHES "-march|-fsanitize|-ffast-math|-O3")
  message(FATAL_ERROR "flags leak to the consumer: ${commands}")
endif()
