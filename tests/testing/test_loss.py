"""LossContract: a right loss passes, and each wrong one is caught by the test meant for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testing.wrong import ALL, Wrong

RIGHT = """
from harness import Config, LossSpec, hookimpl

class Mine:
    def __init__(self, config):
        self.factor = 1.0

    def head(self, dim, classes):
        import torch
        from torch import nn

        factor = self.factor

        class Head(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(dim, classes)

            def logits(self, embeddings):
                return self.linear(embeddings)

            def forward(self, embeddings, labels):
                value = nn.functional.cross_entropy(factor * self.logits(embeddings), labels)
                return value

        return Head()

@hookimpl
def harness_losses():
    yield LossSpec(name="mine", version="1", build=Mine, classifies=True, summary="a loss", licence="MIT")
"""

RETURN = "return value\n"
FINITE = frozenset(
    {
        "test_one_class_is_a_finite_loss",
        "test_one_photograph_an_animal_is_a_finite_loss",
        "test_a_batch_of_one_is_a_finite_loss",
        "test_equal_photographs_are_a_finite_loss",
        "test_the_embeddings_get_a_gradient",
        "test_steps_bring_photographs_of_an_animal_together",
        "test_steps_along_the_gradient_lower_it",
    }
)
WRONG = {
    "has a gradient that is NaN": Wrong(
        RETURN,
        "return value + (0 * embeddings).sum().sqrt()\n",
        {"test_the_loss_and_its_gradient_are_finite"},
        FINITE,
    ),
    "is infinite": Wrong(RETURN, "return value / 0\n", {"test_the_loss_and_its_gradient_are_finite"}, ALL),
    "prints": Wrong(RETURN, f"print(value.item()); {RETURN}", {"test_it_prints_nothing"}),
    "is no tensor": Wrong(RETURN, "return value.item()\n", {"test_the_loss_and_its_gradient_are_finite"}, ALL),
    "is no single number": Wrong(
        "embeddings), labels)",
        "embeddings), labels, reduction='none')",
        {"test_the_loss_and_its_gradient_are_finite"},
        ALL,
    ),
    "pushes an animal's photographs apart": Wrong(
        RETURN,
        "return nn.functional.cosine_similarity(embeddings, embeddings.roll(classes, 0)).mean() + 0 * value\n",
        {"test_steps_bring_photographs_of_an_animal_together"},
        frozenset({"test_a_batch_of_one_is_a_finite_loss", "test_the_order_of_a_batch_changes_nothing"}),
    ),
    "has a gradient that leads uphill": Wrong(
        RETURN,
        "return 2 * value.detach() - value\n",
        {"test_steps_along_the_gradient_lower_it"},
        frozenset({"test_steps_bring_photographs_of_an_animal_together"}),
    ),
    "teaches the backbone nothing": Wrong(
        "self.logits(embeddings)",
        "self.logits(embeddings.detach())",
        {"test_the_embeddings_get_a_gradient", "test_steps_bring_photographs_of_an_animal_together"},
    ),
    "divides by the number of other classes": Wrong(
        RETURN,
        "return value / (len(labels.unique()) - 1)\n",
        {"test_one_class_is_a_finite_loss", "test_a_batch_of_one_is_a_finite_loss"},
    ),
    "needs several photographs an animal": Wrong(
        RETURN,
        "return value / (len(labels) - len(labels.unique()))\n",
        {"test_one_photograph_an_animal_is_a_finite_loss", "test_a_batch_of_one_is_a_finite_loss"},
    ),
    "takes the length of nothing": Wrong(
        RETURN,
        "return value + (embeddings - embeddings.roll(1, 0)).square().mean().sqrt()\n",
        {"test_equal_photographs_are_a_finite_loss"},
        frozenset({"test_a_batch_of_one_is_a_finite_loss", "test_the_order_of_a_batch_changes_nothing"}),
    ),
    "looks at the place in the batch": Wrong(
        RETURN,
        "return value + (embeddings.norm(dim=1) * torch.arange(len(labels))).mean()\n",
        {"test_the_order_of_a_batch_changes_nothing"},
    ),
    "has too few logits": Wrong(
        "return self.linear(embeddings)\n",
        "return self.linear(embeddings)[:, : max(1, classes - 1)]\n",
        {"test_logits_have_a_column_for_each_class"},
        ALL,
    ),
    "classifies and does not say so": Wrong("classifies=True, ", "", {"test_logits_have_a_column_for_each_class"}),
    "starts from no seed": Wrong(
        "self.linear = nn.Linear(dim, classes)",
        "self.linear = nn.Linear(dim, classes); own = torch.Generator(); own.seed(); "
        "nn.init.normal_(self.linear.weight, generator=own)",
        {"test_one_seed_gives_one_head", "test_two_builds_give_equal_bytes"},
    ),
    "draws when it is built": Wrong(
        "self.factor = 1.0", "import random; self.factor = random.random()", {"test_two_builds_give_equal_bytes"}
    ),
    "changes its input": Wrong(
        RETURN,
        "embeddings.data.mul_(2); return value\n",
        {"test_the_batch_is_left_as_it_is"},
        frozenset({"test_steps_along_the_gradient_lower_it", "test_the_order_of_a_batch_changes_nothing"}),
    ),
}


def test_a_number_for_a_tensor_is_told_as_such(run: Callable[..., dict[str, str]]) -> None:
    found = run("loss", RIGHT.replace(RETURN, "return value.item()\n"))
    told = [text for text in found.values() if text.startswith("failed: the head must return a scalar tensor, not a")]
    assert len(told) > 5
    assert found["test_a_batch_of_one_is_a_finite_loss"].startswith("failed: the head must")


def test_a_right_loss_passes(passes: Callable[..., dict[str, str]]) -> None:
    assert passes("loss", RIGHT) == {}


def test_a_loss_without_logits_is_not_asked_for_them(passes: Callable[..., dict[str, str]]) -> None:
    plain = RIGHT.replace("classifies=True, ", "").replace("logits(", "scores(")
    assert passes("loss", plain) == {"test_logits_have_a_column_for_each_class": "skipped: it does not classify"}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_loss_is_caught(catches: Callable[..., None], wrong: Wrong) -> None:
    catches("loss", RIGHT, wrong)
