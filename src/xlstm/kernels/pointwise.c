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

void KERNEL(skip_and_gate)(
	float *y, const float *h, const float *skip, const float *s, const float *z, size_t width) {
	for (size_t i = 0; i < width; i += LANES) {
		size_t left = width - i;
		vec sum = vec_load_up_to(h + i, left) +
			  vec_load_up_to(skip + i, left) * vec_load_up_to(s + i, left);
		vec_store_up_to(y + i, sum * vec_silu(vec_load_up_to(z + i, left)), left);
	}
}

void KERNEL(norm)(
	float *y, const float *x, const float *gain, size_t width, size_t group, float epsilon) {
	for (size_t at = 0; at < width; at += group) {
		struct moments moments = moments_of(x + at, group, epsilon);
		for (size_t i = 0; i < group; i += LANES) {
			size_t left = group - i;
			vec off = (vec_load_up_to(x + at + i, left) - moments.mean) * moments.scale;
			vec scaled = off + off * vec_load_up_to(gain + at + i, left);
			vec_store_up_to(y + at + i, scaled, left);
		}
	}
}

void KERNEL(rms_norm)(
	float *y, const float *x, const float *gain, size_t width, size_t group, float epsilon) {
	for (size_t at = 0; at < width; at += group) {
		float mean = squares_around(0.0f, x + at, group) / (float)group;
		float scale = 1.0f / sqrtf(mean + epsilon);
		for (size_t i = 0; i < group; i += LANES) {
			size_t left = group - i;
			vec scaled = vec_load_up_to(x + at + i, left) * scale;
			vec_store_up_to(
				y + at + i, scaled * vec_load_up_to(gain + at + i, left), left);
		}
	}
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
void KERNEL(blocks_of_4)(float *y, const float *x, const float *w, size_t width) {
	for (size_t i = 0; i < width; i += LANES) {
		size_t left = width - i;
		vec in = vec_load_up_to(x + i, left);
		vec sum = vec_spread_of_4(in, 0) * vec_load_up_to(w + i, left);
		sum += vec_spread_of_4(in, 1) * vec_load_up_to(w + width + i, left);
		sum += vec_spread_of_4(in, 2) * vec_load_up_to(w + 2 * width + i, left);
		sum += vec_spread_of_4(in, 3) * vec_load_up_to(w + 3 * width + i, left);
		vec_store_up_to(y + i, sum, left);
	}
}
