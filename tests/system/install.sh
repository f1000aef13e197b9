#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh BUILD: meson install lays everything where Debian expects it, keeps a configuration
# that somebody has written, and the unit is as closed as it says.
set -eu

build=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

fail() {
	echo "$*"
	failed=1
}

install_to() {
	DESTDIR=$1 meson install -C "$build" --no-rebuild >"$folder/log" 2>&1 || {
		cat "$folder/log"
		exit 1
	}
}

# Settings of the build: where its prefix leads.
prefix=$(meson introspect "$build" --buildoptions |
	tr '{' '\n' | sed -n 's/.*"name": "prefix", "value": "\([^"]*\)".*/\1/p')
case $prefix in
/usr) etc=/etc ;;
*) etc=$prefix/etc ;;
esac

root=$folder/root
install_to "$root"
for file in \
	"$prefix/sbin/xlstmd" \
	"$prefix/bin/xlstmctl" \
	"$etc/xlstmd/xlstmd.conf" \
	"$prefix/lib/systemd/system/xlstmd.service" \
	"$prefix/lib/sysusers.d/xlstmd.conf" \
	"$prefix/share/man/man8/xlstmd.8" \
	"$prefix/share/xlstmd/models/base.safetensors" \
	"$prefix/share/man/man5/xlstmd.conf.5" \
	"$prefix/share/doc/xlstmd/examples/xlstmd.conf" \
	"$prefix/share/doc/xlstmd/operations.md"; do
	[ -f "$root$file" ] || fail "$file is not installed"
done

"$root$prefix/sbin/xlstmd" -c "$root$etc/xlstmd/xlstmd.conf" --check-config ||
	fail "the installed configuration is refused"
grep -q "^ExecStart=$prefix/sbin/xlstmd -c $etc/xlstmd/xlstmd.conf\$" \
	"$root$prefix/lib/systemd/system/xlstmd.service" || fail "the unit starts something else"

echo '[daemon]' >"$root$etc/xlstmd/xlstmd.conf"
install_to "$root"
[ "$(cat "$root$etc/xlstmd/xlstmd.conf")" = '[daemon]' ] || fail "a configuration was overwritten"

if command -v systemd-analyze >/dev/null; then
	unit=$root$prefix/lib/systemd/system/xlstmd.service
	# Exposure in tenths, as --threshold wants it; the status says whether it was met.
	systemd-analyze security --offline=yes --threshold=15 --no-pager "$unit" >"$folder/security" ||
		fail "$(tail -1 "$folder/security")"
	# What it says about the program and the manuals is about a machine where they are installed.
	sed -i -e 's,^ExecStart=.*,ExecStart=/bin/true,' -e '/^Documentation=/d' "$unit"
	systemd-analyze verify "$unit" >"$folder/verify" 2>&1 || fail "$(cat "$folder/verify")"
	[ ! -s "$folder/verify" ] || fail "$(cat "$folder/verify")"
else
	echo "systemd-analyze is not here: the unit was not looked at"
fi
exit $failed
