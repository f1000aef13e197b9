#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# xlstmctl model, from the outside. $XLSTMCTL is the program.
set -eu
xlstmctl=$XLSTMCTL
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# An sLSTM block of one unit, all weights zero, as the published package names it.
tensor() {
	printf '"%s":{"dtype":"F32","shape":[%s],"data_offsets":[%d,%d]}%s' \
		"$1" "$2" "$at" $((at + 4 * $3)) "$4"
	at=$((at + 4 * $3))
}
header() {
	at=0
	printf '{"__metadata__":{"made by":"hand"},'
	tensor xlstm_norm.weight 1 1 ,
	for gate in f i z o; do
		tensor xlstm.${gate}gate.weight 1,1,1 1 ,
	done
	tensor xlstm.slstm_cell._recurrent_kernel_ "$1" 4 ,
	tensor xlstm.slstm_cell._bias_ 4 4 ,
	tensor xlstm.group_norm.weight 1 1 '}'
}
write() {
	header "$1" >header
	size=$(wc -c <header)
	# shellcheck disable=SC2059
	printf "$(printf '\\%03o\\%03o\\0\\0\\0\\0\\0\\0' $((size % 256)) $((size / 256)))" >"$2"
	cat header >>"$2"
	head -c 56 /dev/zero >>"$2"
}

expect() {
	status=0
	"$xlstmctl" model $2 >out 2>err || status=$?
	[ $status = "$1" ] || { echo "model $2: exit status $status, not $1"; cat out err; exit 1; }
}
says() {
	grep -q -- "$2" "$1" || { echo "$1 does not say: $2"; cat "$1"; exit 1; }
}

write 1,4,1 block
expect 0 "show block"
says out '^parameters 14$'
says out '^blocks.0 slstm heads 1$'
says out '^made by hand$'
says out '^plain_end 1$'
identity=$(grep ^identity out)

expect 0 "show --tensors --json block"
says out '"name": "blocks.0.xlstm.slstm_cell._recurrent_kernel_"'

expect 0 "import --note station=east block ours"
says out "$identity"
says out '^station east$'
expect 0 "show ours"
says out "$identity"

expect 0 "export --cuda --block ours cuda"
says out "$identity"
grep -aq '"xlstm.slstm_cell._recurrent_kernel_":{"dtype":"F32","shape":\[1,1,4\]' cuda
expect 0 "import cuda again"
says out "$identity"

printf x >>ours
expect 1 "show ours"
says err 'ours: bytes follow the last tensor'
write 1,5,1 wrong
expect 1 "import wrong new"
says err 'wrong: .*: xlstm.slstm_cell._recurrent_kernel_'
[ ! -e new ]
expect 1 "show absent"
says err 'No such file'
expect 1 "import block none/new"
for wrong in "" "forget" "show" "show --cuda block" "import block" "show --what block" \
	"import --note x block new"; do
	expect 2 "$wrong"
	says err '--help'
done
expect 0 "--help"
says out '^Usage'
