"""LightGlue as it is trained: kornia's network, a start that already matches, and the loss of the paper."""

# ruff: noqa: TID253  only imported by the function that builds the network
from __future__ import annotations

from collections.abc import Mapping

import torch
from kornia.feature import LightGlue
from torch import Tensor, nn
from torch.nn.functional import log_softmax, logsigmoid, scaled_dot_product_attention

from harness import HarnessError

from ._lightglue_feed import places

IMPOSSIBLE = -1e9
SHARPNESS = 30.0
"""What the start multiplies cosines of descriptors with before the softmax, near what RootSIFT asks for."""


class TrainedLightGlue(nn.Module):
    """LightGlue with its loss (Lindenberger et al. 2023, equation 12): after every layer the assignment of true matches
    and the matchability of keypoints without partner, each the mean of its pair.

    Its weights lie below ``matcher.``, under kornia's names.
    """

    def __init__(self, net: LightGlue, oriented: bool) -> None:
        super().__init__()
        net.token_confidence = nn.ModuleList()  # for adaptive depth alone, which the harness leaves off
        self.matcher, self.oriented = net, oriented

    def forward(
        self, left: Mapping[str, Tensor], right: Mapping[str, Tensor], partners: tuple[Tensor, Tensor]
    ) -> Tensor:
        """The loss of b pairs of images.

        ``left`` and ``right`` hold keypoints [b, K, 2], descriptors [b, K, d], scales and orientations [b, K], count
        [b] and size [b, 2]; ``partners`` int64 [b, K] of each side: the index of the true match, -1 for none, -2 to
        say nothing.
        """
        net = self.matcher
        real_a, real_b = (_real(side) for side in (left, right))
        a, b = (net.input_proj(side["descriptors"].float()) for side in (left, right))
        turn_a, turn_b = (net.posenc(places(side, self.oriented)) for side in (left, right))
        losses = []
        for layer, assignment in zip(net.transformers, net.log_assignment, strict=True):
            a = layer.self_attn(a, turn_a, real_a[:, None, None])
            b = layer.self_attn(b, turn_b, real_b[:, None, None])
            a, b = _crossed(layer.cross_attn, a, b, real_a, real_b)
            losses.append(_loss(assignment, a, b, real_a, real_b, partners))
        return torch.stack(losses).mean()


def started(descriptor: int, width: int, heads: int, layers: int, oriented: bool) -> TrainedLightGlue:
    """A network that begins as a matcher of nearest neighbours, where its width is that of the descriptors.

    The residual branches add nothing yet, and the assignment compares the descriptors themselves.
    """
    if width % (2 * heads):
        raise HarnessError(f"a width of {width} cannot be shared by {heads} heads", "Let 2 x heads divide the width.")
    flash = torch.backends.cuda.flash_sdp_enabled()
    net = LightGlue(
        None, input_dim=descriptor, descriptor_dim=width, num_heads=heads, n_layers=layers, add_scale_ori=oriented
    )
    torch.backends.cuda.enable_flash_sdp(flash)  # kornia sets it for the whole process
    for layer in net.transformers:
        for block in (layer.self_attn, layer.cross_attn):
            nn.init.zeros_(block.ffn[-1].weight)
            nn.init.zeros_(block.ffn[-1].bias)
    for assignment in net.log_assignment:
        nn.init.zeros_(assignment.final_proj.bias)
        with torch.no_grad():
            assignment.final_proj.weight.copy_(torch.eye(width) * (SHARPNESS * width**0.5) ** 0.5)
        nn.init.zeros_(assignment.matchability.weight)
        nn.init.zeros_(assignment.matchability.bias)
    if oriented:  # scales are tens of pixels: left alone, their phases would be noise
        net.posenc.Wr.weight.data[:, 2] /= 16
    return TrainedLightGlue(net, oriented).train()


def _real(side: Mapping[str, Tensor]) -> Tensor:
    """Which places of [b, K] hold a keypoint."""
    room = side["keypoints"].shape[1]
    return torch.arange(room, device=side["count"].device) < side["count"][:, None]


def _crossed(block: nn.Module, a: Tensor, b: Tensor, real_a: Tensor, real_b: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-attention as kornia's block has it; with its mask, gradients of padded rows are NaN."""
    asks_a, asks_b, tells_a, tells_b = (
        project(x).unflatten(-1, (block.heads, -1)).transpose(1, 2)
        for project, x in ((block.to_qk, a), (block.to_qk, b), (block.to_v, a), (block.to_v, b))
    )
    heard_a = scaled_dot_product_attention(asks_a, asks_b, tells_b, attn_mask=real_b[:, None, None])
    heard_b = scaled_dot_product_attention(asks_b, asks_a, tells_a, attn_mask=real_a[:, None, None])
    messages = (block.to_out(heard.transpose(1, 2).flatten(2)) for heard in (heard_a, heard_b))
    new = [x + block.ffn(torch.cat([x, message], -1)) for x, message in zip((a, b), messages, strict=True)]
    return new[0], new[1]


def _loss(
    assignment: nn.Module, a: Tensor, b: Tensor, real_a: Tensor, real_b: Tensor, partners: tuple[Tensor, Tensor]
) -> Tensor:
    with torch.autocast(a.device.type, enabled=False):
        a, b = a.float(), b.float()
        similarity = assignment.final_proj(a) @ assignment.final_proj(b).mT / a.shape[-1] ** 0.5
        similarity = similarity.masked_fill(~(real_a[:, :, None] & real_b[:, None]), IMPOSSIBLE)
        free_a, free_b = (assignment.matchability(x).squeeze(-1) for x in (a, b))
        scores = log_softmax(similarity, 2) + log_softmax(similarity, 1)
        scores = scores + logsigmoid(free_a)[:, :, None] + logsigmoid(free_b)[:, None]
        left, right = partners
        matched = scores.gather(2, left.clamp(min=0)[..., None]).squeeze(-1)
        alone = (_mean(logsigmoid(-free), own == -1) for free, own in ((free_a, left), (free_b, right)))
        return -(_mean(matched, left >= 0) + sum(alone) / 2).mean()


def _mean(values: Tensor, kept: Tensor) -> Tensor:
    """The mean of each pair's kept values [b], zero where there are none."""
    return torch.where(kept, values, 0.0).sum(dim=1) / kept.sum(dim=1).clamp(min=1)
