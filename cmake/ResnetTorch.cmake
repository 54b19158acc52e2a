# LibTorch as the target resnet_torch: the distribution's, or the one inside the PyTorch that RESNET_TORCH_DIR names
# (the folder `torch` of a Python installation, or an unpacked libtorch).
#
# PyTorch's own CMake package is not used: built with CUDA, it wants the whole CUDA toolkit to be there. We call no
# CUDA function ourselves, so the libraries are enough; what they need of CUDA in turn is for the loader of the machine
# that has the GPU to find.

set(RESNET_TORCH_DIR "" CACHE PATH "Folder of LibTorch (empty: the distribution's)")

set(CMAKE_FIND_LIBRARY_SUFFIXES .so) # also where all others are linked statically

set(torch_search)
if(RESNET_TORCH_DIR)
  set(torch_search PATHS ${RESNET_TORCH_DIR} NO_DEFAULT_PATH)
endif()
find_path(RESNET_TORCH_INCLUDE torch/script.h ${torch_search} PATH_SUFFIXES include)
foreach(name torch torch_cpu c10)
  find_library(RESNET_TORCH_LIBRARY_${name} NAMES ${name} ${torch_search} PATH_SUFFIXES lib)
endforeach()
if(NOT RESNET_TORCH_INCLUDE OR NOT RESNET_TORCH_LIBRARY_torch_cpu OR NOT RESNET_TORCH_LIBRARY_c10)
  message(FATAL_ERROR "RESNET_TRAIN=ON, but LibTorch was not found: install libtorch-dev, or give its folder with "
                      "-DRESNET_TORCH_DIR=… (python3 -c 'import torch; print(torch.__path__[0])' prints it)")
endif()
mark_as_advanced(RESNET_TORCH_INCLUDE)

add_library(resnet_torch INTERFACE)
target_include_directories(
  resnet_torch SYSTEM INTERFACE ${RESNET_TORCH_INCLUDE} ${RESNET_TORCH_INCLUDE}/torch/csrc/api/include)
# libtorch.so holds no code of its own; it is what loads the CUDA libraries, so it is linked although nothing refers
# to it. The C++ library comes first: PyTorch's wheels export an older std::filesystem of their own, which would take
# the place of the one that our code was compiled for (and did: remove_all crashed).
target_link_libraries(
  resnet_torch INTERFACE -Wl,--no-as-needed -lstdc++ ${RESNET_TORCH_LIBRARY_torch} -Wl,--as-needed
                         ${RESNET_TORCH_LIBRARY_torch_cpu} ${RESNET_TORCH_LIBRARY_c10} Threads::Threads)
target_compile_definitions(resnet_torch INTERFACE USE_DISTRIBUTED)
if(NOT RESNET_TORCH_DIR)
  # PyTorch's wheels hold Gloo, but not its headers; those of the distribution fit the distribution's LibTorch only.
  find_path(RESNET_GLOO_INCLUDE gloo/algorithm.h)
  mark_as_advanced(RESNET_GLOO_INCLUDE)
  if(RESNET_GLOO_INCLUDE)
    target_compile_definitions(resnet_torch INTERFACE USE_C10D_GLOO)
  endif()
endif()
if(RESNET_TORCH_DIR AND EXISTS ${RESNET_TORCH_INCLUDE}/fmt/format.h)
  # A fmt of its own, which comes before the distribution's: whoever sees its headers must not link the other's library.
  target_compile_definitions(resnet_torch INTERFACE FMT_HEADER_ONLY)
endif()

get_filename_component(torch_libraries ${RESNET_TORCH_LIBRARY_torch} DIRECTORY)
find_library(RESNET_TORCH_LIBRARY_cuda NAMES torch_cuda ${torch_search} PATH_SUFFIXES lib)
mark_as_advanced(RESNET_TORCH_LIBRARY_cuda)
if(RESNET_TORCH_LIBRARY_cuda)
  # NCCL's header and CUDA's (which it includes) come with the Python packages that PyTorch depends on.
  find_path(RESNET_NCCL_INCLUDE nccl.h HINTS ${RESNET_TORCH_DIR}/../nvidia/nccl/include)
  find_path(RESNET_CUDA_INCLUDE cuda_runtime_api.h HINTS ${RESNET_TORCH_DIR}/../nvidia/cu13/include
                                                         ${RESNET_TORCH_DIR}/../nvidia/cuda_runtime/include)
  mark_as_advanced(RESNET_NCCL_INCLUDE RESNET_CUDA_INCLUDE)
  target_link_libraries(resnet_torch INTERFACE ${RESNET_TORCH_LIBRARY_cuda})
  # The libraries of CUDA itself may be missing on the machine that compiles.
  target_link_options(resnet_torch INTERFACE -Wl,--allow-shlib-undefined)
  if(RESNET_NCCL_INCLUDE AND RESNET_CUDA_INCLUDE)
    target_include_directories(resnet_torch SYSTEM INTERFACE ${RESNET_NCCL_INCLUDE} ${RESNET_CUDA_INCLUDE})
    target_compile_definitions(resnet_torch INTERFACE USE_C10D_NCCL)
  endif()
endif()
if(RESNET_TORCH_DIR)
  target_link_options(resnet_torch INTERFACE -Wl,-rpath,${torch_libraries})
endif()

# Debian's LibTorch logs through glog, and says so in its headers.
file(READ ${RESNET_TORCH_INCLUDE}/c10/macros/cmake_macros.h torch_macros)
if(torch_macros MATCHES "#define C10_USE_GLOG")
  find_library(RESNET_GLOG glog REQUIRED)
  find_library(RESNET_GFLAGS gflags REQUIRED)
  mark_as_advanced(RESNET_GLOG RESNET_GFLAGS)
  target_link_libraries(resnet_torch INTERFACE ${RESNET_GLOG} ${RESNET_GFLAGS})
endif()
message(STATUS "LibTorch: ${RESNET_TORCH_LIBRARY_torch}")
