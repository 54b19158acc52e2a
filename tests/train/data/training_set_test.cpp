#include "train/data/training_set.hpp"

#include "support/temporary_directory.hpp"
#include "support/test_data.hpp"

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

namespace fs = std::filesystem;

class TrainingSetTest : public testing::Test {
 protected:
  TrainingSet coco(const std::string& text, const TrainingSetOptions& options = {}) const {
    folder_.write("pics/a.jpg", "");
    return read_training_set("coco:" + folder_.write("ann.json", text).string() + "," + pictures().string(),
                             options);
  }
  fs::path pictures() const { return folder_.path() / "pics"; }

  test::TemporaryDirectory folder_;
};

const char* const kCoco = R"({
  "images": [{"id": 7, "file_name": "a.jpg", "width": 200, "height": 100}, {"id": 9, "file_name": "sub/b.jpg"}],
  "categories": [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 13, "name": "stop sign"}],
  "annotations": [
    {"image_id": 7, "category_id": 90, "bbox": [20, 50, 100, 25], "iscrowd": 0},
    {"image_id": 7, "category_id": 13, "bbox": [-10, 90, 30, 30], "iscrowd": 1},
    {"image_id": 7, "category_id": 1, "bbox": [10, 10, 0, 5]},
    {"image_id": 7, "category_id": 1, "bbox": [200, 10, 5, 5]},
    {"image_id": 9, "category_id": 1}]})";

TEST_F(TrainingSetTest, CocoWithBoxesInFractionsOfThePicture) {
  const TrainingSet set = coco(kCoco);
  EXPECT_EQ(set.targets, eval::Targets::multi_label);
  EXPECT_EQ(set.labels, (std::vector<std::string>{"person", "stop sign", "toothbrush"}));
  ASSERT_EQ(set.size(), 2u);
  EXPECT_EQ(set.samples[0].path, pictures() / "a.jpg");
  EXPECT_EQ(set.samples[0].name, "a.jpg");
  EXPECT_EQ(set.samples[1].name, "sub/b.jpg");
  EXPECT_EQ(set.samples[0].labels, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(set.samples[1].labels, (std::vector<int>{0}));
  EXPECT_TRUE(set.samples[1].boxes.empty());

  const std::vector<ObjectBox>& boxes = set.samples[0].boxes;
  ASSERT_EQ(boxes.size(), 2u) << "boxes without an area in the picture are no boxes";
  EXPECT_EQ(boxes[0].label, 2);
  EXPECT_FLOAT_EQ(boxes[0].left, 0.1f);
  EXPECT_FLOAT_EQ(boxes[0].top, 0.5f);
  EXPECT_FLOAT_EQ(boxes[0].right, 0.6f);
  EXPECT_FLOAT_EQ(boxes[0].bottom, 0.75f);
  EXPECT_EQ(boxes[1].left, 0.0f);  // cut off at the picture's sides
  EXPECT_FLOAT_EQ(boxes[1].right, 0.1f);
  EXPECT_EQ(boxes[1].bottom, 1.0f);
  EXPECT_EQ(pictures_of_class(set), (std::vector<int>{2, 1, 1}));
}

TEST_F(TrainingSetTest, CrowdsCanBeLeftOutAndLabelsGiven) {
  TrainingSetOptions options;
  options.crowd = eval::Crowd::ignore;
  options.labels = {"toothbrush", "person", "stop sign"};
  const TrainingSet set = coco(kCoco, options);
  EXPECT_EQ(set.labels, options.labels);
  EXPECT_EQ(set.samples[0].labels, (std::vector<int>{0, 1}));
  EXPECT_EQ(set.samples[0].boxes.size(), 1u);
  options.labels = {"cat"};
  EXPECT_THROW(coco(kCoco, options), Error);
}

TEST_F(TrainingSetTest, BoxesNeedTheSizeOfThePicture) {
  const std::string text =
      R"({"images": [{"id": 7, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "x"}],
      "annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 1, 5, 5]}]})";
  try {
    coco(text);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_format);
    EXPECT_NE(std::string(error.what()).find("'a.jpg'"), std::string::npos) << error.what();
  }
}

TEST_F(TrainingSetTest, FoldersOfClasses) {
  for (const char* name : {"dog/2.jpg", "cat/1.png", "dog/1.jpg"}) folder_.write(fs::path("pics") / name, "");
  const TrainingSet set = read_training_set("folders:" + pictures().string());
  EXPECT_EQ(set.targets, eval::Targets::single_label);
  EXPECT_EQ(set.labels, (std::vector<std::string>{"cat", "dog"}));
  ASSERT_EQ(set.size(), 3u);
  EXPECT_EQ(set.samples[0].name, "cat/1.png");
  EXPECT_EQ(set.samples[1].name, "dog/1.jpg");
  EXPECT_EQ(set.samples[1].labels, (std::vector<int>{1}));
}

TEST_F(TrainingSetTest, Table) {
  folder_.write("pics/a.jpg", "");
  const fs::path table = folder_.write("labels.csv", "file,label\nb.jpg,warm\na.jpg,cold\n");
  const TrainingSet set = read_training_set("csv:" + table.string() + "," + pictures().string());
  EXPECT_EQ(set.labels, (std::vector<std::string>{"cold", "warm"}));
  EXPECT_EQ(set.samples[0].name, "b.jpg");
  EXPECT_EQ(set.samples[0].labels, (std::vector<int>{1}));
}

TEST_F(TrainingSetTest, RefusesAFolderWithNoneOfThePictures) {
  fs::create_directories(pictures());
  const fs::path table = folder_.write("labels.csv", "file,label\nb.jpg,1\n");
  EXPECT_THROW(read_training_set("csv:" + table.string() + "," + pictures().string()), Error);
}

TEST_F(TrainingSetTest, AsWhatTheEvaluationTakes) {
  const TrainingSet set = coco(kCoco);
  const eval::Dataset dataset = as_dataset(set);
  EXPECT_EQ(dataset.targets, eval::Targets::multi_label);
  EXPECT_EQ(dataset.classes, 3);
  EXPECT_EQ(dataset.images[1], set.samples[1].path);
  EXPECT_EQ(eval::target_matrix(dataset), (std::vector<std::uint8_t>{1, 1, 1, 1, 0, 0}));
}

TEST_F(TrainingSetTest, RealCoco) {
  RESNET_REQUIRE_DATA("coco/instances_dev.json");
  const fs::path data = test::data_directory() / "coco";
  const TrainingSet set =
      read_training_set("coco:" + (data / "instances_dev.json").string() + "," + (data / "images").string());
  EXPECT_EQ(set.size(), 2582u);
  ASSERT_EQ(set.classes(), 80);
  EXPECT_EQ(set.labels[0], "person");
  EXPECT_EQ(set.labels[11], "stop sign");  // id 13: COCO's 12 is not used
  EXPECT_EQ(set.labels[79], "toothbrush");
}

}  // namespace
}  // namespace resnet::train
