#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Repeats with PyTorch what `xlstmctl train` does, window for window: bench/forecast/training.sh.

    python3 follow.py --fresh start.safetensors                     weights to start from
    python3 follow.py start.safetensors STEPS windows losses.txt    the same steps, and both losses
"""
import argparse

import numpy as np
import torch

import inputs as forecast
import network as xlstm
import train

# As in bench/forecast/training_windows.c and src/cli/train/trainer.c.
LANES = 16
RATE, LAST_RATE, WARM_UP, DECAY = 3e-3, 3e-5, 100, 0.05
LOSS_MOST = 50

SEED = 5
LEADS = forecast.LEAD_COUNT

LEAD = np.dtype([("anchor", "f8", forecast.ANCHORS), ("prior", "f8", forecast.ANCHORS),
                 ("correction", "f8", forecast.CORRECTIONS), ("unit", "f8"), ("target", "f8")])
POINT = np.dtype([("tick", "f8"), ("leads", LEAD, LEADS)])
WINDOW = np.dtype([("fresh", "f8"), ("scale", "f8", LEADS),
                   ("inputs", "f8", (train.WINDOW, forecast.INPUTS)), ("points", POINT, train.POINTS)])


def fresh(path):
    torch.manual_seed(SEED)
    model = xlstm.Network(forecast.INPUTS, forecast.OUTPUTS, "ss")
    xlstm.save(model, path, {"inputs": forecast.INPUTS, "outputs": forecast.OUTPUTS,
                             "arrangement": "ss", "width": model.width, "heads": model.heads})


def scored(windows):
    """What train.loss_of() takes, of one step; corrections are the same at each lead."""
    leads = windows["points"]["leads"]
    unit = leads["unit"].mean(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        logit = np.maximum(np.log(leads["prior"]), -1e9)
    return {"inputs": windows["inputs"].astype(np.float32),
            "at": windows["points"]["tick"].astype(int),
            "anchor": (leads["anchor"] / unit[..., None]).astype(np.float32),
            "logit": logit.astype(np.float32),
            "unit": (leads["unit"] / unit).astype(np.float32),
            "correction": (leads["correction"][:, :, 0] / unit).astype(np.float32),
            "target": (leads["target"] / unit).astype(np.float32),
            "weight": (unit / windows["scale"][:, None]).astype(np.float32),
            "base": np.ones(leads.shape, np.float32)}


def rate_at(step, steps):
    if step < WARM_UP:
        return RATE * step / WARM_UP
    return LAST_RATE + (RATE - LAST_RATE) * (1 + np.cos(np.pi * (step - WARM_UP) / (steps - WARM_UP))) / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fresh", metavar="START")
    parser.add_argument("follow", nargs="*", metavar="START STEPS WINDOWS LOSSES")
    options = parser.parse_args()
    if options.fresh:
        return fresh(options.fresh)
    start, steps, windows, losses = options.follow
    torch.set_num_threads(1)
    model, _ = xlstm.load(start)
    optimiser = train.optimiser_of(model, DECAY)
    state = model.start(LANES)
    theirs = np.loadtxt(losses)
    data = np.fromfile(windows, WINDOW).reshape(-1, LANES)
    ours = []
    print("step       C   PyTorch  difference")
    for step, (window, their) in enumerate(zip(data, theirs)):
        train.clear(state, np.flatnonzero(window["fresh"]).tolist())
        loss, state, _ = train.loss_of(model, scored(window), state, most=LOSS_MOST)
        state = train.detach(state)
        train.move(model, optimiser, loss, rate_at(step + 1, int(steps)))
        ours.append(loss.item())
        if step % 25 == 0 or step + 1 == len(data):
            print("%4d %9.5f %9.5f  %9.1e" % (step + 1, their, ours[-1], their / ours[-1] - 1))
    apart = np.abs(theirs / ours - 1)
    print("mean %9.5f %9.5f  at most %.1e apart, half of the steps less than %.1e" % (
        theirs.mean(), np.mean(ours), apart.max(), np.median(apart)))


if __name__ == "__main__":
    main()
