#include "train/log/json_log.hpp"

#include <ctime>

#include <nlohmann/json.hpp>

namespace resnet::train {
namespace {

using Json = nlohmann::ordered_json;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Json record(const char* event) {
  return {{"event", event}, {"time", utc_now()}};
}

std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace

JsonLog::JsonLog(const std::filesystem::path& path) : file_(path, AppendFile::Mode::extend) {
  file_.drop_unfinished('\n');
}

void JsonLog::start(const std::vector<std::pair<std::string, std::string>>& config) {
  Json json = record("start");
  json["config"] = Json::object();
  for (const auto& [key, value] : config) json["config"][key] = value;
  file_.append(line(json));
}

void JsonLog::resume(int epoch, std::int64_t step) {
  Json json = record("resume");
  json["epoch"] = epoch;
  json["step"] = step;
  file_.append(line(json));
}

void JsonLog::write(const StepRecord& step) {
  Json json = record("step");
  json["step"] = step.step;
  json["epoch"] = step.epoch;
  json["loss"] = step.loss;
  json["learning_rate"] = step.learning_rate;
  json["images_per_s"] = step.images_per_second;
  file_.append(line(json));
}

void JsonLog::write(const EpochRecord& epoch) {
  Json json = record("epoch");
  json["epoch"] = epoch.epoch;
  json["step"] = epoch.step;
  json["seconds"] = epoch.seconds;
  json["images_per_s"] = epoch.images_per_second;
  json["loss"] = epoch.loss;
  json["validation"] = Json::object();
  for (const auto& [name, value] : epoch.validation) json["validation"][name] = value;
  json["best"] = epoch.best;
  json["classes"] = Json::array();
  for (const ClassRecord& c : epoch.classes) {
    json["classes"].push_back(
        {{"label", c.label}, {"positives", c.positives}, {"ap", c.ap ? Json(*c.ap) : Json(nullptr)}});
  }
  file_.append(line(json));
}

void JsonLog::write(const SkippedRecord& skipped) {
  Json json = record("skipped");
  json["path"] = skipped.path;
  json["reason"] = skipped.reason;
  file_.append(line(json));
}

void JsonLog::end(const std::string& how) {
  Json json = record("end");
  json["how"] = how;
  file_.append(line(json));
}

}  // namespace resnet::train
