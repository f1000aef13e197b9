#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does `xlstmctl train` learn what PyTorch learns? Both make the same steps from the same fresh weights on
# the same windows, and the losses are printed side by side. Needs a Python with numpy and
# PyTorch: $PYTHON, python3 by default.
#
#   training.sh BUILD [STEPS]
set -eu
build=$(cd "$1" && pwd)
steps=${2:-200}
python=${PYTHON:-python3}
"$python" -c 'import numpy, torch' 2>/dev/null || {
	echo "skipped: $python has no numpy and PyTorch"
	exit 77
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$(dirname "$0")/../../config/models/pretrain"
"$python" follow.py --fresh "$folder/plain.safetensors"
"$build/src/cli/xlstmctl" model import "$folder/plain.safetensors" "$folder/start.safetensors" >"$folder/shape"
"$build/bench/forecast/training_windows" "$folder/start.safetensors" "$steps" "$folder/windows" \
	>"$folder/losses"
"$python" follow.py "$folder/plain.safetensors" "$steps" "$folder/windows" "$folder/losses"
