// JSON as the command line's contract has it: one object a line.
#pragma once

#include "output.hpp"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <resnet/error.hpp>
#include <resnet/predictions.hpp>

namespace resnet::cli {

// Keys stay in the order in which they are set.
using Json = nlohmann::ordered_json;

// The object on one line, with the line end. Text that is not UTF-8 has its bad bytes replaced by U+FFFD.
std::string json_line(const Json& object);
inline void print_json(const Json& object) {
  write_output(json_line(object));
}

// Sets "path". A file name is bytes and need not be UTF-8; where it is not, "path" has U+FFFD for the bad
// bytes and "path_bytes" beside it holds the exact name as lower-case hexadecimal digits, two a byte.
void set_path(Json& object, const std::filesystem::path& path);

// The number that prints as the shortest decimal which reads back as `value` (0.93, not 0.930000007…).
double shortest(float value);

struct PhotoTimes {
  double decode = 0, preprocess = 0,
         infer = 0;  // milliseconds; infer is the batch's time divided by its photos
};

// {"path", "width", "height", "predictions": [{"index", "label", "score"}, …], "ms": {"decode", "preprocess",
// "infer"}}
Json prediction_json(const std::filesystem::path& path, int width, int height,
                     std::span<const Prediction> predictions, const std::vector<std::string>& labels,
                     const PhotoTimes& times);

// {"path", "error": {"code", "message"}}
Json failure_json(const std::filesystem::path& path, ErrorCode code, const std::string& message);

}  // namespace resnet::cli
