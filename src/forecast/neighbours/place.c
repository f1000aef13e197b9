/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#define EARTH_RADIUS 6371000.0

struct place place_on_globe(double latitude, double longitude) {
	double north = latitude * M_PI / 180, east = longitude * M_PI / 180;
	if (!(fabs(latitude) <= 90 && fabs(longitude) <= 360))
		return PLACE_UNKNOWN;
	return (struct place){ EARTH_RADIUS * cos(north) * cos(east),
		EARTH_RADIUS * cos(north) * sin(east), EARTH_RADIUS * sin(north) };
}

struct place place_on_plane(double x, double y) {
	bool known = isfinite(x) && isfinite(y);
	return known ? (struct place){ x, y, 0 } : PLACE_UNKNOWN;
}

bool place_is_known(const struct place *place) {
	return !isnan(place->x);
}

bool place_equal(const struct place *a, const struct place *b) {
	if (!place_is_known(a) || !place_is_known(b))
		return place_is_known(a) == place_is_known(b);
	return a->x == b->x && a->y == b->y && a->z == b->z;
}

double place_distance(const struct place *a, const struct place *b) {
	double x = a->x - b->x, y = a->y - b->y, z = a->z - b->z;
	return sqrt(x * x + y * y + z * z);
}
