/* SPDX-License-Identifier: Apache-2.0 */
#include "mail.h"

#include "crc32c.h"

#include <stddef.h>

/* In front of each packed mail; the bytes of its four spans follow, then up to seven of padding. */
struct mail_header {
	uint64_t size; /* of the whole packed mail */
	uint64_t position; /* 0 until it is sealed, as is the checksum */
	int64_t time_ms;
	uint32_t topic_length;
	uint32_t payload_length;
	uint32_t response_topic_length;
	uint32_t correlation_length;
	uint32_t expiry_s;
	int32_t code;
	uint8_t kind;
	uint8_t qos;
	uint8_t retained;
	uint8_t session;
	uint32_t checksum; /* of everything but itself */
};

#define ALIGNMENT 8

size_t mail_packed_size(const struct mail *mail) {
	size_t size = sizeof(struct mail_header) + mail->topic.length + mail->payload.length +
		      mail->response_topic.length + mail->correlation.length;

	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static char *pack_span(char *to, struct span bytes) {
	if (bytes.length > 0)
		memcpy(to, bytes.data, bytes.length);
	return to + bytes.length;
}

void mail_pack(char *to, const struct mail *mail) {
	size_t size = mail_packed_size(mail);
	char *end = to + size;
	const struct mail_header header = {
		.size = size,
		.time_ms = mail->time_ms,
		.topic_length = (uint32_t)mail->topic.length,
		.payload_length = (uint32_t)mail->payload.length,
		.response_topic_length = (uint32_t)mail->response_topic.length,
		.correlation_length = (uint32_t)mail->correlation.length,
		.expiry_s = mail->expiry_s,
		.code = mail->code,
		.kind = (uint8_t)mail->kind,
		.qos = mail->qos,
		.retained = mail->retained,
		.session = mail->session,
	};

	memcpy(to, &header, sizeof(header));
	to = pack_span(to + sizeof(header), mail->topic);
	to = pack_span(to, mail->payload);
	to = pack_span(to, mail->response_topic);
	to = pack_span(to, mail->correlation);
	memset(to, 0, (size_t)(end - to));
}

static struct span unpack_span(const char **at, size_t length) {
	struct span bytes = { *at, length };

	*at += length;
	return bytes;
}

bool mail_unpack(struct span *rest, struct mail *ret_mail) {
	struct mail_header header;

	if (rest->length < sizeof(header))
		return false;
	memcpy(&header, rest->data, sizeof(header));

	const char *at = rest->data + sizeof(header);
	const struct mail mail = {
		.kind = (enum mail_kind)header.kind,
		.code = header.code,
		.time_ms = header.time_ms,
		.expiry_s = header.expiry_s,
		.qos = header.qos,
		.retained = header.retained,
		.session = header.session,
		.topic = unpack_span(&at, header.topic_length),
		.payload = unpack_span(&at, header.payload_length),
		.response_topic = unpack_span(&at, header.response_topic_length),
		.correlation = unpack_span(&at, header.correlation_length),
	};
	if (header.size > rest->length || header.size != mail_packed_size(&mail))
		return false;

	rest->data += header.size;
	rest->length -= header.size;
	*ret_mail = mail;
	return true;
}

static uint32_t checksum(const char *packed, size_t size) {
	const size_t at = offsetof(struct mail_header, checksum);
	const size_t behind = at + sizeof(uint32_t);

	return crc32c(crc32c(0, packed, at), packed + behind, size - behind);
}

void mail_seal(char *packed, uint64_t position) {
	struct mail_header header;

	memcpy(packed + offsetof(struct mail_header, position), &position, sizeof(position));
	memcpy(&header, packed, sizeof(header));
	header.checksum = checksum(packed, header.size);
	memcpy(packed, &header, sizeof(header));
}

size_t mail_sealed_size(struct span bytes, uint64_t position) {
	struct mail_header header;

	if (bytes.length < sizeof(header))
		return 0;
	memcpy(&header, bytes.data, sizeof(header));
	if (header.position != position || header.size < sizeof(header) ||
		header.size > bytes.length || header.size % ALIGNMENT != 0)
		return 0;
	return header.checksum == checksum(bytes.data, header.size) ? header.size : 0;
}
