/* Checks for the C tests: a failure prints where and what, and the test goes on. */
#ifndef RESNET_TESTS_CAPI_CHECK_H
#define RESNET_TESTS_CAPI_CHECK_H

#include <stdio.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      ++failures;                                                             \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                         \
  } while (0)

#define CHECK_STATUS(expected, call)                                                        \
  do {                                                                                      \
    const resnet_status got_ = (call);                                                      \
    if (got_ != (expected)) {                                                               \
      ++failures;                                                                           \
      fprintf(stderr, "%s:%d: %s gave %s, not %s (%s)\n", __FILE__, __LINE__, #call,        \
              resnet_status_name(got_), resnet_status_name(expected), resnet_last_error()); \
    }                                                                                       \
  } while (0)

#endif
