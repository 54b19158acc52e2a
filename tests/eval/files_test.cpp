// The file formats under the data sets: CSV, .npy, ILSVRC's class order.
#include "eval/csv.hpp"
#include "eval/mat_file.hpp"
#include "eval/npy.hpp"
#include "eval/synsets.hpp"
#include "eval_fixture.hpp"

#include <cstring>
#include <numeric>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

using Fields = std::vector<std::string>;

TEST(Csv, QuotesLineEndsAndByteOrderMark) {
  const auto rows = parse_csv(
      "\xEF\xBB\xBF"
      "a,b\r\n\"x, \"\"y\"\"\",2\n\n\"two\nlines\",\r3,4",
      "t.csv");
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].fields, (Fields{"a", "b"}));
  EXPECT_EQ(rows[1].fields, (Fields{"x, \"y\"", "2"}));
  EXPECT_EQ(rows[2].fields, (Fields{"two\nlines", ""}));
  EXPECT_EQ(rows[3].fields, (Fields{"3", "4"}));
  EXPECT_EQ(rows[1].line, 2);
  EXPECT_EQ(rows[3].line, 6);
}

TEST(Csv, EmptyTextHasNoRows) {
  EXPECT_TRUE(parse_csv("", "t.csv").empty());
  EXPECT_TRUE(parse_csv("\r\n\r\n", "t.csv").empty());
}

TEST(Csv, RefusesWhatIsNoTable) {
  expect_error(ErrorCode::bad_format, "line 2", [] { parse_csv("a,b\n\"open,1\n2,3\n", "t.csv"); });
  expect_error(ErrorCode::bad_format, "closing quote", [] { parse_csv("\"a\"b,1\n", "t.csv"); });
  expect_error(ErrorCode::bad_format, "UTF-8", [] {
    parse_csv(std::string_view("\xFF\xFE"
                               "a\0",
                               4),
              "t.csv");
  });
  expect_error(ErrorCode::bad_format, "NUL", [] { parse_csv(std::string_view("a\0b", 3), "t.csv"); });
}

class NpyTest : public EvalFixture {};

TEST_F(NpyTest, RoundTrip) {
  std::vector<float> values(21);
  std::iota(values.begin(), values.end(), -7.0f);
  NpyWriter writer(directory_ / "a.npy", 3, 7);
  for (int i = 0; i < 3; ++i) writer.write_row(std::span(values).subspan(i * 7, 7));
  writer.commit();
  const NpyMatrix matrix(directory_ / "a.npy");
  ASSERT_EQ(matrix.rows(), 3);
  ASSERT_EQ(matrix.columns(), 7);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(std::memcmp(matrix.row(i).data(), values.data() + i * 7, 7 * sizeof(float)), 0);
  }
}

TEST_F(NpyTest, IncompleteFilesDoNotAppear) {
  NpyWriter writer(directory_ / "a.npy", 2, 1);
  writer.write_row(std::vector<float>{1});
  EXPECT_THROW(writer.commit(), Error);
  EXPECT_THROW(writer.write_row(std::vector<float>{1, 2}), Error);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "a.npy"));
}

TEST_F(NpyTest, RefusesOtherTypesShapesAndTruncation) {
  const auto npy = [&](const std::string& header, std::size_t bytes) {
    std::string text("\x93NUMPY\x01\x00", 8);
    text += {static_cast<char>(header.size()), '\0'};
    return write("x.npy", text + header + std::string(bytes, '\0'));
  };
  const auto read = [](const std::filesystem::path& path) { return [path] { NpyMatrix matrix(path); }; };
  expect_error(ErrorCode::unsupported, "float32",
               read(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }", 16)));
  expect_error(ErrorCode::unsupported, "C order",
               read(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", 8)));
  expect_error(ErrorCode::bad_format, "two dimensions",
               read(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8)));
  expect_error(ErrorCode::truncated, "header says",
               read(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", 8)));
  expect_error(ErrorCode::truncated, "header says",
               read(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 8)));
  expect_error(ErrorCode::bad_format, "no .npy", read(write("y.npy", "hello, world!")));
  const NpyMatrix unaligned(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), } ", 8));
  EXPECT_EQ(unaligned.row(0)[1], 0.0f);
}

TEST(Synsets, AreSortedAndKnown) {
  EXPECT_EQ(class_of_wordnet_id("n01440764"), 0);
  EXPECT_EQ(class_of_wordnet_id("n02123045"), 281);
  EXPECT_EQ(class_of_wordnet_id("n15075141"), 999);
  EXPECT_EQ(wordnet_id_of_class(281), "n02123045");
  EXPECT_FALSE(class_of_wordnet_id("n00000001").has_value());
  EXPECT_FALSE(class_of_wordnet_id("tench").has_value());
  EXPECT_FALSE(class_of_wordnet_id("n0144076").has_value());
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(class_of_wordnet_id(wordnet_id_of_class(i)), i);
}

class OrderTest : public EvalFixture {};

TEST_F(OrderTest, NumberedListInAnyOrder) {
  const auto path = write("map_clsloc.txt", numbered_synsets());
  const std::vector<int> order = read_ilsvrc_order(path);
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_EQ(order[0], 999);
  EXPECT_EQ(order[999], 0);
  EXPECT_EQ(read_ilsvrc_order(directory_), order);
}

TEST_F(OrderTest, RefusesAListInClassOrder) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += wordnet_id_of_class(i) + " some words\n";
  expect_error(ErrorCode::bad_format, "not ILSVRC's own order",
               [path = write("synset_words.txt", text)] { read_ilsvrc_order(path); });
}

TEST_F(OrderTest, RefusesWhatIsNotOneToOne) {
  const std::string all = numbered_synsets();
  const auto refuses = [&](const std::string& text, const std::string& part) {
    expect_error(ErrorCode::bad_format, part, [path = write("m.txt", text)] { read_ilsvrc_order(path); });
  };
  refuses(all.substr(0, all.rfind("n0144")), "999 of the 1000");
  refuses(all + "n01440764 1 tench\n", "twice");
  refuses("n01440764 1001 tench\n", "1001");
  refuses("n00000001 1 nothing\n", "n00000001");
  refuses("tench\n", "tench");
  expect_error(ErrorCode::not_found, "meta.mat", [this] {
    std::filesystem::create_directories(directory_ / "empty");
    read_ilsvrc_order(directory_ / "empty");
  });
}

TEST(MatFile, RefusesWhatIsNoLevel5File) {
  const auto read = [](const std::string& text) {
    return [text] { read_mat_structs(std::as_bytes(std::span(text)), "meta.mat"); };
  };
  std::string header(128, ' ');
  header[124] = '\0', header[125] = '\1', header[126] = 'I', header[127] = 'M';
  expect_error(ErrorCode::truncated, "too short", read("MATLAB 5.0"));
  expect_error(ErrorCode::unsupported, "level 5", read(std::string(128, ' ')));
  expect_error(ErrorCode::bad_format, "no struct", read(header));
  expect_error(ErrorCode::truncated, "ends before", read(header + std::string("\x0E\0\0\0\xFF\xFF\0\0", 8)));
  expect_error(ErrorCode::bad_format, "damaged", read(header + std::string("\x0F\0\0\0\x04\0\0\0junk", 12)));
  expect_error(ErrorCode::truncated, "ends before",
               read(header + std::string("\x0E\0\0\0\x08\0\0\0\x06\0\0\0\x08\0\0\0", 16)));
}

}  // namespace
}  // namespace resnet::eval
