# SPDX-License-Identifier: MIT
# SOURCE must compile as it is, and must not with -DSOLO_REFUSED, for the reason that its line
# "// refused: <regular expression>" states. A line "// flags: …" adds options to the second.
list(REMOVE_ITEM INCLUDES ${IMPLICIT} "")
list(TRANSFORM INCLUDES PREPEND "-isystem")
set(command "${COMPILER}" -std=c++20 -fsyntax-only -DSOLO_HEADER_ONLY=0 ${INCLUDES})
execute_process(COMMAND ${command} "${SOURCE}" RESULT_VARIABLE status ERROR_VARIABLE errors)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the valid part does not compile:\n${errors}")
endif()

file(STRINGS "${SOURCE}" reason REGEX "^// refused: ")
string(REPLACE "// refused: " "" reason "${reason}")
file(STRINGS "${SOURCE}" flags REGEX "^// flags: ")
string(REPLACE "// flags: " "" flags "${flags}")
separate_arguments(flags)
execute_process(COMMAND ${command} -DSOLO_REFUSED ${flags} "${SOURCE}"
  RESULT_VARIABLE status ERROR_VARIABLE errors)
if(status EQUAL 0)
  message(FATAL_ERROR "compiles, but must not")
endif()
if(reason STREQUAL "" OR NOT errors MATCHES "${reason}")
  message(FATAL_ERROR "fails for another reason than '${reason}':\n${errors}")
endif()
