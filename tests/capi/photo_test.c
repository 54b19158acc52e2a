/* photo_test DATA: a real model and real photos through the C interface. $RESNET_TEST_DATA goes before DATA;
 * where neither is there the test is skipped (status 77). */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include <resnet/resnet.h>

enum { kClasses = 1000 };

typedef struct photo {
  const char* file;
  const char* label; /* what the label's beginning must be */
} photo;

static const photo photos[] = {
    {"imagenet/images/n01440764_tench.JPEG", "tench"},
    {"imagenet/images/n01443537_goldfish.JPEG", "goldfish"},
};

int main(int argc, char** argv) {
  const char* data = getenv("RESNET_TEST_DATA");
  if (data == NULL || data[0] == '\0') data = argc > 1 ? argv[1] : "";
  char path[4096];
  snprintf(path, sizeof path, "%s/labels", data);
  FILE* there = fopen(path, "r"); /* a folder can be opened for reading, if not read */
  if (there == NULL) {
    fprintf(stderr, "skipped: needs the data folder (weights, photos): set RESNET_TEST_DATA\n");
    return 77;
  }
  fclose(there);

  resnet_model* model = NULL;
  resnet_session* session = NULL;
  snprintf(path, sizeof path, "%s/weights/resnet18_imagenet.pth", data);
  CHECK_STATUS(RESNET_OK, resnet_model_load(path, &model));
  CHECK_STATUS(RESNET_OK, resnet_session_open(model, NULL, &session));
  CHECK(resnet_model_classes(model) == kClasses);
  for (size_t i = 0; session != NULL && i < sizeof photos / sizeof photos[0]; ++i) {
    float scores[kClasses];
    resnet_prediction best = {-1, 0};
    snprintf(path, sizeof path, "%s/%s", data, photos[i].file);
    CHECK_STATUS(RESNET_OK, resnet_classify_file(session, path, NULL, scores, kClasses));
    CHECK(resnet_top_k(scores, kClasses, 1, &best) == 1);
    const char* label = resnet_model_label(model, best.index);
    printf("%s: %s %.4f\n", photos[i].file, label, (double)best.score);
    CHECK(label != NULL && strncmp(label, photos[i].label, strlen(photos[i].label)) == 0);
  }
  resnet_session_free(session);
  resnet_model_free(model);
  return failures == 0 ? 0 : 1;
}
