// Sessions of resnet.h: from pictures or tensors to scores.
#include "capi/handles.hpp"
#include "capi/pictures.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <resnet/predictions.hpp>
#include <resnet/preprocess.hpp>

using namespace resnet;
using capi::guarded;
using capi::require;

namespace {

SessionOptions to_options(const resnet_session_options* options) {
  SessionOptions result;
  if (options == nullptr) return result;
  // The first version of this struct, which ended before gpu_memory, is the smallest; later ones only append.
  constexpr std::size_t first_version = offsetof(resnet_session_options, gpu_memory);
  if (options->struct_size < first_version) {
    throw Error(ErrorCode::invalid_argument,
                "session options: use RESNET_SESSION_OPTIONS_INIT to fill struct_size");
  }
  if (options->threads < 0) throw Error(ErrorCode::invalid_argument, "session options: threads is negative");
  if (options->max_batch < 0)
    throw Error(ErrorCode::invalid_argument, "session options: max_batch is negative");
  if (options->device != nullptr) result.device = options->device;
  if (options->backend != nullptr) result.backend = options->backend;
  if (options->precision != nullptr) result.precision = parse_precision(options->precision);
  if (options->isa != nullptr) result.isa = options->isa;
  if (options->plan != nullptr) result.plan = parse_plan(options->plan);
  result.threads = options->threads;
  result.max_batch = std::max(1, options->max_batch);
  if (options->struct_size >= sizeof(resnet_session_options)) result.gpu_memory = options->gpu_memory;
  return result;
}

void check_scores(const resnet_session* session, const float* scores, std::size_t count) {
  require(session, "session");
  require(scores, "scores");
  capi::check_count("scores", count, static_cast<std::size_t>(session->model->architecture.classes()));
}

void classify(const resnet_session& handle, const Image& image, float* scores) {
  const Model& model = *handle.model;
  const Size size = preprocessed_size(model.preprocess, {image.height, image.width});
  const Shape shape{1, 3, size.height, size.width};
  std::vector<float> input(static_cast<std::size_t>(shape.numel()));
  preprocess_image(image, model.preprocess, input.data());
  std::vector<float> logits(static_cast<std::size_t>(model.architecture.classes()));
  handle.session.run(input, shape, logits);
  const std::vector<float> result = probabilities(model.head, logits);
  std::copy(result.begin(), result.end(), scores);
}

}  // namespace

resnet_status resnet_session_open(const resnet_model* model, const resnet_session_options* options,
                                  resnet_session** session) {
  if (session != nullptr) *session = nullptr;
  return guarded([&] {
    require(model, "model");
    require(session, "session");
    Session opened(*model->model, to_options(options));
    std::string backend(opened.backend());
    std::string isa(opened.isa());
    *session = new resnet_session{model->model, std::move(opened), std::move(backend), std::move(isa)};
  });
}

void resnet_session_free(resnet_session* session) {
  delete session;
}

const char* resnet_session_backend(const resnet_session* session) {
  return session == nullptr ? nullptr : session->backend.c_str();
}

const char* resnet_session_isa(const resnet_session* session) {
  return session == nullptr ? nullptr : session->isa.c_str();
}

int32_t resnet_session_threads(const resnet_session* session) {
  return session == nullptr ? 0 : session->session.threads();
}

resnet_status resnet_classify_file(const resnet_session* session, const char* path,
                                   const resnet_decode_options* options, float* scores, size_t count) {
  return guarded([&] {
    check_scores(session, scores, count);
    require(path, "path");
    classify(*session, load_image(path, capi::decode_options(options)), scores);
  });
}

resnet_status resnet_classify_memory(const resnet_session* session, const void* bytes, size_t size,
                                     const resnet_decode_options* options, float* scores, size_t count) {
  return guarded([&] {
    check_scores(session, scores, count);
    require(bytes, "bytes");
    const std::span<const std::byte> data(static_cast<const std::byte*>(bytes), size);
    classify(*session, decode_image(data, "picture in memory", capi::decode_options(options)), scores);
  });
}

resnet_status resnet_classify_rgb(const resnet_session* session, const uint8_t* rgb, int32_t width,
                                  int32_t height, size_t stride, float* scores, size_t count) {
  return guarded([&] {
    check_scores(session, scores, count);
    classify(*session, capi::copy_rgb(rgb, width, height, stride), scores);
  });
}

resnet_status resnet_run(const resnet_session* session, const float* input, int32_t batch, int32_t height,
                         int32_t width, float* logits, size_t count) {
  return guarded([&] {
    require(session, "session");
    require(input, "input");
    require(logits, "logits");
    if (batch < 1) throw Error(ErrorCode::invalid_argument, "batch must be at least 1");
    const Shape shape{batch, 3, height, width};
    capi::check_count("logits", count,
                      static_cast<std::size_t>(session->session.output_shape(shape).numel()));
    session->session.run({input, static_cast<std::size_t>(shape.numel())}, shape, {logits, count});
  });
}

resnet_status resnet_run_rgb(const resnet_session* session, const uint8_t* crops, int32_t batch,
                             int32_t height, int32_t width, float* logits, size_t count) {
  return guarded([&] {
    require(session, "session");
    require(crops, "crops");
    require(logits, "logits");
    if (batch < 1) throw Error(ErrorCode::invalid_argument, "batch must be at least 1");
    const Shape shape{batch, 3, height, width};
    capi::check_count("logits", count,
                      static_cast<std::size_t>(session->session.output_shape(shape).numel()));
    session->session.run_pixels({crops, static_cast<std::size_t>(shape.numel())}, shape, {logits, count});
  });
}

resnet_status resnet_probabilities(const resnet_model* model, const float* logits, float* scores,
                                   size_t count) {
  return guarded([&] {
    require(model, "model");
    require(logits, "logits");
    require(scores, "scores");
    capi::check_count("scores", count, static_cast<std::size_t>(model->model->architecture.classes()));
    const std::vector<float> result = probabilities(model->model->head, {logits, count});
    std::copy(result.begin(), result.end(), scores);
  });
}

size_t resnet_top_k(const float* scores, size_t count, size_t k, resnet_prediction* predictions) {
  if (scores == nullptr || predictions == nullptr) return 0;
  size_t written = 0;
  guarded([&] {
    for (const Prediction& best : top_k({scores, count}, static_cast<int>(std::min(k, count)))) {
      predictions[written++] = {best.index, best.score};
    }
  });
  return written;
}
