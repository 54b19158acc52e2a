/* libtiff's archive was compiled for programs: it takes the address of the C library's `stderr` in a way that
 * a shared library may not. A variable of that name, seen inside libresnet.so only, satisfies it; it holds
 * the C library's value. libtiff alone uses it, and only for messages that no handler was set for. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <stddef.h>

struct _IO_FILE;
extern struct _IO_FILE* stderr __attribute__((visibility("hidden")));
struct _IO_FILE* stderr;

__attribute__((constructor)) static void take_over(void) {
  struct _IO_FILE** real = (struct _IO_FILE**)dlsym(RTLD_NEXT, "stderr");
  if (real != NULL) stderr = *real;
}
