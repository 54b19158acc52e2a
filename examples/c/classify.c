/* classify MODEL PHOTO: prints the five best labels, with the C interface alone.
 *
 *   cc classify.c -lresnet -o classify && ./classify resnet18.pth cat.jpg
 */
#include <stdio.h>
#include <stdlib.h>

#include <resnet/resnet.h>

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: classify MODEL PHOTO\n");
    return 2;
  }

  /* A model holds weights, labels and how pictures are to be prepared; a session is ready to compute with it.
   */
  resnet_model* model = NULL;
  resnet_session* session = NULL;
  float* scores = NULL;
  resnet_status status = resnet_model_load(argv[1], &model);
  if (status == RESNET_OK) status = resnet_session_open(model, NULL, &session);

  if (status == RESNET_OK) {
    const size_t classes = (size_t)resnet_model_classes(model);
    scores = malloc(classes * sizeof *scores);
    if (scores == NULL) abort();
    status = resnet_classify_file(session, argv[2], NULL, scores, classes);

    if (status == RESNET_OK) {
      resnet_prediction best[5];
      const size_t count = resnet_top_k(scores, classes, 5, best);
      for (size_t i = 0; i < count; ++i) {
        printf("%6.2f %%  %s\n", 100.0 * (double)best[i].score, resnet_model_label(model, best[i].index));
      }
    }
  }
  if (status != RESNET_OK) fprintf(stderr, "classify: %s\n", resnet_last_error());

  free(scores);
  resnet_session_free(session);
  resnet_model_free(model);
  return status == RESNET_OK ? 0 : 1;
}
