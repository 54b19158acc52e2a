# TIFF::TIFF without JBIG-KIT.
#
# The distributions' libtiff.so needs libjbig.so, which is under the GPL; everything that links it is then bound to
# the GPL when it is passed on. So libtiff's archive is linked, with functions of ours in place of JBIG-KIT's that
# refuse (src/image/no_jbig.c): a TIFF compressed with JBIG, which hardly exists outside fax servers, is an error
# that says so. Where the archive is missing, the shared library is used as it is.

pkg_check_modules(TiffArchive QUIET libtiff-4)
find_library(RESNET_TIFF_ARCHIVE NAMES libtiff.a)
mark_as_advanced(RESNET_TIFF_ARCHIVE)

set(tiff_needs)
set(tiff_complete ${TiffArchive_FOUND})
if(NOT RESNET_TIFF_ARCHIVE)
  set(tiff_complete FALSE)
endif()
# pkg-config knows what the archive was built with.
foreach(name IN LISTS TiffArchive_STATIC_LIBRARIES)
  if(name MATCHES "^(tiff|jbig|m|pthread)$")
    continue()
  endif()
  find_library(RESNET_TIFF_NEEDS_${name} NAMES ${name})
  mark_as_advanced(RESNET_TIFF_NEEDS_${name})
  if(NOT RESNET_TIFF_NEEDS_${name})
    message(STATUS "TIFF: lib${name} was not found")
    set(tiff_complete FALSE)
  endif()
  list(APPEND tiff_needs ${RESNET_TIFF_NEEDS_${name}})
endforeach()

if(tiff_complete)
  find_path(RESNET_TIFF_INCLUDE tiffio.h REQUIRED)
  mark_as_advanced(RESNET_TIFF_INCLUDE)
  add_library(resnet_no_jbig STATIC ${PROJECT_SOURCE_DIR}/src/image/no_jbig.c)
  add_library(TIFF::TIFF STATIC IMPORTED GLOBAL)
  set_target_properties(
    TIFF::TIFF PROPERTIES IMPORTED_LOCATION ${RESNET_TIFF_ARCHIVE} INTERFACE_INCLUDE_DIRECTORIES ${RESNET_TIFF_INCLUDE}
                          INTERFACE_LINK_LIBRARIES "resnet_no_jbig;${tiff_needs};Threads::Threads;m")
  message(STATUS "TIFF: ${RESNET_TIFF_ARCHIVE}, without JBIG")
else()
  message(STATUS "TIFF: the shared library, which brings JBIG-KIT (GPL) with it")
  find_package(TIFF REQUIRED)
endif()
