# Cross-compiles with Debian's aarch64 toolchain against the libraries that scripts/aarch64_sysroot.sh lays out;
# tests run through qemu's user-mode emulation.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

get_filename_component(resnet_sysroot ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-sysroot ABSOLUTE)
set(CMAKE_SYSROOT ${resnet_sysroot})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static;-L;${resnet_sysroot})
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${resnet_sysroot})
set(ENV{PKG_CONFIG_LIBDIR} ${resnet_sysroot}/usr/lib/aarch64-linux-gnu/pkgconfig:${resnet_sysroot}/usr/share/pkgconfig)
