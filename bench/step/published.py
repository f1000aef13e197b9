#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of the published package (github.com/NX-AI/xlstm), one thread.

usage: published.py CHECKOUT

Prints lines `step WIDTH BATCH TOKENS_PER_SECOND`, `train WIDTH WINDOW BATCH TOKENS_PER_SECOND` and
`versions TEXT`; bench_step reads them. Each figure is the best of several runs, in processor time.
"""
import sys
import time

import torch

torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from xlstm.blocks.mlstm.block import mLSTMBlockConfig
from xlstm.blocks.mlstm.layer import mLSTMLayerConfig
from xlstm.blocks.slstm.block import sLSTMBlockConfig
from xlstm.blocks.slstm.layer import sLSTMLayerConfig
from xlstm.components.feedforward import FeedForwardConfig
from xlstm.xlstm_block_stack import xLSTMBlockStack, xLSTMBlockStackConfig


def stack(width, window):
    return xLSTMBlockStack(xLSTMBlockStackConfig(
        mlstm_block=mLSTMBlockConfig(mlstm=mLSTMLayerConfig(num_heads=4)),
        slstm_block=sLSTMBlockConfig(
            slstm=sLSTMLayerConfig(backend="vanilla", num_heads=4),
            feedforward=FeedForwardConfig(proj_factor=1.3, act_fn="gelu")),
        context_length=window, num_blocks=3, embedding_dim=width, slstm_at=[1]))


def best_rate(run, tokens, seconds=0.6, repeats=4):
    run()
    best = 0.0
    for _ in range(repeats):
        done, start = 0, time.process_time()
        while time.process_time() - start < seconds:
            run()
            done += tokens
        best = max(best, done / (time.process_time() - start))
    return best


def step_rate(width, batch):
    net = stack(width, 96).eval()
    x = torch.randn(batch, 1, width)
    carried = [None]

    def run():
        with torch.no_grad():
            _, carried[0] = net.step(x, carried[0])

    return best_rate(run, batch)


def train_rate(width, window, batch):
    net = stack(width, window)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3)
    x, target = torch.randn(batch, window, width), torch.randn(batch, window, width)

    def run():
        optimiser.zero_grad()
        ((net(x) - target) ** 2).mean().backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()

    return best_rate(run, batch * window, seconds=1.0, repeats=3)


print("versions torch", torch.__version__, "python", sys.version.split()[0], "threads",
      torch.get_num_threads(), flush=True)
for width in (64, 128):
    for batch in (1, 64, 1024):
        print("step", width, batch, step_rate(width, batch), flush=True)
print("train", 64, 96, 32, train_rate(64, 96, 32), flush=True)
