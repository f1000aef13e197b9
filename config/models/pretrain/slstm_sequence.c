/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sLSTM recurrence over a window, forward and backward (docs/network.md, "Block"). Gradients
 * hold the stabiliser m constant, since h does not depend on it. Built by network.py for the
 * training script alone; the daemon has its own.
 *
 * Shapes: T steps, B series, H heads of P units, P fixed when compiling.
 *	a       [T, B, 4, H, P]  input part of the gates, in the order i f z o
 *	R       [H, 4, P, P]     head, gate, output unit, input unit
 *	bias    [4, H, P]
 *	state   [B, 4, H, P]     h c n m; before the first step on entry, after the last on return
 *	h       [T, B, H, P]
 *	tape    [T, B, 7, H, P]  what the way back needs: i' f' z o c n sigma(-f~)
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

enum tape { INPUT, FORGET, CELL_IN, OUTPUT, CELL, NORM, FORGET_SLOPE, TAPE };

static void transpose(const float *from, float to[4][P][P]) {
	for (int gate = 0; gate < 4; gate++)
		for (int out = 0; out < P; out++)
			for (int in = 0; in < P; in++)
				to[gate][in][out] = from[(gate * P + out) * P + in];
}

static float logistic(float x) {
	return 1.0f / (1.0f + expf(-x));
}

void slstm_forward(int T, int B, int H, const float *a, const float *R, const float *bias,
	float *state, float *h_out, float *tape) {
	const size_t row = (size_t)H * P;

	for (int head = 0; head < H; head++) {
		float mix[4][P][P];

		transpose(R + (size_t)head * 4 * P * P, mix);
		for (int series = 0; series < B; series++) {
			float h[P], c[P], n[P], m[P];
			float *start = state + series * 4 * row + head * P;

			memcpy(h, start, sizeof(h));
			memcpy(c, start + row, sizeof(c));
			memcpy(n, start + 2 * row, sizeof(n));
			memcpy(m, start + 3 * row, sizeof(m));
			for (int t = 0; t < T; t++) {
				const size_t at = (size_t)t * B + series;
				const float *in = a + at * 4 * row + head * P;
				float *out = tape + at * TAPE * row + head * P;
				float g[4][P];

				for (int gate = 0; gate < 4; gate++)
					for (int u = 0; u < P; u++)
						g[gate][u] = in[gate * row + u] +
							     bias[gate * row + head * P + u];
				for (int j = 0; j < P; j++)
					for (int gate = 0; gate < 4; gate++)
						for (int u = 0; u < P; u++)
							g[gate][u] += mix[gate][j][u] * h[j];
				for (int u = 0; u < P; u++) {
					float kept = fminf(g[1][u], 0.0f) -
						     log1pf(expf(-fabsf(g[1][u]))) + m[u];
					int empty = n[u] == 0.0f;
					float top = empty ? g[0][u] : fmaxf(g[0][u], kept);
					float gain = expf(g[0][u] - top);
					float keep = empty ? 0.0f : expf(kept - top);
					float z = tanhf(g[2][u]), o = logistic(g[3][u]);

					c[u] = keep * c[u] + gain * z;
					n[u] = keep * n[u] + gain;
					m[u] = top;
					h[u] = o * c[u] / n[u];
					out[INPUT * row + u] = gain;
					out[FORGET * row + u] = keep;
					out[CELL_IN * row + u] = z;
					out[OUTPUT * row + u] = o;
					out[CELL * row + u] = c[u];
					out[NORM * row + u] = n[u];
					out[FORGET_SLOPE * row + u] = logistic(-g[1][u]);
				}
				memcpy(h_out + at * row + head * P, h, sizeof(h));
			}
			memcpy(start, h, sizeof(h));
			memcpy(start + row, c, sizeof(c));
			memcpy(start + 2 * row, n, sizeof(n));
			memcpy(start + 3 * row, m, sizeof(m));
		}
	}
}

/* first: the state before the window. No gradient flows in from behind the window's end. */
void slstm_backward(int T, int B, int H, const float *R, const float *first, const float *h_out,
	const float *tape, const float *dh_out, float *da) {
	const size_t row = (size_t)H * P;

	for (int head = 0; head < H; head++) {
		const float *mix = R + (size_t)head * 4 * P * P;

		for (int series = 0; series < B; series++) {
			float dh[P] = { 0 }, dc[P] = { 0 }, dn[P] = { 0 };
			const float *start = first + series * 4 * row + head * P;

			for (int t = T - 1; t >= 0; t--) {
				const size_t at = (size_t)t * B + series;
				const float *now = tape + at * TAPE * row + head * P;
				const float *before = now - (size_t)B * TAPE * row;
				const float *c_before = t ? before + CELL * row : start + row;
				const float *n_before = t ? before + NORM * row : start + 2 * row;
				const float *h = h_out + at * row + head * P;
				const float *above = dh_out + at * row + head * P;
				float *out = da + at * 4 * row + head * P;
				float g[4][P];

				for (int u = 0; u < P; u++) {
					float total = dh[u] + above[u], o = now[OUTPUT * row + u];
					float n = now[NORM * row + u], z = now[CELL_IN * row + u];
					float gain = now[INPUT * row + u],
					      keep = now[FORGET * row + u];

					dc[u] += total * o / n;
					dn[u] -= total * h[u] / n;
					g[0][u] = gain * (dc[u] * z + dn[u]);
					g[1][u] = keep *
						  (dc[u] * c_before[u] + dn[u] * n_before[u]) *
						  now[FORGET_SLOPE * row + u];
					g[2][u] = dc[u] * gain * (1.0f - z * z);
					g[3][u] = total * h[u] * (1.0f - o);
					dc[u] *= keep;
					dn[u] *= keep;
					dh[u] = 0.0f;
				}
				for (int gate = 0; gate < 4; gate++)
					for (int out_unit = 0; out_unit < P; out_unit++)
						for (int u = 0; u < P; u++)
							dh[u] +=
								mix[(gate * P + out_unit) * P + u] *
								g[gate][out_unit];
				for (int gate = 0; gate < 4; gate++)
					memcpy(out + gate * row, g[gate], sizeof(g[gate]));
			}
		}
	}
}
