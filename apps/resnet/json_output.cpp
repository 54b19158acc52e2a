#include "json_output.hpp"

#include "text.hpp"

#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace resnet::cli {
namespace {

// A microsecond is as fine as these timings mean anything.
double rounded_ms(double ms) {
  return std::round(ms * 1000) / 1000;
}

}  // namespace

std::string json_line(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

void set_path(Json& object, const std::filesystem::path& path) {
  const std::string& bytes = path.native();
  object["path"] = bytes;
  if (is_utf8(bytes)) return;
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  object["path_bytes"] = hex;
}

double shortest(float value) {
  if (!std::isfinite(value)) return static_cast<double>(value);
  return std::strtod(fmt::format("{}", value).c_str(), nullptr);
}

Json prediction_json(const std::filesystem::path& path, int width, int height,
                     std::span<const Prediction> predictions, const std::vector<std::string>& labels,
                     const PhotoTimes& times) {
  Json object;
  set_path(object, path);
  object["width"] = width;
  object["height"] = height;
  Json list = Json::array();
  for (const Prediction& prediction : predictions) {
    list.push_back({{"index", prediction.index},
                    {"label", labels.at(static_cast<std::size_t>(prediction.index))},
                    {"score", shortest(prediction.score)}});
  }
  object["predictions"] = std::move(list);
  object["ms"] = {{"decode", rounded_ms(times.decode)},
                  {"preprocess", rounded_ms(times.preprocess)},
                  {"infer", rounded_ms(times.infer)}};
  return object;
}

Json failure_json(const std::filesystem::path& path, ErrorCode code, const std::string& message) {
  Json object;
  set_path(object, path);
  object["error"] = {{"code", to_string(code)}, {"message", message}};
  return object;
}

}  // namespace resnet::cli
