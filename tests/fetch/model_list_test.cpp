#include "fetch/model_list.hpp"

#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace resnet::fetch {
namespace {

TEST(ModelList, EveryModelHasANameAndAFileThatCanBeChecked) {
  std::set<std::string_view> names;
  for (const ListedModel& model : listed_models()) {
    names.insert(model.name);
    EXPECT_EQ(hash_in_name(model.file).size(), 8u) << model.file;
    EXPECT_TRUE(model.file.starts_with(model.name.substr(0, 8))) << model.file;
    EXPECT_GT(model.bytes, 40'000'000);
    EXPECT_EQ(find_listed(model.name), &model);
  }
  EXPECT_EQ(names.size(), listed_models().size());
  EXPECT_EQ(find_listed("resnet101"), nullptr);
}

TEST(ModelList, TheSecondWeightsOfResNet50WantAnotherSize) {
  EXPECT_EQ(find_listed("resnet50")->preprocess, Preprocess{});
  const Preprocess second = find_listed("resnet50-v2")->preprocess;
  EXPECT_EQ(second.resize.height, 232);
  EXPECT_EQ(second.center_crop, (Size{224, 224}));
}

TEST(HashInName, IsWhatStandsBetweenTheLastDashAndTheEnding) {
  EXPECT_EQ(hash_in_name("resnet18-f37072fd.pth"), "f37072fd");
  EXPECT_EQ(hash_in_name("https://a-b.example/models-1/my-net-0123abcd.safetensors"), "0123abcd");
  for (const char* none :
       {"", "resnet18.pth", "resnet18-f37072f.pth", "resnet18-F37072FD.pth", "x-f37072fg.pth", "x-f37072fd",
        "x.y-f37072fd", "https://example-01234567.org/net.pth", "-.pth"}) {
    EXPECT_EQ(hash_in_name(none), "") << none;
  }
}

}  // namespace
}  // namespace resnet::fetch
