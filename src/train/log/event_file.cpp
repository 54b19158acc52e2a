#include "train/log/event_file.hpp"

#include "train/log/proto_message.hpp"
#include "train/log/tfrecord.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <initializer_list>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

constexpr std::string_view kPrefix = "events.out.tfevents.";
constexpr std::string_view kFileVersion = "brain.Event:2";  // 2: restarts are told by session logs

// The fields of each message.
struct EventField {
  enum { wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7 };
};
struct SessionLogField {
  enum { status = 1 };
};
constexpr int kSessionStart = 1;
struct SummaryField {
  enum { value = 1 };
};
struct ValueField {
  enum { tag = 1, simple_value = 2, histogram = 5, tensor = 8, metadata = 9 };
};
struct HistogramField {
  enum { min = 1, max = 2, count = 3, sum = 4, sum_of_squares = 5, right_edges = 6, counts = 7 };
};
struct MetadataField {
  enum { plugin = 1, description = 3, data_class = 4 };
};
constexpr int kTensorData = 2, kFileData = 3;
struct PluginField {
  enum { name = 1 };
};
struct TensorField {
  enum { dtype = 1, shape = 2, strings = 8 };
};
constexpr int kStringType = 7;
struct ShapeField {
  enum { dimension = 2 };
};
struct DimensionField {
  enum { size = 1 };
};

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

ProtoMessage event(std::int64_t step) {
  return ProtoMessage().number(EventField::wall_time, wall_time()).integer(EventField::step, step);
}

std::string summary_record(std::int64_t step, const ProtoMessage& value) {
  return tfrecord(
      event(step).message(EventField::summary, ProtoMessage().message(SummaryField::value, value)).bytes());
}

ProtoMessage tagged(std::string_view tag) {
  return ProtoMessage().text(ValueField::tag, tag);
}

// How a tensor is to be shown: by which of TensorBoard's plugins.
ProtoMessage shown_by(std::string_view plugin, int data_class) {
  return ProtoMessage()
      .message(MetadataField::plugin, ProtoMessage().text(PluginField::name, plugin))
      .integer(MetadataField::data_class, data_class);
}

ProtoMessage string_tensor(std::initializer_list<std::string_view> strings) {
  const ProtoMessage size =
      ProtoMessage().integer(DimensionField::size, static_cast<std::int64_t>(strings.size()));
  ProtoMessage tensor;
  tensor.integer(TensorField::dtype, kStringType)
      .message(TensorField::shape, ProtoMessage().message(ShapeField::dimension, size));
  for (const std::string_view string : strings) tensor.text(TensorField::strings, string);
  return tensor;
}

// The time in the name orders the files of a folder. It is moved behind that of the newest there, so that
// neither two runs within a second nor a clock that was set back change the order.
std::int64_t next_time(const std::filesystem::path& directory) {
  auto time = static_cast<std::int64_t>(wall_time());
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::int64_t other = 0;
    const char* begin = name.data() + kPrefix.size();
    if (std::from_chars(begin, name.data() + name.size(), other).ec == std::errc()) {
      time = std::max(time, other + 1);
    }
  }
  if (error) throw Error(ErrorCode::io, directory.string() + ": cannot be listed: " + error.message());
  return time;
}

std::filesystem::path new_file(const std::filesystem::path& directory) {
  make_directories(directory);
  char host[256] = "localhost";
  static_cast<void>(::gethostname(host, sizeof host - 1));
  return directory / fmt::format("{}{:010}.{}.{}", kPrefix, next_time(directory), host, ::getpid());
}

}  // namespace

EventFile::EventFile(const std::filesystem::path& directory, std::int64_t first_step)
    : file_(new_file(directory), AppendFile::Mode::create) {
  const ProtoMessage version =
      ProtoMessage().number(EventField::wall_time, wall_time()).text(EventField::file_version, kFileVersion);
  file_.append(tfrecord(version.bytes()));
  const ProtoMessage start = ProtoMessage().integer(SessionLogField::status, kSessionStart);
  file_.append(tfrecord(event(first_step).message(EventField::session_log, start).bytes()));
}

void EventFile::add_scalar(std::string_view tag, std::int64_t step, double value) {
  file_.append(summary_record(step, tagged(tag).number(ValueField::simple_value, static_cast<float>(value))));
}

void EventFile::add_histogram(std::string_view tag, std::int64_t step, const Histogram& histogram) {
  const ProtoMessage message = ProtoMessage()
                                   .number(HistogramField::min, histogram.min)
                                   .number(HistogramField::max, histogram.max)
                                   .number(HistogramField::count, static_cast<double>(histogram.count))
                                   .number(HistogramField::sum, histogram.sum)
                                   .number(HistogramField::sum_of_squares, histogram.sum_of_squares)
                                   .numbers(HistogramField::right_edges, histogram.right_edges)
                                   .numbers(HistogramField::counts, histogram.counts);
  file_.append(summary_record(step, tagged(tag).message(ValueField::histogram, message)));
}

void EventFile::add_image(std::string_view tag, std::int64_t step, const EventImage& image,
                          std::string_view description) {
  const ProtoMessage tensor =
      string_tensor({std::to_string(image.width), std::to_string(image.height), image.file});
  const ProtoMessage metadata = shown_by("images", kFileData).text(MetadataField::description, description);
  file_.append(summary_record(
      step, tagged(tag).message(ValueField::tensor, tensor).message(ValueField::metadata, metadata)));
}

void EventFile::add_text(std::string_view tag, std::int64_t step, std::string_view text) {
  file_.append(summary_record(step, tagged(tag)
                                        .message(ValueField::tensor, string_tensor({text}))
                                        .message(ValueField::metadata, shown_by("text", kTensorData))));
}

}  // namespace resnet::train
