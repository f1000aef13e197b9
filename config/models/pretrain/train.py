#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pretrains the network on synthetic series.

    python3 train.py --out base.safetensors --steps 5000 --seed 1

Lanes walk through series of different lengths from their first reading, window after window; the
recurrent state is carried over window edges, gradients end there. The loss is the pinball loss of
nine quantiles at every lead, at sampled ticks, relative to what the closed-form part leaves.
"""
import argparse
import math
import multiprocessing
import random
import time

import numpy as np
import torch

import inputs as forecast
import network as xlstm
import synthetic

WINDOW = 128
LENGTHS = np.array([1, 2, 4, 8, 16]) * WINDOW
LENGTH_SHARES = np.array([0.42, 0.2, 0.16, 0.13, 0.09])
POINTS = 32          # ticks of a window that are scored
EARLY = 48           # half of those of the first window are among its first ticks
AVERAGING = 0.998    # of the weights that are kept


def scored_ticks(rng, window):
    """Which ticks of a window are scored."""
    if window == 0:
        early = rng.choice(EARLY, POINTS // 2, replace=False)
        late = EARLY + rng.choice(WINDOW - EARLY, POINTS // 2, replace=False)
        return np.sort(np.concatenate([early, late]))
    return window * WINDOW + np.sort(rng.choice(WINDOW, POINTS, replace=False))


def prepare(rng, batch, ticks):
    """Rows ready for training: inputs of every tick; anchors, targets, losses' units where scored."""
    history = {name: (value[:, :ticks] if value.ndim == 2 else value) for name, value in batch.items()}
    kept = forecast.track(history)
    features = forecast.inputs(history, kept)
    count = len(features)
    at = np.concatenate([scored_ticks(rng, window) for window in range(ticks // WINDOW)])
    rows = np.repeat(np.arange(count), len(at))
    origins = np.tile(at, count)
    part = forecast.anchors(history, kept, rows, origins)
    target = batch["x"][rows[:, None], origins[:, None] + forecast.LEADS]
    target = (target - part["last"][:, None]) / part["scale"][:, None]
    with torch.no_grad():
        base = forecast.pinball(forecast.quantiles(torch.zeros(len(rows), forecast.OUTPUTS), part),
                                torch.from_numpy(target.astype(np.float32))).numpy()
    scale = part["scale"][:, None]
    size = (part["unit"] * scale).reshape(count, len(at), -1).mean(1)
    with np.errstate(invalid="ignore"):
        reach = np.nan_to_num(np.abs(target * scale).reshape(count, len(at), -1)).mean(1)
    norm = size + 0.1 * reach + 1e-12
    weight = scale / norm[rows]
    out = []
    for row in range(count):
        mine = slice(row * len(at), (row + 1) * len(at))
        out.append({"inputs": features[row], "at": at, "anchor": part["anchor"][mine],
                    "logit": part["logit"][mine], "unit": part["unit"][mine],
                    "correction": part["correction"][mine], "target": target[mine].astype(np.float32),
                    "weight": weight[mine].astype(np.float32), "base": base[mine]})
    return out


def produce(queue, seed, stop):
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    while not stop.is_set():
        ticks = int(rng.choice(LENGTHS, p=LENGTH_SHARES))
        queue.put(prepare(rng, synthetic.make(rng, 48, ticks), ticks))


class Lanes:
    """Series side by side, each at its own place."""

    def __init__(self, count, queue, rng):
        self.queue, self.rng = queue, rng
        self.pool = []
        self.rows = [None] * count
        self.place = [0] * count

    def row(self):
        while len(self.pool) < 192:
            self.pool += self.queue.get()
        index = self.rng.randrange(len(self.pool))
        self.pool[index], self.pool[-1] = self.pool[-1], self.pool[index]
        return self.pool.pop()

    def next(self):
        """The next window of every lane; fresh: lanes that begin a series with it."""
        fresh = []
        for lane, row in enumerate(self.rows):
            if row is None or self.place[lane] * WINDOW >= len(row["inputs"]):
                self.rows[lane], self.place[lane] = self.row(), 0
                fresh.append(lane)
        parts = {name: [] for name in ("inputs", "at", "anchor", "logit", "unit", "correction", "target",
                                       "weight", "base")}
        for lane, row in enumerate(self.rows):
            place = self.place[lane]
            points = slice(place * POINTS, (place + 1) * POINTS)
            for name, into in parts.items():
                into.append(row[name][place * WINDOW:(place + 1) * WINDOW] if name == "inputs"
                            else row[name][points])
            self.place[lane] = place + 1
        window = {name: np.stack(value) for name, value in parts.items()}
        window["inside"] = window["at"] % WINDOW
        return window, fresh


ALL_LEADS = {"lower": np.minimum(np.arange(forecast.LEAD_COUNT), forecast.LEAD_COUNT - 2),
             "share": (np.arange(forecast.LEAD_COUNT) == forecast.LEAD_COUNT - 1) * 1.0}


def loss_of(model, window, state, amnesia=False):
    x = torch.from_numpy(window["inputs"]).transpose(0, 1).contiguous()
    if amnesia:
        alone = x.view(1, -1, x.shape[-1])
        features = model.features(alone, model.start(alone.shape[1]))[0].view(*x.shape[:2], -1)
    else:
        features, state = model.features(x, state)
    lanes = torch.arange(x.shape[1]).unsqueeze(1)
    scored = features[torch.from_numpy(window["inside"]), lanes]
    raw = model.head(scored.reshape(-1, model.width))
    flat = {name: window[name].reshape(-1, *window[name].shape[2:])
            for name in ("anchor", "logit", "unit", "correction", "target", "weight", "base")}
    target = torch.from_numpy(flat["target"])
    there = torch.isfinite(target)
    target = torch.where(there, target, torch.zeros(()))
    lost = forecast.pinball(forecast.quantiles(raw, dict(flat, **ALL_LEADS)), target)
    weight = torch.from_numpy(flat["weight"]) * there
    with torch.no_grad():
        base = (torch.from_numpy(flat["base"]).nan_to_num() * weight)
        early = torch.from_numpy(window["at"].reshape(-1) < 64)
        figures = {"early": ((lost * weight)[early].sum() / base[early].sum()).item() if early.any() else float("nan"),
                   "late": ((lost * weight)[~early].sum() / base[~early].sum()).item()}
    return (lost * weight).sum() / there.sum(), state, figures


def detach(state):
    return [[part.detach() for part in block] for block in state]


def clear(state, lanes):
    for block in state:
        for place, part in enumerate(block):
            if place == 0:
                part[:, lanes] = 0
            else:
                part[lanes] = 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--arrangement", default="sss", help="one letter a block: s or m")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--lanes", type=int, default=64)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", help="weights to start from")
    parser.add_argument("--amnesia", action="store_true",
                        help="clear the state before every tick: the same network without memory")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    if options.start:
        model, _ = xlstm.load(options.start)
    else:
        model = xlstm.Network(forecast.INPUTS, forecast.OUTPUTS, options.arrangement, options.width,
                              options.heads)
    average = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW([{"params": model.decayed(), "weight_decay": options.decay},
                                   {"params": model.not_decayed(), "weight_decay": 0.0}],
                                  lr=options.rate, betas=(0.9, 0.98))
    context = multiprocessing.get_context("fork")
    queue, stop = context.Queue(12), context.Event()
    workers = [context.Process(target=produce, args=(queue, [options.seed, i], stop), daemon=True)
               for i in range(options.workers)]
    for worker in workers:
        worker.start()
    lanes = Lanes(options.lanes, queue, random.Random(options.seed))
    state = model.start(options.lanes)
    metadata = {"inputs": forecast.INPUTS, "outputs": forecast.OUTPUTS, "arrangement": model.arrangement,
                "width": model.width, "heads": model.heads, "seed": options.seed, "steps": options.steps,
                "leads": ",".join(map(str, forecast.LEADS)), "format": "xlstmd-network-1"}

    def write():
        current = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(average)
        xlstm.save(model, options.out, metadata)
        model.load_state_dict(current)

    began, sums = time.time(), []
    for step in range(options.steps):
        warm = min(1.0, (step + 1) / 100)
        rate = options.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / options.steps)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        window, fresh = lanes.next()
        if fresh:
            clear(state, fresh)
        loss, state, figures = loss_of(model, window, state, options.amnesia)
        state = detach(state)
        if not torch.isfinite(loss):
            print("step %d: loss is not finite, skipped" % step, flush=True)
            state = model.start(options.lanes)
            continue
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        keep = min(AVERAGING, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                average[name].mul_(keep).add_(value, alpha=1 - keep)
        sums.append([loss.item(), figures["early"], figures["late"]])
        if (step + 1) % 50 == 0:
            loss_mean, early, late = np.nanmean(sums, 0)
            print("step %5d  loss %.4f  against closed form: first 64 ticks %.3f, later %.3f  %.0f s" %
                  (step + 1, loss_mean, early, late, time.time() - began), flush=True)
            sums = []
        if (step + 1) % 250 == 0:
            write()
    write()
    stop.set()
    for worker in workers:
        worker.terminate()


if __name__ == "__main__":
    main()
