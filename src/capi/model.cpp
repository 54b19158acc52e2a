// Models of resnet.h.
#include "capi/handles.hpp"
#include "capi/pictures.hpp"

#include <algorithm>

#include <resnet/preprocess.hpp>

using namespace resnet;
using capi::guarded;
using capi::require;

namespace {

bool has_class(const resnet_model* model, int32_t index) {
  return model != nullptr && index >= 0 && index < model->model->architecture.classes();
}

}  // namespace

resnet_status resnet_model_load(const char* path_or_name, resnet_model** model) {
  if (model != nullptr) *model = nullptr;
  return guarded([&] {
    require(path_or_name, "path_or_name");
    require(model, "model");
    auto loaded = std::make_shared<const Model>(load_model(find_model(path_or_name)));
    std::string architecture = loaded->architecture.name();
    *model = new resnet_model{std::move(loaded), std::move(architecture)};
  });
}

void resnet_model_free(resnet_model* model) {
  delete model;
}

const char* resnet_model_architecture(const resnet_model* model) {
  return model == nullptr ? nullptr : model->architecture.c_str();
}

int32_t resnet_model_classes(const resnet_model* model) {
  return model == nullptr ? 0 : model->model->architecture.classes();
}

const char* resnet_model_label(const resnet_model* model, int32_t index) {
  return has_class(model, index) ? model->model->labels[static_cast<std::size_t>(index)].c_str() : nullptr;
}

resnet_head resnet_model_head(const resnet_model* model) {
  const bool sigmoid = model != nullptr && model->model->head.kind == HeadKind::sigmoid;
  return sigmoid ? RESNET_HEAD_SIGMOID : RESNET_HEAD_SOFTMAX;
}

float resnet_model_threshold(const resnet_model* model, int32_t index) {
  if (!has_class(model, index)) return -1;
  const Head& head = model->model->head;
  if (head.kind == HeadKind::softmax) return 0;
  return head.thresholds.empty() ? 0.5F : head.thresholds[static_cast<std::size_t>(index)];
}

resnet_status resnet_model_input_size(const resnet_model* model, int32_t picture_width,
                                      int32_t picture_height, int32_t* width, int32_t* height) {
  return guarded([&] {
    require(model, "model");
    require(width, "width");
    require(height, "height");
    capi::check_picture_size(picture_width, picture_height);
    const Size size = preprocessed_size(model->model->preprocess, {picture_height, picture_width});
    *width = size.width;
    *height = size.height;
  });
}

resnet_status resnet_preprocess_rgb(const resnet_model* model, const uint8_t* rgb, int32_t width,
                                    int32_t height, size_t stride, float* chw, size_t count) {
  return guarded([&] {
    require(model, "model");
    require(chw, "chw");
    const Image image = capi::copy_rgb(rgb, width, height, stride);
    const Size size = preprocessed_size(model->model->preprocess, {height, width});
    capi::check_count(
        "chw", count,
        std::size_t{3} * static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width));
    preprocess_image(image, model->model->preprocess, chw);
  });
}

resnet_status resnet_crop_rgb(const resnet_model* model, const uint8_t* rgb, int32_t width, int32_t height,
                              size_t stride, uint8_t* crop, size_t count) {
  return guarded([&] {
    require(model, "model");
    require(crop, "crop");
    const Image pixels =
        resize_and_crop(capi::copy_rgb(rgb, width, height, stride), model->model->preprocess);
    capi::check_count("crop", count, pixels.rgb.size());
    std::copy(pixels.rgb.begin(), pixels.rgb.end(), crop);
  });
}
