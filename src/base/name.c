/* SPDX-License-Identifier: Apache-2.0 */
#include "name.h"

#include "error.h"
#include "record.h"

static int name_check(struct span name) {
	if (name.length == 0 || name.length > NAME_MAX_LENGTH || span_has_control(name))
		return E_NAME;
	if (memchr(name.data, '+', name.length) || memchr(name.data, '#', name.length))
		return E_NAME;
	return span_is_utf8(name) ? 0 : E_ENCODING;
}

int name_check_detector(struct span name) {
	struct span rest = name;

	while (rest.data) {
		if (span_cut(&rest, '/').length == 0)
			return E_NAME;
	}
	return name_check(name);
}

int name_check_channel(struct span name) {
	if (name.length > 0 && memchr(name.data, '/', name.length))
		return E_NAME;
	return name_check(name);
}
