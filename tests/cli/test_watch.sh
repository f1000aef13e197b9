#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# xlstmctl watch: pictures and lines from a file, then from a real broker, then on a terminal.
set -eu
: "${XLSTMCTL:?}" "${SUPPORT:?}"
. "$SUPPORT/broker.sh"
. "$SUPPORT/check.sh"
export TZ=UTC LC_ALL=C.UTF-8 TERM=xterm-256color
unset NO_COLOR
broker_start
cd "$BROKER_FOLDER"

gawk -f "$SUPPORT/forecasts.awk" >forecasts
topic=xlstm/forecast/greenhouse/temperature

# A picture has the size that was asked for and is the same every time.
"$XLSTMCTL" watch --read forecasts --frame 90x25 >picture
"$XLSTMCTL" watch --read - --frame 90x25 <forecasts | cmp - picture || fail "another picture"
[ "$(wc -l <picture)" = 25 ] || fail "rows: $(wc -l <picture)"
sed 's/\x1b\[[0-9;]*m//g' picture >bare
widest=$(gawk '{ if (length($0) > w) w = length($0) } END { print w }' bare)
[ "$widest" -le 90 ] && [ "$widest" -ge 80 ] || fail "columns: $widest"
grep -q 'greenhouse/temperature.*19.09 °C.*ok.*skill +42%.*base-3' bare || fail "title: $(head -1 bare)"
grep -q '●' bare || fail "the spike is not marked"
grep -q '48;5;38' picture || fail "no colours"
NO_COLOR=1 "$XLSTMCTL" watch --read forecasts --frame 90x25 | grep -q "$(printf '\033')" &&
	fail "colours in spite of NO_COLOR"
LC_ALL=C "$XLSTMCTL" watch --read forecasts --frame 90x25 | LC_ALL=C grep -q '[^ -~'"$(printf '\033')"']' &&
	fail "more than ASCII in the C locale"

# In a pipe there is a line for each forecast.
"$XLSTMCTL" watch --read forecasts >lines
[ "$(wc -l <lines)" = 110 ] || fail "lines: $(wc -l <lines)"
tail -n 1 lines | grep -q '^2026-09-21 15:00:00  greenhouse/temperature  19.09 °C' || fail "$(tail -n 1 lines)"
"$XLSTMCTL" watch --json --read forecasts | cmp - forecasts || fail "--json changes forecasts"

# What can't be done is said, with the status that goes with it.
[ "$(status_of "$XLSTMCTL" watch --read nowhere)" = 1 ] || fail "a missing file"
grep -q nowhere errors || fail "the missing file is not named"
echo '{"no":"forecast"}' >nothing
[ "$(status_of "$XLSTMCTL" watch --read nothing)" = 1 ] || fail "no forecast in the file"
[ "$(status_of "$XLSTMCTL" watch --frame 9by9)" = 2 ] || fail "a frame of no size"
[ "$(status_of "$XLSTMCTL" watch one two)" = 2 ] || fail "two series"
[ "$(status_of "$XLSTMCTL" watch --server gopher://x --once)" = 1 ] || fail "an odd server"
[ "$(status_of "$XLSTMCTL" watch --help)" = 0 ] || fail "--help"

# From a broker: the retained forecast first, then each as it comes.
head -n 1 forecasts | mosquitto_pub -p "$BROKER_PORT" -t $topic -l -r
"$XLSTMCTL" watch --server "$BROKER_URL" --once >once
[ "$(wc -l <once)" = 1 ] || fail "--once"
"$XLSTMCTL" watch --server "$BROKER_URL" --once --frame 90x25 greenhouse/temperature >picture
grep -q greenhouse picture || fail "no picture from the broker"

"$XLSTMCTL" watch --server "$BROKER_URL" >live &
watcher=$!
tries=0
until [ -s live ]; do
	tries=$((tries + 1))
	[ $tries -lt 200 ] || fail "the retained forecast did not come"
	sleep 0.05
done
mosquitto_pub -p "$BROKER_PORT" -t $topic -l -q 1 <forecasts
until [ "$(wc -l <live)" -ge 111 ]; do
	tries=$((tries + 1))
	[ $tries -lt 400 ] || fail "forecasts are missing: $(wc -l <live)"
	sleep 0.05
done
kill $watcher
wait $watcher || :

# On a terminal: keys are obeyed, and it is given back as it was.
if command -v script >/dev/null; then
	{ sleep 2; printf '\t+-'; sleep 0.5; printf q; } |
		script -qec "stty cols 90 rows 25; '$XLSTMCTL' watch --server $BROKER_URL; echo status \$?" \
			typescript >/dev/null
	grep -q 'status 0' typescript || fail "q does not end it well"
	grep -q 'greenhouse/temperature' typescript || fail "nothing was drawn"
	grep -q "$(printf '\033')"'\[?1049l' typescript || fail "the terminal's other screen is left on"
fi
