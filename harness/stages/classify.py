"""The classify stage: what a plain classifier answers for embedded images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.types import Embeddings

if TYPE_CHECKING:
    from torch import nn


def classify(loss_head: nn.Module, embeddings: Embeddings) -> NDArray[np.int64]:
    """The class with the highest logit for each image, int64 [n]; the head has ``logits(embeddings)``.

    The head was trained on vectors that were not normalised, so each gets its norm back.
    """
    import torch

    device = next((p.device for p in loss_head.parameters()), torch.device("cpu"))
    raw = torch.from_numpy(embeddings.vectors * embeddings.norms[:, None]).to(device)
    with torch.inference_mode():
        classifier: Any = loss_head.eval()
        answers = classifier.logits(raw).argmax(dim=1)
    return np.asarray(answers.cpu().numpy(), dtype=np.int64)
