/* resnet.h: the C interface, for C programs, phones, browsers and bindings to other languages.
 *
 *   resnet_model *model = NULL;
 *   resnet_session *session = NULL;
 *   if (resnet_model_load("resnet18.pth", &model) != RESNET_OK ||
 *       resnet_session_open(model, NULL, &session) != RESNET_OK) {
 *     fprintf(stderr, "%s\n", resnet_last_error());
 *   }
 *
 * Conventions. Functions that can fail return a resnet_status; the message of the last failure on the calling
 * thread is resnet_last_error(). An out-parameter is written only on success, but for handles, which are set
 * to NULL on failure. Strings are UTF-8, paths are bytes as the system has them. Handles are freed by their
 * own free function, which accepts NULL. A model may be freed while sessions made from it live. Nothing here
 * prints, exits or aborts.
 *
 * Threads. A model is immutable and a session may be used from several threads at once.
 *
 * Growing. Structs begin with their own size, so that a program compiled against an older header keeps
 * working with a newer library: fill them with the _INIT macros. Enumerators and functions are added, never
 * renumbered or changed, while RESNET_ABI_VERSION stays the same.
 */
#ifndef RESNET_RESNET_H
#define RESNET_RESNET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RESNET_API __attribute__((visibility("default")))
#else
#define RESNET_API
#endif

#define RESNET_ABI_VERSION 0

/* ---- versions and errors ---- */

typedef enum resnet_status {
  RESNET_OK = 0,
  RESNET_INVALID_ARGUMENT = 1, /* a parameter is NULL or outside its documented range */
  RESNET_NOT_FOUND = 2,        /* a file, model or label that was named does not exist */
  RESNET_IO = 3,               /* the operating system refused a read */
  RESNET_TRUNCATED = 4,        /* the data ends before its own header says it should */
  RESNET_BAD_FORMAT = 5,       /* the data is not, or is no valid, file of the format it claims */
  RESNET_UNSUPPORTED = 6,      /* valid, but of a kind that this build does not handle */
  RESNET_UNSAFE = 7,           /* refused because handling it could run foreign code or leave its directory */
  RESNET_SHAPE_MISMATCH = 8,   /* a tensor or buffer has another size than needed */
  RESNET_TOO_LARGE = 9,        /* over a limit that the caller can raise */
  RESNET_OUT_OF_MEMORY = 10,   /* an allocation failed */
  RESNET_DEVICE_UNAVAILABLE = 11, /* the device or instruction set asked for is not there */
  RESNET_CANCELLED = 12,          /* stopped on request */
  RESNET_INTERNAL = 13            /* a bug in this library: please report it */
} resnet_status;

/* The library's version, e.g. "0.1.0", and the RESNET_ABI_VERSION it was built with. */
RESNET_API const char* resnet_version(void);
RESNET_API int32_t resnet_abi_version(void);

/* "bad_format" for RESNET_BAD_FORMAT, …; "unknown" for numbers that are none of the above, which is why it
   takes a number: to C++ an enumeration that holds another value is an error. */
RESNET_API const char* resnet_status_name(int32_t status);

/* Code and message of the last failure on this thread; RESNET_OK and "" before the first. A call that
 * succeeds leaves them. The message lives until the next failure on this thread. */
RESNET_API resnet_status resnet_last_status(void);
RESNET_API const char* resnet_last_error(void);

typedef enum resnet_log_level {
  RESNET_LOG_DEBUG = 0,
  RESNET_LOG_INFO = 1,
  RESNET_LOG_WARNING = 2
} resnet_log_level;
typedef void (*resnet_log_callback)(resnet_log_level level, const char* message, void* user);

/* Where messages go; NULL silences (the default). The callback may be called from several threads at once and
 * must not unwind (no C++ exception, no longjmp). */
RESNET_API void resnet_set_log_callback(resnet_log_callback callback, void* user);

/* ---- models ---- */

typedef struct resnet_model resnet_model;

typedef enum resnet_head {
  RESNET_HEAD_SOFTMAX = 0, /* one label a picture: the scores sum to 1 */
  RESNET_HEAD_SIGMOID = 1  /* any number of labels: a class applies where its score reaches its threshold */
} resnet_head;

/* Reads a .pth, .safetensors or manifest directory: a path, or a name found as the `resnet` program finds it.
 */
RESNET_API resnet_status resnet_model_load(const char* path_or_name, resnet_model** model);
RESNET_API void resnet_model_free(resnet_model* model);

/* "resnet18", "resnet34" or "resnet50". NULL where model is NULL. */
RESNET_API const char* resnet_model_architecture(const resnet_model* model);
/* Number of classes; 0 where model is NULL. */
RESNET_API int32_t resnet_model_classes(const resnet_model* model);
/* Name of a class; lives as long as the model. NULL where there is no such class. */
RESNET_API const char* resnet_model_label(const resnet_model* model, int32_t index);
RESNET_API resnet_head resnet_model_head(const resnet_model* model);
/* Score from which a class applies (sigmoid heads); 0 for softmax heads, -1 where there is no such class. */
RESNET_API float resnet_model_threshold(const resnet_model* model, int32_t index);

/* Size of the network input for a picture of the given size. */
RESNET_API resnet_status resnet_model_input_size(const resnet_model* model, int32_t picture_width,
                                                 int32_t picture_height, int32_t* width, int32_t* height);

/* ---- sessions: a model, ready to run ---- */

typedef struct resnet_session resnet_session;

typedef struct resnet_session_options {
  size_t struct_size;    /* sizeof(resnet_session_options) */
  const char* device;    /* NULL: "auto"; or "cpu", "cuda:1", "cuda:0,cuda:1" (GPUs that share the calls) */
  const char* backend;   /* NULL: the fastest; or "cpu", "reference" */
  const char* precision; /* NULL: the model's own */
  const char* isa;       /* NULL: $RESNET_CPU_ISA, or the best there is; on a GPU sm90, mma or simt */
  const char* plan;      /* NULL: "latency"; or "throughput" */
  int32_t threads;       /* 0: $RESNET_THREADS, or what affinity and cgroup quota allow */
  int32_t max_batch;     /* largest batch that memory is taken for at once; 0: 1 */
  uint64_t gpu_memory;   /* most bytes to take of each GPU's memory; 0: as much as there is */
} resnet_session_options;

#define RESNET_SESSION_OPTIONS_INIT \
  { sizeof(resnet_session_options), NULL, NULL, NULL, NULL, NULL, 0, 0, 0 }

/* Packs the weights. `options` may be NULL for the defaults. */
RESNET_API resnet_status resnet_session_open(const resnet_model* model, const resnet_session_options* options,
                                             resnet_session** session);
RESNET_API void resnet_session_free(resnet_session* session);

/* What the session computes with, e.g. "cpu" and "avx2" ("" where a backend has no instruction sets). */
RESNET_API const char* resnet_session_backend(const resnet_session* session);
RESNET_API const char* resnet_session_isa(const resnet_session* session);
RESNET_API int32_t resnet_session_threads(const resnet_session* session);

/* ---- pictures in, scores out ---- */

typedef struct resnet_decode_options {
  size_t struct_size; /* sizeof(resnet_decode_options) */
  int32_t apply_exif; /* not 0: turned upright by the EXIF orientation; 0: pixels as stored, as PyTorch sees
                         them */
  int32_t reserved;   /* 0 */
  int64_t max_pixels; /* refuse larger pictures before decoding; 0: the library's limit (178,956,970) */
} resnet_decode_options;

#define RESNET_DECODE_OPTIONS_INIT \
  { sizeof(resnet_decode_options), 0, 0, 0 }

/* Each of the three decodes and preprocesses as the model needs it, runs the network, and writes a
 * probability a class to scores[0 … classes-1]. `count` is the room in `scores`; it must equal
 * resnet_model_classes(). `options` may be NULL. */
RESNET_API resnet_status resnet_classify_file(const resnet_session* session, const char* path,
                                              const resnet_decode_options* options, float* scores,
                                              size_t count);
/* A JPEG, PNG, … file in memory. */
RESNET_API resnet_status resnet_classify_memory(const resnet_session* session, const void* bytes, size_t size,
                                                const resnet_decode_options* options, float* scores,
                                                size_t count);
/* Pixels: rows from the top, 3 bytes a pixel (R, G, B), `stride` bytes from row to row (0: 3 * width). */
RESNET_API resnet_status resnet_classify_rgb(const resnet_session* session, const uint8_t* rgb, int32_t width,
                                             int32_t height, size_t stride, float* scores, size_t count);

/* Pixels as above → the network's input, planar 3 x H x W with H and W from resnet_model_input_size();
 * `count` is the room in `chw` and must equal 3 * H * W. */
RESNET_API resnet_status resnet_preprocess_rgb(const resnet_model* model, const uint8_t* rgb, int32_t width,
                                               int32_t height, size_t stride, float* chw, size_t count);

/* Pixels as above → resized and cropped as the model needs them, rows of 3 bytes a pixel; `count` is the room
 * in `crop` and must equal 3 * H * W as above. */
RESNET_API resnet_status resnet_crop_rgb(const resnet_model* model, const uint8_t* rgb, int32_t width,
                                         int32_t height, size_t stride, uint8_t* crop, size_t count);

/* The network alone: input [batch, 3, height, width] → logits [batch, classes]. `count` is the room in
 * `logits` and must equal batch * classes. height and width are at least 32. */
RESNET_API resnet_status resnet_run(const resnet_session* session, const float* input, int32_t batch,
                                    int32_t height, int32_t width, float* logits, size_t count);

/* The same from crops, one after the other as resnet_crop_rgb() gives them: batch * height * width * 3 bytes.
 * The session normalises them, on a GPU if that is where it runs, with the bits of resnet_preprocess_rgb().
 */
RESNET_API resnet_status resnet_run_rgb(const resnet_session* session, const uint8_t* crops, int32_t batch,
                                        int32_t height, int32_t width, float* logits, size_t count);

/* One picture's logits → probabilities by the model's head. The arrays have a float a class and may be the
 * same. */
RESNET_API resnet_status resnet_probabilities(const resnet_model* model, const float* logits, float* scores,
                                              size_t count);

typedef struct resnet_prediction {
  int32_t index;
  float score;
} resnet_prediction;

/* The best `k` of `count` scores, best first, equal ones in index order. Writes min(k, count) predictions and
 * returns how many; 0 where a pointer is NULL. */
RESNET_API size_t resnet_top_k(const float* scores, size_t count, size_t k, resnet_prediction* predictions);

#ifdef __cplusplus
}
#endif

#endif
