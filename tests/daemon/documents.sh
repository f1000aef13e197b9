#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shipped configuration, docs/config.md and xlstmd.conf(5) agree with the table of keys.
#   documents.sh [--update] DOCUMENT_KEYS SOURCE_ROOT
set -eu

update=no
if [ "$1" = --update ]; then
	update=yes
	shift
fi
document_keys=$1
root=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# check FILE: compares with the file of the same name in the folder, or replaces it.
check() {
	if cmp -s "$folder/new" "$root/$1"; then
		return
	fi
	if [ $update = yes ]; then
		cat "$folder/new" >"$root/$1"
	else
		diff -u "$root/$1" "$folder/new" | head -20 || true
		echo "$1 does not agree with the table of keys; tests/daemon/documents.sh --update mends it"
		failed=1
	fi
}

# between FILE BEGIN END: the file with what lies between the two lines made anew.
between() {
	awk -v begin="$2" -v end="$3" -v made="$folder/made" '
		$0 == end { inside = 0 }
		!inside { print }
		$0 == begin { inside = 1; while ((getline line < made) > 0) print line }
	' "$root/$1" >"$folder/new"
	check "$1"
}

"$document_keys" file >"$folder/new"
check config/xlstmd.conf

"$document_keys" page >"$folder/made"
between docs/config.md '<!-- keys -->' '<!-- end of keys -->'

"$document_keys" manual >"$folder/made"
between docs/man/xlstmd.conf.5 '.\" keys' '.\" end of keys'

exit $failed
