# SPDX-License-Identifier: Apache-2.0
"""What the network sees and what its outputs mean, for batches of series at once.

Everything at tick t is a function of readings 0..t. docs/network.md is the specification; the names
there are the names here. Arrays are [series, tick] or [series, tick, lead].
"""
import numpy as np
import torch

LEADS = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512])
LEAD_COUNT = len(LEADS)
LEVELS = np.arange(1, 10) / 10
ANCHORS = 6     # last, level, fast level, season 1, profile 1, season 2
CORRECTIONS = 5
STEPS = 8       # four quantile steps down, four up
OUTPUTS_PER_LEAD = ANCHORS + CORRECTIONS + 1 + STEPS
OUTPUTS = LEAD_COUNT * OUTPUTS_PER_LEAD
INPUTS = 56
INPUT_LIMIT = 8.0

ERROR_RATE = 1 / 512
FAST_RATE, MIDDLE_RATE, RESIDUAL_RATE = 0.3, 0.05, 0.1
PROFILE_RATE = 0.15
PRIOR_SHARE, PRIOR_WEIGHT = 0.05, 0.05
GROWTH = 0.4
SHARPNESS = 4.0
FAST_ERROR_BONUS = np.log(2.0)
# distances between neighbouring normal quantiles of LEVELS, from the median outwards, times
# sqrt(pi / 2): mean absolute error to standard deviation
QUANTILE_STEPS = np.array([0.2533, 0.2711, 0.3172, 0.4399]) * 1.2533


def track(batch):
    """Walks over x [B, N] (NaN: missing; x[:, 0] is there) and keeps what inputs and anchors need.

    batch: dict with x, season1 [B], season2 [B] (0: none), awake [B] (tick from which the seasons
    are known), day [B, N] and week [B, N] (fractions 0..1 of the running day and week; NaN: unknown).
    """
    x = batch["x"].astype(np.float64)
    count, ticks = x.shape
    rows = np.arange(count)
    season1, season2, awake = batch["season1"], batch["season2"], batch["awake"]
    seen = ~np.isnan(x)
    names = ["filled", "last", "level", "fast", "middle", "profile", "error_level", "error_season1",
             "error_profile", "error_season2", "age", "number", "difference", "d_season1",
             "d_profile", "d_season2", "residual", "fast_change", "flat", "low", "high", "floor"]
    names += [part + name for part in ("sum_", "mass_") for name in ("level", "season1", "profile", "season2")]
    kept = {name: np.zeros((count, ticks)) for name in names}
    kept["error_last"] = np.zeros((count, ticks, LEAD_COUNT))
    filled = kept["filled"]
    profile_at = kept["profile"]
    profile_at[:] = np.nan

    last = x[:, 0].copy()
    level = last.copy()
    fast = last.copy()
    middle = last.copy()
    low = last.copy()
    high = last.copy()
    size = np.abs(last)
    number = np.zeros(count)
    age = np.zeros(count)
    changes = np.zeros(count)
    fast_change = np.zeros(count)
    flat = np.zeros(count)
    residual = np.zeros(count)
    held = np.zeros((3, count))
    profile = np.full((count, int(max(season1.max(), 1))), np.nan)
    visits = np.zeros_like(profile)
    sums = np.zeros((LEAD_COUNT, count))
    masses = np.zeros((LEAD_COUNT, count))
    other_sums = np.zeros((4, count))
    other_masses = np.zeros((4, count))
    growth = np.ones(LEAD_COUNT)
    growth[1:] = (LEADS[1:] / LEADS[:-1]) ** GROWTH
    season_rate = np.clip(1 / np.maximum(2.0 * season1, 1), 1 / 1024, 1 / 32)
    has1, has2 = season1 > 0, season2 > 0
    period1 = np.maximum(season1, 1)
    errors = np.zeros((LEAD_COUNT, count))

    for t in range(ticks):
        now = seen[:, t]
        value = np.where(now, x[:, t], last)
        known = awake <= t
        back1, back2 = t - season1, t - season2
        ok1 = has1 & known & (back1 >= 0)
        ok2 = has2 & known & (back2 >= 0)
        before1 = np.where(ok1, filled[rows, np.maximum(back1, 0)], value)
        before2 = np.where(ok2, filled[rows, np.maximum(back2, 0)], value)
        phase = t % period1
        expected = profile[rows, phase]
        okp = has1 & known & ~np.isnan(expected)
        expected = np.where(okp, expected, value)

        if t:
            # errors of the anchors, scored on arrival
            reach = int(np.searchsorted(LEADS, t, side="right"))
            error = np.abs(value[None] - filled[:, t - LEADS[:reach]].T)
            gain = now * 1.0
            sums[:reach] += gain * (error - ERROR_RATE * sums[:reach])
            masses[:reach] += gain * (1 - ERROR_RATE * masses[:reach])
            other = np.abs(np.stack([value - level, value - before1, value - expected, value - before2]))
            gain = np.stack([now, now & ok1, now & okp, now & ok2]) * 1.0
            other_sums += gain * (other - ERROR_RATE * other_sums)
            other_masses += gain * (1 - ERROR_RATE * other_masses)

        step = value - last
        number = number + now
        age = np.where(now, 0, age + 1)
        more = now & (number > 1)
        changes = changes + more
        held = np.where(now, np.stack([value - before1, value - expected, value - before2]), held)
        gap = np.where(ok1, before1, last)
        filled[:, t] = np.where(now, value, gap)
        level_rate = np.where(has1 & known, season_rate, 1 / 256)
        level = np.where(now, level + np.maximum(1 / np.maximum(number, 1), level_rate) * (value - level), level)
        fast = np.where(now, fast + np.maximum(1 / np.maximum(number, 1), FAST_RATE) * (value - fast), fast)
        middle = np.where(now, middle + np.maximum(1 / np.maximum(number, 1), MIDDLE_RATE) * (value - middle), middle)
        size = np.where(now, size + np.maximum(1 / np.maximum(number, 1), ERROR_RATE) * (np.abs(value) - size), size)
        residual = np.where(now & okp, residual + RESIDUAL_RATE * (value - expected - residual), residual)
        rate = np.maximum(1 / np.maximum(changes, 1), 0.2)
        fast_change = np.where(more, fast_change + rate * (np.abs(step) - fast_change), fast_change)
        rate = np.maximum(1 / np.maximum(changes, 1), 0.02)
        flat = np.where(more, flat + rate * ((step == 0) - flat), flat)
        last = value

        learn = now & has1 & known
        if learn.any():
            visits[rows, phase] += learn
            old = profile[rows, phase]
            rate = np.maximum(1 / np.maximum(visits[rows, phase], 1), PROFILE_RATE)
            new = np.where(np.isnan(old), value, old + rate * (value - old))
            profile[rows, phase] = np.where(learn, new, old)
        profile_at[:, t] = profile[rows, phase]

        floor = 1e-6 * size + 1e-12
        prior = PRIOR_SHARE * size
        errors[0] = np.maximum((sums[0] + PRIOR_WEIGHT * prior) / (masses[0] + PRIOR_WEIGHT), floor)
        for i in range(1, LEAD_COUNT):
            errors[i] = np.maximum((sums[i] + errors[i - 1] * growth[i]) / (masses[i] + 1), floor)
        kept["error_last"][:, t] = errors.T
        error_level = np.maximum((other_sums[0] + errors[3]) / (other_masses[0] + 1), floor)
        error_season1 = np.maximum((other_sums[1] + error_level) / (other_masses[1] + 1), floor)
        error_profile = np.maximum((other_sums[2] + error_season1) / (other_masses[2] + 1), floor)
        error_season2 = np.maximum((other_sums[3] + error_season1) / (other_masses[3] + 1), floor)
        low = np.where(now, np.minimum(value, low + 0.002 * error_level), low)
        high = np.where(now, np.maximum(value, high - 0.002 * error_level), high)

        for name, item in (("last", last), ("level", level), ("fast", fast), ("middle", middle),
                           ("error_level", error_level), ("error_season1", error_season1),
                           ("error_profile", error_profile), ("error_season2", error_season2),
                           ("age", age), ("number", number), ("difference", np.where(now, step, 0)),
                           ("d_season1", held[0]), ("d_profile", held[1]), ("d_season2", held[2]),
                           ("residual", residual), ("fast_change", fast_change), ("flat", flat),
                           ("low", low), ("high", high), ("floor", floor)):
            kept[name][:, t] = item
        for i, name in enumerate(("level", "season1", "profile", "season2")):
            kept["sum_" + name][:, t] = other_sums[i]
            kept["mass_" + name][:, t] = other_masses[i]
    kept["seen"] = seen
    return kept


def seasonal(kept, field, season, awake, lead):
    """The newest value of kept[field] at the phase of t + lead, and where there is one."""
    source = kept[field]
    count, ticks = source.shape
    season = np.asarray(season).reshape(-1, 1)
    lead = np.broadcast_to(np.asarray(lead).reshape(-1, 1), season.shape)
    period = np.maximum(season, 1)
    at = np.arange(ticks)[None] + lead - period * -(-lead // period)
    ok = (season > 0) & (at >= 0) & (np.arange(ticks)[None] >= awake.reshape(-1, 1))
    value = np.take_along_axis(source, np.maximum(at, 0), 1)
    ok &= ~np.isnan(value)
    return np.where(ok, value, 0), ok


def inputs(batch, kept):
    """[B, N, INPUTS] float32."""
    count, ticks = kept["last"].shape
    season1, season2, awake = batch["season1"], batch["season2"], batch["awake"]
    last, level, fast, middle = kept["last"], kept["level"], kept["fast"], kept["middle"]
    errors = kept["error_last"]
    e = {lead: errors[..., np.searchsorted(LEADS, lead)] for lead in (1, 2, 4, 8, 16, 32, 64)}
    v = kept["error_level"]
    columns = []
    add = columns.append
    signed = np.arcsinh

    def lagged(lag):
        earlier = np.empty_like(last)
        earlier[:, :lag] = last[:, :lag]
        earlier[:, lag:] = kept["filled"][:, :max(ticks - lag, 0)]
        return last - earlier

    def season_ago(season):
        at = np.arange(ticks)[None] - season[:, None]
        ok = (season[:, None] > 0) & known & (at >= 0)
        return np.where(ok, np.take_along_axis(kept["filled"], np.maximum(at, 0), 1), 0), ok

    known = np.arange(ticks)[None] >= awake[:, None]
    s1_now, ok1 = season_ago(season1)
    s2_now, ok2 = season_ago(season2)

    add(kept["seen"] * 1.0)
    add(np.log1p(kept["age"]) / 4)
    add(np.log1p(kept["number"]) / 7)
    add(ok1 * 1.0)
    add(ok2 * 1.0)
    add(signed(kept["difference"] / e[1]))
    for lag in (2, 4, 8, 16, 32, 64):
        add(signed(lagged(lag) / e[lag]))
    add(signed((last - fast) / e[1]))
    add(signed((last - middle) / e[8]))
    add(signed((last - level) / v))
    add(signed((middle - level) / v))
    add(np.log(v / e[1]) / 3)
    add(np.log(e[4] / e[1]))
    add(np.log(e[16] / e[4]))
    add(np.log(e[64] / e[16]))
    add(ok1 * np.log(kept["error_season1"] / e[1]) / 3)
    add(ok1 * np.log(kept["error_season1"] / v))
    add(ok1 * np.log(kept["error_profile"] / kept["error_season1"]))
    add(ok2 * np.log(kept["error_season2"] / kept["error_season1"]))
    add(signed(ok1 * kept["d_season1"] / kept["error_season1"]))
    add(signed(ok1 * kept["d_profile"] / kept["error_profile"]))
    add(signed(ok2 * kept["d_season2"] / kept["error_season2"]))
    add(signed(ok1 * kept["residual"] / kept["error_profile"]))
    quarter = np.maximum(season1 // 4, 1)
    half = np.maximum(season1 // 2, 1)
    for lead in (1, 2, 4, 8, 16, quarter, half):
        ahead, ok = seasonal(kept, "filled", season1, awake, np.broadcast_to(lead, (count,)))
        add(signed((ok & ok1) * (ahead - s1_now) / v))
    p_now, okp = seasonal(kept, "profile", season1, awake, season1)
    for lead in (1, 4, 16, half):
        ahead, ok = seasonal(kept, "profile", season1, awake, np.broadcast_to(lead, (count,)))
        add(signed((ok & okp) * (ahead - p_now) / v))
    for lead in (1, 4, 16):
        ahead, ok = seasonal(kept, "filled", season2, awake, np.broadcast_to(lead, (count,)))
        add(signed((ok & ok2) * (ahead - s2_now) / v))
    add(np.log((kept["fast_change"] + 1e-3 * e[1]) / e[1]))
    add(kept["flat"])
    add(signed((last - kept["low"]) / v))
    add(signed((kept["high"] - last) / v))
    add(signed(last / v) / 3)
    add(np.broadcast_to(np.log(np.maximum(season1, 1))[:, None] / 7, last.shape) * known)
    day, week = batch["day"], batch["week"]
    clock = ~np.isnan(day)
    add(clock * 1.0)
    day, week = np.where(clock, day, 0), np.where(clock, week, 0)
    for angle in (day, 2 * day, week):
        add(clock * np.sin(2 * np.pi * angle))
        add(clock * np.cos(2 * np.pi * angle))
    add(np.broadcast_to(1.0 * (season2 > 0)[:, None], last.shape) * known)
    stacked = np.stack(columns, -1)
    assert stacked.shape[-1] == INPUTS, stacked.shape
    return np.clip(stacked, -INPUT_LIMIT, INPUT_LIMIT).astype(np.float32)


# --- forecasts --------------------------------------------------------------------------------

def young(kept, rows, ticks, name, prior, weight):
    """An anchor's tracked error, still mixed with a prior that grows with the lead."""
    total = kept["sum_" + name][rows, ticks][:, None] + weight * prior
    return np.maximum(total / (kept["mass_" + name][rows, ticks][:, None] + weight),
                      kept["floor"][rows, ticks][:, None])


def anchors(batch, kept, rows, ticks, leads=LEADS):
    """Anchors, base logits and corrections at origins (rows, ticks), for the given leads.

    Returns float32 arrays relative to the last value: anchor [n, leads, ANCHORS], logit
    [n, leads, ANCHORS] (-inf where asleep), unit [n, leads], correction [n, CORRECTIONS],
    last [n]. Everything is divided by scale [n] = the mean unit, so that float32 suffices.
    """
    count = len(leads)
    last = kept["last"][rows, ticks]
    season1, season2 = batch["season1"][rows], batch["season2"][rows]
    known = ticks >= batch["awake"][rows]

    def newest(field, season, value_ok):
        period = np.maximum(season, 1)[:, None]
        at = ticks[:, None] + leads[None] - period * -(-leads[None] // period)
        value = kept[field][rows[:, None], np.maximum(at, 0)]
        ok = value_ok[:, None] & (at >= 0) & ~np.isnan(value)
        return np.where(ok, value, last[:, None]), ok

    s1, ok1 = newest("filled", season1, known & (season1 > 0))
    p1, okp = newest("profile", season1, known & (season1 > 0))
    s2, ok2 = newest("filled", season2, known & (season2 > 0))
    wide = np.ones((1, count))
    position = np.interp(np.log(leads), np.log(LEADS), np.arange(LEAD_COUNT))
    lower = np.minimum(position.astype(int), LEAD_COUNT - 2)
    share = position - lower
    errors = kept["error_last"][rows, ticks]
    error_last = errors[:, lower] * (1 - share) + errors[:, lower + 1] * share
    ahead = leads[None] * 1.0
    error_level = young(kept, rows, ticks, "level", error_last, ahead)
    error_season1 = young(kept, rows, ticks, "season1", error_level, ahead / 4)
    error_profile = young(kept, rows, ticks, "profile", error_season1, ahead / 4)
    error_season2 = young(kept, rows, ticks, "season2", error_season1, ahead / 4)
    error = np.stack([error_last, error_level, error_last, error_season1, error_profile, error_season2], -1)
    asleep = np.stack([wide < 0 + last[:, None] * 0] * 3 + [~ok1, ~okp, ~ok2], -1)
    logit = -SHARPNESS * np.log(error / error[..., :1])
    logit[..., 2] -= FAST_ERROR_BONUS
    logit = np.where(asleep, -1e9, logit)
    weight = np.exp(logit - logit.max(-1, keepdims=True))
    weight /= weight.sum(-1, keepdims=True)
    unit = (weight * error).sum(-1)
    level, fast, middle = (kept[name][rows, ticks] for name in ("level", "fast", "middle"))
    anchor = np.stack([0 * s1, (level - last)[:, None] * wide, (fast - last)[:, None] * wide,
                       s1 - last[:, None], p1 - last[:, None], s2 - last[:, None]], -1)
    correction = np.stack([kept["d_season1"][rows, ticks] * (season1 > 0) * known,
                           kept["d_profile"][rows, ticks] * (season1 > 0) * known,
                           kept["d_season2"][rows, ticks] * (season2 > 0) * known,
                           last - fast, fast - middle], -1)
    scale = unit.mean(1)
    return {"anchor": (anchor / scale[:, None, None]).astype(np.float32),
            "logit": logit.astype(np.float32), "unit": (unit / scale[:, None]).astype(np.float32),
            "correction": (correction / scale[:, None]).astype(np.float32),
            "last": last, "scale": scale, "lower": lower, "share": share}


_STEPS = torch.from_numpy(QUANTILE_STEPS.astype(np.float32))


def quantiles(raw, at):
    """raw [n, OUTPUTS] of the head at the grid leads -> [n, leads, 9], relative to last, in scale."""
    raw = raw.view(-1, LEAD_COUNT, OUTPUTS_PER_LEAD)
    if len(at["lower"]) != LEAD_COUNT or np.any(at["share"][:-1] != 0):
        share = torch.from_numpy(at["share"].astype(np.float32))[None, :, None]
        lower = torch.from_numpy(at["lower"])
        raw = raw[:, lower] * (1 - share) + raw[:, lower + 1] * share
    gate = raw[..., :ANCHORS]
    rest = raw[..., ANCHORS:]
    anchor, logit = torch.from_numpy(at["anchor"]), torch.from_numpy(at["logit"])
    unit = torch.from_numpy(at["unit"]).unsqueeze(-1)
    correction = torch.from_numpy(at["correction"]).unsqueeze(1)
    weight = torch.softmax(logit + gate, -1)
    centre = (weight * anchor).sum(-1, keepdim=True)
    centre = centre + (rest[..., :CORRECTIONS] * correction).sum(-1, keepdim=True)
    centre = centre + rest[..., CORRECTIONS:CORRECTIONS + 1] * unit
    steps = torch.exp(rest[..., CORRECTIONS + 1:].clamp(-8, 8))
    down = (steps[..., :4] * _STEPS).cumsum(-1) * unit
    up = (steps[..., 4:] * _STEPS).cumsum(-1) * unit
    return torch.cat([centre - down.flip(-1), centre, centre + up], -1)


_LEVELS = torch.from_numpy(LEVELS.astype(np.float32))


def pinball(forecast, target):
    """Per lead, the mean over the nine levels, times two. NaN targets give NaN."""
    error = target.unsqueeze(-1) - forecast
    return 2 * torch.maximum(_LEVELS * error, (_LEVELS - 1) * error).mean(-1)
