#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The installed library: installs into a temporary folder, compiles the programs of docs/model.md
# with pkg-config against the shared and the static library, runs them, and compares what the
# shared library exports with what the headers declare.
#
# installed.sh SOURCE BUILD COMPILER...
set -eu
source=$1 build=$2
shift 2

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
DESTDIR=$folder/stage meson install -C "$build" --no-rebuild --tags devel,runtime >"$folder/log" ||
	{ cat "$folder/log"; exit 1; }
pc=$(find "$folder/stage" -name xlstm.pc)
export PKG_CONFIG_PATH="${pc%/*}" PKG_CONFIG_SYSROOT_DIR="$folder/stage"
libraries=$folder/stage$(PKG_CONFIG_SYSROOT_DIR= pkg-config --variable=libdir xlstm)

# A block of the page: of the language $1, from the first line that begins with $2.
block() {
	awk -v fence="\`\`\`$1" -v start="$2" '/^```/ { on = 0 }
		on; was == fence && index($0, start) == 1 && !on { on = 1; print } { was = $0 }' \
		"$source/docs/model.md" >"$folder/block"
	[ -s "$folder/block" ] || { echo "docs/model.md has no block with $2"; exit 1; }
	cat "$folder/block"
}

# Both waves of follow.c, forecast from what was seen, then from its own forecasts.
check() {
	awk 'function off(a, b) { return a > b ? a - b : b - a }
		NF == 5 && $1 > 30 && (off($2, $3) > 0.15 || off($4, $5) > 0.15) {
			print "wrong: " $0
			bad = 1
		}
		NF == 5 { lines++ }
		END { exit bad || lines != 60 }' "$1"
}

# The page's own commands, with the compiler of this build; then the same with the
# static library.
cd "$folder"
mkdir bin shared static
printf '#!/bin/sh\nPATH=%s exec %s -std=c11 -Wall -Wextra -Werror "$@"\n' "$PATH" "$*" >bin/cc
chmod +x bin/cc
block c '/* learn.c */' >shared/learn.c
block c '/* follow.c */' >shared/follow.c
block sh 'cc learn.c' >shared/commands
cp shared/* static
sed -i 's/--libs/--static --libs/; s/\$(\(pkg-config[^)]*\))/$(\1 | sed s,-lxlstm,-l:libxlstm.a,)/' \
	static/commands
for kind in shared static; do
	(
		cd $kind
		PATH=$folder/bin:$PATH LD_LIBRARY_PATH=$libraries sh -eu commands >output
		check output
	)
done
if ldd static/learn | grep libxlstm; then
	exit 1
fi
ldd shared/learn | grep -q 'libxlstm\.so\.0'
cmp shared/waves.safetensors static/waves.safetensors

nm -D --defined-only "$libraries/libxlstm.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	sort >"$folder/exported"
cat "$folder"/stage/*/*/include/xlstm/*.h "$folder"/stage/*/include/xlstm/*.h 2>/dev/null |
	grep -v '^ \*\|^/\*\|^	 *\*' | grep -o '\<xlstm_[a-z0-9_]*(' | tr -d '(' | sort -u \
	>"$folder/declared"
diff "$folder/declared" "$folder/exported"
