# SPDX-License-Identifier: Apache-2.0
"""Series made up on the fly: sums and products of rhythm, drift and noise, and what goes wrong with
sensors. make(rng, count, ticks) gives a batch for inputs.track()."""
import numpy as np

DAYS = np.array([24, 48, 96, 144, 288])    # ticks of a day: 1 h, 30 min, 15 min, 10 min, 5 min
DAY_SHARES = np.array([0.42, 0.2, 0.18, 0.08, 0.12])
WEEK_TICKS_MAX = 2016


def log_uniform(rng, low, high, size=None):
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def first_order(noise, rate):
    """y_t = (1 - rate) y_{t-1} + noise_t, started in its stationary distribution, unit variance."""
    keep = 1 - rate
    gain = np.sqrt(1 - keep ** 2)
    out = np.empty_like(noise)
    out[:, 0] = noise[:, 0]
    for t in range(1, noise.shape[1]):
        out[:, t] = keep * out[:, t - 1] + gain * noise[:, t]
    return out


def standard(x):
    return (x - x.mean()) / (x.std() + 1e-9)


def shape_of_day(rng, usual=False):
    """A function of the phase 0..1, about unit variance; usual: high by day, low by night."""
    kind = rng.choice(["harmonics", "bumps", "sun", "box", "saw"], p=[0.4, 0.25, 0.12, 0.13, 0.1])
    grid = np.arange(512) / 512
    if kind == "harmonics":
        top = rng.integers(1, 9)
        order = np.arange(1, top + 1)
        size = rng.normal(size=top) * order ** -rng.uniform(0.5, 2.5)
        angle = 2 * np.pi * (order[:, None] * grid + rng.random((top, 1)))
        y = (size[:, None] * np.sin(angle)).sum(0)
    elif kind == "bumps":
        y = np.zeros(512)
        for _ in range(rng.integers(1, 4)):
            distance = np.abs((grid - rng.random() + 0.5) % 1 - 0.5)
            y += rng.uniform(0.3, 1) * np.exp(-0.5 * (distance / rng.uniform(0.015, 0.15)) ** 2)
        y *= rng.choice([1, 1, -1])
    elif kind == "sun":
        height = np.cos(2 * np.pi * (grid - rng.random())) + rng.uniform(-0.4, 0.4)
        y = np.maximum(0, height) ** rng.uniform(0.7, 2)
    elif kind == "box":
        width = rng.uniform(0.05, 0.6)
        distance = np.abs((grid - rng.random() + 0.5) % 1 - 0.5)
        y = 1 / (1 + np.exp(np.clip((distance - width / 2) / rng.uniform(0.002, 0.03), -50, 50)))
    else:
        rise = rng.uniform(0.03, 0.5)
        phase = (grid + rng.random()) % 1
        y = np.where(phase < rise, phase / rise, (1 - phase) / (1 - rise)) ** rng.uniform(0.5, 2)
    y = standard(y)
    if usual:
        wave = (y * np.exp(-2j * np.pi * grid)).sum()
        peak = -np.angle(wave) / (2 * np.pi)
        wanted = rng.normal(14.5, 2.5) / 24
        y = np.roll(y, int(round((wanted - peak) * 512)))
    return lambda phase: np.interp(phase % 1, np.append(grid, 1), np.append(y, y[0]))


def wander(rng, length, spread, keep):
    """One value per day: an autoregression with this spread."""
    out = np.empty(length)
    out[0] = rng.normal()
    for i in range(1, length):
        out[i] = keep * out[i - 1] + np.sqrt(1 - keep ** 2) * rng.normal()
    return spread * out


def daily(rng, phase, day_of_week):
    """phase counts days since the start, day_of_week 0..6 for each tick."""
    days = np.floor(phase).astype(int)
    length = days[-1] + 2
    usual = rng.random() < 0.55
    shape = shape_of_day(rng, usual)
    jitter = wander(rng, length, rng.choice([0, 0.005, 0.03]), 0.5)[days]
    y = shape(phase + jitter)
    if rng.random() < 0.55:
        rest = np.isin(day_of_week, rng.choice([5, 6, 0], size=rng.integers(1, 3), replace=False))
        kind = rng.integers(4)
        if kind == 0:
            y = np.where(rest, rng.uniform(0, 1) * y + rng.normal() * 0.5, y)
        elif kind == 1:
            other = shape_of_day(rng, usual)(phase) * rng.uniform(0.2, 1) + rng.normal() * 0.7
            y = np.where(rest, other, y)
        elif kind == 2:
            y = y * rng.uniform(0.4, 1.3, 7)[day_of_week] + rng.normal(size=7)[day_of_week] * 0.3
        else:
            y = np.where(rest, y * rng.uniform(0.3, 0.8), y)
    fraction = phase - days
    size = wander(rng, length, rng.choice([0, 0.1, 0.25, 0.5]), rng.uniform(0, 0.9))
    y = y * np.exp(size[days] * (1 - fraction) + size[days + 1] * fraction)
    if rng.random() < 0.08:    # another shape from some day on
        change = rng.integers(len(phase) // 4, len(phase))
        y = np.where(np.arange(len(phase)) < change, y, shape_of_day(rng, usual)(phase))
    return y


def cycle(rng, ticks, period):
    """A machine's cycle: its phase may wander a little."""
    drift = np.cumsum(rng.normal(size=ticks)) * rng.choice([0, 0, 0.01, 0.05]) / np.sqrt(period)
    return shape_of_day(rng)((np.arange(ticks) + rng.random() * period) / period + drift)


def white(rng, ticks):
    kind = rng.integers(4)
    if kind == 0:
        return rng.normal(size=ticks)
    if kind == 1:
        return rng.laplace(size=ticks) / np.sqrt(2)
    if kind == 2:
        return np.clip(rng.standard_t(3, size=ticks), -20, 20) / np.sqrt(3)
    return standard(rng.exponential(size=ticks) ** rng.uniform(0.5, 1.3))


def regimes(rng, ticks):
    """Jumps between a few levels, held for random times."""
    dwell = log_uniform(rng, 4, 600)
    levels = rng.normal(size=rng.integers(2, 5))
    ends = np.cumsum(1 + rng.exponential(dwell, size=int(3 * ticks / dwell) + 4)).astype(int)
    held = rng.integers(len(levels), size=len(ends) + 1)
    return levels[held[np.searchsorted(ends, np.arange(ticks))]]


def transform(rng, y, noise):
    """What a sensor makes of the quantity; y is standardised."""
    kind = rng.choice(["none", "exp", "power", "floor", "ceiling", "both", "count", "rare",
                       "switch"], p=[0.44, 0.12, 0.05, 0.08, 0.08, 0.06, 0.09, 0.04, 0.04])
    if kind == "exp":
        y = np.exp(np.clip(y * rng.uniform(0.3, 1.1), -6, 6))
    elif kind == "power":
        y = np.maximum(y + rng.uniform(0, 3), 0) ** rng.uniform(0.5, 2.5)
    elif kind == "floor":
        y = np.maximum(y, np.quantile(y, rng.uniform(0.02, 0.7)))
    elif kind == "ceiling":
        y = np.minimum(y, np.quantile(y, rng.uniform(0.2, 0.98)))
    elif kind == "both":
        low = rng.uniform(0.02, 0.5)
        y = np.clip(y, np.quantile(y, low), np.quantile(y, rng.uniform(low + 0.2, 0.99)))
    elif kind == "count":
        rate = log_uniform(rng, 0.2, 60) * np.exp(np.clip(y * rng.uniform(0.2, 0.9), -4, 3))
        return rng.poisson(rate) * 1.0
    elif kind == "rare":
        chance = 1 / (1 + np.exp(-(y * rng.uniform(0.3, 2) - rng.uniform(0.5, 3))))
        return (rng.random(len(y)) < chance) * rng.gamma(2, 1, len(y))
    elif kind == "switch":
        y = (y > np.quantile(y, rng.uniform(0.2, 0.8))) * 1.0
        return y + noise * rng.choice([0, 0.02, 0.1])
    if kind in ("floor", "ceiling", "both") and rng.random() < 0.6:
        y = y + noise * log_uniform(rng, 0.02, 0.4)
    return y


def disturb(rng, y):
    """Spikes, level shifts, stuck runs, quantisation."""
    ticks = len(y)
    spread = y.std() + 1e-9
    if rng.random() < 0.15:
        for at in rng.integers(ticks, size=rng.integers(1, 2 + ticks // 150)):
            size = spread * rng.normal() * log_uniform(rng, 1, 8)
            length = min(int(log_uniform(rng, 1, 20)), ticks - at)
            y[at:at + length] += size * np.exp(-np.arange(length) / max(length / 3, 0.3))
    if rng.random() < 0.15:
        for at in rng.integers(ticks, size=rng.integers(1, 4)):
            y[at:] += spread * rng.normal() * rng.uniform(0.5, 4)
    if rng.random() < 0.04:
        at = rng.integers(1, ticks)
        y[at:at + int(log_uniform(rng, 5, 300))] = rng.choice([y[at - 1], y.min(), 0])
    if rng.random() < 0.4:
        grain = spread * log_uniform(rng, 0.003, 0.5)
        y = np.round(y / grain) * grain
    return y


def lose(rng, y, ticks):
    """Missing readings; the first one is always there."""
    if rng.random() < 0.3:
        share = log_uniform(rng, 0.003, 0.3)
        length = log_uniform(rng, 1, 60)
        runs = max(1, int(share * len(y) / length))
        for at in rng.integers(1, len(y), size=runs):
            y[at:at + 1 + int(rng.exponential(length))] = np.nan
    if rng.random() < 0.05:
        at = rng.integers(1, ticks)
        y[at:at + int(log_uniform(rng, 20, 400))] = np.nan
    return y


def make(rng, count, ticks, future=512):
    length = ticks + future
    rough = first_order(rng.normal(size=(count, length)), 1 / log_uniform(rng, 1.01, 60, count))
    slow = first_order(rng.normal(size=(count, length)), 1 / log_uniform(rng, 20, 4000, count))
    pace = 1 / log_uniform(rng, 1.5, 150, count)
    smooth = first_order(first_order(rng.normal(size=(count, length)), pace), pace)
    batch = {"x": np.empty((count, length)), "day": np.full((count, length), np.nan),
             "week": np.full((count, length), np.nan),
             "season1": np.zeros(count, int), "season2": np.zeros(count, int),
             "awake": np.zeros(count, int)}
    for i in range(count):
        one(rng, batch, i, ticks, [rough[i], slow[i], smooth[i]])
    return batch


def rhythms(rng, kind, length, per_day, start):
    """The parts of a series that repeat, the first about unit variance, and the cycle's period."""
    clock = start + np.arange(length)
    if kind == "daily":
        phase = clock / per_day - start // per_day
        parts = [daily(rng, phase, (clock // per_day) % 7)]
        if rng.random() < 0.15:
            period = log_uniform(rng, 4, 2 * per_day)
            parts.append(log_uniform(rng, 0.1, 0.6) * cycle(rng, length, period))
        return parts, 0
    if kind == "cycle":
        period = log_uniform(rng, 5, 400)
        period = round(period) if rng.random() < 0.7 else period
        return [cycle(rng, length, period)], period
    return [], 0


def drifts(rng, kind, rough, slow, smooth):
    """The parts that wander."""
    length = len(rough)
    parts = []
    if rng.random() < 0.75:
        parts.append(slow * log_uniform(rng, 0.1, 3))
    if rng.random() < 0.4 or kind == "none":
        parts.append(smooth / (smooth.std() + 1e-9) * log_uniform(rng, 0.1, 2))
    if rng.random() < 0.6:
        parts.append(rough * log_uniform(rng, 0.05, 1.5))
    if rng.random() < 0.12:
        parts.append(regimes(rng, length) * log_uniform(rng, 0.2, 2))
    if rng.random() < 0.12:
        parts.append(np.cumsum(rng.normal(size=length)) * log_uniform(rng, 0.003, 0.2))
    if rng.random() < 0.15:
        parts.append(rng.normal() * np.linspace(0, rng.uniform(0.2, 4), length))
    return parts


def combine(rng, kind, repeating, wandering, slow):
    """Sums, or products, with noise that may follow the rhythm."""
    length = len(slow)
    noise = white(rng, length) * log_uniform(rng, 0.01, 1)
    if rng.random() < 0.25:
        follows = repeating[0] if repeating else slow
        noise = noise * np.exp(np.clip(rng.normal() * follows, -2, 2))
    parts = repeating + wandering + [noise]
    if kind == "daily" and rng.random() < 0.3 and len(parts) > 2:
        envelope = np.exp(np.clip(sum(parts[1:]) * 0.5, -3, 3))
        return envelope * (parts[0] - parts[0].min() + rng.uniform(0, 1))
    return sum(parts)


def place(rng, y):
    """Unit and offset of a sensor."""
    y = y * 10 ** rng.uniform(-2, 3)
    offset = rng.choice([0, 4, 60], p=[0.5, 0.35, 0.15])
    return y + (y.std() + 1e-9) * rng.normal() * offset


def calendar(rng, batch, i, kind, per_day, period, phase):
    """What the daemon would know of seasons and clock: the day, a found cycle, nothing, or wrong."""
    known = rng.random()
    if kind == "cycle":
        if known < 0.65:
            batch["season1"][i] = max(round(period), 2)
            batch["awake"][i] = 0 if known < 0.15 else int(rng.uniform(1.5, 4) * period)
        elif known < 0.9:
            batch["season1"][i] = per_day
    elif known < 0.92:
        batch["season1"][i] = per_day
        if rng.random() < 0.08:
            batch["awake"][i] = int(rng.uniform(1.5, 4) * per_day)
    if (batch["season1"][i] == per_day and 7 * per_day <= WEEK_TICKS_MAX
            and rng.random() < 0.85):
        batch["season2"][i] = 7 * per_day
    if rng.random() < 0.85:
        batch["day"][i] = phase % 1
        batch["week"][i] = (phase / 7) % 1


def one(rng, batch, i, ticks, processes):
    length = len(processes[0])
    per_day = rng.choice(DAYS, p=DAY_SHARES)
    start = rng.integers(7 * per_day)
    kind = rng.choice(["daily", "cycle", "none"], p=[0.66, 0.12, 0.22])
    repeating, period = rhythms(rng, kind, length, per_day, start)
    y = combine(rng, kind, repeating, drifts(rng, kind, *processes), processes[1])
    y = transform(rng, standard(y), white(rng, length))
    y = place(rng, disturb(rng, y))
    batch["x"][i] = lose(rng, y, ticks)
    calendar(rng, batch, i, kind, per_day, period, (start + np.arange(length)) / per_day)
