#include "json_output.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace resnet::cli {
namespace {

const std::vector<std::string> kLabels{"cat", "dog"};

TEST(JsonOutput, PredictionHasTheKeysOfTheContractInOrder) {
  const std::vector<Prediction> predictions{{1, 0.93F}, {0, 0.07F}};
  const Json object = prediction_json("a/b.jpg", 640, 480, predictions, kLabels, {1.23456, 2, 3});
  EXPECT_EQ(json_line(object),
            R"({"path":"a/b.jpg","width":640,"height":480,"predictions":[)"
            R"({"index":1,"label":"dog","score":0.93},{"index":0,"label":"cat","score":0.07}],)"
            R"("ms":{"decode":1.235,"preprocess":2.0,"infer":3.0}})"
            "\n");
}

TEST(JsonOutput, NoPredictionIsAnEmptyArray) {
  const Json object = prediction_json("x", 1, 1, {}, kLabels, {});
  EXPECT_TRUE(object["predictions"].is_array());
  EXPECT_TRUE(object["predictions"].empty());
}

TEST(JsonOutput, PathThatIsNotUtf8SurvivesAsBytes) {
  Json object;
  set_path(object, "a\xFFz");
  const Json read = Json::parse(json_line(object));
  EXPECT_EQ(read["path"], "a\xEF\xBF\xBDz");
  EXPECT_EQ(read["path_bytes"], "61ff7a");
  Json plain;
  set_path(plain, "\xC3\xA9.jpg");
  EXPECT_FALSE(plain.contains("path_bytes"));
}

TEST(JsonOutput, LineEndsInPathsStayOnOneLine) {
  Json object;
  set_path(object, "a\nb");
  EXPECT_EQ(json_line(object), "{\"path\":\"a\\nb\"}\n");
}

TEST(JsonOutput, Failure) {
  EXPECT_EQ(json_line(failure_json("x.jpg", ErrorCode::truncated, "x.jpg: ends early")),
            R"({"path":"x.jpg","error":{"code":"truncated","message":"x.jpg: ends early"}})"
            "\n");
}

TEST(JsonOutput, ShortestReadsBackExactly) {
  for (const float value : {0.93F, 1.0F / 3, 1e-12F, 0.0F, 16777217.0F, std::numeric_limits<float>::min()}) {
    EXPECT_EQ(static_cast<float>(shortest(value)), value);
  }
  EXPECT_EQ(Json(shortest(0.93F)).dump(), "0.93");
}

}  // namespace
}  // namespace resnet::cli
