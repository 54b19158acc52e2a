// What the tests of the evaluation library share: a scratch folder, and errors by code and text.
#pragma once

#include "eval/synsets.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::eval {

class EvalFixture : public testing::Test {
 protected:
  EvalFixture() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = std::filesystem::path(testing::TempDir()) /
                 (std::string("resnet_eval_") + info->test_suite_name() + "_" + info->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~EvalFixture() override { std::filesystem::remove_all(directory_); }

  // Writes directory_ / name, making folders as needed.
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  std::filesystem::path directory_;
};

// The 1000 classes numbered backwards: an order that is no other tool's.
inline std::string numbered_synsets() {
  std::string text;
  for (int i = 999; i >= 0; --i) text += wordnet_id_of_class(i) + " " + std::to_string(1000 - i) + " name\n";
  return text;
}

// Expects resnet::Error of that code whose message holds `part`.
template <class Call>
void expect_error(ErrorCode code, const std::string& part, Call call) {
  try {
    call();
    ADD_FAILURE() << "expected an error: " << part;
  } catch (const Error& e) {
    EXPECT_EQ(to_string(e.code()), to_string(code)) << e.what();
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

}  // namespace resnet::eval
