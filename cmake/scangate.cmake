# Two interface targets carry the flags; every target of ours links them PRIVATE through the functions below.
add_library(scangate_options INTERFACE)
target_compile_features(scangate_options INTERFACE cxx_std_20)
target_include_directories(scangate_options INTERFACE ${PROJECT_SOURCE_DIR})
# One code model everywhere, as precompiled headers need: all of it ends in position-independent executables, there is no shared library of ours.
target_compile_options(scangate_options INTERFACE -pthread -fPIE)
target_link_options(scangate_options INTERFACE -pie)
add_library(scangate_warnings INTERFACE)
target_compile_options(scangate_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wno-missing-field-initializers  # designated initialisers leave the rest at their defaults on purpose
 )
if(SCANGATE_WERROR)
  target_compile_options(scangate_warnings INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside its own headers when inlining std::string and std::vector (GCC bugs 105329, 105651).
  target_compile_options(scangate_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-array-bounds)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(scangate_options INTERFACE _GLIBCXX_ASSERTIONS)
  # -Og keeps tests of whole images fast enough; line tables are what a failing test needs.
  target_compile_options(scangate_options INTERFACE -Og -g1)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(scangate_options INTERFACE -O2 -fstack-protector-strong -fstack-clash-protection -fcf-protection)
  target_compile_definitions(scangate_options INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(scangate_options INTERFACE -Wl,-z,relro,-z,now)
endif()
if(SCANGATE_SANITIZE)
  target_compile_options(scangate_options INTERFACE -fsanitize=${SCANGATE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(scangate_options INTERFACE -fsanitize=${SCANGATE_SANITIZE})
  if(SCANGATE_SANITIZE MATCHES "undefined")
    # A null dereference and what lies outside of an object are found by AddressSanitizer, too, and nothing of ours casts down a hierarchy. Processors that
    # we build for read at any address. Together a quarter of the compile time.
    target_compile_options(scangate_options INTERFACE -fno-sanitize=null,vptr,alignment,object-size,pointer-overflow)
  endif()
endif()
if(SCANGATE_FUZZ)
  target_compile_options(scangate_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(SCANGATE_CCACHE ccache)
if(SCANGATE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness is what ccache asks for before it caches a compilation that uses a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${SCANGATE_CCACHE})
endif()

# The standard library and GoogleTest parsed once instead of in every file: half of a cold debug build. Release builds leave it out, and so show
# that every file includes what it uses. Holds no header of ours: one edit would compile everything again.
function(scangate_precompile)
  set(standard <algorithm> <array> <atomic> <chrono> <cstdint> <cstring> <filesystem> <fstream> <functional> <map> <memory> <mutex> <optional>
    <set> <span> <sstream> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector> <fmt/format.h> <tl/expected.hpp>)
  add_library(scangate_precompiled OBJECT ${PROJECT_SOURCE_DIR}/cmake/precompiled.cc)
  target_link_libraries(scangate_precompiled PRIVATE scangate_options scangate_warnings fmt::fmt tl::expected Threads::Threads)
  target_precompile_headers(scangate_precompiled PRIVATE ${standard})
  if(SCANGATE_TESTS)
    add_library(scangate_precompiled_tests OBJECT ${PROJECT_SOURCE_DIR}/cmake/precompiled.cc)
    target_link_libraries(scangate_precompiled_tests PRIVATE scangate_options scangate_warnings fmt::fmt tl::expected Threads::Threads GTest::gmock)
    target_precompile_headers(scangate_precompiled_tests PRIVATE ${standard} <gtest/gtest.h> <gmock/gmock.h>)
  endif()
endfunction()

# scangate_use_precompiled(target owner): does nothing where precompiled headers are off.
function(scangate_use_precompiled target owner)
  if(SCANGATE_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()

# scangate_library(scan_inventory SOURCES a.cc b.cc DEPS base scan_model PRIVATE PkgConfig::GIT2)
# DEPS are our targets by short name and become PUBLIC; PRIVATE are third-party targets that only this one may see.
function(scangate_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE" ${ARGN})
  add_library(scangate_${name} STATIC ${ARG_SOURCES})
  add_library(scangate::${name} ALIAS scangate_${name})
  target_link_libraries(scangate_${name} PRIVATE scangate_options scangate_warnings ${ARG_PRIVATE})
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(scangate_${name} PUBLIC scangate_${dep})
  endforeach()
  scangate_use_precompiled(scangate_${name} scangate_precompiled)
endfunction()

# scangate_test(scan_inventory SOURCES dpkg_test.cc DEPS scan_inventory [PRIVATE …] [LABELS …]): one GoogleTest program that links
# the named targets alone, so a wrong arrow between rooms fails to link here. Runs as one ctest entry; its working directory is the
# source folder of the test, so that data files are found by relative path. Label `program` keeps a test that links the whole program out of
# the sanitizer run.
function(scangate_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;PRIVATE;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE scangate_options scangate_warnings fmt::fmt GTest::gmock GTest::gtest_main ${ARG_PRIVATE})
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(${name}_test PRIVATE scangate_${dep})
  endforeach()
  scangate_use_precompiled(${name}_test scangate_precompiled_tests)
  target_compile_definitions(${name}_test PRIVATE SCANGATE_SOURCE_DIR="${PROJECT_SOURCE_DIR}" SCANGATE_BINARY_DIR="${PROJECT_BINARY_DIR}")
  add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "unit;${ARG_LABELS}")
  if("program" IN_LIST ARG_LABELS)
    add_dependencies(program_tests ${name}_test)
  else()
    add_dependencies(sanitized_tests ${name}_test)
  endif()
endfunction()

# scangate_fuzz(dockerfile SOURCE dockerfile_fuzz.cc CORPUS corpus/dockerfile DEPS pipeline_build): a libFuzzer target under the fuzz
# preset; in every other build the same entry point with a main that replays the corpus, as a ctest entry. MEMORY_MB: what one input may take.
function(scangate_fuzz name)
  cmake_parse_arguments(ARG "" "SOURCE;CORPUS;MEMORY_MB" "DEPS;PRIVATE" ${ARGN})
  if(NOT ARG_MEMORY_MB)
    set(ARG_MEMORY_MB 2048)
  endif()
  add_executable(fuzz_${name} ${ARG_SOURCE})
  target_link_libraries(fuzz_${name} PRIVATE scangate_options scangate_warnings ${ARG_PRIVATE})
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(fuzz_${name} PRIVATE scangate_${dep})
  endforeach()
  scangate_use_precompiled(fuzz_${name} scangate_precompiled)
  if(SCANGATE_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    # libFuzzer counts the sanitizer's own memory, too: its quarantine alone has 256 MB.
    math(EXPR ARG_MEMORY_MB "${ARG_MEMORY_MB} + 512")
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/replay_corpus.cc)
  endif()
  add_test(NAME fuzz_${name} COMMAND fuzz_${name} -runs=0 -rss_limit_mb=${ARG_MEMORY_MB} -timeout=30 ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
  set_tests_properties(fuzz_${name} PROPERTIES TIMEOUT 120 LABELS "unit;fuzz")
  add_dependencies(sanitized_tests fuzz_${name})
endfunction()
