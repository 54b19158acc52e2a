/* The C interface from a program of its own: versions agree, and a missing model is an error that says so. */
#include <stdio.h>
#include <string.h>

#include <resnet/resnet.h>

int main(void) {
  resnet_model* model = NULL;
  if (resnet_abi_version() != RESNET_ABI_VERSION) return 1;
  if (resnet_model_load("no-such-model.pth", &model) != RESNET_NOT_FOUND || model != NULL) return 1;
  if (strstr(resnet_last_error(), "no-such-model.pth") == NULL) return 1;
  printf("resnet %s: %s\n", resnet_version(), resnet_last_error());
  return 0;
}
