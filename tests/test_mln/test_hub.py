"""Losses on the Hub: the client is the real one, what it would send over the network is kept."""

import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from mln import MetaLoss
from mln.config import LossSpec
from mln.hub import is_repository

huggingface_hub = pytest.importorskip("huggingface_hub")
constants = import_module("huggingface_hub.constants")
COMMIT = "0" * 39 + "1"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the client, which may not ask the network."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def keep_uploads(monkeypatch: pytest.MonkeyPatch, cache: Path) -> dict[str, Any]:
    """Uploads become what a download of the same repository finds in the cache."""
    asked: dict[str, Any] = {}

    def create(self: object, repo_id: str, **options: Any) -> str:
        asked.update(options)
        return f"https://huggingface.co/{repo_id}"

    def upload(self: object, *, repo_id: str, folder_path: Path, commit_message: str) -> None:
        home = cache / f"models--{repo_id.replace('/', '--')}"
        shutil.copytree(folder_path, home / "snapshots" / COMMIT)
        (home / "refs").mkdir()
        (home / "refs" / "main").write_text(COMMIT)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload)
    return asked


def test_what_was_pushed_is_what_comes_back(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    asked = keep_uploads(monkeypatch, cache)
    spec = LossSpec(kind="adaptive", state=("progress",))
    pushed = MetaLoss(spec, torch.tensor([0.4, 0, 0, 0.1, 0.2, 0.5, 0, 0]), total_steps=5)
    pushed.provenance = {"experiment": "mine"}
    address = pushed.push_to_hub("someone/a-loss", private=True)
    assert address == "https://huggingface.co/someone/a-loss"
    assert asked == {"private": True, "exist_ok": True}
    back = MetaLoss.from_pretrained("someone/a-loss", total_steps=5)
    assert back.spec == spec
    assert torch.equal(back.genome, pushed.genome)
    assert back.provenance == {"experiment": "mine"}
    page = (next(cache.rglob("README.md"))).read_text()
    assert "q = .4 progress + .2" in page
    assert 'MetaLoss.from_pretrained("someone/a-loss", total_steps=' in page


def test_its_owner_may_write_the_page(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    keep_uploads(monkeypatch, cache)
    MetaLoss().push_to_hub("someone/plain", "my page")
    assert next(cache.rglob("README.md")).read_text() == "my page"


def test_what_is_not_there_is_one_line(cache: Path) -> None:
    for call in (
        lambda: MetaLoss.from_pretrained("nobody/nothing"),
        lambda: MetaLoss().push_to_hub("nobody/nothing"),
    ):
        with pytest.raises(ValueError, match=r"^nobody/nothing: ") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_without_the_extra_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'mln-bench\[hub\]'"):
        MetaLoss.from_pretrained("someone/a-loss")
    with pytest.raises(ImportError, match=r"pip install 'mln-bench\[hub\]'"):
        MetaLoss().push_to_hub("someone/a-loss")


def test_a_local_path_is_never_looked_up_on_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "losses" / "mine").mkdir(parents=True)
    MetaLoss().save(tmp_path / "losses" / "mine" / "loss.safetensors")
    assert MetaLoss.from_pretrained("losses/mine").spec == LossSpec()
    with pytest.raises(ValueError, match="neither a loss file"):
        MetaLoss.from_pretrained("losses/absent.safetensors")
    assert is_repository("a/b")
    assert not any(map(is_repository, ("a", "a/b/c", "./a", "../a", "/a", "a/b.safetensors")))
