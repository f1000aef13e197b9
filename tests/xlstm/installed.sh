#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The installed library: installs into a temporary folder, compiles the programs of docs/model.md
# with pkg-config against the shared and the static library, runs them, and compares what the
# shared library exports with what the headers declare.
#
# installed.sh SOURCE BUILD COMPILER [FLAG...]
set -eu
source=$1 build=$2
shift 2

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
DESTDIR=$folder/root meson install -C "$build" --no-rebuild --tags devel,runtime >"$folder/log" ||
	{ cat "$folder/log"; exit 1; }
pc=$(find "$folder/root" -name xlstm.pc)
export PKG_CONFIG_PATH="${pc%/*}" PKG_CONFIG_SYSROOT_DIR="$folder/root"
libraries=$folder/root$(PKG_CONFIG_SYSROOT_DIR= pkg-config --variable=libdir xlstm)

# A program of the page: the block of C that starts with its name.
program() {
	awk -v name="/* $1 */" '/^```/ { on = 0 } on; was == "```c" && $0 == name { on = 1 } { was = $0 }' \
		"$source/docs/model.md" >"$folder/$1"
	[ -s "$folder/$1" ] || { echo "docs/model.md has no $1"; exit 1; }
}

# Both waves of follow.c, forecast from what was seen, then from its own forecasts.
check() {
	awk 'function off(a, b) { return a > b ? a - b : b - a }
		$1 > 30 && (off($2, $3) > 0.15 || off($4, $5) > 0.15) { print "wrong: " $0; bad = 1 }
		END { exit bad || NR != 60 }' "$1"
}

program learn.c
program follow.c
for kind in shared static; do
	if [ $kind = shared ]; then
		libs=$(pkg-config --libs xlstm)
	else
		libs=$(pkg-config --libs --static xlstm | sed 's/-lxlstm/-l:libxlstm.a/')
	fi
	for name in learn follow; do
		# shellcheck disable=SC2046,SC2086
		"$@" -std=c11 -Wall -Wextra -Werror "$folder/$name.c" -o "$folder/$name-$kind" \
			$(pkg-config --cflags xlstm) $libs -lm
	done
	LD_LIBRARY_PATH=$libraries "$folder/learn-$kind" "$folder/$kind.safetensors"
	LD_LIBRARY_PATH=$libraries "$folder/follow-$kind" "$folder/$kind.safetensors" >"$folder/$kind"
	check "$folder/$kind"
done
if ldd "$folder/learn-static" | grep libxlstm; then
	exit 1
fi
ldd "$folder/learn-shared" | grep -q 'libxlstm\.so\.0'
cmp "$folder/shared.safetensors" "$folder/static.safetensors"

nm -D --defined-only "$libraries/libxlstm.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	grep -v '^__\(odr_\)\?asan' | sort >"$folder/exported"
cat "$folder"/root/*/*/include/xlstm/*.h "$folder"/root/*/include/xlstm/*.h 2>/dev/null |
	grep -v '^ \*\|^/\*\|^	 *\*' | grep -o '\<xlstm_[a-z0-9_]*(' | tr -d '(' | sort -u \
	>"$folder/declared"
diff "$folder/declared" "$folder/exported"
