# SPDX-License-Identifier: Apache-2.0
# Turns a frame of `xlstmctl watch --frame` into an SVG picture; draw.sh uses it.
#
# Knows what frames are made of: 256 colours, bold, reverse, Braille, lower blocks and lines.
# Needs gawk in a UTF-8 locale.

BEGIN {
	W = 9; H = 19; PAD = 14
	GROUND = "#12161c"; PLAIN = "#d0d0d0"
	split("0,95,135,175,215,255", LEVEL, ",")
	for (i = 0; i < 256; i++)
		CODE[sprintf("%c", 0x2800 + i)] = i
	for (i = 1; i <= 8; i++)
		BLOCK[sprintf("%c", 0x2580 + i)] = i
	rows = 0; columns = 0
}

function colour(n,  k) {
	if (n == "") return ""
	if (n >= 232) { k = 8 + (n - 232) * 10; return sprintf("#%02x%02x%02x", k, k, k) }
	n -= 16
	return sprintf("#%02x%02x%02x", LEVEL[int(n / 36) + 1], LEVEL[int(n / 6) % 6 + 1], LEVEL[n % 6 + 1])
}

function style(codes,  parts, count, i) {
	count = split(codes, parts, ";")
	for (i = 1; i <= count; i++) {
		if (parts[i] == "" || parts[i] == 0) { ink = ""; ground = ""; bold = 0; reverse = 0 }
		else if (parts[i] == 1) bold = 1
		else if (parts[i] == 7) reverse = 1
		else if (parts[i] == 22) bold = 0
		else if (parts[i] == 27) reverse = 0
		else if (parts[i] == 39) ink = ""
		else if (parts[i] == 49) ground = ""
		else if (parts[i] == 38) { ink = parts[i + 2]; i += 2 }
		else if (parts[i] == 48) { ground = parts[i + 2]; i += 2 }
	}
}

function box(x, y, w, h, fill) {
	if (fill == GROUND) return
	rects = rects sprintf("<rect x='%g' y='%g' width='%g' height='%g' fill='%s'/>\n", x, y, w, h, fill)
}

function escape(c) {
	return c == "&" ? "&amp;" : c == "<" ? "&lt;" : c == ">" ? "&gt;" : c
}

function dots(x, y, mask, fill,  i, dx, dy) {
	for (i = 0; i < 8; i++) {
		if (int(mask / 2 ^ i) % 2 == 0) continue
		dx = i < 3 || i == 6 ? 0 : 1
		dy = i < 6 ? i % 3 : 3
		marks = marks sprintf("<circle cx='%g' cy='%g' r='1.75' fill='%s'/>\n",
			x + (dx + 0.5) * W / 2, y + (dy + 0.5) * H / 4, fill)
	}
}

function put(c,  x, y, front, back, t) {
	x = PAD + column * W; y = PAD + rows * H
	front = ink == "" ? PLAIN : colour(ink)
	back = ground == "" ? GROUND : colour(ground)
	if (reverse) { t = front; front = back; back = t }
	box(x, y, W, H, back)
	if (c in BLOCK) box(x, y + H - H * BLOCK[c] / 8, W, H * BLOCK[c] / 8, front == GROUND ? "#12161d" : front)
	else if (c in CODE) dots(x, y, CODE[c], front)
	else if (c != " ")
		marks = marks sprintf("<text x='%g' y='%g' fill='%s'%s>%s</text>\n",
			x, y + H * 0.74, front, bold ? " font-weight='bold'" : "", escape(c))
	column++
	if (column > columns) columns = column
}

{
	column = 0; ink = ""; ground = ""; bold = 0; reverse = 0
	line = $0
	while (line != "") {
		if (match(line, /^\033\[[0-9;]*m/)) {
			style(substr(line, 3, RLENGTH - 3))
			line = substr(line, RLENGTH + 1)
		} else {
			put(substr(line, 1, 1))
			line = substr(line, 2)
		}
	}
	rows++
}

END {
	width = 2 * PAD + columns * W; height = 2 * PAD + rows * H
	printf "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d'>\n", width, height, width, height
	printf "<rect width='%d' height='%d' rx='8' fill='%s'/>\n", width, height, GROUND
	printf "<g shape-rendering='crispEdges'>\n%s</g>\n", rects
	printf "<g font-family='DejaVu Sans Mono, Menlo, Consolas, monospace' font-size='15'>\n%s</g>\n</svg>\n", marks
}
