#include "eval/dataset.hpp"

#include "eval/name_list.hpp"
#include "eval_fixture.hpp"
#include "support/test_data.hpp"

#include <gtest/gtest.h>

namespace resnet::eval {
namespace {

namespace fs = std::filesystem;

class DatasetTest : public EvalFixture {
 protected:
  DatasetTest() { fs::create_directories(directory_ / "pics"); }

  static DatasetOptions options(int classes, std::vector<std::string> labels = {}) {
    DatasetOptions o;
    o.classes = classes;
    o.labels = std::move(labels);
    return o;
  }
  std::string spec(const std::string& kind, const fs::path& file) const {
    return kind + ":" + file.string() + "," + (directory_ / "pics").string();
  }
  Dataset csv(const std::string& text, const DatasetOptions& o) const {
    return read_dataset(spec("imagenet", write("labels.csv", text)), o);
  }
  Dataset coco(const std::string& text, const DatasetOptions& o) const {
    return read_dataset(spec("coco", write("ann.json", text)), o);
  }
};

TEST_F(DatasetTest, Csv) {
  const Dataset d =
      csv("\xEF\xBB\xBF"
          "File,wnid,label_index\r\n\"a,1.jpg\",n01440764,0\r\nsub/b.jpg,n15075141,999\r\n",
          options(1000));
  ASSERT_EQ(d.size(), 2u);
  EXPECT_EQ(d.images[0], directory_ / "pics" / "a,1.jpg");
  EXPECT_EQ(d.images[1], directory_ / "pics" / "sub/b.jpg");
  EXPECT_EQ(d.labels, (std::vector<int>{0, 999}));
}

TEST_F(DatasetTest, CsvByLabelNameOrByWordNetIdAlone) {
  EXPECT_EQ(csv("path,label\na.jpg,dog\nb.jpg,cat\n", options(2, {"cat", "dog"})).labels,
            (std::vector<int>{1, 0}));
  EXPECT_EQ(csv("image,wnid\na.jpg,n02123045\n", options(1000)).labels, (std::vector<int>{281}));
}

TEST_F(DatasetTest, CsvRefusals) {
  const auto refuses = [this](ErrorCode code, const std::string& part, const std::string& text,
                              int classes = 1000) {
    expect_error(code, part, [&] { csv(text, options(classes)); });
  };
  refuses(ErrorCode::bad_format, "name the columns", "a.jpg,3\n");
  refuses(ErrorCode::bad_format, "is empty", "");
  refuses(ErrorCode::bad_format, "no pictures", "file,label_index\n");
  refuses(ErrorCode::bad_format, "line 3: 'a.jpg' is listed twice", "file,index\na.jpg,3\na.jpg,3\n");
  refuses(ErrorCode::bad_format, "listed twice", "file,index\na.jpg,3\n./a.jpg,3\n");
  refuses(ErrorCode::bad_format, "line 2: 1 fields", "file,index\na.jpg\n");
  refuses(ErrorCode::bad_format, "neither a class index nor a label", "file,index\na.jpg,three\n");
  refuses(ErrorCode::bad_format, "neither a class index nor a label", "file,index\na.jpg,\n");
  refuses(ErrorCode::bad_format, "another order", "file,wnid,index\na.jpg,n01440764,1\n");
  refuses(ErrorCode::bad_format, "not a class of ImageNet", "file,wnid,index\na.jpg,n00000000,1\n");
  refuses(ErrorCode::shape_mismatch, "0…9", "file,index\na.jpg,10\n", 10);
  refuses(ErrorCode::shape_mismatch, "0…9", "file,index\na.jpg,-1\n", 10);
  refuses(ErrorCode::shape_mismatch, "1000 classes", "file,wnid\na.jpg,n01440764\n", 10);
  refuses(ErrorCode::unsafe, "outside", "file,index\n../a.jpg,1\n");
  refuses(ErrorCode::unsafe, "outside", "file,index\n/etc/passwd,1\n");
  refuses(ErrorCode::bad_format, "without a file name", "file,index\n,1\n");
}

TEST_F(DatasetTest, OneErrorForAFolderWithNoneOfThePictures) {
  const Dataset d = csv("file,index\na.jpg,3\nb.jpg,4\n", options(1000));
  expect_error(ErrorCode::not_found, (directory_ / "pics" / "a.jpg").string() + ": ",
               [&] { require_pictures(d); });
  expect_error(ErrorCode::not_found, "(2)", [&] { require_pictures(d); });
  write("pics/b.jpg", "");
  require_pictures(d);
}

TEST_F(DatasetTest, NamesTheFormsWhereNoFolderIsGiven) {
  for (const char* spec : {"imagenet:", "coco:", "imagenet:labels.csv,"}) {
    expect_error(ErrorCode::invalid_argument, "coco:ANN.json,DIR", [&] { read_dataset(spec, options(10)); });
  }
}

TEST_F(DatasetTest, ClassFolders) {
  for (const char* name :
       {"n02123045/b.JPEG", "n02123045/a.JPEG", "n01440764/c.jpg", "n01440764/notes.txt", ".cache/x.jpg"}) {
    write(std::string("pics/") + name, "");
  }
  const Dataset d = read_dataset("imagenet:" + (directory_ / "pics").string(), options(1000));
  EXPECT_EQ(d.labels, (std::vector<int>{0, 281, 281}));
  EXPECT_EQ(d.images[1].filename(), "a.JPEG");
  expect_error(ErrorCode::shape_mismatch, "n0",
               [&] { read_dataset("imagenet:" + (directory_ / "pics").string(), options(10)); });
}

TEST_F(DatasetTest, ClassFoldersByLabel) {
  write("pics/dog/a.jpg", "");
  write("pics/cat/b.jpg", "");
  const auto o = options(3, {"cat", "bird", "dog"});
  EXPECT_EQ(read_class_folders(directory_ / "pics", o).labels, (std::vector<int>{0, 2}));
  write("pics/horse/c.jpg", "");
  expect_error(ErrorCode::shape_mismatch, "horse", [&] { read_class_folders(directory_ / "pics", o); });
}

TEST_F(DatasetTest, FlatFolderWithIlsvrcNumbersNeedsTheirOrder) {
  for (int i = 1; i <= 3; ++i) write("pics/ILSVRC2012_val_0000000" + std::to_string(i) + ".JPEG", "");
  const std::string spec = "imagenet:" + (directory_ / "pics").string();
  expect_error(ErrorCode::not_found, "TRUTH.txt", [&] { read_dataset(spec, options(1000)); });
  write("ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", "1\n1000\n2\n");
  expect_error(ErrorCode::not_found, "--devkit", [&] { read_dataset(spec, options(1000)); });
  write("ILSVRC2012_devkit_t12/data/map_clsloc.txt", numbered_synsets());
  EXPECT_EQ(read_dataset(spec, options(1000)).labels, (std::vector<int>{999, 0, 998}));
  EXPECT_EQ(read_dataset(spec + "/", options(1000)).labels, (std::vector<int>{999, 0, 998}));
  expect_error(ErrorCode::shape_mismatch, "1000 classes", [&] { read_dataset(spec, options(10)); });
}

TEST_F(DatasetTest, FlatFolderWithNamedTruth) {
  write("pics/ILSVRC2012_val_00000002.JPEG", "");
  const auto read = [&](const std::string& text, fs::path devkit = {}) {
    DatasetOptions o = options(1000);
    o.devkit = std::move(devkit);
    return read_dataset(spec("imagenet", write("truth.txt", text)), o).labels;
  };
  EXPECT_EQ(read("n01440764\r\nn02123045\r\n"), (std::vector<int>{281}));
  EXPECT_EQ(read("ILSVRC2012_val_00000001.JPEG 3\nILSVRC2012_val_00000002.JPEG 17\n"),
            (std::vector<int>{17}));
  const fs::path order = write("order.txt", numbered_synsets());
  EXPECT_EQ(read("7\n1\n", order), (std::vector<int>{999}));
  expect_error(ErrorCode::not_found, "no line for", [&] { read("n01440764\n"); });
  expect_error(ErrorCode::bad_format, "line 2", [&] { read("1\n1001\n", order); });
  expect_error(ErrorCode::bad_format, "line 1: '0'", [&] { read("0\n1\n", order); });
  expect_error(ErrorCode::bad_format, "twice", [&] { read("a.JPEG 1\na.JPEG 2\n"); });
  expect_error(ErrorCode::bad_format, "empty", [&] { read(""); });
}

const char* const kCoco = R"({"info": {"id": 4, "nested": [{"id": 1}]},
  "annotations": [
    {"id": 1, "image_id": 7, "category_id": 90, "iscrowd": 0, "segmentation": [[1.5, 2, {"image_id": 8}]], "bbox": [0,0,1,1]},
    {"id": 2, "image_id": 7, "category_id": 1, "iscrowd": 1},
    {"id": 3, "image_id": 7.0, "category_id": 90, "iscrowd": 0}],
  "images": [{"id": 7, "file_name": "a.jpg"}, {"file_name": "b.jpg", "id": 9, "license": {"id": 3, "name": "x"}}],
  "categories": [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 13, "name": "stop sign"}]})";

TEST_F(DatasetTest, CocoMapsIdsWithGapsByOrder) {
  const Dataset d = coco(kCoco, options(3));
  ASSERT_EQ(d.size(), 2u);
  EXPECT_EQ(d.targets, Targets::multi_label);
  EXPECT_EQ(d.images[1], directory_ / "pics" / "b.jpg");
  EXPECT_EQ(d.label_sets[0], (std::vector<int>{0, 2}));
  EXPECT_TRUE(d.label_sets[1].empty());
  EXPECT_EQ(target_matrix(d), (std::vector<std::uint8_t>{1, 0, 1, 0, 0, 0}));
}

TEST_F(DatasetTest, CocoBoxes) {
  const Dataset d = coco(R"({"annotations": [
    {"image_id": 7, "category_id": 90, "segmentation": [[9, 9]], "bbox": [0.5, 2, 3e1, 4.25], "area": 5},
    {"image_id": 7, "category_id": 1, "keypoints": [[[1]]]}],
  "images": [{"id": 7, "width": 640, "height": 480, "file_name": "a.jpg"}, {"id": 9, "file_name": "b.jpg"}],
  "categories": [{"id": 90, "name": "toothbrush", "bbox": [1, 2]}, {"id": 1, "name": "person"}]})",
                         options(2));
  ASSERT_EQ(d.boxes.size(), 2u);
  ASSERT_EQ(d.boxes[0].size(), 2u);
  const Box& box = d.boxes[0][0];
  EXPECT_EQ(box.label, 1);
  EXPECT_EQ(box.left, 0.5f);
  EXPECT_EQ(box.top, 2.f);
  EXPECT_EQ(box.width, 30.f);
  EXPECT_EQ(box.height, 4.25f);
  EXPECT_EQ(d.boxes[0][1].width, 0.f);  // none was given
  EXPECT_TRUE(d.boxes[1].empty());
  EXPECT_EQ(d.sizes, (std::vector<Size>{{480, 640}, {0, 0}}));
}

TEST_F(DatasetTest, ClassesOfTheDataWhereNoModelGivesThem) {
  const Dataset c = coco(kCoco, options(0));
  EXPECT_EQ(c.classes, 3);
  EXPECT_EQ(c.class_names, (std::vector<std::string>{"person", "stop sign", "toothbrush"}));
  EXPECT_EQ(c.label_sets[0], (std::vector<int>{0, 2}));

  const Dataset named = csv("file,label\na.jpg,dog\nb.jpg,cat\nc.jpg,dog\n", options(0));
  EXPECT_EQ(named.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(named.labels, (std::vector<int>{1, 0, 1}));
  const Dataset numbered = csv("file,label\na.jpg,10\nb.jpg,2\n", options(0));
  EXPECT_EQ(numbered.classes, 11);
  EXPECT_EQ(numbered.class_names[10], "10");
  EXPECT_EQ(numbered.labels, (std::vector<int>{10, 2}));
  const Dataset by_id = csv("file,wnid\na.jpg,n02\nb.jpg,n01\n", options(0));
  EXPECT_EQ(by_id.labels, (std::vector<int>{1, 0}));
  expect_error(ErrorCode::bad_format, "some are names",
               [&] { csv("file,label\na.jpg,1\nb.jpg,cat\n", options(0)); });
  expect_error(ErrorCode::bad_format, "too large",
               [&] { csv("file,label\na.jpg,2147483647\n", options(0)); });
  expect_error(ErrorCode::shape_mismatch, "not one of",
               [&] { csv("file,label\na.jpg,-1\nb.jpg,1\n", options(0)); });

  write("pics/dog/a.jpg", "");
  write("pics/cat/b.jpg", "");
  const Dataset folders = read_dataset("folders:" + (directory_ / "pics").string(), options(0));
  EXPECT_EQ(folders.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(folders.labels, (std::vector<int>{0, 1}));
  EXPECT_EQ(folders.directory, directory_ / "pics");
}

TEST_F(DatasetTest, NameLists) {
  const fs::path path = write("list.txt", "# why\n\n a b.jpg \r\nsub/c.jpg\t\r\n  # more\nlast.jpg");
  EXPECT_EQ(read_name_list(path), (std::vector<std::string>{"a b.jpg", "sub/c.jpg", "last.jpg"}));
  EXPECT_TRUE(read_name_list(write("empty.txt", "")).empty());
  expect_error(ErrorCode::bad_format, "'a.jpg' is listed twice",
               [&] { read_name_list(write("twice.txt", "a.jpg\nb.jpg\na.jpg\n")); });
  expect_error(ErrorCode::not_found, "none.txt", [&] { read_name_list(directory_ / "none.txt"); });
}

TEST_F(DatasetTest, NamesOfPictures) {
  EXPECT_EQ(picture_name("data/pics/sub/a.jpg", "data/pics"), "sub/a.jpg");
  EXPECT_EQ(picture_name("data/pics/a.jpg", "data/pics/"), "a.jpg");
  EXPECT_EQ(picture_name("data/pics/./a.jpg", "data/./pics"), "a.jpg");
  EXPECT_EQ(picture_name("./a.jpg", "."), "a.jpg");
  EXPECT_EQ(picture_name("../pics/a.jpg", "../pics"), "a.jpg");
}

TEST_F(DatasetTest, OnlyTheListedPictures) {
  DatasetOptions o = options(3);
  o.only = write("list.txt", "b.jpg\n");
  const Dataset b = coco(kCoco, o);
  ASSERT_EQ(b.size(), 1u);
  EXPECT_EQ(b.images[0], directory_ / "pics" / "b.jpg");
  EXPECT_TRUE(b.label_sets.at(0).empty());
  EXPECT_EQ(b.boxes.size(), 1u);
  EXPECT_EQ(b.sizes.size(), 1u);
  o.only = write("list.txt", "b.jpg\na.jpg\n");
  EXPECT_EQ(coco(kCoco, o).images[0], directory_ / "pics" / "a.jpg");  // in the order of the data set
  o.only = write("list.txt", "b.jpg\nc.jpg\nd.jpg\n");
  expect_error(ErrorCode::not_found, "'c.jpg' is listed but not in the data set (2 of the 3",
               [&] { coco(kCoco, o); });

  o = options(1000);
  o.only = write("list.txt", "sub/x.jpg\n");
  EXPECT_EQ(csv("file,index\na.jpg,3\nsub/x.jpg,4\n", o).labels, (std::vector<int>{4}));
  o.only = write("list.txt", "# none\n");
  expect_error(ErrorCode::bad_format, "no pictures", [&] { csv("file,index\na.jpg,3\n", o); });
}

TEST_F(DatasetTest, CocoCrowdsCanBeLeftOut) {
  DatasetOptions o = options(3);
  o.crowd = Crowd::ignore;
  EXPECT_EQ(coco(kCoco, o).label_sets[0], (std::vector<int>{2}));
}

TEST_F(DatasetTest, CocoMapsByNameWhereTheModelHasTheNames) {
  EXPECT_EQ(coco(kCoco, options(3, {"toothbrush", "stop sign", "person"})).label_sets[0],
            (std::vector<int>{0, 2}));
  EXPECT_EQ(coco(kCoco, options(3, {"stop sign", "toothbrush", "person"})).label_sets[0],
            (std::vector<int>{1, 2}));
}

TEST_F(DatasetTest, CocoRefusals) {
  const auto refuses = [this](ErrorCode code, const std::string& part, const std::string& text) {
    expect_error(code, part, [&] { coco(text, options(1)); });
  };
  const std::string categories = R"("categories": [{"id": 1, "name": "x"}])";
  const std::string images = R"("images": [{"id": 1, "file_name": "a.jpg"}])";
  const auto file = [&](const std::string& annotations) {
    return "{" + images + "," + categories + R"(, "annotations": [)" + annotations + "]}";
  };
  EXPECT_EQ(coco(file(R"({"image_id": 1, "category_id": 1})"), options(1)).label_sets[0],
            (std::vector<int>{0}));
  refuses(ErrorCode::bad_format, "unknown image 2", file(R"({"image_id": 2, "category_id": 1})"));
  refuses(ErrorCode::bad_format, "unknown category 2", file(R"({"image_id": 1, "category_id": 2})"));
  refuses(ErrorCode::bad_format, "bbox of 3",
          file(R"({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]})"));
  refuses(ErrorCode::bad_format, "bbox of 5",
          file(R"({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4, 5]})"));
  refuses(ErrorCode::bad_format, "annotation without", file(R"({"image_id": 1})"));
  refuses(ErrorCode::bad_format, "annotation without", file(R"({"image_id": "1", "category_id": 1})"));
  refuses(ErrorCode::bad_format, "too large",
          file(R"({"image_id": 18446744073709551615, "category_id": 1})"));
  refuses(ErrorCode::bad_format, "no valid JSON", file("").substr(0, 60));
  refuses(ErrorCode::bad_format, "no valid JSON", file("") + "x");
  refuses(ErrorCode::bad_format, "no valid JSON", "");
  refuses(ErrorCode::bad_format, "is a list", "[1]");
  refuses(ErrorCode::bad_format, "no images", "{}");
  refuses(ErrorCode::bad_format, "no images", "3");
  refuses(ErrorCode::bad_format, "image id 1 is given twice",
          R"({"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}],)" + categories + "}");
  refuses(ErrorCode::bad_format, "listed twice",
          R"({"images": [{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "a"}],)" + categories + "}");
  refuses(ErrorCode::bad_format, "image without", R"({"images": [{"id": 1}],)" + categories + "}");
  refuses(ErrorCode::bad_format, "category id 1 is given twice",
          "{" + images + R"(, "categories": [{"id": 1, "name": "x"}, {"id": 1, "name": "y"}]})");
  refuses(ErrorCode::unsafe, "outside", R"({"images": [{"id": 1, "file_name": "../a"}],)" + categories + "}");
  refuses(ErrorCode::shape_mismatch, "2 categories",
          "{" + images + R"(, "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]})");
  refuses(ErrorCode::bad_format, "no valid JSON", std::string(200000, '[').insert(0, "{\"images\": "));
}

TEST_F(DatasetTest, Specs) {
  const auto refuses = [&](ErrorCode code, const std::string& part, const std::string& text) {
    expect_error(code, part, [&] { read_dataset(text, options(1000)); });
  };
  refuses(ErrorCode::invalid_argument, "is no data set", "mnist:here");
  refuses(ErrorCode::invalid_argument, "is no data set", directory_.string());
  refuses(ErrorCode::invalid_argument, "coco:ANN.json,DIR", "coco:" + (directory_ / "pics").string());
  refuses(ErrorCode::invalid_argument, "csv:LABELS.csv,DIR", "csv:" + (directory_ / "pics").string());
  refuses(ErrorCode::not_found, "no such folder", "imagenet:" + (directory_ / "nowhere").string());
  refuses(ErrorCode::not_found, "gone.csv", spec("imagenet", directory_ / "gone.csv"));
  refuses(ErrorCode::invalid_argument, "is not a folder", "imagenet:" + write("file", "").string());
  refuses(ErrorCode::bad_format, "neither class folders", "imagenet:" + (directory_ / "pics").string());
}

TEST_F(DatasetTest, PathsWithCommas) {
  fs::create_directories(directory_ / "a,b");
  const fs::path file = write("x,y.csv", "file,index\na.jpg,1\n");
  const Dataset d =
      read_dataset("imagenet:" + file.string() + "," + (directory_ / "a,b").string(), options(2));
  EXPECT_EQ(d.images[0], directory_ / "a,b" / "a.jpg");
  write("a,b/cat/b.jpg", "");
  EXPECT_EQ(read_dataset("folders:" + (directory_ / "a,b").string(), options(0)).size(), 1u);
}

TEST_F(DatasetTest, TruncateKeepsTheFirst) {
  Dataset d = coco(kCoco, options(3));
  truncate(d, 5);
  EXPECT_EQ(d.size(), 2u);
  truncate(d, 1);
  EXPECT_EQ(d.size(), 1u);
  EXPECT_EQ(d.label_sets.size(), 1u);
}

TEST_F(DatasetTest, RealImageNetTable) {
  RESNET_REQUIRE_DATA("imagenet/labels.csv");
  const fs::path data = test::data_directory() / "imagenet";
  const Dataset d = read_imagenet_csv(data / "labels.csv", data / "images", options(1000));
  ASSERT_EQ(d.size(), 500u);
  for (const fs::path& path : d.images) EXPECT_TRUE(fs::exists(path)) << path;
}

TEST_F(DatasetTest, RealCoco) {
  RESNET_REQUIRE_DATA("coco/instances_dev.json");
  const fs::path data = test::data_directory() / "coco";
  const Dataset d = read_coco(data / "instances_dev.json", data / "images", options(80));
  ASSERT_EQ(d.size(), 2582u);
  for (const fs::path& path : d.images) EXPECT_TRUE(fs::exists(path)) << path;
}

}  // namespace
}  // namespace resnet::eval
