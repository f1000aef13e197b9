#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs every command of a page of the documentation, as it stands there, where it can harm nothing:
# in name spaces of its own, so that port 1883, /etc and /var/lib are private.
#
#   run.sh SOURCE_ROOT BUILD_ROOT PAGE

set -eu
source_root=$1 build_root=$2 page=$3
separate='unshare --map-root-user --mount --net --pid --fork --kill-child --mount-proc'

if [ "${XLSTMD_DOCS_INSIDE:-}" != yes ]; then
	$separate true 2>/dev/null || {
		echo "skipped: this machine does not let us have name spaces of our own"
		exit 77
	}
	XLSTMD_DOCS_INSIDE=yes exec $separate sh "$0" "$@"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export source_root build_root page scratch

{
	cat "$source_root/tests/docs/surroundings.sh"
	gawk -f "$source_root/tests/docs/blocks.awk" "$source_root/$page"
	echo 'finish'
} > "$scratch/script"
cd "$scratch"
bash -eu "$scratch/script"
