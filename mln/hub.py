"""Losses on the Hugging Face Hub: a repository with one loss file and a README.

`huggingface_hub` is the optional extra `hub`, imported when it is needed.
"""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mln.config import LossSpec
from mln.files import save_loss
from mln.law import law
from mln.search.base import Genomes

FILE_NAME = "loss.safetensors"
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_repository(source: str | Path) -> bool:
    """Whether this is written as "user/name", and as no file."""
    text = str(source)
    return bool(REPOSITORY.fullmatch(text)) and not text.endswith(".safetensors")


def downloaded(repository: str, revision: str | None = None) -> Path:
    """The folder of a repository's loss file, from the local cache where the Hub has no newer one.

    revision: a branch, tag or commit; by default the newest. Raises ImportError where the extra is
    not installed, ValueError where there is no such repository or it cannot be reached.
    """
    hub = _library()
    try:
        folder = hub.snapshot_download(
            repository, revision=revision, allow_patterns=["*.safetensors"]
        )
    except (OSError, hub.errors.HfHubHTTPError, hub.errors.HFValidationError) as error:
        raise ValueError(f"{repository}: {_reason(error)}") from error
    return Path(folder)


def uploaded(
    repository: str,
    spec: LossSpec,
    genome: Genomes,
    provenance: Mapping[str, Any],
    readme: str | None = None,
    *,
    private: bool = False,
) -> str:
    """Put a loss into a repository, which is made where it is not there; its address.

    readme: its page, in Markdown; by default `page`. Raises ImportError where the extra is not
    installed, ValueError where the Hub refuses or cannot be reached.
    """
    hub = _library()
    api = hub.HfApi()
    with TemporaryDirectory() as name:
        folder = Path(name)
        save_loss(folder / FILE_NAME, spec, genome, provenance)
        text = page(repository, spec, genome) if readme is None else readme
        (folder / "README.md").write_text(text, encoding="utf-8")
        try:
            made = api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=repository, folder_path=folder, commit_message="A loss of MLN-Bench"
            )
        except (OSError, hub.errors.HfHubHTTPError, hub.errors.HFValidationError) as error:
            raise ValueError(f"{repository}: {_reason(error)}") from error
    return str(made)


def page(repository: str, spec: LossSpec, genome: Genomes) -> str:
    """What a repository says of its loss, where its owner says nothing."""
    adaptive = spec.kind == "adaptive"
    formula = [f"    {each.formula}" for each in law(spec, genome)] if adaptive else []
    steps = ", total_steps=1000" if "progress" in spec.state else ""
    lines = [
        "---",
        "library_name: mln-bench",
        "tags: [loss-function]",
        "---",
        f"# {repository.partition('/')[2]}",
        "",
        f"A loss function of kind `{spec.kind}`, {len(genome)} numbers, made with MLN-Bench.",
        "",
        *formula,
        *([""] if formula else []),
        "```python",
        "from mln import MetaLoss",
        "",
        f'loss = MetaLoss.from_pretrained("{repository}"{steps})',
        "```",
    ]
    return "\n".join(lines) + "\n"


def _library() -> Any:
    """The client of the Hub. Raises ImportError, one line with the remedy, where it is absent."""
    try:
        hub = import_module("huggingface_hub")
        import_module("huggingface_hub.errors")
    except ImportError as error:
        raise ImportError(
            f"losses on the Hub need an extra that is not installed ({error}): "
            "pip install 'mln-bench[hub]'"
        ) from error
    return hub


def _reason(error: Exception) -> str:
    """The first line of a message that may have many."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
