#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# xlstmctl train, from the outside. $XLSTMCTL is the program.
set -eu
xlstmctl=$XLSTMCTL
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
	echo "$*"
	cat out err
	exit 1
}
expect() {
	expected=$1
	shift
	status=0
	"$xlstmctl" train "$@" >out 2>err || status=$?
	[ $status = "$expected" ] || fail "train $*: exit status $status, not $expected"
}
says() {
	grep -q -- "$2" "$1" || fail "$1 does not say: $2"
}

expect 0 --help
says out '^Usage: xlstmctl train --out FILE'
expect 2
says err '--out is needed'
expect 2 --out w --lanes 10
says err 'multiple of 16'
expect 2 --out w --steps none
says err '--steps does not take "none"'
expect 2 --out w --blocks sx
expect 2 --out w file.csv
says err 'files need --step'
expect 1 --out w --start missing
says err 'missing: '
expect 1 --out w --step 1h missing.csv
says err 'missing.csv: '

expect 2 --out w --pool nearest
says err '--pool takes mean, inverse or attention'
expect 2 --out w --pool mean
says err '--pool needs files'

# Neighbours: columns of a file that move together.
awk 'BEGIN { srand(2); print "a,b,c"
	for (i = 0; i < 900; i++) { x = 0.9 * x + rand() - 0.5
		printf "%.3f,%.3f,%.3f\n", x, y, z; z = y; y = x } }' >together.csv
expect 0 --out pooled --width 16 --blocks s --lanes 16 --steps 1 --step 1h --share 1 --pool attention \
	--keys 8 --frozen together.csv
"$xlstmctl" model show pooled >out
says out '^pool attention'
says out '^pool_keys 8'
expect 0 --out other --start pooled --lanes 16 --steps 1 --step 1h --pool mean together.csv
"$xlstmctl" model show other >out
says out '^pool mean'
! grep -q '^pool_keys' out || fail "mean has keys"

# Uninterrupted, and in two halves: the same weights.
small="--width 16 --blocks s --lanes 16 --seed 3 --threads 2"
expect 0 --out whole $small --steps 4 --json
says out '"steps":4,"skipped":0,"ticks":8192,'
says out '^{"lead":512,"young":{"loss":'
expect 0 --out half $small --steps 4 --checkpoint c --report-every 2
says err '^step 2 of 4: loss [0-9.]*; held out, over closed form: young [01]\.'
says out '^lead   network   closed  ratio'
cmp whole half || fail "reports change the weights"

# Stopped by an interrupt after the first report, it goes on from its checkpoint.
rm err
"$xlstmctl" train --out stopped $small --steps 14 --checkpoint c2 --report-every 2 2>err >out &
pid=$!
until grep -qs '^step 2' err; do
	kill -0 $pid || fail "training ended by itself"
	sleep 0.05
done
kill -INT $pid
status=0
wait $pid || status=$?
[ $status = 1 ] || fail "interrupted training: exit status $status"
says err 'stopped at step [0-9]* of 14; --resume goes on'
expect 0 --out stopped $small --steps 14 --checkpoint c2 --resume
expect 0 --out straight $small --steps 14
cmp stopped straight || fail "resumed training gives other weights"
expect 1 --out stopped $small --steps 15 --checkpoint c2 --resume
says err 'belongs to a different model'

"$xlstmctl" model show whole >out
says out '^seed 3$'
says out '^outputs 360$'

# Series of a file.
{
	echo time,load
	hour=0
	while [ $hour -lt 600 ]; do
		echo "$((1767225600 + hour * 3600)),$((hour % 24 * (hour % 24)))"
		hour=$((hour + 1))
	done
} >load.csv
expect 0 --out files $small --steps 2 --time time --step 1h --share 1 load.csv
expect 0 --out synthetic $small --steps 2
cmp -s files synthetic && fail "the file makes no difference"
exit 0
