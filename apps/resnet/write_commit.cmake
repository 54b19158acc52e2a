# Writes OUTPUT, a header with RESNET_COMMIT, from the checkout in SOURCE; touches the file only when it changes.
# Run at every build: cmake -DSOURCE=… -DOUTPUT=… -P write_commit.cmake
cmake_minimum_required(VERSION 3.22)
execute_process(
  COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE commit
  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define RESNET_COMMIT \"@commit@\"\n" @ONLY)
