"""Which kind of report fits what a storage holds of some experiments."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.cli.commands import ReportKind
from bench.errors import InputError

if TYPE_CHECKING:
    from bench.experiment.model import Experiment
    from bench.store.store import Store


def inferred_kind(store: "Store", experiments: "Sequence[Experiment]") -> ReportKind:
    """That of the first experiment's results: its benchmark's if there are any, else its study's.

    Raises InputError where the storage holds neither, and names what it holds.
    """
    from bench.running.stored import in_words, stored_results

    first = experiments[0]
    found = stored_results(store)
    own = first.fingerprint()[:8]
    if any(each.id == own for each in found):
        return "significance"
    if first.study and any(each.name == first.study.name and each.done for each in found):
        return "ablation" if first.study.kind == "ablate" else "study"
    verb = "run" if first.benchmark else "ablate" if _ablates(first) else "study"
    raise InputError(
        f"{first.name}: nothing to report yet; run `mln-bench {verb}` with this experiment and the "
        f"same --storage first; {in_words(found)}"
    )


def _ablates(experiment: "Experiment") -> bool:
    return experiment.study is not None and experiment.study.kind == "ablate"
