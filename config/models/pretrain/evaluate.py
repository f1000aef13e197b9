#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Streams real files through the network from their first readings and prints its figures.

    python3 evaluate.py base.safetensors --data ../../../../shared/data

Columns: `closed` is the closed-form part alone (a head of zeros), `persistence` and `season` have
normal quantiles of their own tracked errors; `reset` is the network with its state cleared at every
tick. Ratios are pinball over pinball, means over leads 1..H and series weighted by 1 / spread.
"""
import argparse
import time

import numpy as np
import torch

import inputs as forecast
import network as xlstm
import real

HORIZONS = {"ETTh1": (1, 24, 48), "ETTm1": (1, 24, 48), "los_speed": (1, 3, 6, 12), "PRSA": (1, 6, 12, 24),
            "AirQuality": (1, 6, 12, 24), "i94": (1, 6, 12, 24), "parking": (1, 4, 12, 48),
            "taxi": (1, 12, 24, 48)}
CHUNK = 512


def stream(model, features, reset):
    """features [B, N, inputs] -> the network's features [B, N, width]."""
    out = []
    with torch.no_grad():
        state = model.start(len(features))
        for first in range(0, features.shape[1], CHUNK):
            x = torch.from_numpy(features[:, first:first + CHUNK]).transpose(0, 1).contiguous()
            if reset:
                steps, count, width = x.shape
                y, _ = model.features(x.view(1, steps * count, width), model.start(steps * count))
                y = y.view(steps, count, -1)
            else:
                y, state = model.features(x, state)
            out.append(y.transpose(0, 1))
    return torch.cat(out, 1)


def simple(kept, batch, rows, origins, leads, field):
    """Persistence (field last) or seasonal persistence with normal quantiles of their own errors."""
    part = forecast.anchors(batch, kept, rows, origins, leads)
    centre = part["anchor"][..., 0 if field == "last" else 3]
    if field == "last":
        position = np.interp(np.log(leads), np.log(forecast.LEADS), np.arange(forecast.LEAD_COUNT))
        lower = np.minimum(position.astype(int), forecast.LEAD_COUNT - 2)
        error = kept["error_last"][rows, origins]
        spread = error[:, lower] * (1 - (position - lower)) + error[:, lower + 1] * (position - lower)
    else:
        spread = kept["error_season1"][rows, origins][:, None] * np.ones((1, len(leads)))
    z = np.concatenate([-np.cumsum(forecast.QUANTILE_STEPS)[::-1], [0], np.cumsum(forecast.QUANTILE_STEPS)])
    spread = (spread / part["scale"][:, None])[..., None]
    return torch.from_numpy((centre[..., None] + z * spread).astype(np.float32))


def score(quantiles, part, truth):
    """Per origin and lead in the data's unit: pinball, squared error of the mean, inside 80%."""
    target = torch.from_numpy(((truth - part["last"][:, None]) / part["scale"][:, None]).astype(np.float32))
    scale = part["scale"][:, None]
    return {"pinball": forecast.pinball(quantiles, target).numpy() * scale,
            "squared": ((target - quantiles.mean(-1)).numpy() * scale) ** 2,
            "inside": np.where(np.isnan(truth), np.nan,
                               ((target >= quantiles[..., 0]) & (target <= quantiles[..., -1])).numpy())}


def origins_of(batch, first, last, most, rng):
    rows, ticks = [], []
    for i in range(len(batch["x"])):
        to = min(last(i), batch["x"].shape[1] - 2)
        at = np.arange(first(i), to)
        if len(at) > most:
            at = np.sort(rng.choice(at, most, replace=False))
        rows.append(np.full(len(at), i))
        ticks.append(at)
    return np.concatenate(rows), np.concatenate(ticks)


def evaluate(models, data, names, most, ticks_max):
    """file -> span -> variant -> measure [leads]; models: name -> (model, reset)."""
    rng = np.random.default_rng(0)
    table = {}
    for name in names:
        leads = np.arange(1, max(HORIZONS[name]) + 1)
        sums = {}
        for values, step, start in data[name]:
            batch = real.batch_of(values[:, :ticks_max], step, start)
            kept = forecast.track(batch)
            features = forecast.inputs(batch, kept)
            streams = {key: stream(model, features, reset) for key, (model, reset) in models.items()}
            length = batch["x"].shape[1]
            spread = np.nanstd(batch["x"], 1) + 1e-9
            spans = {"first": (lambda i: 0, lambda i: 2 * batch["season1"][i]),
                     "later": (lambda i: length // 4, lambda i: length - leads[-1])}
            for span, (first, last) in spans.items():
                rows, origins = origins_of(batch, first, last, most if span == "later" else 10 ** 9, rng)
                for cut in range(0, len(rows), 8192):
                    r, o = rows[cut:cut + 8192], origins[cut:cut + 8192]
                    at = np.minimum(o[:, None] + leads, length - 1)
                    truth = np.where(o[:, None] + leads < length, batch["x"][r[:, None], at], np.nan)
                    part = forecast.anchors(batch, kept, r, o, leads)
                    said = {"closed": forecast.quantiles(torch.zeros(len(r), forecast.OUTPUTS), part),
                            "persistence": simple(kept, batch, r, o, leads, "last"),
                            "season": simple(kept, batch, r, o, leads, "season")}
                    for key, (model, _) in models.items():
                        with torch.no_grad():
                            said[key] = forecast.quantiles(model.head(streams[key][r, o]), part)
                    for key, quantiles in said.items():
                        figures = score(quantiles, part, truth)
                        for measure, value in figures.items():
                            power = {"pinball": 1, "squared": 2, "inside": 0}[measure]
                            value = value / spread[r][:, None] ** power
                            total = sums.setdefault((span, key, measure), np.zeros((2, len(leads))))
                            total[0] += np.nansum(value, 0)
                            total[1] += (~np.isnan(value)).sum(0)
        table[name] = sums
    return table


def mean_to(table, name, span, key, measure, horizon):
    total = table[name][span, key, measure]
    return (total[0, :horizon] / total[1, :horizon]).mean()


def report(table, models):
    keys = ["persistence", "season", "closed"] + list(models)
    ratios = {}
    for name, sums in table.items():
        for horizon in HORIZONS[name]:
            cells = []
            for span in ("first", "later"):
                figure = {key: mean_to(table, name, span, key, "pinball", horizon) for key in keys}
                simple_best = min(figure["persistence"], figure["season"])
                for key in models:
                    ratios.setdefault((span, key, "closed"), []).append(figure[key] / figure["closed"])
                    ratios.setdefault((span, key, "simple"), []).append(figure[key] / simple_best)
                    square = {other: mean_to(table, name, span, other, "squared", horizon) for other in (key, "closed")}
                    ratios.setdefault((span, key, "squared"), []).append(square[key] / square["closed"])
                cells.append(" ".join("%s %.4f" % (key[:6], value) for key, value in figure.items()))
                main = next(iter(models))
                cells.append("mse %.3f c80 %.3f |" % (mean_to(table, name, span, main, "squared", horizon),
                                                      mean_to(table, name, span, main, "inside", horizon)))
            print("%-10s H=%-3d %s" % (name, horizon, "  ".join(cells)))
    for key, values in ratios.items():
        print("%-6s %-8s over %-8s geometric mean %.4f worst %.3f" % (
            key + (np.exp(np.mean(np.log(values))), max(values))))
    names = list(models)
    if len(names) > 1:
        for other in names[1:]:
            for span in ("first", "later"):
                logs = [np.log(mean_to(table, n, span, other, "pinball", h) / mean_to(table, n, span, names[0], "pinball", h))
                        for n in table for h in HORIZONS[n]]
                print("%s: %s over %s, pinball, geometric mean %.4f" % (span, other, names[0], np.exp(np.mean(logs))))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--data", default="../../../../shared/data")
    parser.add_argument("--files", default=",".join(HORIZONS))
    parser.add_argument("--most", type=int, default=400, help="origins of a series in the later span")
    parser.add_argument("--ticks", type=int, default=10 ** 9)
    parser.add_argument("--reset", action="store_true", help="also with the state cleared at every tick")
    options = parser.parse_args()
    torch.set_num_threads(1)
    models = {}
    for path in options.weights:
        model, _ = xlstm.load(path)
        model.eval()
        key = "net%d" % len(models)
        models[key] = (model, False)
        if options.reset:
            models["reset" + key] = (model, True)
    began = time.time()
    table = evaluate(models, real.load(options.data), options.files.split(","), options.most, options.ticks)
    report(table, models)
    print("%.0f s" % (time.time() - began))


if __name__ == "__main__":
    main()
