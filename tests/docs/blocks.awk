# SPDX-License-Identifier: Apache-2.0
#
# Prints what stands in the blocks of a Markdown page that are fenced with ```sh, each after a call
# of `block LINE`, so that a failure can name the place in the page.

/^ *```sh$/ {
	inside = 1
	print "block " FNR + 1
	next
}

/^ *```/ {
	inside = 0
	next
}

inside
