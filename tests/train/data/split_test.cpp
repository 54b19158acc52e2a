#include "train/data/split.hpp"

#include "support/test_data.hpp"
#include "train/data/sample_rng.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

template <class Call>
void expect_error(ErrorCode code, const std::string& part, Call call) {
  try {
    call();
    ADD_FAILURE() << "expected an error: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.code()), to_string(code)) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

// Picture i has class 0, every third one class 1, and the last `rare` ones class 2.
TrainingSet numbered(int count, int rare) {
  TrainingSet set;
  set.targets = eval::Targets::multi_label;
  set.labels = {"all", "third", "rare"};
  for (int i = 0; i < count; ++i) {
    TrainingSample sample;
    sample.name = "picture " + std::to_string(i) + ".jpg";
    sample.labels = {0};
    if (i % 3 == 0) sample.labels.push_back(1);
    if (i >= count - rare) sample.labels.push_back(2);
    set.samples.push_back(std::move(sample));
  }
  return set;
}

Names names_of(const TrainingSet& set) {
  Names names;
  for (const TrainingSample& sample : set.samples) names.push_back(sample.name);
  return names;
}

TEST(Split, ByNames) {
  const TrainingSet set = numbered(6, 0);
  const Split split =
      split_by_names(set, {"picture 4.jpg", "picture 1.jpg"}, {"picture 0.jpg", "unknown.jpg"});
  EXPECT_EQ(names_of(split.training), (Names{"picture 2.jpg", "picture 3.jpg", "picture 5.jpg"}));
  EXPECT_EQ(names_of(split.validation), (Names{"picture 1.jpg", "picture 4.jpg"}));
  EXPECT_EQ(split.training.labels, set.labels);
  EXPECT_EQ(split.validation.targets, set.targets);
  // Excluded is excluded, whatever else a picture is listed in.
  EXPECT_TRUE(split_by_names(set, {"picture 1.jpg"}, {"picture 1.jpg"}).validation.samples.empty());
}

TEST(Split, RefusesAListOfOtherPictures) {
  expect_error(ErrorCode::not_found, "'b.jpg', a name", [] {
    split_by_names(numbered(3, 0), {"picture 0.jpg", "b.jpg", "c.jpg"});
  });
  expect_error(ErrorCode::not_found, "2 of the 3", [] {
    split_by_names(numbered(3, 0), {"picture 0.jpg", "b.jpg", "c.jpg"});
  });
}

TEST(Split, TheHashIsTheSameEverywhere) {
  EXPECT_EQ(hash_of_name(""), mix_bits(0xcbf29ce484222325u));
  EXPECT_EQ(hash_of_name("a"), mix_bits(0xaf63dc4c8601ec8cu));  // FNV's published test vector
}

TEST(Split, ChoosesTheSameWhateverTheOrder) {
  TrainingSet set = numbered(200, 10);
  const Names chosen = choose_validation(set, 40);
  EXPECT_EQ(chosen.size(), 40u);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  std::reverse(set.samples.begin(), set.samples.end());
  EXPECT_EQ(choose_validation(set, 40), chosen);
}

TEST(Split, ClassesGetTheirShare) {
  const TrainingSet set = numbered(300, 10);
  const Split split = split_by_names(set, choose_validation(set, 60));
  const std::vector<int> pictures = pictures_of_class(split.validation);
  EXPECT_EQ(pictures[0], 60);
  EXPECT_NEAR(pictures[1], 20, 4);
  EXPECT_EQ(pictures[2], 2);
}

TEST(Split, RareClassesAreInBothParts) {
  for (int count = 2; count < 30; ++count) {
    const TrainingSet set = numbered(40, 4);
    const Split split = split_by_names(set, choose_validation(set, static_cast<std::size_t>(count)));
    const int validated = pictures_of_class(split.validation)[2];
    EXPECT_GE(validated, 1) << count;
    EXPECT_LE(validated, 3) << count;
  }
}

TEST(Split, ExcludedPicturesAreNotChosen) {
  const TrainingSet set = numbered(50, 0);
  const Names first = choose_validation(set, 10);
  const Names second = choose_validation(set, 10, first);
  for (const std::string& name : second) EXPECT_EQ(std::count(first.begin(), first.end(), name), 0) << name;
  EXPECT_EQ(second.size(), 10u);
}

TEST(Split, RefusesToKeepNothingOrAll) {
  const TrainingSet set = numbered(5, 0);
  expect_error(ErrorCode::invalid_argument, "0 of 5", [&] { choose_validation(set, 0); });
  expect_error(ErrorCode::invalid_argument, "5 of 5", [&] { choose_validation(set, 5); });
  expect_error(ErrorCode::invalid_argument, "4 of 4", [&] { choose_validation(set, 4, {"picture 0.jpg"}); });
}

// The lists in configs/ are what choose_validation chooses, and keep their promises.
TEST(Split, CommittedListsOfCoco) {
  RESNET_REQUIRE_DATA("coco/instances_dev.json");
  const fs::path configs = fs::path(RESNET_SOURCE_DIR) / "configs";
  const fs::path data = test::data_directory() / "coco";
  const TrainingSet set =
      read_training_set("coco:" + (data / "instances_dev.json").string() + "," + (data / "images").string());
  const Names exclude = read_name_list(configs / "coco-dev-exclude.txt");
  const Names validation = read_name_list(configs / "coco-dev-validation.txt");
  EXPECT_EQ(validation, choose_validation(set, 300, exclude));

  const Split split = split_by_names(set, validation, exclude);
  EXPECT_EQ(split.validation.size(), 300u);
  const std::set<std::string> photos(exclude.begin(), exclude.end());
  for (const fs::directory_entry& photo : fs::directory_iterator(test::data_directory() / "photos")) {
    const std::string name = photo.path().filename().string();
    EXPECT_TRUE(photos.contains(name) || photo.path().extension() != ".jpg") << name;
  }
  const std::vector<int> trained = pictures_of_class(split.training);
  const std::vector<int> validated = pictures_of_class(split.validation);
  for (std::size_t c = 0; c < set.labels.size(); ++c) {
    if (trained[c] + validated[c] < 4) continue;
    EXPECT_GE(validated[c], 1) << set.labels[c];
    EXPECT_GE(trained[c], 1) << set.labels[c];
  }
}

}  // namespace
}  // namespace resnet::train
