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
import synthetic

HORIZONS = {"ETTh1": (1, 24, 48), "ETTm1": (1, 24, 48), "los_speed": (1, 3, 6, 12),
            "PRSA": (1, 6, 12, 24), "AirQuality": (1, 6, 12, 24), "i94": (1, 6, 12, 24),
            "parking": (1, 4, 12, 48), "taxi": (1, 12, 24, 48)}
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


def simple(batch, kept, rows, origins, leads, anchor):
    """Persistence (anchor 0) or seasonal persistence (3) with normal quantiles of their errors."""
    part = forecast.anchors(batch, kept, rows, origins, leads)
    if anchor == 0:
        error = kept["error_last"][rows, origins]
        spread = forecast.interpolate(error, part["lower"], part["share"])
    else:
        spread = kept["e_season1"][rows, origins][:, None] * np.ones((1, len(leads)))
    up = np.cumsum(forecast.QUANTILE_STEPS)
    steps = np.concatenate([-up[::-1], [0], up])
    spread = (spread / part["scale"][:, None])[..., None]
    return torch.from_numpy((part["anchor"][..., anchor, None] + steps * spread).astype(np.float32))


def score(quantiles, part, truth):
    """Per origin and lead in the data's unit: pinball, squared error of the mean, inside 80%."""
    scale = part["scale"][:, None]
    target = torch.from_numpy(((truth - part["last"][:, None]) / scale).astype(np.float32))
    inside = ((target >= quantiles[..., 0]) & (target <= quantiles[..., -1])).numpy()
    return {"pinball": forecast.pinball(quantiles, target).numpy() * scale,
            "squared": ((target - quantiles.mean(-1)).numpy() * scale) ** 2,
            "inside": np.where(np.isnan(truth), np.nan, inside)}


class Sums:
    """Totals per span, forecaster and measure, for leads 1..H of one file."""

    POWER = {"pinball": 1, "squared": 2, "inside": 0}

    def __init__(self, leads):
        self.leads = leads
        self.totals = {}

    def add(self, span, key, figures, spread):
        for measure, value in figures.items():
            value = value / spread[:, None] ** self.POWER[measure]
            total = self.totals.setdefault((span, key, measure), np.zeros((2, len(self.leads))))
            total[0] += np.nansum(value, 0)
            total[1] += (~np.isnan(value)).sum(0)

    def mean(self, span, key, measure, horizon):
        total = self.totals[span, key, measure]
        return (total[0, :horizon] / total[1, :horizon]).mean()


def origins_of(batch, first, last, most, rng):
    """At most `most` origins of each series, from first(i) to last(i)."""
    rows, ticks = [], []
    for i in range(len(batch["x"])):
        at = np.arange(first(i), min(last(i), batch["x"].shape[1] - 2))
        if len(at) > most:
            at = np.sort(rng.choice(at, most, replace=False))
        rows.append(np.full(len(at), i))
        ticks.append(at)
    return np.concatenate(rows), np.concatenate(ticks)


def evaluate_batch(sums, models, batch, most, rng):
    kept = forecast.track(batch)
    features = forecast.inputs(batch, kept)
    streams = {key: stream(model, features, reset) for key, (model, reset) in models.items()}
    length = batch["x"].shape[1]
    spread = np.nanstd(batch["x"], 1) + 1e-9
    leads = sums.leads
    spans = {"first": (lambda i: 0, lambda i: 2 * batch["season1"][i], 10 ** 9),
             "later": (lambda i: length // 4, lambda i: length - leads[-1], most)}
    for span, (first, last, count) in spans.items():
        rows, origins = origins_of(batch, first, last, count, rng)
        for cut in range(0, len(rows), 8192):
            r, o = rows[cut:cut + 8192], origins[cut:cut + 8192]
            at = o[:, None] + leads
            truth = batch["x"][r[:, None], np.minimum(at, length - 1)]
            truth = np.where(at < length, truth, np.nan)
            part = forecast.anchors(batch, kept, r, o, leads)
            nothing = torch.zeros(len(r), forecast.OUTPUTS)
            said = {"closed": forecast.quantiles(nothing, part),
                    "persistence": simple(batch, kept, r, o, leads, 0),
                    "season": simple(batch, kept, r, o, leads, 3)}
            for key, (model, _) in models.items():
                with torch.no_grad():
                    said[key] = forecast.quantiles(model.head(streams[key][r, o]), part)
            for key, quantiles in said.items():
                sums.add(span, key, score(quantiles, part, truth), spread[r])


def evaluate(models, data, names, most, ticks_max):
    """file -> Sums; models: name -> (model, whether its state is reset at every tick)."""
    rng = np.random.default_rng(0)
    table = {}
    for name in names:
        table[name] = Sums(np.arange(1, max(HORIZONS[name]) + 1))
        for values, step, start in data[name]:
            batch = real.batch_of(values[:, :ticks_max], step, start)
            evaluate_batch(table[name], models, batch, most, rng)
    return table


def report(table, models):
    """One line a file and horizon, then ratios of pinball as geometric means over those lines."""
    keys = ["persistence", "season", "closed"] + list(models)
    for span in ("first", "later"):
        ratios = {}
        print("\n%s" % {"first": "first two periods", "later": "last three quarters"}[span])
        print("file       H   %s   mse %s   inside 80%%" % (
            " ".join("%11s" % key for key in keys),
            " ".join("%8s" % key for key in ["closed"] + list(models))))
        for name, sums in table.items():
            for horizon in HORIZONS[name]:
                figure = {key: sums.mean(span, key, "pinball", horizon) for key in keys}
                square = {key: sums.mean(span, key, "squared", horizon) for key in keys}
                print("%-10s %-3d " % (name, horizon)
                      + " ".join("%11.4f" % figure[key] for key in keys) + "   "
                      + " ".join("%8.4f" % square[key] for key in ["closed"] + list(models)) + "   "
                      + " ".join("%.3f" % sums.mean(span, key, "inside", horizon)
                                 for key in models))
                better = min(figure["persistence"], figure["season"])
                for key in ["closed"] + list(models):
                    add = lambda what, value: ratios.setdefault((key, what), []).append(value)
                    add("over the better of persistence and season", figure[key] / better)
                    if key != "closed":
                        add("over closed", figure[key] / figure["closed"])
                        add("over closed, squared", square[key] / square["closed"])
                    if key.startswith("reset"):
                        add("over kept", figure[key] / figure[key[len("reset "):]])
        for (key, what), values in ratios.items():
            print("%-12s %-42s geometric mean %.4f, worst %.3f" % (
                key, what, np.exp(np.mean(np.log(values))), max(values)))


def long_run(model, ticks, count=2):
    """Synthetic series of many ticks: pinball over the closed form's, in ten parts of the way."""
    rng = np.random.default_rng(3)
    batch = synthetic.make(rng, count, ticks)
    history = {name: value[:, :ticks] if value.ndim == 2 else value
               for name, value in batch.items()}
    kept = forecast.track(history)
    features = stream(model, forecast.inputs(history, kept), False)
    print("largest feature %.2f" % features.abs().max().item())
    rows = np.repeat(np.arange(count), 2000)
    for part in range(10):
        origins = rng.integers(part * ticks // 10, (part + 1) * ticks // 10, len(rows))
        at = forecast.anchors(history, kept, rows, origins)
        truth = batch["x"][rows[:, None], origins[:, None] + forecast.LEADS]
        with torch.no_grad():
            said = forecast.quantiles(model.head(features[rows, origins]), at)
        closed = forecast.quantiles(torch.zeros(len(rows), forecast.OUTPUTS), at)
        lost, base = (np.nansum(score(quantiles, at, truth)["pinball"].reshape(count, -1), 1)
                      for quantiles in (said, closed))
        ratio = np.exp(np.mean(np.log(lost / base)))
        print("ticks %7d to %7d: over closed %.3f" % (part * ticks // 10, (part + 1) * ticks // 10,
                                                      ratio))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--data", default="../../../../shared/data")
    parser.add_argument("--files", default=",".join(HORIZONS))
    parser.add_argument("--most", type=int, default=400, help="origins a series, later span")
    parser.add_argument("--ticks", type=int, default=10 ** 9)
    parser.add_argument("--reset", action="store_true",
                        help="also with the state cleared at every tick")
    parser.add_argument("--long", type=int, metavar="TICKS",
                        help="instead: synthetic series of this many ticks")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.long:
        long_run(xlstm.load(options.weights[0])[0], options.long)
        return
    models = {}
    for index, path in enumerate(options.weights):
        model, _ = xlstm.load(path)
        key = "net%d" % index
        models[key] = (model, False)
        if options.reset:
            models["reset " + key] = (model, True)
    began = time.time()
    table = evaluate(models, real.load(options.data), options.files.split(","), options.most,
                     options.ticks)
    report(table, models)
    print("%.0f s" % (time.time() - began))


if __name__ == "__main__":
    main()
