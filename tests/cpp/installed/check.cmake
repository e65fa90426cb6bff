# Installs the library into a folder, moves it, and builds a program against it in each way that the
# documentation names: find_package with the shared and the static library, and pkg-config.
#
# cmake -D BUILD=... -D FOLDER=... -D VERSION=... -D GENERATOR=... -D MAKE_PROGRAM=... -D COMPILER=...
#   -D FLAGS=... -D LIBDIR=... -P check.cmake
cmake_minimum_required(VERSION 3.18)

# The output of a command, which must succeed.
function(run result)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE out ERROR_VARIABLE err RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}: ${status}\n${out}${err}")
  endif()
  set(${result} "${out}" PARENT_SCOPE)
endfunction()

function(check_program path)
  run(out ${CMAKE_COMMAND} -E env "LD_LIBRARY_PATH=${prefix}/${LIBDIR}" ${path})
  if(NOT out STREQUAL "3 0 2 refused 1\n")
    message(FATAL_ERROR "${path} printed ${out}")
  endif()
endfunction()

file(REMOVE_RECURSE "${FOLDER}")
run(out ${CMAKE_COMMAND} --install "${BUILD}" --component library --prefix "${FOLDER}/first")
set(prefix "${FOLDER}/moved here")
file(RENAME "${FOLDER}/first" "${prefix}")

# Each exported name stands in a public header.
file(GLOB headers "${prefix}/include/thinset/*.hpp")
set(declared)
foreach(header ${headers})
  file(READ "${header}" text)
  string(REGEX MATCHALL "[A-Za-z_][A-Za-z_0-9]*" words "${text}")
  list(APPEND declared ${words})
endforeach()
list(REMOVE_DUPLICATES declared)
run(symbols nm -DC --defined-only "${prefix}/${LIBDIR}/libthinset.so")
string(REGEX MATCHALL "[^\n]+" symbols "${symbols}")
set(exported)
foreach(symbol ${symbols})
  if(NOT symbol MATCHES " [A-Zu] ((typeinfo|typeinfo name|vtable) for )?thinset::([A-Za-z_0-9:~]+)")
    message(FATAL_ERROR "the shared library exports ${symbol}")
  endif()
  set(full "${CMAKE_MATCH_3}")
  string(REGEX REPLACE "::|~" ";" names "${full}")
  foreach(name ${names})
    if(name AND NOT name IN_LIST declared)
      message(FATAL_ERROR "the shared library exports ${symbol}, which no public header declares")
    endif()
  endforeach()
  list(APPEND exported "${full}")
endforeach()
if(NOT "select" IN_LIST exported)
  message(FATAL_ERROR "the shared library does not export thinset::select: ${exported}")
endif()

set(program "${FOLDER}/program")
run(out ${CMAKE_COMMAND} -S "${CMAKE_CURRENT_LIST_DIR}" -B "${program}" -G "${GENERATOR}"
  "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}" "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_FLAGS=${FLAGS}"
  "-DCMAKE_PREFIX_PATH=${prefix}" "-DTHINSET_REQUIRED_VERSION=${VERSION}")
run(out ${CMAKE_COMMAND} --build "${program}")
check_program("${program}/program")
check_program("${program}/program_static")

find_program(pkg_config NAMES pkg-config pkgconf)
if(NOT pkg_config)
  message(STATUS "pkg-config is not installed: its part is left out")
  return()
endif()
set(ENV{PKG_CONFIG_PATH} "${prefix}/${LIBDIR}/pkgconfig")
run(found ${pkg_config} --modversion thinset)
if(NOT found STREQUAL "${VERSION}\n")
  message(FATAL_ERROR "pkg-config says that the version is ${found}")
endif()
run(arguments ${pkg_config} --cflags --libs thinset)
separate_arguments(arguments UNIX_COMMAND "${arguments}")
separate_arguments(flags UNIX_COMMAND "${FLAGS}")
run(out ${COMPILER} ${flags} -std=c++20 "${CMAKE_CURRENT_LIST_DIR}/main.cpp" ${arguments}
  -o "${program}/by_pkg_config")
check_program("${program}/by_pkg_config")
