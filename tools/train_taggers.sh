#!/usr/bin/env bash
# Makes the taggers that ship: ResNet-50 and ResNet-18 in fp32, each again with quantisation in the loop, thresholds chosen
# on the int8 files, reports, figures and cards.
#
#   tools/train_taggers.sh DATA_DIR OUT_DIR [KEY=VALUE…]
#
# DATA_DIR   holds weights/resnet50_imagenet.pth, weights/resnet18_torchvision_partial.pth, coco/instances_dev.json and
#            coco/images/
# OUT_DIR    gets checkpoints/ and logs/ of the four trainings, and models/ like that of the checkout, to copy there
# KEY=VALUE  settings for every training, over those of configs/: "train.epochs=1 augment.size=64 preprocess.resize=[64,64]
#            train.precision=fp32" goes all the way in minutes, without a GPU, for a tagger that is good for nothing
#
# Needs resnet and resnet-train in $RESNET_BUILD (default: build/release), on a LibTorch with CUDA:
#
#   cmake --preset release -DRESNET_TRAIN=ON -DRESNET_TORCH_DIR="$(python3 -c 'import torch; print(torch.__path__[0])')"
#   cmake --build --preset release
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ $# -lt 2 ]; then
  sed -n '/^#   tools/,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 2
fi

# Seen from the checkout, whose configurations name their lists so; the reports show these paths.
data=$(realpath -m --relative-to="$root" "$1")
out=$(realpath -m --relative-to="$root" "$2")
trap 'echo "train_taggers: stopped at line $LINENO" >&2' ERR
settings=("${@:3}")
build=$(realpath -m "${RESNET_BUILD:-$root/build/release}")
cd "$root"

for file in "$build/resnet" "$build/resnet-train" "$data"/weights/resnet{50_imagenet,18_torchvision_partial}.pth \
  "$data/coco/instances_dev.json" "$data/coco/images"; do
  [ -e "$file" ] || { echo "train_taggers: $file is not there; the head of ${0##*/} says what is needed" >&2; exit 1; }
done
pictures=coco:$data/coco/instances_dev.json,$data/coco/images
mkdir -p "$out/models/reports"

# train CONFIG KEY=VALUE…
train() {
  echo "== $1" >&2
  "$build/resnet-train" --config "configs/$1.yaml" data.train="$pictures" output.directory="$out" "${@:2}" \
    ${settings[@]+"${settings[@]}"}
}

# evaluate MODEL OPTION…
evaluate() {
  "$build/resnet" eval --model "$1" --data "$pictures" --only configs/coco-dev-validation.txt "${@:2}"
}

# The int8 model $1 with thresholds of its own as $2, its figures as $3.
choose_thresholds() {
  evaluate "$1" --write-thresholds "$2" > /dev/null
  evaluate "$2" --json > "$3"
}

best() {
  echo "$out/checkpoints/$1/best_model.safetensors"
}

train coco-dev-resnet50-fp32 model.start="$data/weights/resnet50_imagenet.pth"
train coco-dev-resnet50-qat model.start="$(best resnet50_fp32)" distill.teacher="$(best resnet50_fp32)"
train coco-dev-resnet18-fp32 model.start="$data/weights/resnet18_torchvision_partial.pth" model.adapt_batchnorm=true \
  distill.teacher="$(best resnet50_fp32)"
train coco-dev-resnet18-qat model.start="$(best resnet18_fp32)" distill.teacher="$(best resnet50_fp32)"

# What is validated with calibrates nothing.
find -L "$data/coco/images" -type f | grep -vFf <(grep -h '^[^#]' configs/coco-dev-{validation,exclude}.txt) | sort \
  > "$out/calibration.txt"
reports=$out/models/reports
for network in resnet50 resnet18; do
  echo "== tagger-$network-int8" >&2
  cp "$out/logs/${network}_fp32/report.html" "$reports/${network}_fp32.html"
  cp "$out/logs/${network}_qat/report.html" "$reports/${network}_qat.html"
  "$build/resnet" quantize "$(best ${network}_fp32)" --calibrate "$out/calibration.txt" --images 256 --quiet \
    --out "$out/$network-ptq.safetensors" > /dev/null
  choose_thresholds "$out/$network-ptq.safetensors" "$out/$network-ptq.safetensors" "$reports/${network}_ptq.json"
  tagger=$out/models/tagger-$network-int8
  choose_thresholds "$(best ${network}_qat)" "$tagger.safetensors" "$reports/${network}_int8.json"
  cp "models/tagger-$network-int8.md" "$tagger.md"
done
tools/model_card.py "$out/models"
echo "Made $out/models" >&2
