"""Changes of light, blur and noise, drawn anew for every view."""

from __future__ import annotations

from collections.abc import Callable

from harness.types import Image


def relit(strength: float) -> Callable[[Image, int], Image]:
    """Changes a picture RGB uint8 [h, w, 3] by a seed: brightness, contrast, colour, a gradient of light, blur, noise
    and JPEG, each of ``strength`` (0: none)."""
    import torch
    from kornia import augmentation as change

    if not strength:
        return lambda picture, seed: picture
    share = min(1.0, strength)
    steps = torch.nn.Sequential(
        change.ColorJiggle(0.3 * share, 0.4 * share, 0.3 * share, 0.05 * share, p=0.9),
        change.RandomGamma((1 / (1 + 0.5 * strength), 1 + 0.5 * strength), p=0.5),
        change.RandomLinearIllumination(gain=(0.0, 0.25 * share), p=0.4),
        change.RandomGaussianBlur((5, 5), (0.3, 0.3 + strength), p=0.4),
        change.RandomMotionBlur(3, 35.0, 0.5, p=0.2 * share),
        change.RandomGaussianNoise(std=0.02 * strength, p=0.5),
        change.RandomJPEG((40, 95), p=0.3 * share),
    )

    def change_by(picture: Image, seed: int) -> Image:
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            changed = steps(pixels).clamp(0, 1)
        out: Image = (changed[0].permute(1, 2, 0) * 255).round().byte().numpy()
        return out

    return change_by
