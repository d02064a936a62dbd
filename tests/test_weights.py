"""Weights: found, refused, read without running code, and never half loaded."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from harness import HarnessError
from harness import weights as w
from harness.errors import GridError

URL = "https://weights.example/folder/net.pth?x=1"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty download cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    w._answers.cache_clear()
    return tmp_path / "torch" / "hub" / "checkpoints"


def test_the_cache_folder_is_torchs_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv("TORCH_HOME", raising=False)
        monkeypatch.setenv(name, str(tmp_path))
        monkeypatch.setattr(torch.hub, "_hub_dir", None)
        assert w.hub_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_a_cached_file_is_used_offline(hub: Path) -> None:
    hub.mkdir(parents=True)
    (hub / "net.pth").write_bytes(b"x")
    assert w.unavailable_url(URL) is None
    assert w.find("pretrained", URL) == w.hub_file(URL) == hub / "net.pth"


def test_offline_the_reason_names_the_file_and_the_way_out(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(hub.parents[2]))
    reason = w.unavailable("pretrained", URL)
    assert reason == (
        "weights net.pth are neither cached in ~/torch/hub/checkpoints nor reachable (offline); give weights=FILE"
    )
    with pytest.raises(HarnessError, match=r"net\.pth are neither cached"):
        w.hub_file(URL)


def test_reachability_is_asked_once_a_host(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], timeout: float) -> None:
        asked.append(address)
        raise OSError

    monkeypatch.delenv("HARNESS_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(w.urllib.request, "getproxies", dict)
    monkeypatch.setattr(w.socket, "create_connection", refuse)
    assert "net.pth" in (w.unavailable_url(URL) or "")
    assert w.unavailable_url(URL)
    assert asked == [("weights.example", 443)]
    monkeypatch.setattr(w.urllib.request, "getproxies", lambda: {"https": "http://proxy.example:3128"})
    assert w.unavailable_url(URL)
    assert asked[1:] == [("proxy.example", 3128)]
    w._answers.cache_clear()


@pytest.mark.parametrize("name", ["HARNESS_OFFLINE", "HF_HUB_OFFLINE"])
def test_the_user_may_forbid_the_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert not w.offline()
    monkeypatch.setenv(name, "0")
    assert not w.offline()
    monkeypatch.setenv(name, "1")
    assert w.offline()


def test_a_failed_download_is_an_error_that_leaves_nothing(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(url: str, path: str, progress: bool) -> None:
        raise OSError("no route")

    monkeypatch.delenv("HARNESS_OFFLINE", raising=False)
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(HarnessError, match=r"cannot download https://weights\.example.*no route"):
        w.hub_file(URL)
    assert list(hub.iterdir()) == []


def test_a_named_file_that_is_lost_is_named() -> None:
    assert w.unavailable("lost.pth", URL) == "weights file lost.pth does not exist"
    with pytest.raises(HarnessError, match=r"lost\.pth does not exist"):
        w.find("lost.pth", URL)


def test_asking_for_availability_imports_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from harness import weights as w\n"
        f"assert 'net.pth' in w.unavailable_url({URL!r})\n"
        "assert 'timm/tiny' in w.unavailable_hf('timm/tiny', ['model.safetensors'])\n"
        "assert 'torch' not in sys.modules"
    )
    environment = {"HARNESS_OFFLINE": "1", "HF_HOME": str(tmp_path), "TORCH_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env={"PATH": "", "HOME": str(tmp_path), **environment})


def test_a_cached_hugging_face_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.file_download as hub_code

    monkeypatch.setattr(hub_code.constants, "HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--timm--tiny"
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc" / "model.safetensors").write_bytes(b"x")
    assert w.unavailable_hf("timm/tiny", ["pytorch_model.bin", "model.safetensors"]) is None
    assert "timm/tiny" in (w.unavailable_hf("timm/tiny", ["pytorch_model.bin"]) or "")


def test_reads_all_kinds_flat(tmp_path: Path) -> None:
    tensors = {"a.weight": torch.ones(2), "b": torch.zeros(1)}
    save_file(tensors, tmp_path / "x.safetensors")
    torch.save({"model": tensors, "epoch": 3}, tmp_path / "x.pth")
    torch.save({"state_dict": tensors}, tmp_path / "x.ckpt")
    assert set(w.load_tensors(tmp_path / "x.safetensors")) == {"a.weight", "b"}
    assert set(w.load_tensors(tmp_path / "x.ckpt")) == {"state_dict.a.weight", "state_dict.b"}
    nested = w.load_tensors(tmp_path / "x.pth")
    assert set(nested) == {"model.a.weight", "model.b"}
    assert set(w.below(nested, "model.")) == set(w.below(w.below(nested, "model."), "model.")) == {"a.weight", "b"}


class Trap:
    """What a pickle could run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('code ran')",))


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pt", "trap.pth", "gone.pth", "x.onnx", "empty.pt"])
def test_refuses_files_that_are_damaged_foreign_or_would_run_code(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.startswith("cut"):
        path.write_bytes(b"PK\x03\x04 half a file")
    if name.startswith("trap"):
        torch.save({"a": torch.ones(1), "b": Trap()}, path)
    if name.startswith("empty"):
        torch.save({"epoch": 1}, path)
    if name.endswith("onnx"):
        path.write_bytes(b"x")
    with pytest.raises(HarnessError, match=name.replace(".", r"\.")):
        w.load_tensors(path)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def test_fills_a_module_and_allows_what_was_declared() -> None:
    tensors = {name: torch.full_like(value, 2) for name, value in net().state_dict().items()}
    del tensors["1.num_batches_tracked"], tensors["0.bias"]
    module = net()
    w.load_into(module, tensors, source="x.pth", allow_missing=["0.b"])
    assert bool((module.state_dict()["0.weight"] == 2).all())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"0.weight": torch.zeros(3, 5)},
            r"x\.pth do not fit Sequential: wrong shape: 0\.weight \[3, 5\] instead of \[3, 2\]",
        ),
        ({"0.weight": None}, r"missing: 0\.weight$"),
        ({"extra": torch.zeros(1)}, r"unexpected: extra$"),
        ({f"e{i}": torch.zeros(1) for i in range(5)}, r"unexpected: e0, e1, e2 and 2 more$"),
    ],
)
def test_refuses_what_does_not_fit_and_changes_nothing(change: dict[str, torch.Tensor], problem: str) -> None:
    module = net()
    tensors = {name: value + 1 for name, value in module.state_dict().items()} | change
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(HarnessError) as caught:
        w.load_into(module, {name: value for name, value in tensors.items() if value is not None}, source="x.pth")
    assert re.search(problem, caught.value.problem)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_the_device_follows_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [_device(monkeypatch, word) for word in ("cpu", "auto", "", "cuda")] == ["cpu", "cuda", "cuda", "cuda"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert _device(monkeypatch, "auto") == "cpu"
    for word, problem in (("cuda", "no CUDA device"), ("gpu", "HARNESS_DEVICE=gpu")):
        with pytest.raises(GridError, match=problem):
            _device(monkeypatch, word)


def _device(monkeypatch: pytest.MonkeyPatch, word: str) -> str:
    monkeypatch.setenv("HARNESS_DEVICE", word)
    return w.compute_device()
