# SPDX-License-Identifier: Apache-2.0
"""The eight real files that figures are quoted on, as batches for inputs.track()."""
import csv
import datetime
import glob
import gzip
import os

import numpy as np


def rows(path):
    with gzip.open(path, "rt") as file:
        return list(csv.reader(file))


def numbers(texts, missing=()):
    texts = [text.strip() for text in texts]
    return np.array([np.nan if not text or text in missing else float(text) for text in texts])


def seconds(text):
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y/%m/%d %H:%M"):
        try:
            time = datetime.datetime.strptime(text, form)
        except ValueError:
            continue
        return time.replace(tzinfo=datetime.timezone.utc).timestamp()
    raise ValueError("not a time: " + text)


def table(path, time, columns, missing=()):
    content = rows(path)
    header = content[0]
    places = [header.index(name) for name in columns]
    values = np.array([numbers([row[place] for place in places], missing) for row in content[1:]]).T
    return values, seconds(content[1][header.index(time)])


def gridded(times, values, step):
    """One value per tick, the last reading wins; ticks without one are missing."""
    at = np.round((np.asarray(times) - times[0]) / step).astype(int)
    out = np.full(at.max() + 1, np.nan)
    for place, value in zip(at, values):
        if not np.isnan(value):
            out[place] = value
    return out


def load(root):
    """name -> list of (values [series, ticks], step in seconds, start in seconds)."""
    ett = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    out = {}
    for name, step in (("ETTh1", 3600), ("ETTm1", 900)):
        values, start = table(os.path.join(root, "ett", name + ".csv.gz"), "date", ett)
        out[name] = [(values, step, start)]
    content = rows(os.path.join(root, "traffic", "los_speed.csv.gz"))
    values = np.array([numbers(row) for row in content[1:]]).T
    out["los_speed"] = [(values, 300, seconds("2012-03-01 00:00:00"))]
    columns = ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "WSPM"]
    out["PRSA"] = []
    for path in sorted(glob.glob(os.path.join(root, "iot", "prsa", "*.csv.gz"))):
        content = rows(path)
        places = [content[0].index(name) for name in columns]
        values = [numbers([row[place] for place in places], ("NA",)) for row in content[1:]]
        out["PRSA"].append((np.array(values).T, 3600, seconds("2013-03-01 00:00:00")))
    content = rows(os.path.join(root, "iot", "AirQualityUCI.csv.gz"))
    values = np.array([numbers(row[1:], ("-200", "-200.0")) for row in content[1:]]).T
    out["AirQuality"] = [(values, 3600, seconds(content[1][0]))]
    content = rows(os.path.join(root, "traffic", "i94_metro_volume.csv.gz"))
    place = content[0].index("date_time")
    times = [seconds(row[place]) for row in content[1:]]
    values = numbers([row[-1] for row in content[1:]])
    out["i94"] = [(gridded(times, values, 3600)[None], 3600, times[0])]
    content = rows(os.path.join(root, "iot", "aarhus_parking.csv.gz"))
    out["parking"] = []
    for garage in sorted({row[4] for row in content[1:]}):
        mine = [row for row in content[1:] if row[4] == garage]
        times = [seconds(row[1]) for row in mine]
        values = numbers([row[0] for row in mine])
        out["parking"].append((gridded(times, values, 1800)[None], 1800, times[0]))
    content = rows(os.path.join(root, "nab", "realKnownCause", "nyc_taxi.csv.gz"))
    times = [seconds(row[0]) for row in content[1:]]
    values = numbers([row[1] for row in content[1:]])
    out["taxi"] = [(gridded(times, values, 1800)[None], 1800, times[0])]
    return out


def batch_of(values, step, start):
    """The series begin at their own first reading."""
    kept, clocks = [], []
    for series in values:
        there = np.flatnonzero(~np.isnan(series))
        if len(there) > 200:
            kept.append(series[there[0]:])
            clocks.append(start + there[0] * step)
    length = max(len(series) for series in kept)
    x = np.full((len(kept), length), np.nan)
    for i, series in enumerate(kept):
        x[i, :len(series)] = series
    time = np.array(clocks)[:, None] + np.arange(length)[None] * step
    day_ticks = int(86400 // step)
    count = len(kept)
    week = 7 * day_ticks
    return {"x": x, "season1": np.full(count, day_ticks), "awake": np.zeros(count, int),
            "season2": np.full(count, week if week <= 2016 else 0),
            "day": (time % 86400) / 86400, "week": (time / 86400 + 3) % 7 / 7}
