# SPDX-License-Identifier: Apache-2.0
#
# Prints the commands that pages of the documentation show, each after a call of `block PAGE LINE`,
# so that a failure can name its place: in Markdown what stands in blocks fenced with ```sh, in
# manual pages the lines that show a prompt, `.Dl $ command`.

FNR == 1 {
	inside = 0
}

/^ *```sh$/ {
	inside = 1
	print "block " FILENAME " " FNR + 1
	next
}

/^ *```/ {
	inside = 0
	next
}

/^\.Dl \$ / {
	print "block " FILENAME " " FNR
	print substr($0, 7)
}

inside
