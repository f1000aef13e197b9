# SPDX-License-Identifier: Apache-2.0
"""What the network sees and what its outputs mean, for batches of series at once.

Everything at tick t is a function of readings 0..t. docs/network.md is the specification; the
names there are the names here. Arrays are [series, tick] or [series, tick, lead].
"""
import numpy as np
import torch

LEADS = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512])
LEAD_COUNT = len(LEADS)
LEVELS = np.arange(1, 10) / 10
ANCHORS = 6  # last, level, fast level, season 1, profile, season 2
CORRECTIONS = 5
STEPS = 8  # four quantile steps down, four up
OUTPUTS_PER_LEAD = ANCHORS + CORRECTIONS + 1 + STEPS
OUTPUTS = LEAD_COUNT * OUTPUTS_PER_LEAD
INPUTS = 56
INPUT_LIMIT = 8.0

ERROR_RATE = 1 / 512
FAST_RATE, MIDDLE_RATE, RESIDUAL_RATE = 0.3, 0.05, 0.1
CHANGE_RATE, FLAT_RATE = 0.2, 0.02
RANGE_RATE = 0.002
PROFILE_RATE = 0.15
PRIOR_SHARE, PRIOR_WEIGHT = 0.05, 0.05
GROWTH = 0.4
SHARPNESS = 4.0
FAST_PENALTY = np.log(2.0)
# distances between neighbouring normal quantiles of LEVELS, from the median outwards, times
# sqrt(pi / 2): from mean absolute error to standard deviation
QUANTILE_STEPS = np.array([0.2533, 0.2711, 0.3172, 0.4399]) * 1.2533
TRACKED = ("level", "season1", "profile", "season2")  # anchors with one error for all leads


class Tracks:
    """The state of many series while time walks on, and the record of it that `keep` makes."""

    RECORDED = ("last", "level", "fast", "middle", "v", "e_season1", "e_profile", "e_season2",
                "age", "number", "difference", "d_season1", "d_profile", "d_season2", "residual",
                "fast_change", "flat", "low", "high", "floor")

    def __init__(self, batch):
        self.x = batch["x"].astype(np.float64)
        self.count, self.ticks = self.x.shape
        self.rows = np.arange(self.count)
        self.season1, self.season2 = batch["season1"], batch["season2"]
        self.awake = batch["awake"]
        self.season_rate = np.clip(1 / np.maximum(2.0 * self.season1, 1), 1 / 1024, 1 / 32)
        self.growth = (LEADS[1:] / LEADS[:-1]) ** GROWTH

        first = self.x[:, 0]
        for name in ("last", "level", "fast", "middle", "low", "high"):
            setattr(self, name, first.copy())
        self.size = np.abs(first)
        for name in ("number", "age", "fast_change", "flat", "residual", "d_season1",
                     "d_profile", "d_season2"):
            setattr(self, name, np.zeros(self.count))
        self.profile = np.full((self.count, max(int(self.season1.max()), 1)), np.nan)
        self.visits = np.zeros_like(self.profile)
        self.sums = np.zeros((LEAD_COUNT, self.count))
        self.masses = np.zeros((LEAD_COUNT, self.count))
        self.other_sums = np.zeros((len(TRACKED), self.count))
        self.other_masses = np.zeros((len(TRACKED), self.count))
        self.errors = np.zeros((LEAD_COUNT, self.count))

        names = self.RECORDED + tuple(a + b for a in ("sum_", "mass_") for b in TRACKED)
        self.kept = {name: np.zeros((self.count, self.ticks)) for name in names}
        self.kept["seen"] = ~np.isnan(self.x)
        self.kept["error_last"] = np.zeros((self.count, self.ticks, LEAD_COUNT))
        self.filled = self.kept["filled"] = np.zeros((self.count, self.ticks))
        self.kept["profile"] = np.full((self.count, self.ticks), np.nan)

    def step(self, t):
        now = self.kept["seen"][:, t]
        value = np.where(now, self.x[:, t], self.last)
        known1 = (self.season1 > 0) & (self.awake <= t)
        known2 = (self.season2 > 0) & (self.awake <= t)
        ok1, before1 = self.ago(t, self.season1, known1, value)
        ok2, before2 = self.ago(t, self.season2, known2, value)
        phase = t % np.maximum(self.season1, 1)
        expected = self.profile[self.rows, phase]
        ok_profile = known1 & ~np.isnan(expected)
        expected = np.where(ok_profile, expected, value)

        if t:
            self.score(t, now, value, (now, now & ok1, now & ok_profile, now & ok2),
                       (self.level, before1, expected, before2))
        step = value - self.last
        self.number = self.number + now
        self.age = np.where(now, 0, self.age + 1)
        self.d_season1 = np.where(now, value - before1, self.d_season1)
        self.d_profile = np.where(now, value - expected, self.d_profile)
        self.d_season2 = np.where(now, value - before2, self.d_season2)
        self.filled[:, t] = np.where(now, value, np.where(ok1, before1, self.last))
        self.levels(now, value, known1)
        self.residual = np.where(
            now & ok_profile,
            self.residual + RESIDUAL_RATE * (value - expected - self.residual), self.residual)
        self.changes(now, step)
        self.last = value
        self.learn_profile(now & known1, phase, value)
        self.kept["profile"][:, t] = self.profile[self.rows, phase]
        self.use_errors()
        self.low = np.where(now, np.minimum(value, self.low + RANGE_RATE * self.v), self.low)
        self.high = np.where(now, np.maximum(value, self.high - RANGE_RATE * self.v), self.high)
        self.difference = np.where(now, step, 0)
        self.record(t)

    def ago(self, t, season, known, otherwise):
        ok = known & (t >= season)
        return ok, np.where(ok, self.filled[self.rows, np.maximum(t - season, 0)], otherwise)

    def score(self, t, now, value, scored, said):
        """The anchors' errors, when their target arrives."""
        reach = int(np.searchsorted(LEADS, t, side="right"))
        error = np.abs(value[None] - self.filled[:, t - LEADS[:reach]].T)
        gain = now * 1.0
        self.sums[:reach] += gain * (error - ERROR_RATE * self.sums[:reach])
        self.masses[:reach] += gain * (1 - ERROR_RATE * self.masses[:reach])
        gain = np.stack(scored) * 1.0
        error = np.abs(value[None] - np.stack(said))
        self.other_sums += gain * (error - ERROR_RATE * self.other_sums)
        self.other_masses += gain * (1 - ERROR_RATE * self.other_masses)

    def levels(self, now, value, known1):
        young = 1 / np.maximum(self.number, 1)
        slow = np.where(known1, self.season_rate, 1 / 256)
        for name, rate, to in (("level", slow, value), ("fast", FAST_RATE, value),
                               ("middle", MIDDLE_RATE, value), ("size", ERROR_RATE, np.abs(value))):
            old = getattr(self, name)
            setattr(self, name, np.where(now, old + np.maximum(young, rate) * (to - old), old))

    def changes(self, now, step):
        more = now & (self.number > 1)
        young = 1 / np.maximum(self.number - 1, 1)
        for name, rate, to in (("fast_change", CHANGE_RATE, np.abs(step)),
                               ("flat", FLAT_RATE, step == 0)):
            old = getattr(self, name)
            setattr(self, name, np.where(more, old + np.maximum(young, rate) * (to - old), old))

    def learn_profile(self, learn, phase, value):
        self.visits[self.rows, phase] += learn
        old = self.profile[self.rows, phase]
        rate = np.maximum(1 / np.maximum(self.visits[self.rows, phase], 1), PROFILE_RATE)
        new = np.where(np.isnan(old), value, old + rate * (value - old))
        self.profile[self.rows, phase] = np.where(learn, new, old)

    def use_errors(self):
        self.floor = floor = 1e-6 * self.size + 1e-12
        prior = PRIOR_SHARE * self.size
        e = self.errors
        e[0] = np.maximum((self.sums[0] + PRIOR_WEIGHT * prior) / (self.masses[0] + PRIOR_WEIGHT),
                          floor)
        for i in range(1, LEAD_COUNT):
            e[i] = np.maximum((self.sums[i] + e[i - 1] * self.growth[i - 1]) / (self.masses[i] + 1),
                              floor)

        def other(i, prior):
            return np.maximum((self.other_sums[i] + prior) / (self.other_masses[i] + 1), floor)

        self.v = other(0, e[3])
        self.e_season1 = other(1, self.v)
        self.e_profile = other(2, self.e_season1)
        self.e_season2 = other(3, self.e_season1)

    def record(self, t):
        for name in self.RECORDED:
            self.kept[name][:, t] = getattr(self, name)
        self.kept["error_last"][:, t] = self.errors.T
        for i, name in enumerate(TRACKED):
            self.kept["sum_" + name][:, t] = self.other_sums[i]
            self.kept["mass_" + name][:, t] = self.other_masses[i]


def track(batch):
    """Walks over x [B, N] (NaN: missing; x[:, 0] is there); the record of every tick.

    batch: dict with x, season1 and season2 [B] (0: none), awake [B] (tick from which the seasons
    are known), day and week [B, N] (fractions 0..1 of the running day and week; NaN: unknown).
    """
    tracks = Tracks(batch)
    for t in range(tracks.ticks):
        tracks.step(t)
    return tracks.kept


def newest(source, season, known, origins, leads):
    """The newest value at the phase of origin + lead, and where there is one.

    source(ticks) takes [n, k] ticks; season, known, origins [n]; leads [k] or [n, k].
    """
    period = np.maximum(season, 1)[:, None]
    at = origins[:, None] + leads - period * -(-leads // period)
    value = source(np.maximum(at, 0))
    ok = known[:, None] & (at >= 0) & ~np.isnan(value)
    return np.where(ok, value, 0), ok


# --- inputs -----------------------------------------------------------------------------------

class Inputs:
    """Collects the columns of one batch."""

    def __init__(self, batch, kept):
        self.batch, self.kept = batch, kept
        self.count, self.ticks = kept["last"].shape
        self.every = np.arange(self.ticks)
        self.known = self.every >= batch["awake"][:, None]
        self.columns = []

    def add(self, column):
        self.columns.append(np.broadcast_to(column, (self.count, self.ticks)))

    def error(self, lead):
        return self.kept["error_last"][..., np.searchsorted(LEADS, lead)]

    def lagged(self, lag):
        earlier = self.kept["last"].copy()
        earlier[:, lag:] = self.kept["filled"][:, :max(self.ticks - lag, 0)]
        return self.kept["last"] - earlier

    def season_ago(self, season):
        season = season[:, None]
        ok = (season > 0) & self.known & (self.every >= season)
        at = np.maximum(self.every - season, 0)
        return np.where(ok, np.take_along_axis(self.kept["filled"], at, 1), 0), ok

    def ahead(self, field, season, lead):
        """The newest value at the phase of t + lead; lead is a number or one for each series."""
        season = season[:, None]
        lead = np.broadcast_to(lead, (self.count,))[:, None]
        period = np.maximum(season, 1)
        at = self.every + lead - period * -(-lead // period)
        value = np.take_along_axis(self.kept[field], np.maximum(at, 0), 1)
        ok = (season > 0) & self.known & (at >= 0) & ~np.isnan(value)
        return np.where(ok, value, 0), ok

    def recent(self):
        kept, e, v = self.kept, self.error, self.kept["v"]
        last = kept["last"]
        self.add(np.arcsinh(kept["difference"] / e(1)))
        for lag in (2, 4, 8, 16, 32, 64):
            self.add(np.arcsinh(self.lagged(lag) / e(lag)))
        self.add(np.arcsinh((last - kept["fast"]) / e(1)))
        self.add(np.arcsinh((last - kept["middle"]) / e(8)))
        self.add(np.arcsinh((last - kept["level"]) / v))
        self.add(np.arcsinh((kept["middle"] - kept["level"]) / v))
        self.add(np.log(v / e(1)) / 3)
        for lead, before in ((4, 1), (16, 4), (64, 16)):
            self.add(np.log(e(lead) / e(before)))

    def seasons(self, now1, ok1, now2, ok2):
        kept, v = self.kept, self.kept["v"]
        es1, ep, es2 = kept["e_season1"], kept["e_profile"], kept["e_season2"]
        season1, season2 = self.batch["season1"], self.batch["season2"]
        self.add(ok1 * np.log(es1 / self.error(1)) / 3)
        self.add(ok1 * np.log(es1 / v))
        self.add(ok1 * np.log(ep / es1))
        self.add(ok2 * np.log(es2 / es1))
        self.add(ok1 * np.arcsinh(kept["d_season1"] / es1))
        self.add(ok1 * np.arcsinh(kept["d_profile"] / ep))
        self.add(ok2 * np.arcsinh(kept["d_season2"] / es2))
        self.add(ok1 * np.arcsinh(kept["residual"] / ep))
        quarter, half = np.maximum(season1 // 4, 1), np.maximum(season1 // 2, 1)
        now_profile, ok_profile = self.ahead("profile", season1, season1)
        for field, season, now, ok_now, leads in (
                ("filled", season1, now1, ok1, (1, 2, 4, 8, 16, quarter, half)),
                ("profile", season1, now_profile, ok_profile, (1, 4, 16, half)),
                ("filled", season2, now2, ok2, (1, 4, 16))):
            for lead in leads:
                there, ok = self.ahead(field, season, lead)
                self.add(np.arcsinh((ok & ok_now) * (there - now) / v))

    def clock(self):
        day, week = self.batch["day"], self.batch["week"]
        there = ~np.isnan(day)
        day, week = np.where(there, day, 0), np.where(there, week, 0)
        self.add(there)
        for angle in (day, 2 * day, week):
            self.add(there * np.sin(2 * np.pi * angle))
            self.add(there * np.cos(2 * np.pi * angle))


def inputs(batch, kept):
    """[B, N, INPUTS] float32."""
    columns = Inputs(batch, kept)
    now1, ok1 = columns.season_ago(batch["season1"])
    now2, ok2 = columns.season_ago(batch["season2"])
    last, v, e1 = kept["last"], kept["v"], columns.error(1)
    columns.add(kept["seen"])
    columns.add(np.log1p(kept["age"]) / 4)
    columns.add(np.log1p(kept["number"]) / 7)
    columns.add(ok1)
    columns.add(ok2)
    columns.recent()
    columns.seasons(now1, ok1, now2, ok2)
    columns.add(np.log((kept["fast_change"] + 1e-3 * e1) / e1))
    columns.add(kept["flat"])
    columns.add(np.arcsinh((last - kept["low"]) / v))
    columns.add(np.arcsinh((kept["high"] - last) / v))
    columns.add(np.arcsinh(last / v) / 3)
    columns.add(columns.known * np.log(np.maximum(batch["season1"], 1))[:, None] / 7)
    columns.clock()
    columns.add(columns.known * (batch["season2"] > 0)[:, None])
    stacked = np.stack(columns.columns, -1)
    assert stacked.shape[-1] == INPUTS, stacked.shape
    return np.clip(stacked, -INPUT_LIMIT, INPUT_LIMIT).astype(np.float32)


# --- forecasts --------------------------------------------------------------------------------

def between(leads):
    """Where leads lie on the grid: lower neighbour and the share of the upper one."""
    position = np.interp(np.log(leads), np.log(LEADS), np.arange(LEAD_COUNT))
    lower = np.minimum(position.astype(int), LEAD_COUNT - 2)
    return lower, position - lower


def interpolate(rows, lower, share):
    """rows [n, LEAD_COUNT] -> [n, leads]."""
    return rows[:, lower] * (1 - share) + rows[:, lower + 1] * share


def expected_errors(kept, rows, origins, leads):
    """[n, leads, ANCHORS]; an anchor's tracked error is still mixed with a prior that grows with
    the lead while the series is young."""
    error_last = interpolate(kept["error_last"][rows, origins], *between(leads))

    def young(name, prior, weight):
        total = kept["sum_" + name][rows, origins][:, None] + weight * prior
        mass = kept["mass_" + name][rows, origins][:, None] + weight
        return np.maximum(total / mass, kept["floor"][rows, origins][:, None])

    ahead = leads[None] * 1.0
    level = young("level", error_last, ahead)
    season1 = young("season1", level, ahead / 4)
    profile = young("profile", season1, ahead / 4)
    season2 = young("season2", season1, ahead / 4)
    return np.stack([error_last, level, error_last, season1, profile, season2], -1)


def anchors(batch, kept, rows, origins, leads=LEADS):
    """What the outputs are applied to at the origins (rows, origins), for the given leads.

    anchor [n, leads, ANCHORS], logit [n, leads, ANCHORS] (very negative where asleep), unit
    [n, leads], correction [n, CORRECTIONS], all float32 and, but for the logits, relative to
    last [n] and divided by scale [n], the mean unit; lower, share: where leads lie on the grid.
    """
    last = kept["last"][rows, origins]
    known = origins >= batch["awake"][rows]
    season1, season2 = batch["season1"][rows], batch["season2"][rows]
    known1, known2 = known & (season1 > 0), known & (season2 > 0)
    seasonal, asleep = [], [np.zeros((len(rows), len(leads)), bool)] * 3
    for field, season, ok in (("filled", season1, known1), ("profile", season1, known1),
                              ("filled", season2, known2)):
        value, there = newest(lambda at: kept[field][rows[:, None], at], season, ok, origins, leads)
        seasonal.append(np.where(there, value - last[:, None], 0))
        asleep.append(~there)
    level, fast, middle = (kept[name][rows, origins] for name in ("level", "fast", "middle"))
    wide = np.ones((1, len(leads)))
    anchor = np.stack([0 * seasonal[0], (level - last)[:, None] * wide,
                       (fast - last)[:, None] * wide] + seasonal, -1)

    error = expected_errors(kept, rows, origins, leads)
    logit = -SHARPNESS * np.log(error / error[..., :1])
    logit[..., 2] -= FAST_PENALTY
    logit = np.where(np.stack(asleep, -1), -1e9, logit)
    weight = np.exp(logit - logit.max(-1, keepdims=True))
    weight /= weight.sum(-1, keepdims=True)
    unit = (weight * error).sum(-1)
    correction = np.stack([known1 * kept["d_season1"][rows, origins],
                           known1 * kept["d_profile"][rows, origins],
                           known2 * kept["d_season2"][rows, origins],
                           last - fast, fast - middle], -1)
    scale = unit.mean(1)
    lower, share = between(leads)
    return {"anchor": (anchor / scale[:, None, None]).astype(np.float32),
            "logit": logit.astype(np.float32), "unit": (unit / scale[:, None]).astype(np.float32),
            "correction": (correction / scale[:, None]).astype(np.float32),
            "last": last, "scale": scale, "lower": lower, "share": share}


_STEPS = torch.from_numpy(QUANTILE_STEPS.astype(np.float32))
_LEVELS = torch.from_numpy(LEVELS.astype(np.float32))


def quantiles(raw, part):
    """raw [n, OUTPUTS] of the head -> [n, leads, 9], relative to last, in units of scale."""
    raw = raw.view(-1, LEAD_COUNT, OUTPUTS_PER_LEAD)
    if len(part["lower"]) != LEAD_COUNT or np.any(part["share"][:-1] != 0):
        share = torch.from_numpy(part["share"].astype(np.float32))[None, :, None]
        lower = torch.from_numpy(part["lower"])
        raw = raw[:, lower] * (1 - share) + raw[:, lower + 1] * share
    gates, coefficients, shift, steps = raw.split([ANCHORS, CORRECTIONS, 1, STEPS], -1)
    anchor, logit = torch.from_numpy(part["anchor"]), torch.from_numpy(part["logit"])
    unit = torch.from_numpy(part["unit"]).unsqueeze(-1)
    correction = torch.from_numpy(part["correction"]).unsqueeze(1)
    centre = (torch.softmax(logit + gates, -1) * anchor).sum(-1, keepdim=True)
    centre = centre + (coefficients * correction).sum(-1, keepdim=True) + shift * unit
    steps = torch.exp(steps.clamp(-8, 8))
    down = (steps[..., :4] * _STEPS).cumsum(-1) * unit
    up = (steps[..., 4:] * _STEPS).cumsum(-1) * unit
    return torch.cat([centre - down.flip(-1), centre, centre + up], -1)


def pinball(forecast, target):
    """Per lead, the mean over the nine levels, times two. NaN targets give NaN."""
    error = target.unsqueeze(-1) - forecast
    return 2 * torch.maximum(_LEVELS * error, (_LEVELS - 1) * error).mean(-1)
