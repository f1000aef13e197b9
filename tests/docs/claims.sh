#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# claims.sh SOURCE_ROOT: every test that docs/security.md names is there.
set -eu
cd "$1"
failed=0
grep -o '`tests/[^`]*`' docs/security.md | tr -d '`' | sort -u | {
	count=0
	while IFS= read -r claim; do
		file=${claim%%: *} name=${claim#*: }
		count=$((count + 1))
		if [ ! -f "$file" ]; then
			echo "no file $file"
			failed=1
		elif [ "$file" != "$claim" ] && ! grep -q "_TEST($name)\|cmocka_unit_test($name)" "$file"; then
			echo "$file runs no test $name"
			failed=1
		fi
	done
	echo "$count tests named"
	[ "$count" -gt 20 ] && [ "$failed" = 0 ]
}
