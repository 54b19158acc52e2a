// The functions of JBIG-KIT that libtiff's archive calls, answering "cannot" to everything. JBIG-KIT is under
// the GPL, which the project does not link; cmake/ResnetTiff.cmake tells the whole story. The arguments are
// not looked at, so the structures need not be known.
#include <stddef.h>

// libtiff takes any value but 0 as a failure and hands it to jbg_strerror().
enum { kCannot = 1 };

void jbg_dec_init(void* state);
int jbg_dec_in(void* state, unsigned char* data, size_t size, size_t* read);
unsigned char* jbg_dec_getimage(const void* state, int plane);
unsigned long jbg_dec_getsize(const void* state);
void jbg_dec_free(void* state);
void jbg_enc_init(void* state, unsigned long width, unsigned long height, int planes, unsigned char** source,
                  void (*sink)(unsigned char* data, size_t size, void* context), void* context);
void jbg_enc_out(void* state);
void jbg_enc_free(void* state);
int jbg_newlen(unsigned char* data, size_t size);
const char* jbg_strerror(int code);

void jbg_dec_init(void* state) {
  (void)state;
}

int jbg_dec_in(void* state, unsigned char* data, size_t size, size_t* read) {
  (void)state, (void)data, (void)size, (void)read;
  return kCannot;
}

unsigned char* jbg_dec_getimage(const void* state, int plane) {
  (void)state, (void)plane;
  return NULL;
}

unsigned long jbg_dec_getsize(const void* state) {
  (void)state;
  return 0;
}

void jbg_dec_free(void* state) {
  (void)state;
}

void jbg_enc_init(void* state, unsigned long width, unsigned long height, int planes, unsigned char** source,
                  void (*sink)(unsigned char* data, size_t size, void* context), void* context) {
  (void)state, (void)width, (void)height, (void)planes, (void)source, (void)sink, (void)context;
}

void jbg_enc_out(void* state) {
  (void)state;
}

void jbg_enc_free(void* state) {
  (void)state;
}

int jbg_newlen(unsigned char* data, size_t size) {
  (void)data, (void)size;
  return kCannot;
}

const char* jbg_strerror(int code) {
  (void)code;
  return "this build reads no JBIG compression";
}
