"""Trained weights: where their files are, whether they can be had here now, and safe, strict loading."""

from __future__ import annotations

import os
import pickle
import socket
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator

from harness.errors import GridError, HarnessError

if TYPE_CHECKING:
    from torch import Tensor, nn

COUNTER = "num_batches_tracked"
"""A counter of batch norm that decides nothing in evaluation mode; exported files often leave it out."""

ADVICE = "give weights=FILE"
DAMAGED = "Replace the file; delete one that was downloaded, and it is fetched again."


def _trained(value: str) -> str:
    if value in ("random", "none", ""):
        raise ValueError("this plugin needs trained weights: 'pretrained' or a file")
    return value


TrainedWeights = Annotated[str, AfterValidator(_trained)]
"""The type of a ``weights`` setting that is ``pretrained`` or a file, never ``random``."""


def compute_device() -> str:
    """``cuda`` or ``cpu``, as the variable HARNESS_DEVICE (``auto``, ``cpu``, ``cuda``) and the machine decide.

    Raises:
        GridError: another word, or ``cuda`` on a machine without it.
    """
    wanted = os.environ.get("HARNESS_DEVICE", "auto") or "auto"
    if wanted not in ("auto", "cpu", "cuda"):
        raise GridError(f"HARNESS_DEVICE={wanted} is no device", "Set it to auto, cpu or cuda.")
    if wanted == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise GridError("HARNESS_DEVICE=cuda, but torch finds no CUDA device", "Set HARNESS_DEVICE to auto or cpu.")
    return "cpu"


def hub_folder() -> Path:
    """The folder in which ``torch.hub`` keeps downloaded weights; found without importing torch."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("TORCH_HOME") or cache / "torch")
    return home.expanduser() / "hub" / "checkpoints"


def hub_path(url: str) -> Path:
    """Where the file of a URL lies once it is cached."""
    return hub_folder() / Path(urlsplit(url).path).name


def hub_file(url: str) -> Path:
    """The cached file of a URL, downloaded first where it is not there (whole or not at all).

    Raises:
        HarnessError: it is not cached and cannot be downloaded.
    """
    path = hub_path(url)
    if path.is_file():
        return path
    if offline():
        raise HarnessError(_absent(path.name, hub_folder()), _sentence(ADVICE))
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), progress=False)
    except (OSError, HTTPException) as error:
        raise HarnessError(f"cannot download {url}: {error}", _sentence(ADVICE)) from error
    return path


def find(weights: str, url: str) -> Path:
    """The file that a ``weights`` setting means: that of ``url`` for ``pretrained``, else the file that it names.

    Raises:
        HarnessError: the file does not exist, or cannot be downloaded.
    """
    if weights == "pretrained":
        return hub_file(url)
    path = Path(weights).expanduser()
    if not path.is_file():
        raise HarnessError(f"weights file {weights} does not exist", "Give the path of an existing file.")
    return path


def unavailable(weights: str, url: str) -> str | None:
    """Why :func:`find` would fail now, or None. Light: downloads nothing and imports no torch."""
    if weights == "pretrained":
        return unavailable_url(url)
    return None if Path(weights).expanduser().is_file() else f"weights file {weights} does not exist"


def unavailable_url(url: str) -> str | None:
    """Why the weights of a URL cannot be had now (neither cached nor reachable), or None."""
    path = hub_path(url)
    if path.is_file() or _reachable(url):
        return None
    return f"{_absent(path.name, hub_folder())}; {ADVICE}"


def unavailable_hf(repo_id: str, filenames: Sequence[str]) -> str | None:
    """Why none of these files of a Hugging Face repository can be had now, or None. Imports no torch."""
    from huggingface_hub import constants, try_to_load_from_cache

    if any(isinstance(try_to_load_from_cache(repo_id, name), str) for name in filenames):
        return None
    if _reachable(constants.ENDPOINT):
        return None
    return f"{_absent(repo_id, Path(constants.HF_HUB_CACHE))}; {ADVICE}"


def offline() -> bool:
    """Whether the user forbids the network: HARNESS_OFFLINE or HF_HUB_OFFLINE is set."""
    words = (os.environ.get(name, "") for name in ("HARNESS_OFFLINE", "HF_HUB_OFFLINE"))
    return any(word.lower() not in ("", "0", "false", "no", "off") for word in words)


def _reachable(url: str) -> bool:
    if offline():
        return False
    scheme = urlsplit(url).scheme
    # Behind a proxy the host itself cannot be asked, only the proxy.
    target = urlsplit(urllib.request.getproxies().get(scheme) or url)
    return _answers(target.hostname or "", target.port or (80 if target.scheme == "http" else 443))


@lru_cache(maxsize=64)
def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def _absent(name: str, folder: Path) -> str:
    home = str(Path.home())
    shown = str(folder)
    shown = f"~{shown[len(home) :]}" if shown.startswith(home) else shown
    return f"weights {name} are neither cached in {shown} nor reachable (offline)"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a weights file (.safetensors, .pt, .pth or .ckpt) on the CPU, never running code from it.

    Nested dictionaries are flattened, their keys joined by dots; whatever is no tensor is left out.

    Raises:
        HarnessError: missing, damaged, of another kind, or without tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        elif path.suffix in (".pt", ".pth", ".ckpt"):
            content = torch.load(path, map_location="cpu", weights_only=True)
        else:
            raise HarnessError(
                f"weights file {path} is of an unknown kind", "Give a .safetensors, .pt, .pth or .ckpt file."
            )
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise HarnessError(f"weights file {path} cannot be read: {reason}", DAMAGED) from error
    tensors = dict(_flat(content, ""))
    if not tensors:
        raise HarnessError(f"weights file {path} holds no named tensors", "Give a file with the network's weights.")
    return tensors


def _flat(content: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    import torch

    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(content, torch.Tensor) and prefix:
        yield prefix, content


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, without it; all of them where no name does."""
    inside = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    return inside or dict(tensors)


def load_into(
    module: nn.Module, tensors: Mapping[str, Tensor], *, source: str, allow_missing: Sequence[str] = ()
) -> None:
    """Give a module its weights; every name and shape must fit.

    Names that begin with a prefix in ``allow_missing`` may be absent from ``tensors``, and so may the counters of
    batch norm. ``source`` names the weights in the error.

    Raises:
        HarnessError: lists the first names of a wrong shape, missing, or unexpected.
    """
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in tensors.items()}
    optional = tuple(allow_missing)
    shapes = [
        f"{name} {list(given[name])} instead of {list(shape)}"
        for name, shape in wanted.items()
        if name in given and given[name] != shape
    ]
    missing = [n for n in wanted if n not in given and not n.startswith(optional) and not n.endswith(COUNTER)]
    unexpected = [name for name in given if name not in wanted]
    problems = [
        f"{what}: {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
        for what, names in (("wrong shape", shapes), ("missing", missing), ("unexpected", unexpected))
        if names
    ]
    if problems:
        raise HarnessError(
            f"weights {source} do not fit {type(module).__name__}: {'; '.join(problems)}",
            "Give a file of weights that were trained for this network.",
        )
    module.load_state_dict(dict(tensors), strict=False)
