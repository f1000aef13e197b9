#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh FOLDER: puts xlstmd.conf there unless there is one. Run by meson install.
set -eu
case $1 in
/*) folder=${DESTDIR:-}$1 ;;
*) folder=$MESON_INSTALL_DESTDIR_PREFIX/$1 ;;
esac
if [ -e "$folder/xlstmd.conf" ]; then
	echo "$folder/xlstmd.conf is kept"
else
	mkdir -p "$folder"
	install -m 644 "$MESON_SOURCE_ROOT/config/xlstmd.conf" "$folder/xlstmd.conf"
fi
