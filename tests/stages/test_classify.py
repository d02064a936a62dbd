"""Classification: the head sees the vectors as they were before they were normalised."""

from __future__ import annotations

import numpy as np
import torch
from harness_plugins.losses import softmax

from harness.stages.classify import classify
from harness.types import Embeddings


def test_norms_are_given_back() -> None:
    head = softmax.build(softmax.SoftmaxSettings()).head(2, 2)
    with torch.no_grad():
        # Class 1 wins by its bias unless the vector is long.
        head.linear.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
        head.linear.bias.copy_(torch.tensor([0.0, 3.0]))
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    embeddings = Embeddings(np.array(["a", "b", "c"]), vectors, np.array([2, 4, 9], np.float32))
    predicted = classify(head, embeddings)
    assert predicted.dtype == np.int64
    assert predicted.tolist() == [1, 0, 1]


def test_a_head_without_weights_classifies_too() -> None:
    class Largest(torch.nn.Module):
        def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
            return embeddings

    embeddings = Embeddings(np.array(["a", "b"]), np.eye(2, dtype=np.float32), np.ones(2, np.float32))
    assert classify(Largest(), embeddings).tolist() == [0, 1]
