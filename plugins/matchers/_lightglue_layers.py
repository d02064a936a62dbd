"""LightGlue's layers in fewer operations than kornia's, with the same results but for rounding."""

# ruff: noqa: TID253  only imported by the function that builds the network
from __future__ import annotations

from typing import NamedTuple

import torch
from kornia.feature import LightGlue
from torch import Tensor, nn
from torch.nn.functional import log_softmax, logsigmoid, scaled_dot_product_attention

IMPOSSIBLE = -1e9
"""The logit of a keypoint that is only padding."""


class Side(NamedTuple):
    """One image of each pair: points [b, n, 2 or 4], descriptors [b, n, d], real bool [b, n] or None on both sides
    (no padding)."""

    points: Tensor
    descriptors: Tensor
    real: Tensor | None


class Attention(nn.Module):
    """An attention with the small network behind it.

    ``project`` gives queries, keys and values one after another, each head by head. The output projection is folded
    into the first layer of the network behind, which takes it up at once: a tenth fewer multiplications.
    """

    def __init__(self, project: nn.Linear, out: nn.Linear, network: nn.Sequential, heads: int) -> None:
        super().__init__()
        self.project, self.heads = project, heads
        self.behind = nn.Sequential(_folded(network[0], out), *network[1:])

    def within(self, x: Tensor, turn: Tensor, real: Tensor | None) -> Tensor:
        """Self-attention: x [b, n, d], each pair of dimensions of queries and keys turned by its keypoint's place."""
        query, key, value = self._parts(x, 3)
        return self._updated(x, _turned(query, turn), _turned(key, turn), value, real)

    def across(self, a: Tensor, b: Tensor, real_a: Tensor | None, real_b: Tensor | None) -> tuple[Tensor, Tensor]:
        """Cross-attention, both ways; what asks on one way answers on the other."""
        (key_a, value_a), (key_b, value_b) = self._parts(a, 2), self._parts(b, 2)
        return self._updated(a, key_a, key_b, value_b, real_b), self._updated(b, key_b, key_a, value_a, real_a)

    def _parts(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        return self.project(x).unflatten(-1, (parts, self.heads, -1)).unbind(2)

    def _updated(self, x: Tensor, query: Tensor, key: Tensor, value: Tensor, real: Tensor | None) -> Tensor:
        mask = None if real is None else real[:, None, None]
        heads = (part.transpose(1, 2) for part in (query, key, value))
        context = scaled_dot_product_attention(*heads, attn_mask=mask).transpose(1, 2).flatten(2)
        return x + self.behind(torch.cat([x, context], dim=-1))


class Layers(nn.Module):
    """The whole network, all layers for every keypoint; its weights are those of kornia's, put in another order.

    ``half``: the precision of the layers, where it is not float32. Places and the assignment stay float32.
    """

    def __init__(self, net: LightGlue, half: torch.dtype | None) -> None:
        super().__init__()
        self.entry, self.places, self.half = net.input_proj, net.posenc.Wr, half
        heads = int(net.conf.num_heads)
        self.own = nn.ModuleList(_self_attention(layer.self_attn, heads) for layer in net.transformers)
        self.other = nn.ModuleList(_cross_attention(layer.cross_attn, heads) for layer in net.transformers)
        self.head, self.matchable = net.log_assignment[-1].final_proj, net.log_assignment[-1].matchability

    def forward(self, left: Side, right: Side) -> Tensor:
        """Log probability of each match [b, m, n]."""
        turn_a, turn_b = self._turn(left.points), self._turn(right.points)
        with torch.autocast(left.points.device.type, self.half, enabled=self.half is not None):
            a, b = self.entry(left.descriptors), self.entry(right.descriptors)
            for own, other in zip(self.own, self.other, strict=True):
                a, b = own.within(a, turn_a, left.real), own.within(b, turn_b, right.real)
                a, b = other.across(a, b, left.real, right.real)
        return self._assigned(a.float(), b.float(), left.real, right.real)

    def _turn(self, points: Tensor) -> Tensor:
        """The rotation of each keypoint, complex [b, n, 1, half of a head]."""
        angles = self.places(points)
        return torch.polar(torch.ones_like(angles), angles)[:, :, None]

    def _assigned(self, a: Tensor, b: Tensor, real_a: Tensor | None, real_b: Tensor | None) -> Tensor:
        similarity = self.head(a) @ (self.head(b) / a.shape[-1] ** 0.5).mT
        certain = logsigmoid(self.matchable(a)) + logsigmoid(self.matchable(b)).mT
        if real_a is None or real_b is None:
            return log_softmax(similarity, 2) + log_softmax(similarity, 1) + certain
        padding = ~(real_a[:, :, None] & real_b[:, None])
        similarity = similarity.masked_fill(padding, IMPOSSIBLE)
        scores = log_softmax(similarity, 2) + log_softmax(similarity, 1) + certain
        return scores.masked_fill(padding, IMPOSSIBLE)


def matched(scores: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The k matches in log probabilities [b, m, n]: each the other's best and above the threshold.

    Gives the pair, the keypoint on either side, and the probability, each [k], ordered by pair.
    """
    best, partner = scores.max(dim=2)
    back = scores.argmax(dim=1)
    probability = best.exp()
    mutual = back.gather(1, partner) == torch.arange(best.shape[1], device=best.device)
    keep = mutual & (probability > threshold)
    pair, own = keep.nonzero(as_tuple=True)
    return pair, own, partner[keep], probability[keep]


def _turned(x: Tensor, turn: Tensor) -> Tensor:
    couples = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(couples * turn).flatten(-2)


def _self_attention(block: nn.Module, heads: int) -> Attention:
    def ordered(rows: Tensor) -> Tensor:  # kornia: head, dimension, then query / key / value
        return rows.unflatten(0, (heads, -1, 3)).movedim(2, 0).flatten(0, 2)

    project = _linear(ordered(block.Wqkv.weight), ordered(block.Wqkv.bias))
    return Attention(project, block.out_proj, block.ffn, heads)


def _cross_attention(block: nn.Module, heads: int) -> Attention:
    both = [torch.cat([getattr(block.to_qk, name), getattr(block.to_v, name)]) for name in ("weight", "bias")]
    return Attention(_linear(*both), block.to_out, block.ffn, heads)


def _folded(layer: nn.Linear, out: nn.Linear) -> nn.Linear:
    """``layer`` of (x, out(y)) as one layer of (x, y); folded in float64."""
    width = out.out_features
    weight, late = layer.weight.double(), layer.weight[:, width:].double()
    folded = torch.cat([weight[:, :width], late @ out.weight.double()], dim=1)
    return _linear(folded, layer.bias.double() + late @ out.bias.double())


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = (nn.Parameter(part.detach().float().contiguous()) for part in (weight, bias))
    return layer
