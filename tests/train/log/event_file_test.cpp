#include "train/log/event_file.hpp"

#include "support/temporary_directory.hpp"
#include "train/log/proto_message.hpp"
#include "train/log/tfrecord.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

namespace fs = std::filesystem;

TEST(Crc32c, KnownValues) {
  // RFC 3720, B.4, and the check value that catalogues of CRCs give.
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(ProtoMessage, Encoding) {
  // The examples of protobuf.dev: 150 in field 1, "testing" in field 2.
  EXPECT_EQ(ProtoMessage().integer(1, 150).bytes(), std::string("\x08\x96\x01"));
  EXPECT_EQ(ProtoMessage().text(2, "testing").bytes(), std::string("\x12\x07testing"));
  // A negative number takes all ten bytes; a field above 15 needs two for its key.
  EXPECT_EQ(ProtoMessage().integer(1, -1).bytes(), "\x08" + std::string(9, '\xff') + '\x01');
  EXPECT_EQ(ProtoMessage().integer(16, 0).bytes(), std::string("\x80\x01\0", 3));
}

TEST(EventFile, NamesComeInTheOrderOfTheRunsWhateverTheClockSays) {
  const test::TemporaryDirectory folder;
  // As after a clock that was an hour ahead; and something that is no event file.
  folder.write("events.out.tfevents.9999999990.elsewhere.1", "");
  folder.write("notes.txt", "");
  const EventFile first(folder.path());
  const EventFile second(folder.path());
  EXPECT_GT(first.path().filename().string(), "events.out.tfevents.9999999990.elsewhere.1");
  EXPECT_GT(second.path().filename(), first.path().filename());
}

TEST(EventFile, WhatIsAddedIsInTheFileAtOnce) {
  const test::TemporaryDirectory folder;
  EventFile file(folder.path());
  auto size = fs::file_size(file.path());
  for (int step = 1; step < 4; ++step) {
    file.add_scalar("loss", step, 0.5);
    EXPECT_GT(fs::file_size(file.path()), size);
    size = fs::file_size(file.path());
  }
}

TEST(EventFile, AFolderThatCannotBeMadeIsNamed) {
  const test::TemporaryDirectory folder;
  const fs::path file = folder.write("file", "");
  try {
    const EventFile events(file / "logs");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_NE(std::string(error.what()).find("file"), std::string::npos);
  }
}

}  // namespace
}  // namespace resnet::train
