/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include "crc32c.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION_1 1

/* Written in the machine's byte order, so another one reads something else. */
#define BYTE_ORDER_MARK UINT32_C(0x01020304)

static const char magic[8] = { 'X', 'L', 'S', 'T', 'M', 'B', 'O', 'X' };

/* The file's first page; the circle follows. */
struct ring_header {
	char magic[8];
	uint32_t version;
	uint32_t byte_order;
	uint64_t capacity;
	uint32_t checksum; /* of what stands before it */
	uint32_t unused;
	_Atomic uint64_t released;
};

static size_t page_bytes(void) {
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t whole_pages(size_t bytes) {
	return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

static uint32_t header_checksum(const struct ring_header *header) {
	return crc32c(0, header, offsetof(struct ring_header, checksum));
}

/* ---- Mapping ---- */

static bool map_at(char *at, size_t length, int fd, size_t offset) {
	return mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		       (off_t)offset) != MAP_FAILED;
}

/* The circle twice, from `offset` of the file on. */
static int map_twice(struct ring *ring, size_t offset) {
	size_t length = 2 * ring->capacity;
	char *data = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return -errno;

	if (!map_at(data, ring->capacity, ring->fd, offset) ||
		!map_at(data + ring->capacity, ring->capacity, ring->fd, offset)) {
		int r = -errno;
		munmap(data, length);
		return r;
	}
	ring->data = data;
	return 0;
}

static int map_file(struct ring *ring) {
	void *header = mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (header == MAP_FAILED)
		return -errno;

	ring->header = header;
	return map_twice(ring, page_bytes());
}

/* ---- Life ---- */

int ring_create_memory(struct ring *ring, size_t capacity) {
	*ring = (struct ring){ .capacity = whole_pages(capacity) };
	ring->fd = memfd_create("inbox", MFD_CLOEXEC);
	if (ring->fd < 0)
		return -errno;

	int r = ftruncate(ring->fd, (off_t)ring->capacity) < 0 ? -errno : map_twice(ring, 0);
	if (r < 0)
		ring_close(ring);
	return r;
}

static void write_header(struct ring *ring, uint64_t released) {
	struct ring_header *header = ring->header;

	memcpy(header->magic, magic, sizeof(magic));
	header->version = VERSION_1;
	header->byte_order = BYTE_ORDER_MARK;
	header->capacity = ring->capacity;
	header->checksum = header_checksum(header);
	header->released = released;
}

int ring_create_file(struct ring *ring, const char *path, size_t capacity, uint64_t released) {
	*ring = (struct ring){ .capacity = whole_pages(capacity) };
	ring->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (ring->fd < 0)
		return -errno;

	int r = -posix_fallocate(ring->fd, 0, (off_t)(page_bytes() + ring->capacity));
	if (r == 0)
		r = map_file(ring);
	if (r < 0) {
		ring_close(ring);
		unlink(path);
		return r;
	}
	write_header(ring, released);
	return 0;
}

static int check_header(const struct ring_header *header, off_t file_bytes) {
	if (memcmp(header->magic, magic, sizeof(magic)) != 0)
		return E_CORRUPT;
	if (header->byte_order != BYTE_ORDER_MARK || header->version != VERSION_1)
		return E_VERSION;
	if (header->checksum != header_checksum(header) || header->capacity == 0 ||
		header->capacity % page_bytes() != 0 ||
		(uint64_t)file_bytes != page_bytes() + header->capacity)
		return E_CORRUPT;
	return 0;
}

/* Before anything is mapped: a file that is too short must not be touched beyond its end. */
static int read_header(struct ring *ring) {
	struct ring_header header;
	struct stat status;

	if (fstat(ring->fd, &status) < 0)
		return -errno;

	ssize_t got = pread(ring->fd, &header, sizeof(header), 0);
	if (got < 0)
		return -errno;
	if (got < (ssize_t)sizeof(header))
		return E_CORRUPT;

	int r = check_header(&header, status.st_size);
	if (r == 0)
		ring->capacity = header.capacity;
	return r;
}

int ring_open_file(struct ring *ring, const char *path) {
	*ring = (struct ring){ .fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) };
	if (ring->fd < 0)
		return -errno;

	int r = read_header(ring);
	if (r == 0)
		r = map_file(ring);
	if (r < 0)
		ring_close(ring);
	return r;
}

void ring_close(struct ring *ring) {
	if (ring->data)
		munmap(ring->data, 2 * ring->capacity);
	if (ring->header)
		munmap(ring->header, page_bytes());
	if (ring->capacity > 0 || ring->fd > 0)
		close(ring->fd);
	*ring = (struct ring){ 0 };
}

/* ---- Use ---- */

char *ring_at(const struct ring *ring, uint64_t position) {
	return ring->data + position % ring->capacity;
}

void ring_set_released(struct ring *ring, uint64_t position) {
	if (ring->header)
		ring->header->released = position;
}

uint64_t ring_released(const struct ring *ring) {
	return ring->header ? ring->header->released : 0;
}

int ring_sync(const struct ring *ring) {
	return fdatasync(ring->fd) < 0 ? -errno : 0;
}
