#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs every command of pages of the documentation, as they stand there, where it can harm nothing:
# in name spaces of its own, so that port 1883, /etc and /var/lib are private.
#
#   run.sh SOURCE_ROOT BUILD_ROOT PAGE...
#
# Manual pages take a daemon at work for granted; the others say how one is started.

set -eu
source_root=$1 build_root=$2
separate='unshare --map-root-user --mount --net --pid --fork --kill-child --mount-proc'

if [ "${XLSTMD_DOCS_INSIDE:-}" != yes ]; then
	$separate true 2>/dev/null || {
		echo "skipped: this machine does not let us have name spaces of our own"
		exit 77
	}
	XLSTMD_DOCS_INSIDE=yes exec $separate sh "$0" "$@"
fi

shift 2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export source_root build_root scratch

{
	cat "$source_root/tests/docs/surroundings.sh"
	case $1 in *.[158]) echo 'daemon_at_work' ;; esac
	cd "$source_root"
	gawk -f tests/docs/blocks.awk "$@"
	echo 'echo "all commands ran"'
} > "$scratch/script"
cd "$scratch"
bash -eu "$scratch/script"
