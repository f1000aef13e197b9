/* SPDX-License-Identifier: Apache-2.0 */
#include "outbox.h"

#include "error.h"

#include <errno.h>

/* Memory that stays between two turns at the most, in bytes: what a burst has taken is given back. */
#define KEEP_MAX (2u << 20)

void outbox_init(struct outbox *outbox, size_t limit) {
	*outbox = (struct outbox){ .limit = limit };
}

void outbox_finish(struct outbox *outbox) {
	text_finish(&outbox->packed);
}

int outbox_add(struct outbox *outbox, const struct mail *mail) {
	size_t size = mail_packed_size(mail);

	if (size > outbox->limit - outbox->packed.length) {
		outbox->shed++;
		return E_OVERFLOW;
	}

	char *at = text_reserve(&outbox->packed, size);
	if (!at)
		return -ENOMEM;

	mail_pack(at, mail);
	outbox->packed.length += size;
	outbox->count++;
	return 0;
}

struct span outbox_mail(const struct outbox *outbox) {
	return text_span(&outbox->packed);
}

void outbox_reset(struct outbox *outbox) {
	if (outbox->packed.length > KEEP_MAX)
		text_finish(&outbox->packed);
	else
		text_reset(&outbox->packed);
	outbox->count = 0;
}
