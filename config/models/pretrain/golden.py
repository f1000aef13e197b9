#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes values of a small case for the daemon's own implementation to be checked against.

    python3 golden.py ../base.safetensors ../../../tests/golden/network
"""
import os
import sys

import numpy as np
import torch

import inputs as forecast
import network as xlstm

TICKS = 64
LEADS = np.array([1, 2, 5, 24, 40])


def case():
    """Series 0: a day of 24 ticks known from the start, no long season. Series 1: seasons of 10
    and 30 ticks known from tick 25 on, no clock on the wall. Both have gaps."""
    rng = np.random.default_rng(7)
    t = np.arange(TICKS)
    x = np.stack([20 + 5 * np.sin(2 * np.pi * t / 24) + rng.normal(0, 0.5, TICKS),
                  np.round(100 * np.exp(0.3 * np.cos(2 * np.pi * t / 10)
                                        + 0.1 * rng.normal(size=TICKS)))])
    x[0, 30:36] = np.nan
    x[1, [5, 6, 40]] = np.nan
    x[1, 50:] += 80
    day = np.stack([(t % 24 + 7) % 24 / 24, np.full(TICKS, np.nan)])
    week = np.stack([((t + 31) % 168) / 168, np.full(TICKS, np.nan)])
    return {"x": x.astype(np.float32), "season1": np.array([24, 10]), "season2": np.array([0, 30]),
            "awake": np.array([0, 25]), "day": day, "week": week}


def main():
    model, _ = xlstm.load(sys.argv[1])
    folder = sys.argv[2]
    os.makedirs(folder, exist_ok=True)
    batch = case()
    kept = forecast.track(batch)
    inputs = forecast.inputs(batch, kept)
    rows, origins = np.repeat([0, 1], TICKS), np.tile(np.arange(TICKS), 2)
    part = forecast.anchors(batch, kept, rows, origins, LEADS)
    with torch.no_grad():
        tokens = torch.from_numpy(inputs).transpose(0, 1).contiguous()
        features, state = model.features(tokens, model.start(2))
        features = features.transpose(0, 1)
        outputs = model.head(features)
        said = forecast.quantiles(outputs.reshape(-1, forecast.OUTPUTS), part).numpy()
        closed = forecast.quantiles(torch.zeros(2 * TICKS, forecast.OUTPUTS), part).numpy()

    def unscaled(quantiles):
        quantiles = part["last"][:, None, None] + part["scale"][:, None, None] * quantiles
        return quantiles.reshape(2, TICKS, len(LEADS), 9)

    tensors = {"x": batch["x"], "day": batch["day"], "week": batch["week"], "inputs": inputs,
               "features": features.numpy(), "outputs_last": outputs[:, -4:].numpy(),
               "quantiles": unscaled(said), "quantiles_closed": unscaled(closed)}
    for index, block in enumerate(state):
        tensors["state%d_conv" % index] = block[0].transpose(0, 1).numpy()
        tensors["state%d_hcnm" % index] = block[1].numpy()
    for name, value in tensors.items():
        np.save(os.path.join(folder, name + ".npy"), np.ascontiguousarray(value, dtype="<f4"))
    with open(os.path.join(folder, "manifest.txt"), "w") as file:
        file.write("seasons: series 0 24 and 0 from tick 0; series 1 10 and 30 from tick 25\n")
        file.write("leads: %s\n" % " ".join(map(str, LEADS)))
        file.write("outputs_last: of the last four ticks\n")
        for name, value in tensors.items():
            file.write("%s %s\n" % (name, " ".join(map(str, value.shape))))


if __name__ == "__main__":
    main()
