# What a user of the library gets: every library of src/ as resnet::NAME, all of them as resnet::resnet, the headers,
# and a CMake package with a version file. Models that ship go beside them; apps/ installs the program.
include(CMakePackageConfigHelpers)

get_property(resnet_libraries GLOBAL PROPERTY RESNET_LIBRARIES)
add_library(resnet_all INTERFACE)
add_library(resnet::resnet ALIAS resnet_all)
set_target_properties(resnet_all PROPERTIES EXPORT_NAME resnet)
target_link_libraries(resnet_all INTERFACE ${resnet_libraries})

set(resnet_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/resnet)
install(
  TARGETS ${resnet_libraries} resnet_all
  EXPORT resnet-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/resnet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
install(EXPORT resnet-targets NAMESPACE resnet:: DESTINATION ${resnet_package_dir})

configure_package_config_file(cmake/resnet-config.cmake.in resnet-config.cmake INSTALL_DESTINATION ${resnet_package_dir})
write_basic_package_version_file(resnet-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/resnet-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/resnet-config-version.cmake
        DESTINATION ${resnet_package_dir})

install(FILES LICENSE THIRD_PARTY_NOTICES DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(EXISTS ${PROJECT_SOURCE_DIR}/models)
  install(
    DIRECTORY models
    DESTINATION ${CMAKE_INSTALL_DATADIR}/resnet
    FILES_MATCHING
    PATTERN "*.safetensors"
    PATTERN "*.md")
endif()
