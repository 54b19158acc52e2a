#include "model_test_support.hpp"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::write;

// Sets variables for one test and puts back what was there.
class ModelStore : public testing::Test {
 protected:
  ModelStore() {
    for (const char* name : {"RESNET_MODELS", "XDG_CACHE_HOME", "HOME"}) {
      const char* value = std::getenv(name);
      saved_.emplace_back(name, value == nullptr ? "" : value);
    }
    for (const char* name : {"one", "two", "cache/resnet/models", "home/.cache/resnet/models"}) {
      fs::create_directories(folder_.path() / name);
    }
    setenv("RESNET_MODELS", (at("one") + "::" + at("two")).c_str(), 1);
    setenv("XDG_CACHE_HOME", at("cache").c_str(), 1);
    setenv("HOME", at("home").c_str(), 1);
  }
  ~ModelStore() override {
    for (const auto& [name, value] : saved_) {
      if (value.empty()) {
        unsetenv(name.c_str());
      } else {
        setenv(name.c_str(), value.c_str(), 1);
      }
    }
  }
  std::string at(const std::string& relative) const { return (folder_.path() / relative).string(); }

  test::TemporaryFolder folder_;
  std::vector<std::pair<std::string, std::string>> saved_;
};

TEST_F(ModelStore, AnExistingPathStands) {
  EXPECT_EQ(find_model(write(at("x.pth"), "x").string()), at("x.pth"));
}

TEST_F(ModelStore, NamesAreLookedUpInOrderWithOrWithoutExtension) {
  write(at("two/tagger.pth"), "x");
  EXPECT_EQ(find_model("tagger"), at("two/tagger.pth"));
  EXPECT_EQ(find_model("tagger.pth"), at("two/tagger.pth"));
  write(at("one/tagger.safetensors"), "x");
  EXPECT_EQ(find_model("tagger"), at("one/tagger.safetensors"));
  fs::create_directories(at("one/exported"));
  write(at("one/exported/manifest.json"), "{}");
  EXPECT_EQ(find_model("exported"), at("one/exported"));
}

TEST_F(ModelStore, TheUsersCacheComesLast) {
  write(at("cache/resnet/models/pulled.safetensors"), "x");
  EXPECT_EQ(find_model("pulled"), at("cache/resnet/models/pulled.safetensors"));
  setenv("XDG_CACHE_HOME", "relative/does/not/count", 1);
  write(at("home/.cache/resnet/models/pulled.pt"), "x");
  EXPECT_EQ(find_model("pulled"), at("home/.cache/resnet/models/pulled.pt"));
}

TEST_F(ModelStore, WhatIsNotFoundListsThePlaces) {
  const Error e = error_of([] { find_model("no-such-model"); });
  EXPECT_EQ(e.code(), ErrorCode::not_found);
  const std::string message = e.what();
  for (const fs::path& place : model_search_path()) {
    EXPECT_NE(message.find(place.string()), std::string::npos) << place;
  }
  EXPECT_EQ(error_of([] { find_model("no/such.pth"); }).code(), ErrorCode::not_found);
  EXPECT_EQ(error_of([] { find_model(""); }).code(), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace resnet
