/* capi_test DIR: the whole C interface on the files of make_fixture, compiled as C11. */
#include "check.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <resnet/resnet.h>

enum { kClasses = 10, kWidth = 61, kHeight = 47, kSide = 32 };

static char path_buffer[4096];

static const char* in_folder(const char* folder, const char* name) {
  snprintf(path_buffer, sizeof path_buffer, "%s/%s", folder, name);
  return path_buffer;
}

/* The bytes of a file; the caller frees them. */
static unsigned char* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  unsigned char* bytes = malloc(1 << 20);
  *size = 0;
  if (file == NULL || bytes == NULL) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  *size = fread(bytes, 1, 1 << 20, file);
  fclose(file);
  return bytes;
}

static void test_versions_and_names(void) {
  CHECK(strlen(resnet_version()) >= 5);
  CHECK(resnet_abi_version() == RESNET_ABI_VERSION);
  CHECK(strcmp(resnet_status_name(RESNET_OK), "ok") == 0);
  CHECK(strcmp(resnet_status_name(RESNET_INTERNAL), "internal") == 0);
  CHECK(strcmp(resnet_status_name(99), "unknown") == 0);
}

static void* look_at_last_error(void* seen) {
  *(int*)seen = resnet_last_status() == RESNET_OK && resnet_last_error()[0] == '\0';
  return NULL;
}

static void test_errors(void) {
  resnet_model* model = (resnet_model*)&failures; /* must become NULL */
  CHECK_STATUS(RESNET_NOT_FOUND, resnet_model_load("no/such/model.pth", &model));
  CHECK(model == NULL);
  CHECK(resnet_last_status() == RESNET_NOT_FOUND);
  CHECK(strstr(resnet_last_error(), "no/such/model.pth") != NULL);

  /* Another thread has its own last error. */
  int untouched = 0;
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, look_at_last_error, &untouched) == 0);
  pthread_join(thread, NULL);
  CHECK(untouched);
}

static void test_null_arguments(void) {
  float score = 0;
  uint8_t byte = 0;
  int32_t side = 0;
  resnet_prediction best;
  resnet_session* session = NULL;
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_model_load(NULL, NULL));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_session_open(NULL, NULL, &session));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_classify_file(NULL, "x", NULL, &score, 1));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_classify_memory(NULL, "x", 1, NULL, &score, 1));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_classify_rgb(NULL, NULL, 1, 1, 0, &score, 1));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_run(NULL, &score, 1, 32, 32, &score, 1));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_run_rgb(NULL, &byte, 1, 32, 32, &score, 1));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_crop_rgb(NULL, NULL, 1, 1, 0, &byte, 1));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_probabilities(NULL, &score, &score, 1));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_preprocess_rgb(NULL, NULL, 1, 1, 0, &score, 1));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_model_input_size(NULL, 1, 1, &side, &side));
  CHECK(resnet_model_architecture(NULL) == NULL);
  CHECK(resnet_model_classes(NULL) == 0);
  CHECK(resnet_model_label(NULL, 0) == NULL);
  CHECK(resnet_session_backend(NULL) == NULL);
  CHECK(resnet_session_isa(NULL) == NULL);
  CHECK(resnet_session_threads(NULL) == 0);
  CHECK(resnet_top_k(NULL, 3, 3, &best) == 0);
  resnet_model_free(NULL);
  resnet_session_free(NULL);
}

static void test_model_facts(const resnet_model* model, resnet_head head, float threshold) {
  CHECK(strcmp(resnet_model_architecture(model), "resnet18") == 0);
  CHECK(resnet_model_classes(model) == kClasses);
  CHECK(strcmp(resnet_model_label(model, 9), "kind 9") == 0);
  CHECK(resnet_model_label(model, 10) == NULL);
  CHECK(resnet_model_label(model, -1) == NULL);
  CHECK(resnet_model_head(model) == head);
  CHECK(resnet_model_threshold(model, 3) == threshold);
  CHECK(resnet_model_threshold(model, kClasses) == -1);
  int32_t width = 0, height = 0;
  CHECK_STATUS(RESNET_OK, resnet_model_input_size(model, kWidth, kHeight, &width, &height));
  CHECK(width == kSide && height == kSide);
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_model_input_size(model, 0, kHeight, &width, &height));
}

static void test_refused_options(const resnet_model* model) {
  resnet_session* session = NULL;
  resnet_session_options options = RESNET_SESSION_OPTIONS_INIT;
  options.precision = "fp7";
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_session_open(model, &options, &session));
  options.precision = NULL;
  options.plan = "soon";
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_session_open(model, &options, &session));
  options.plan = NULL;
  options.threads = -1;
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_session_open(model, &options, &session));
  options.threads = 0;
  options.struct_size = 0;
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_session_open(model, &options, &session));
  CHECK(session == NULL);
  /* A program of before there was gpu_memory: what lies behind its struct is not read. */
  options.struct_size = offsetof(resnet_session_options, gpu_memory);
  options.gpu_memory = 1;
  CHECK_STATUS(RESNET_OK, resnet_session_open(model, &options, &session));
  resnet_session_free(session);
}

/* The same picture through every door gives the same bits. */
static void test_pictures(const char* folder, const resnet_model* model, const resnet_session* session) {
  float expected[kClasses], scores[kClasses];
  CHECK_STATUS(RESNET_OK,
               resnet_classify_file(session, in_folder(folder, "picture.png"), NULL, expected, kClasses));
  float sum = 0;
  for (int i = 0; i < kClasses; ++i) sum += expected[i];
  CHECK(sum > 0.999F && sum < 1.001F);

  size_t size = 0;
  unsigned char* bytes = read_file(in_folder(folder, "picture.png"), &size);
  resnet_decode_options options = RESNET_DECODE_OPTIONS_INIT;
  CHECK_STATUS(RESNET_OK, resnet_classify_memory(session, bytes, size, &options, scores, kClasses));
  CHECK(memcmp(scores, expected, sizeof scores) == 0);
  options.max_pixels = kWidth * kHeight - 1;
  CHECK_STATUS(RESNET_TOO_LARGE, resnet_classify_memory(session, bytes, size, &options, scores, kClasses));
  options.struct_size = 4;
  CHECK_STATUS(RESNET_INVALID_ARGUMENT,
               resnet_classify_memory(session, bytes, size, &options, scores, kClasses));
  CHECK(resnet_classify_memory(session, bytes, size / 2, NULL, scores, kClasses) != RESNET_OK);
  CHECK(resnet_classify_memory(session, bytes, 0, NULL, scores, kClasses) != RESNET_OK);
  CHECK_STATUS(RESNET_SHAPE_MISMATCH,
               resnet_classify_memory(session, bytes, size, NULL, scores, kClasses - 1));
  free(bytes);

  unsigned char* rgb = read_file(in_folder(folder, "picture.rgb"), &size);
  CHECK(size == (size_t)3 * kWidth * kHeight);
  CHECK_STATUS(RESNET_OK, resnet_classify_rgb(session, rgb, kWidth, kHeight, 0, scores, kClasses));
  CHECK(memcmp(scores, expected, sizeof scores) == 0);

  /* Rows with padding between them. */
  enum { kStride = 3 * kWidth + 5 };
  unsigned char* padded = calloc(kStride, kHeight);
  for (int y = 0; y < kHeight; ++y) memcpy(padded + y * kStride, rgb + y * 3 * kWidth, 3 * kWidth);
  CHECK_STATUS(RESNET_OK, resnet_classify_rgb(session, padded, kWidth, kHeight, kStride, scores, kClasses));
  CHECK(memcmp(scores, expected, sizeof scores) == 0);
  CHECK_STATUS(RESNET_INVALID_ARGUMENT,
               resnet_classify_rgb(session, padded, kWidth, kHeight, 3 * kWidth - 1, scores, kClasses));
  free(padded);

  /* Step by step: preprocess, a batch of two, probabilities. */
  enum { kInput = 3 * kSide * kSide };
  float* input = malloc(2 * kInput * sizeof(float));
  CHECK_STATUS(RESNET_OK, resnet_preprocess_rgb(model, rgb, kWidth, kHeight, 0, input, kInput));
  CHECK_STATUS(RESNET_SHAPE_MISMATCH,
               resnet_preprocess_rgb(model, rgb, kWidth, kHeight, 0, input, kInput + 1));
  memcpy(input + kInput, input, kInput * sizeof(float));
  float logits[2 * kClasses];
  CHECK_STATUS(RESNET_OK, resnet_run(session, input, 2, kSide, kSide, logits, 2 * kClasses));
  CHECK_STATUS(RESNET_SHAPE_MISMATCH, resnet_run(session, input, 2, kSide, kSide, logits, kClasses));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_run(session, input, 0, kSide, kSide, logits, 0));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_run(session, input, 1, 16, 16, logits, kClasses));
  CHECK(memcmp(logits, logits + kClasses, kClasses * sizeof(float)) == 0);
  CHECK_STATUS(RESNET_OK, resnet_probabilities(model, logits, logits, kClasses));
  CHECK(memcmp(logits, expected, sizeof expected) == 0);
  free(input);
  unsigned char* crops = malloc(2 * kInput);
  CHECK_STATUS(RESNET_OK, resnet_crop_rgb(model, rgb, kWidth, kHeight, 0, crops, kInput));
  CHECK_STATUS(RESNET_SHAPE_MISMATCH, resnet_crop_rgb(model, rgb, kWidth, kHeight, 0, crops, kInput - 1));
  memcpy(crops + kInput, crops, kInput);
  CHECK_STATUS(RESNET_OK, resnet_run_rgb(session, crops, 2, kSide, kSide, logits, 2 * kClasses));
  CHECK_STATUS(RESNET_SHAPE_MISMATCH, resnet_run_rgb(session, crops, 2, kSide, kSide, logits, kClasses));
  CHECK_STATUS(RESNET_INVALID_ARGUMENT, resnet_run_rgb(session, crops, 0, kSide, kSide, logits, 0));
  CHECK(memcmp(logits, logits + kClasses, kClasses * sizeof(float)) == 0);
  CHECK_STATUS(RESNET_OK, resnet_probabilities(model, logits, logits, kClasses));
  CHECK(memcmp(logits, expected, sizeof expected) == 0);
  free(crops);
  free(rgb);

  resnet_prediction best[kClasses + 1];
  CHECK(resnet_top_k(expected, kClasses, 3, best) == 3);
  CHECK(best[0].score >= best[1].score && best[1].score >= best[2].score);
  CHECK(best[0].score == expected[best[0].index]);
  CHECK(resnet_top_k(expected, kClasses, kClasses + 1, best) == kClasses);

  CHECK_STATUS(RESNET_NOT_FOUND,
               resnet_classify_file(session, in_folder(folder, "none.png"), NULL, scores, kClasses));
  CHECK_STATUS(RESNET_IO, resnet_classify_file(session, folder, NULL, scores, kClasses));
}

static void count_messages(resnet_log_level level, const char* message, void* user) {
  (void)level;
  if (message[0] != '\0') ++*(int*)user;
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: capi_test DIR\n");
    return 2;
  }
  const char* folder = argv[1];
  test_versions_and_names();
  test_errors();
  test_null_arguments();

  resnet_model* tags = NULL;
  CHECK_STATUS(RESNET_OK, resnet_model_load(in_folder(folder, "tags.safetensors"), &tags));
  test_model_facts(tags, RESNET_HEAD_SIGMOID, 0.25F);
  resnet_model_free(tags);

  resnet_model* model = NULL;
  CHECK_STATUS(RESNET_OK, resnet_model_load(in_folder(folder, "tiny.safetensors"), &model));
  test_model_facts(model, RESNET_HEAD_SOFTMAX, 0);
  test_refused_options(model);

  int messages = 0;
  resnet_set_log_callback(count_messages, &messages);
  resnet_session* session = NULL;
  CHECK_STATUS(RESNET_OK, resnet_session_open(model, NULL, &session));
  resnet_set_log_callback(NULL, NULL);
  CHECK(messages > 0); /* the number of threads, at least */
  CHECK(strlen(resnet_session_backend(session)) > 0);
  CHECK(resnet_session_isa(session) != NULL);
  CHECK(resnet_session_threads(session) >= 1);
  if (session != NULL) test_pictures(folder, model, session);

  /* A session outlives the handle of its model. */
  resnet_model_free(model);
  float scores[kClasses];
  CHECK_STATUS(RESNET_OK,
               resnet_classify_file(session, in_folder(folder, "picture.png"), NULL, scores, kClasses));
  resnet_session_free(session);

  if (failures != 0) fprintf(stderr, "%d checks failed\n", failures);
  return failures == 0 ? 0 : 1;
}
