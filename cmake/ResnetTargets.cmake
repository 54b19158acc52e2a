# resnet_add_library(NAME core SOURCES … DEPENDS … PRIVATE_DEPENDS … [INTERNAL])
#
# One static library a folder of src/, `resnet_NAME` with the alias `resnet::NAME`. DEPENDS are public
# link dependencies; the order core ← image, model ← cpu ← session ← verify is kept by them alone. Every library is
# installed and is part of resnet::resnet (cmake/ResnetInstall.cmake), but for those marked INTERNAL.

option(RESNET_WERROR "Treat warnings as errors" OFF)

set(warnings
    -Wall
    -Wextra
    -Wpedantic
    -Wshadow
    -Wcast-align
    -Wconversion
    -Wno-sign-conversion
    -Wdouble-promotion
    -Wformat=2
    -Wimplicit-fallthrough
    -Wundef
    -Wunused)
# nvcc hands the host's half of a .cu file to the C++ compiler, with line markers that -Wpedantic objects to and
# generated stubs that -Wundef and -Wcast-align do.
set(cuda_warnings ${warnings})
list(REMOVE_ITEM cuda_warnings -Wpedantic -Wundef -Wcast-align)
list(JOIN cuda_warnings , cuda_warnings)

add_library(resnet_warnings INTERFACE)
target_compile_options(
  resnet_warnings
  INTERFACE $<$<COMPILE_LANGUAGE:C,CXX>:${warnings}>
            $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
            $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
            # GCC 12 warns of std::string's own copying inside <string> (its bug 105651).
            $<$<AND:$<COMPILE_LANGUAGE:C,CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-restrict>
            # Of several files compiled as one it takes each for a header.
            $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>
            $<$<AND:$<COMPILE_LANGUAGE:C,CXX>,$<BOOL:${RESNET_WERROR}>>:-Werror>
            $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${cuda_warnings}>
            $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${RESNET_WERROR}>>:-Werror=all-warnings>)

# What the fuzz targets are to find their way through. Other libraries are left without the counters, which make them
# slower to build and to run.
set(fuzzed_libraries core image model)

function(resnet_add_library)
  cmake_parse_arguments(ARG "INTERNAL" "NAME" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  set(target resnet_${ARG_NAME})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(resnet::${ARG_NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${ARG_NAME})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(
    ${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PUBLIC ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE_DEPENDS}
                                         $<BUILD_INTERFACE:resnet_warnings>)
  if(RESNET_FUZZ AND ARG_NAME IN_LIST fuzzed_libraries)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(NOT ARG_INTERNAL)
    set_property(GLOBAL APPEND PROPERTY RESNET_LIBRARIES ${target})
  endif()
endfunction()
