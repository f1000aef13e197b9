/* SPDX-License-Identifier: Apache-2.0 */
#include "functions.h"
#include "kernels.h"
#include "moments.h"

#define MAP(name)                                                                                  \
	void KERNEL(name)(float *y, const float *x, size_t count) {                                \
		for (size_t i = 0; i < count; i += LANES)                                          \
			vec_store_up_to(                                                           \
				y + i, vec_##name(vec_load_up_to(x + i, count - i)), count - i);   \
	}

MAP(exp)
MAP(log1p)
MAP(log_sigmoid)
MAP(sigmoid)
MAP(tanh)
MAP(relu)
MAP(silu)
MAP(gelu)

void KERNEL(widen)(float *y, const uint16_t *x, size_t count) {
	for (size_t i = 0; i < count; i += LANES) {
		size_t left = count - i;
		vec_store_up_to(y + i, vec_load_half(x + i, left < LANES ? left : LANES), left);
	}
}

void KERNEL(narrow)(uint16_t *y, const float *x, size_t count) {
	for (size_t i = 0; i < count; i += LANES) {
		size_t left = count - i;
		vec v = vec_load_up_to(x + i, left);
		vec_store_half(y + i, v, vec_to_nearest(v), left < LANES ? left : LANES);
	}
}

void KERNEL(add)(float *y, const float *x, size_t width) {
	for (size_t i = 0; i < width; i += LANES) {
		size_t left = width - i;
		vec sum = vec_load_up_to(y + i, left) + vec_load_up_to(x + i, left);
		vec_store_up_to(y + i, sum, left);
	}
}

void KERNEL(multiply)(float *y, const float *x, size_t count) {
	for (size_t i = 0; i < count; i += LANES) {
		size_t left = count - i;
		vec product = vec_load_up_to(y + i, left) * vec_load_up_to(x + i, left);
		vec_store_up_to(y + i, product, left);
	}
}

void KERNEL(silu_and_slope)(float *s, float *slopes, const float *x, size_t count) {
	for (size_t i = 0; i < count; i += LANES) {
		size_t left = count - i;
		vec slope, y = vec_silu_and_slope(vec_load_up_to(x + i, left), &slope);
		vec_store_up_to(s + i, y, left);
		vec_store_up_to(slopes + i, slope, left);
	}
}

#define TIMES(name)                                                                                \
	void KERNEL(name##_times)(float *y, const float *x, const float *factor, size_t width) {   \
		for (size_t i = 0; i < width; i += LANES) {                                        \
			size_t left = width - i;                                                   \
			vec gate = vec_##name(vec_load_up_to(x + i, left));                        \
			vec_store_up_to(y + i, gate * vec_load_up_to(factor + i, left), left);     \
		}                                                                                  \
	}

TIMES(gelu)
TIMES(silu)
TIMES(sigmoid)

void KERNEL(soft_cap)(float *y, const float *x, float cap, size_t count) {
	for (size_t i = 0; i < count; i += LANES) {
		size_t left = count - i;
		vec capped = vec_tanh(vec_load_up_to(x + i, left) * (1.0f / cap)) * cap;
		vec_store_up_to(y + i, capped, left);
	}
}

void KERNEL(soft_cap_backward)(float *dy, const float *y, float cap, size_t count) {
	for (size_t i = 0; i < count; i += LANES) {
		size_t left = count - i;
		vec share = vec_load_up_to(y + i, left) * (1.0f / cap);
		vec slope = 1.0f - share * share;
		vec_store_up_to(dy + i, vec_load_up_to(dy + i, left) * slope, left);
	}
}

void KERNEL(skip_and_gate)(
	float *y, const float *h, const float *skip, const float *s, const float *z, size_t width) {
	for (size_t i = 0; i < width; i += LANES) {
		size_t left = width - i;
		vec sum = vec_load_up_to(h + i, left) +
			  vec_load_up_to(skip + i, left) * vec_load_up_to(s + i, left);
		vec_store_up_to(y + i, sum * vec_silu(vec_load_up_to(z + i, left)), left);
	}
}

static inline __attribute__((always_inline)) void norm_group(
	float *y, const float *x, const float *gain, const size_t group, float epsilon) {
	struct moments moments = moments_of(x, group, epsilon);
#pragma GCC unroll 8
	for (size_t i = 0; i < group; i += LANES) {
		size_t left = group - i;
		vec off = (vec_load_up_to(x + i, left) - moments.mean) * moments.scale;
		vec scaled = off + off * vec_load_up_to(gain + i, left);
		vec_store_up_to(y + i, scaled, left);
	}
}

static inline __attribute__((always_inline)) void rms_norm_group(
	float *y, const float *x, const float *gain, const size_t group, float epsilon) {
	float scale = rms_scale(x, group, epsilon);
#pragma GCC unroll 8
	for (size_t i = 0; i < group; i += LANES) {
		size_t left = group - i;
		vec scaled = vec_load_up_to(x + i, left) * scale;
		vec_store_up_to(y + i, scaled * vec_load_up_to(gain + i, left), left);
	}
}

void KERNEL(norm)(
	float *y, const float *x, const float *gain, size_t width, size_t group, float epsilon) {
#define GROUP(size) norm_group(y + at, x + at, gain + at, size, epsilon)
	EACH_GROUP(GROUP)
#undef GROUP
}

void KERNEL(rms_norm)(
	float *y, const float *x, const float *gain, size_t width, size_t group, float epsilon) {
#define GROUP(size) rms_norm_group(y + at, x + at, gain + at, size, epsilon)
	EACH_GROUP(GROUP)
#undef GROUP
}

void KERNEL(conv_silu)(float *y, const float *x, const struct conv_step *step) {
	size_t channels = step->channels, past = step->taps - 1;

	for (size_t i = 0; i < channels; i += LANES) {
		size_t left = channels - i;
		vec now = vec_load_up_to(x + i, left);
		vec sum = vec_load_up_to(step->bias + i, left);
		for (size_t tap = 0; tap < past; tap++) {
			float *slot = step->window + tap * channels + i;
			vec seen = vec_load_up_to(slot, left);
			sum += seen * vec_load_up_to(step->weight + tap * channels + i, left);
			vec newer = tap + 1 < past ? vec_load_up_to(slot + channels, left) : now;
			vec_store_up_to(slot, newer, left);
		}
		sum += now * vec_load_up_to(step->weight + past * channels + i, left);
		vec_store_up_to(y + i, vec_silu(sum), left);
	}
}

/* Widths are multiples of 4, so a group of four never straddles the end of a part. */
static inline __attribute__((always_inline)) void column_of_blocks(struct rows y,
	struct const_rows x, const float *w, size_t width, size_t rows, const size_t left,
	const bool add) {
	vec w0 = vec_load_up_to(w, left), w1 = vec_load_up_to(w + width, left);
	vec w2 = vec_load_up_to(w + 2 * width, left), w3 = vec_load_up_to(w + 3 * width, left);
	for (size_t row = 0; row < rows; row++) {
		float *to = y.values + row * y.stride;
		vec in = vec_load_up_to(x.values + row * x.stride, left);
		vec sum = vec_spread_of_4(in, 0) * w0;
		sum += vec_spread_of_4(in, 1) * w1;
		sum += vec_spread_of_4(in, 2) * w2;
		sum += vec_spread_of_4(in, 3) * w3;
		vec_store_up_to(to, add ? sum + vec_load_up_to(to, left) : sum, left);
	}
}

/* Few rows at a time, so that their lines stay in the first cache from column to column. */
enum { ROWS_OF_BLOCKS = 8 };

void KERNEL(blocks_of_4)(
	struct rows y, struct const_rows x, const float *w, size_t width, size_t rows, bool add) {
	for (size_t row = 0; row < rows; row += ROWS_OF_BLOCKS) {
		size_t some = rows - row < ROWS_OF_BLOCKS ? rows - row : ROWS_OF_BLOCKS;
		for (size_t i = 0; i < width; i += LANES) {
			struct rows to = { y.values + row * y.stride + i, y.stride };
			struct const_rows from = { x.values + row * x.stride + i, x.stride };
			if (width - i < LANES)
				column_of_blocks(to, from, w + i, width, some, width - i, add);
			else if (add)
				column_of_blocks(to, from, w + i, width, some, LANES, true);
			else
				column_of_blocks(to, from, w + i, width, some, LANES, false);
		}
	}
}
