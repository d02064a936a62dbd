"""Plugin references as grids write them."""

from __future__ import annotations

import pytest

from harness.errors import GridError
from harness.refs import NAME, RESERVED, Ref, parse


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("lightglue", "lightglue", {}),
        ("  sift  ", "sift", {}),
        ("sift[]", "sift", {}),
        ("lightglue[features=sift,max_keypoints=512]", "lightglue", {"features": "sift", "max_keypoints": "512"}),
        ("m[ features = sift , n = 1 ]", "m", {"features": "sift", "n": "1"}),
        ("m[features=sift[contrast=0.1,edge=5],n=1]", "m", {"features": "sift[contrast=0.1,edge=5]", "n": "1"}),
        ("folder[root='my photos']", "folder", {"root": "my photos"}),
        ("timm[weights=a=b.pt]", "timm", {"weights": "a=b.pt"}),
    ],
)
def test_a_reference_is_read(text: str, name: str, settings: dict[str, str]) -> None:
    ref = parse(text)
    assert (ref.name, ref.settings) == (name, settings)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        *((name, True) for name in ("a", "7", "mutual-nn", "softmax_species", "my.loss", "a-_b", "resnet50")),
        *((name, False) for name in ("", "A", ".a", "a.", "a-", "_a", "a..b", "a b", "a/b", "a\n")),
    ],
)
def test_a_name_has_a_letter_or_digit_at_both_ends_and_no_two_dots(name: str, good: bool) -> None:
    assert bool(NAME.fullmatch(name)) == good


def test_the_word_that_grids_write_for_no_plugin_is_reserved() -> None:
    from harness.cell import NONE

    assert NONE in RESERVED


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a plugin reference"),
        ("Sift", "not a plugin reference"),
        ("[a=1]", "not a plugin reference"),
        ("a b", "not a plugin reference"),
        ("sift[a=1", "closing bracket"),
        ("sift[a=1]x", "closing bracket"),
        ("sift[a=[1]", "unbalanced"),
        ("sift[a=1]]", "unbalanced"),
        ("sift[a=1][b=2]", "unbalanced"),
        ("sift[a]", "has 'a' where setting=value"),
        ("sift[=1]", "setting=value"),
        ("sift[a=1,a=2]", "gives 'a' twice"),
    ],
)
def test_what_is_no_reference_is_refused_and_named(text: str, told: str) -> None:
    with pytest.raises(GridError) as caught:
        parse(text)
    assert told in str(caught.value)
    assert repr(text) in str(caught.value)


def test_a_reference_is_written_as_it_is_read() -> None:
    for text in ("lightglue", "lightglue[features=sift,max_keypoints=512]", "m[features=sift[edge=5],n=1]"):
        assert str(parse(text)) == text


def test_values_of_other_types_are_written_plainly() -> None:
    assert str(Ref("m", {"ratio": 0.8, "mutual": True, "sizes": [1, 2]})) == "m[ratio=0.8,mutual=true,sizes=1+2]"
