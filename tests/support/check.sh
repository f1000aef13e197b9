# SPDX-License-Identifier: Apache-2.0
# How shell tests say what they expect.

fail() {
	echo "FAILED: $*"
	exit 1
}

# Runs a command and prints its exit status; what it says is left in the files output and errors.
status_of() {
	set +e
	"$@" >output 2>errors
	status=$?
	set -e
	echo "$status"
}
