"""Parts: mapping a safetensors file without reading it, and refusing one whose header lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file

from harness.parts import TYPES, mapped


@given(
    arrays=st.dictionaries(
        st.text("abcxyz_", min_size=1, max_size=4),
        hnp.arrays(
            st.sampled_from([np.dtype(kind) for kind in TYPES.values()]),
            hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
            elements={"allow_nan": False},
        ),
        max_size=4,
    )
)
@settings(max_examples=60, deadline=None)
def test_arrays_are_what_the_library_wrote(tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("part") / "x.safetensors"
    save_file(arrays, path, metadata={"who": "me"})
    found, metadata = mapped(path)
    assert metadata == {"who": "me"}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].flags.writeable


def written(path: Path, told: dict[str, Any], content: bytes = b"\0" * 16) -> Path:
    header = json.dumps(told).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + content)
    return path


GOOD = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"data_offsets": [0, 12]},
        {"data_offsets": [4, 20]},
        {"data_offsets": [-16, 0]},
        {"shape": [-4], "data_offsets": [16, 0]},
        {"shape": [5], "data_offsets": [0, 20]},
        {"dtype": "O"},
        {"shape": None},
    ],
    ids=lambda wrong: json.dumps(wrong),
)
def test_a_header_that_points_elsewhere_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    assert mapped(written(tmp_path / "good", {"x": GOOD}))[0]["x"].tolist() == [0, 0, 0, 0]
    with pytest.raises((ValueError, LookupError, TypeError)):
        mapped(written(tmp_path / "bad", {"x": GOOD | wrong}))


def head(length: int) -> bytes:
    return length.to_bytes(8, "little")


@pytest.mark.parametrize(
    "content", [b"", head(0), b"\xff" * 40, head(2**40) + b"{}", head(2) + b"[]", head(4) + b"null", head(3) + b"{}}"]
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises((ValueError, LookupError, TypeError)):
        mapped(tmp_path / "x")
