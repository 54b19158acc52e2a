# The CUDA backends: whether they are built, with which compiler, and for which GPUs.
#
# RESNET_CUDA=AUTO builds them where nvcc is found: in the path, under $CUDA_HOME or $CUDA_PATH, or in CUDA's own
# prefix. Without them the rows of the backend table say so. The runtime is linked statically and loads the driver when
# it is first asked, so the program starts and runs on machines that have none.

set(RESNET_CUDA AUTO CACHE STRING "Build the CUDA backends: AUTO (where nvcc is found), ON, OFF")
set_property(CACHE RESNET_CUDA PROPERTY STRINGS AUTO ON OFF)

# Which GPUs get machine code ("-real"), and for which generation PTX goes along ("-virtual"), that the driver of a
# newer GPU compiles at its first start. The default is what this is tuned and measured on, and what comes after it;
# the preset `cuda-all` adds the rest, each of which makes the program larger and the build longer:
#
#   75-real      Turing (T4, RTX 20): the oldest that CUDA 13 compiles for; dp4a, first integer tensor cores
#   80-real      Ampere (A100): TF32 and bf16 tensor cores, asynchronous copies
#   86-real      Ampere for desktops (A10, RTX 30): code for 80 runs there, at half the fp32 rate
#   89-real      Ada (L4, RTX 40)
#   90a-real     Hopper (H100, H200). "a": wgmma, which machine code for plain 90 may not use
#   120-real     Blackwell for desktops (RTX 50)
#   90-virtual   what follows Hopper and has no code above, Blackwell in data centres (B200) first of all
#   120-virtual  what follows Blackwell
set(RESNET_CUDA_ARCHITECTURES "90a-real;90-virtual" CACHE STRING "GPUs to compile kernels for (cmake/ResnetCuda.cmake)")

set(resnet_cuda_built OFF)
if(RESNET_CUDA STREQUAL OFF)
  message(STATUS "CUDA: off")
  return()
endif()
if(RESNET_STATIC)
  # The driver is a shared library, which a static program cannot load.
  if(RESNET_CUDA STREQUAL ON)
    message(FATAL_ERROR "RESNET_CUDA=ON and RESNET_STATIC=ON exclude each other: a static program cannot load the driver")
  endif()
  message(STATUS "CUDA: off in the static program, which cannot load the driver")
  return()
endif()

if(NOT CMAKE_CUDA_COMPILER)
  find_program(
    RESNET_NVCC nvcc
    HINTS ENV CUDA_HOME ENV CUDA_PATH
    PATHS /usr/local/cuda
    PATH_SUFFIXES bin)
  mark_as_advanced(RESNET_NVCC)
  if(NOT RESNET_NVCC)
    if(RESNET_CUDA STREQUAL ON)
      message(FATAL_ERROR "RESNET_CUDA=ON, but nvcc was not found: put it in the path or set CUDA_HOME")
    endif()
    message(STATUS "CUDA: off, nvcc was not found (in the path, CUDA_HOME or /usr/local/cuda)")
    return()
  endif()
  set(CMAKE_CUDA_COMPILER ${RESNET_NVCC})
endif()

set(CMAKE_CUDA_ARCHITECTURES OFF) # given below as flags: CMake before 3.25 does not know "90a"
enable_language(CUDA)
set(CMAKE_CUDA_RUNTIME_LIBRARY None) # linked by name, so that it is part of the installed package's dependencies
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.0)
  message(FATAL_ERROR "CUDA ${CMAKE_CUDA_COMPILER_VERSION} (${CMAKE_CUDA_COMPILER}) does not compile C++20: "
                      "version 12.0 is the first that does. RESNET_CUDA=OFF builds without.")
endif()
# CMake 3.25 does not know that nvcc has C++20.
foreach(form STANDARD EXTENSION)
  if(NOT CMAKE_CUDA20_${form}_COMPILE_OPTION)
    set(CMAKE_CUDA20_${form}_COMPILE_OPTION -std=c++20)
  endif()
endforeach()
find_package(CUDAToolkit REQUIRED)

set(resnet_cuda_flags)
foreach(entry IN LISTS RESNET_CUDA_ARCHITECTURES)
  if(entry MATCHES "^([0-9]+[af]?)-real$")
    list(APPEND resnet_cuda_flags "-gencode=arch=compute_${CMAKE_MATCH_1},code=sm_${CMAKE_MATCH_1}")
  elseif(entry MATCHES "^([0-9]+)-virtual$")
    list(APPEND resnet_cuda_flags "-gencode=arch=compute_${CMAKE_MATCH_1},code=compute_${CMAKE_MATCH_1}")
  else()
    message(FATAL_ERROR "RESNET_CUDA_ARCHITECTURES: '${entry}' is not of the form 90a-real or 90-virtual")
  endif()
endforeach()
set(resnet_cuda_built ON)
list(JOIN RESNET_CUDA_ARCHITECTURES ", " entry)
message(STATUS "CUDA: ${CMAKE_CUDA_COMPILER_VERSION}, kernels for ${entry}")
