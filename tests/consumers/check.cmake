# SPDX-License-Identifier: MIT
# Builds and runs a consumer project as a user would: examples/embed, which finds the library that is
# installed first into the work folder, or the one beside this file that adds its sources. Nothing is
# thrown away, so a second run is quick.
set(options -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}" -DCMAKE_BUILD_TYPE=Debug
  "-DCMAKE_CXX_FLAGS_DEBUG=-O0" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}")
set(must COMMAND_ERROR_IS_FATAL ANY)
set(prefix "${WORK}/prefix")
set(golden "${SOLO_SOURCE}/tests/golden")

if(PROJECT STREQUAL "find_package")
  execute_process(${must} COMMAND "${CMAKE_COMMAND}" -S "${SOLO_SOURCE}" -B "${WORK}/solo" ${options}
    "-DSOLO_HEADER_ONLY=${HEADER_ONLY}" "-DCMAKE_INSTALL_PREFIX=${prefix}" -DCMAKE_UNITY_BUILD=ON
    -DSOLO_BUILD_TESTS=OFF -DSOLO_BUILD_EXAMPLES=OFF -DSOLO_BUILD_BENCHMARKS=OFF)
  execute_process(${must} COMMAND "${CMAKE_COMMAND}" --build "${WORK}/solo")
  file(REMOVE_RECURSE "${prefix}")
  execute_process(${must} COMMAND "${CMAKE_COMMAND}" --install "${WORK}/solo" OUTPUT_QUIET)
  list(APPEND options "-DCMAKE_PREFIX_PATH=${prefix}" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
    "-DCMAKE_PROJECT_INCLUDE=${CMAKE_CURRENT_LIST_DIR}/warnings.cmake")
  set(source "${SOLO_SOURCE}/examples/embed")
else()
  list(APPEND options "-DSOLO_SOURCE=${SOLO_SOURCE}")
  set(source "${CMAKE_CURRENT_LIST_DIR}/${PROJECT}")
endif()

execute_process(${must} COMMAND "${CMAKE_COMMAND}" -S "${source}" -B "${WORK}/app" ${options})
execute_process(${must} COMMAND "${CMAKE_COMMAND}" --build "${WORK}/app")

if(PROJECT STREQUAL "find_package")
  file(GLOB model "${golden}/tiny-gpt2/*" "${golden}/text/tiny-bpe/*")
  file(COPY ${model} DESTINATION "${WORK}/model")
  file(WRITE "${WORK}/lines" "The Eagle\nname : The Mill\n")
  execute_process(${must} COMMAND "${WORK}/app/embed" "${WORK}/model" INPUT_FILE "${WORK}/lines"
    OUTPUT_VARIABLE completed)
  if(NOT completed MATCHES "^The Eagle[^\n]+\nname : The Mill[^\n]+\n$")
    message(FATAL_ERROR "the completed lines are: ${completed}")
  endif()
else()
  execute_process(${must} COMMAND "${WORK}/app/app")
endif()

# A compiled library gives matrices to programs with other flags.
if(PROJECT STREQUAL "find_package" AND NOT HEADER_ONLY)
  execute_process(${must} COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/matrix"
    -B "${WORK}/matrix" ${options})
  execute_process(${must} COMMAND "${CMAKE_COMMAND}" --build "${WORK}/matrix")
  foreach(number RANGE 3)
    execute_process(${must} COMMAND "${WORK}/matrix/matrix_${number}")
  endforeach()
endif()

# No flag of ours may reach the user's compiler.
file(STRINGS "${WORK}/app/compile_commands.json" commands REGEX "\"command\"")
if(commands STREQUAL "" OR commands MATCHES "-march|-fsanitize|-ffast-math|-O3")
  message(FATAL_ERROR "flags leak to the consumer: ${commands}")
endif()
