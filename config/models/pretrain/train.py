#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pretrains the network on synthetic series.

    python3 train.py --out base.safetensors --steps 4500 --seed 1

Lanes walk through series of different lengths from their first reading, window after window; the
recurrent state is carried over window edges, gradients end there. The loss is the pinball loss of
nine quantiles at every lead, at sampled ticks, relative to the size of the closed-form errors.
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
POINTS = 32        # ticks of a window that are scored
EARLY = 48         # half of those of the first window are among its first ticks
AVERAGING = 0.998  # of the weights that are kept
SERIES = 48        # made at once
POOL = 192         # series that wait, to be drawn in random order
WARM_UP = 100
REPORT, WRITE = 50, 250

SCORED = ("anchor", "logit", "unit", "correction", "target", "weight", "base")


# --- data -------------------------------------------------------------------------------------

def scored_ticks(rng, window):
    if window == 0:
        early = rng.choice(EARLY, POINTS // 2, replace=False)
        late = EARLY + rng.choice(WINDOW - EARLY, POINTS // 2, replace=False)
        return np.sort(np.concatenate([early, late]))
    return window * WINDOW + np.sort(rng.choice(WINDOW, POINTS, replace=False))


def prepare(rng, batch, ticks):
    """One dict a series: inputs of every tick; what outputs are applied to and scored by."""
    history = {name: value[:, :ticks] if value.ndim == 2 else value
               for name, value in batch.items()}
    kept = forecast.track(history)
    tokens = forecast.inputs(history, kept)
    count = len(tokens)
    at = np.concatenate([scored_ticks(rng, window) for window in range(ticks // WINDOW)])
    rows, origins = np.repeat(np.arange(count), len(at)), np.tile(at, count)
    part = forecast.anchors(history, kept, rows, origins)
    scale = part["scale"][:, None]
    target = batch["x"][rows[:, None], origins[:, None] + forecast.LEADS]
    target = (target - part["last"][:, None]) / scale
    part["target"] = target.astype(np.float32)
    with torch.no_grad():
        nothing = torch.zeros(len(rows), forecast.OUTPUTS)
        closed = forecast.quantiles(nothing, part)
        part["base"] = forecast.pinball(closed, torch.from_numpy(part["target"])).numpy()
    # a lead of a series counts by its errors over the size that errors have there
    size = (part["unit"] * scale).reshape(count, len(at), -1).mean(1)
    reach = np.nan_to_num(np.abs(target * scale)).reshape(count, len(at), -1).mean(1)
    part["weight"] = (scale / (size + 0.1 * reach + 1e-12)[rows]).astype(np.float32)
    return [dict({name: part[name][row * len(at):(row + 1) * len(at)] for name in SCORED},
                 inputs=tokens[row], at=at) for row in range(count)]


def produce(queue, seed, stop):
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    while not stop.is_set():
        ticks = int(rng.choice(LENGTHS, p=LENGTH_SHARES))
        queue.put(prepare(rng, synthetic.make(rng, SERIES, ticks), ticks))


class Lanes:
    """Series side by side, each at its own place."""

    def __init__(self, count, queue, rng):
        self.queue, self.rng = queue, rng
        self.pool = []
        self.rows = [None] * count
        self.windows = [0] * count

    def draw(self):
        while len(self.pool) < POOL:
            self.pool += self.queue.get()
        index = self.rng.randrange(len(self.pool))
        self.pool[index], self.pool[-1] = self.pool[-1], self.pool[index]
        return self.pool.pop()

    def next(self):
        """The next window of every lane, and the lanes that begin a series with it."""
        fresh = []
        for lane, row in enumerate(self.rows):
            if row is None or self.windows[lane] * WINDOW >= len(row["inputs"]):
                self.rows[lane], self.windows[lane] = self.draw(), 0
                fresh.append(lane)
        window = {}
        for name in SCORED + ("at", "inputs"):
            size = WINDOW if name == "inputs" else POINTS
            window[name] = np.stack([row[name][place * size:(place + 1) * size]
                                     for row, place in zip(self.rows, self.windows)])
        self.windows = [place + 1 for place in self.windows]
        return window, fresh


# --- training ---------------------------------------------------------------------------------

GRID = dict(zip(("lower", "share"), forecast.between(forecast.LEADS)))


def loss_of(model, window, state, amnesia=False, most=math.inf):
    """Loss, the state after the window, and figures against the closed form; a lead of a tick counts
    by `most` at most, and teaches nothing where it is more."""
    tokens = torch.from_numpy(window["inputs"]).transpose(0, 1).contiguous()
    if amnesia:
        alone = tokens.view(1, -1, tokens.shape[-1])
        features, _ = model.features(alone, model.start(alone.shape[1]))
        features = features.view(*tokens.shape[:2], -1)
    else:
        features, state = model.features(tokens, state)
    lanes = torch.arange(tokens.shape[1]).unsqueeze(1)
    scored = features[torch.from_numpy(window["at"] % WINDOW), lanes]
    raw = model.head(scored.reshape(-1, model.width))
    part = {name: window[name].reshape(-1, *window[name].shape[2:]) for name in SCORED}
    target = torch.from_numpy(part["target"])
    there = torch.isfinite(target)
    said = forecast.quantiles(raw, dict(part, **GRID))
    lost = forecast.pinball(said, torch.where(there, target, torch.zeros(())))
    lost = (lost * torch.from_numpy(part["weight"])).clamp(max=most) * there
    with torch.no_grad():
        base = torch.from_numpy(np.nan_to_num(part["base"] * part["weight"]))
        early = torch.from_numpy(window["at"].reshape(-1) < 64)
        figures = [(lost[which].sum() / base[which].sum()).item() for which in (early, ~early)]
    return lost.sum() / there.sum(), state, figures


def detach(state):
    return [[part.detach() for part in block] for block in state]


def clear(state, lanes):
    """Empties the state of some lanes. The convolution's window has its lanes in the middle."""
    for window, *memory in state:
        window[:, lanes] = 0
        for part in memory:
            part[lanes] = 0


def rate_at(step, options):
    warm = min(1.0, (step + 1) / WARM_UP)
    return options.rate * warm * (0.01 + 0.495 * (1 + math.cos(math.pi * step / options.steps)))


class Average:
    """Weights averaged over the last steps: those are kept."""

    def __init__(self, model):
        self.values = {name: value.clone() for name, value in model.state_dict().items()}

    def add(self, model, step):
        keep = min(AVERAGING, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                self.values[name].mul_(keep).add_(value, alpha=1 - keep)

    def write(self, model, path, metadata):
        now = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self.values)
        xlstm.save(model, path, metadata)
        model.load_state_dict(now)


def optimiser_of(model, decay):
    return torch.optim.AdamW(
        [{"params": model.decayed(), "weight_decay": decay},
         {"params": model.not_decayed(), "weight_decay": 0.0}], betas=(0.9, 0.98))


def move(model, optimiser, loss, rate):
    """One step of the weights; False, and none, where gradients are not finite."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    loss.backward()
    if not torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).isfinite():
        return False
    optimiser.step()
    return True


def train(model, queue, options):
    metadata = {"inputs": forecast.INPUTS,
                "outputs": forecast.OUTPUTS, "arrangement": model.arrangement,
                "width": model.width, "heads": model.heads, "seed": options.seed,
                "steps": options.steps, "leads": ",".join(map(str, forecast.LEADS))}
    optimiser = optimiser_of(model, options.decay)
    average = Average(model)
    lanes = Lanes(options.lanes, queue, random.Random(options.seed))
    state = model.start(options.lanes)
    began, rows = time.time(), []
    for step in range(options.steps):
        window, fresh = lanes.next()
        clear(state, fresh)
        loss, state, figures = loss_of(model, window, state, options.amnesia)
        state = detach(state)
        if not move(model, optimiser, loss, rate_at(step, options)):
            print("step %d skipped: gradients are not finite" % step, flush=True)
            state = model.start(options.lanes)
            continue
        average.add(model, step)
        rows.append([loss.item()] + figures)
        if (step + 1) % REPORT == 0:
            print("step %5d  loss %.4f  against closed form: first 64 ticks %.3f, later %.3f"
                  "  %.0f s" % (step + 1, *np.nanmean(rows, 0), time.time() - began), flush=True)
            rows = []
        if (step + 1) % WRITE == 0 or step + 1 == options.steps:
            average.write(model, options.out, metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--start", help="weights to start from")
    parser.add_argument("--arrangement", default="ss", help="one letter a block: s or m")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--lanes", type=int, default=64)
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--amnesia", action="store_true",
                        help="empty the state before every tick: the control without memory")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    if options.start:
        model, _ = xlstm.load(options.start)
    else:
        model = xlstm.Network(forecast.INPUTS, forecast.OUTPUTS, options.arrangement,
                              options.width, options.heads)
    context = multiprocessing.get_context("fork")
    queue, stop = context.Queue(12), context.Event()
    producer = context.Process(target=produce, args=(queue, [options.seed, 0], stop), daemon=True)
    producer.start()
    train(model, queue, options)
    producer.terminate()


if __name__ == "__main__":
    main()
