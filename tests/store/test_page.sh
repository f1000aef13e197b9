#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs every command of a page's `sh` blocks on a database like a daemon's. Each block must succeed
# and print something.
#
#   test_page.sh PAGE POPULATE_STORE XLSTMCTL
set -eu

page=$1
populate_store=$2
PATH=$(cd "$(dirname "$3")" && pwd):$PATH
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
database=$folder/xlstmd.db

"$populate_store" "$database" "$(date +%s)"
awk -v folder="$folder" '
	/^```sh$/ { file = sprintf("%s/block-%03d.sh", folder, ++blocks); next }
	/^```/ { file = "" }
	file { print > file }
' "$page"

count=0
for block in "$folder"/block-*.sh; do
	sed -e "s#/var/lib/xlstmd/xlstmd.db#$database#" \
		-e "s#^xlstmctl [a-z]*#& --database $database#" "$block" >"$folder/run.sh"
	if ! (cd "$folder" && sh -eu run.sh >output 2>&1) || ! [ -s "$folder/output" ]; then
		echo "failed or printed nothing:"
		cat "$block" "$folder/output"
		exit 1
	fi
	count=$((count + 1))
done
echo "$count blocks ran"
[ "$count" -gt 0 ]
