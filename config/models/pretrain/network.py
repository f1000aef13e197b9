# SPDX-License-Identifier: Apache-2.0
"""The network: linear embedding, xLSTM blocks, layer norm (the features), linear head.

Parameters carry the names and shapes of the published package's state_dict inside blocks, plus
embed.* and head.*; the specification is docs/network.md. Tensors are time first: [T, B, width].
"""
import ctypes
import json
import math
import os
import struct
import subprocess
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

TAPS = 4
EPSILON = 1e-5


def round_up(value):
    return 64 * math.ceil(value / 64)


# --- sLSTM recurrence -------------------------------------------------------------------------

_sequence = {}


def sequence_library(head_width):
    """slstm_sequence.c, built for one head width."""
    if head_width not in _sequence:
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slstm_sequence.c")
        target = os.path.join(tempfile.mkdtemp(prefix="slstm"), "sequence.so")
        subprocess.check_call(["cc", "-O3", "-march=native", "-ffast-math", "-fno-finite-math-only",
                               "-mprefer-vector-width=512", "-shared", "-fPIC",
                               "-DP=%d" % head_width, source, "-o", target, "-lm"])
        _sequence[head_width] = ctypes.CDLL(target)
    return _sequence[head_width]


def address(tensor):
    assert tensor.is_contiguous() and tensor.dtype == torch.float32
    return ctypes.c_void_p(tensor.data_ptr())


class SlstmSequence(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gates, recurrent, bias, state):
        steps, count, _, heads, units = gates.shape
        gates, recurrent, bias = gates.contiguous(), recurrent.contiguous(), bias.contiguous()
        last = state.clone()
        hidden = gates.new_empty(steps, count, heads, units)
        tape = gates.new_empty(steps, count, 7, heads, units)
        sequence_library(units).slstm_forward(
            steps, count, heads, address(gates), address(recurrent), address(bias), address(last),
            address(hidden), address(tape))
        ctx.save_for_backward(recurrent, state, hidden, tape)
        ctx.mark_non_differentiable(last)
        return hidden, last

    @staticmethod
    def backward(ctx, slope, _):
        recurrent, state, hidden, tape = ctx.saved_tensors
        steps, count, heads, units = hidden.shape
        slope = slope.contiguous()
        gates = hidden.new_empty(steps, count, 4, heads, units)
        sequence_library(units).slstm_backward(
            steps, count, heads, address(recurrent), address(state), address(hidden),
            address(tape), address(slope), address(gates))
        before = torch.cat([state[:, 0].unsqueeze(0), hidden[:-1]])
        per_head = gates.permute(3, 2, 4, 0, 1).reshape(heads, 4 * units, steps * count)
        by_head = before.permute(2, 0, 1, 3).reshape(heads, steps * count, units)
        mixing = torch.bmm(per_head, by_head).view(heads, 4, units, units)
        return gates, mixing, gates.sum((0, 1)), None


# --- parts ------------------------------------------------------------------------------------

class Norm(nn.Module):
    """Layer norm whose gain is stored as its distance from one; groups > 1: per head."""

    def __init__(self, width, groups=1):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))
        self.groups = groups

    def forward(self, x):
        if self.groups == 1:
            return F.layer_norm(x, x.shape[-1:], 1 + self.weight, None, EPSILON)
        heads = x.view(*x.shape[:-1], self.groups, -1)
        normed = F.layer_norm(heads, heads.shape[-1:], None, None, EPSILON)
        return normed.view(x.shape) * (1 + self.weight)


class Convolution(nn.Module):
    """Causal, depthwise; state: the last TAPS - 1 inputs, [TAPS - 1, B, width]."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Module()
        self.conv.weight = nn.Parameter(torch.empty(width, 1, TAPS).uniform_(-0.5, 0.5))
        self.conv.bias = nn.Parameter(torch.empty(width).uniform_(-0.5, 0.5))

    def forward(self, x, state):
        extended = torch.cat([state, x])
        steps = x.shape[0]
        y = self.conv.bias + x * self.conv.weight[:, 0, TAPS - 1]
        for tap in range(TAPS - 1):
            y = torch.addcmul(y, extended[tap:tap + steps], self.conv.weight[:, 0, tap])
        return y, extended[steps:].detach()


class Headwise(nn.Module):
    """Block-diagonal map, weight [blocks, out, in]."""

    def __init__(self, blocks, units, deviation):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(blocks, units, units) * deviation)

    def dense(self):
        return torch.block_diag(*self.weight)


class Linear(nn.Module):
    def __init__(self, inputs, outputs, deviation, bias=False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * deviation)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


class FeedForward(nn.Module):
    def __init__(self, width, blocks):
        super().__init__()
        self.inner = round_up(1.3 * width)
        self.proj_up = Linear(width, 2 * self.inner, math.sqrt(2 / (5 * width)))
        self.proj_down = Linear(self.inner, width, 2 / (blocks * math.sqrt(width)))

    def forward(self, x):
        gate, up = self.proj_up(x).split(self.inner, -1)
        return self.proj_down(F.gelu(gate) * up)


# --- blocks -----------------------------------------------------------------------------------

class SlstmBlock(nn.Module):
    kind = "s"

    def __init__(self, width, heads, index, blocks):
        super().__init__()
        units = width // heads
        small = math.sqrt(2 / (5 * width))
        self.heads, self.units, self.width = heads, units, width
        self.xlstm_norm = Norm(width)
        self.xlstm = nn.Module()
        self.xlstm.conv1d = Convolution(width)
        # the published names: fgate feeds the input gate, igate the forget gate
        self.xlstm.fgate = Headwise(heads, units, small)
        self.xlstm.igate = Headwise(heads, units, small)
        self.xlstm.zgate = Headwise(heads, units, small)
        self.xlstm.ogate = Headwise(heads, units, small)
        self.xlstm.slstm_cell = cell = nn.Module()
        cell._recurrent_kernel_ = nn.Parameter(torch.zeros(heads, 4 * units, units))
        bias = torch.zeros(4, heads, units)
        exponent = 0.3 + 1.3 * index / max(blocks - 1, 1)
        bias[1] = 5 - 12 * (torch.arange(units) / (units - 1.0)) ** exponent
        cell._bias_ = nn.Parameter(bias)
        self.xlstm.group_norm = Norm(width, heads)
        self.ffn_norm = Norm(width)
        self.ffn = FeedForward(width, blocks)

    def start(self, count):
        return [torch.zeros(TAPS - 1, count, self.width),
                torch.zeros(count, 4, self.heads, self.units)]

    def forward(self, x, state):
        steps, count, _ = x.shape
        layer = self.xlstm
        u = self.xlstm_norm(x)
        s, window = layer.conv1d(u, state[0])
        s = F.silu(s)
        slow = torch.cat([layer.fgate.dense(), layer.igate.dense()])
        fast = torch.cat([layer.zgate.dense(), layer.ogate.dense()])
        gates = torch.cat([F.linear(s, slow), F.linear(u, fast)], -1)
        hidden, cell = SlstmSequence.apply(
            gates.view(steps, count, 4, self.heads, self.units),
            layer.slstm_cell._recurrent_kernel_.view(self.heads, 4, self.units, self.units),
            layer.slstm_cell._bias_, state[1])
        x = x + layer.group_norm(hidden.reshape(steps, count, self.width))
        return x + self.ffn(self.ffn_norm(x)), [window, cell]


class MlstmBlock(nn.Module):
    """Sequence form inside a window, the matrix memory carried over its edges (stabilised)."""
    kind = "m"

    def __init__(self, width, heads, index, blocks):
        super().__init__()
        inner = round_up(2 * width)
        small = math.sqrt(2 / (5 * width))
        self.heads, self.inner, self.units = heads, inner, inner // heads
        self.xlstm_norm = Norm(width)
        self.xlstm = layer = nn.Module()
        layer.learnable_skip = nn.Parameter(torch.ones(inner))
        layer.proj_up = Linear(width, 2 * inner, small)
        layer.q_proj = Headwise(inner // 4, 4, small)
        layer.k_proj = Headwise(inner // 4, 4, small)
        layer.v_proj = Headwise(inner // 4, 4, small)
        layer.conv1d = Convolution(inner)
        layer.mlstm_cell = cell = nn.Module()
        cell.igate = Linear(3 * inner, heads, 0, True)
        cell.fgate = Linear(3 * inner, heads, 0, True)
        with torch.no_grad():
            cell.igate.bias.normal_(0, 0.1)
            cell.fgate.bias.copy_(torch.linspace(3, 6, heads))
        cell.outnorm = Norm(inner, heads)
        layer.proj_down = Linear(inner, width, 2 / (blocks * math.sqrt(width)))

    def start(self, count):
        return [torch.zeros(TAPS - 1, count, self.inner),
                torch.zeros(count, self.heads, self.units, self.units),
                torch.zeros(count, self.heads, self.units), torch.zeros(count, self.heads)]

    def cell(self, q, k, v, enter, forget, state):
        """q k v [B, H, T, p], gates [B, H, T]; mlstm chunk form with the window as the chunk."""
        matrix, norm, top = state
        steps = q.shape[2]
        k = k / math.sqrt(self.units)
        kept = F.logsigmoid(forget).cumsum(-1)
        inside = kept.unsqueeze(-1) - kept.unsqueeze(-2) + enter.unsqueeze(-2)
        future = torch.ones(steps, steps, dtype=torch.bool).triu(1)
        inside = inside.masked_fill(future, -float("inf"))
        before = kept + top.unsqueeze(-1)
        peak = torch.maximum(inside.amax(-1), before).detach()
        scores = (q @ k.transpose(-1, -2)) * torch.exp(inside - peak.unsqueeze(-1))
        carry = torch.exp(before - peak).unsqueeze(-1)
        above = scores @ v + carry * (q @ matrix)
        below = scores.sum(-1) + carry.squeeze(-1) * (q @ norm.unsqueeze(-1)).squeeze(-1)
        below = torch.maximum(below.abs(), torch.exp(-peak)) + 1e-6
        with torch.no_grad():
            weight = kept[..., -1:] - kept + enter
            next_top = torch.maximum(kept[..., -1] + top, weight.amax(-1))
            weight = torch.exp(weight - next_top.unsqueeze(-1)).unsqueeze(-1)
            keep = torch.exp(kept[..., -1] + top - next_top)
            matrix = keep[..., None, None] * matrix + (k * weight).transpose(-1, -2) @ v
            norm = keep[..., None] * norm + (k * weight).sum(-2)
        return above / below.unsqueeze(-1), [matrix, norm, next_top]

    def forward(self, x, state):
        steps, count, _ = x.shape
        layer = self.xlstm
        a, z = layer.proj_up(self.xlstm_norm(x)).split(self.inner, -1)
        s, window = layer.conv1d(a, state[0])
        s = F.silu(s)
        q = F.linear(s, layer.q_proj.dense())
        k = F.linear(s, layer.k_proj.dense())
        v = F.linear(a, layer.v_proj.dense())
        together = torch.cat([q, k, v], -1)
        enter = layer.mlstm_cell.igate(together).permute(1, 2, 0)
        forget = layer.mlstm_cell.fgate(together).permute(1, 2, 0)
        split = [part.view(steps, count, self.heads, self.units).permute(1, 2, 0, 3)
                 for part in (q, k, v)]
        hidden, memory = self.cell(*split, enter, forget, state[1:])
        hidden = hidden.permute(2, 0, 1, 3).reshape(steps, count, self.inner)
        hidden = layer.mlstm_cell.outnorm(hidden) + layer.learnable_skip * s
        return x + layer.proj_down(hidden * F.silu(z)), [window] + memory


MATRIX_UNITS = 16  # width of an mLSTM head


class Network(nn.Module):
    def __init__(self, inputs, outputs, arrangement="sss", width=64, heads=4):
        super().__init__()
        kinds = {"s": (SlstmBlock, heads), "m": (MlstmBlock, round_up(2 * width) // MATRIX_UNITS)}
        self.arrangement, self.width, self.heads = arrangement, width, heads
        self.embed = Linear(inputs, width, 1 / math.sqrt(inputs), True)
        self.blocks = nn.ModuleList(
            kinds[kind][0](width, kinds[kind][1], index, len(arrangement))
            for index, kind in enumerate(arrangement))
        self.post_blocks_norm = Norm(width)
        self.head = Linear(width, outputs, 0, True)

    def start(self, count):
        return [block.start(count) for block in self.blocks]

    def features(self, inputs, state):
        """inputs [T, B, inputs] -> features [T, B, width], the state after the window."""
        x = self.embed(inputs)
        after = []
        for block, before in zip(self.blocks, state):
            x, last = block(x, before)
            after.append(last)
        return self.post_blocks_norm(x), after

    def decayed(self):
        return [value for name, value in self.named_parameters()
                if name.endswith("weight") and "norm" not in name]

    def not_decayed(self):
        return [value for name, value in self.named_parameters()
                if not (name.endswith("weight") and "norm" not in name)]


# --- files ------------------------------------------------------------------------------------

def save(network, path, metadata):
    """float32 safetensors, tensors in the order of their names, sLSTM biases flat."""
    metadata = {key: str(value) for key, value in metadata.items()}
    tensors = {}
    for name, value in network.state_dict().items():
        value = value.detach().numpy().astype("<f4")
        tensors[name] = value.ravel() if name.endswith("_bias_") else value
    header, offset, blobs = {"__metadata__": metadata}, 0, []
    for name in sorted(tensors):
        blob = tensors[name].tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape),
                        "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def load(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        tensors[name] = torch.from_numpy(
            np.frombuffer(data[first:last], dtype="<f4").reshape(entry["shape"]).copy())
    network = Network(int(metadata["inputs"]), int(metadata["outputs"]),
                      metadata["arrangement"], int(metadata["width"]), int(metadata["heads"]))
    network.load_state_dict({name: tensors[name].view(value.shape)
                             for name, value in network.state_dict().items()})
    return network, metadata
