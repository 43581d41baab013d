"""What may change the answer of a significance report, one line each."""

import pandas as pd

from bench.describing.model import warnings_of
from reports.benchmark.dependence import in_words
from reports.benchmark.findings import of_the_method, too_few
from reports.benchmark.given_text import given_warnings
from reports.benchmark.material import Material
from reports.benchmark.sections.rates import edges
from reports.page.wording import counted, listed, sentence, signed_minus
from reports.verdicts.gate import refusal_lines


def warnings(material: Material) -> list[str]:
    """What a reader must know first: refusals, missing and diverged runs, mixed devices."""
    data = material.data
    given = given_warnings(data) if data.is_given else []
    return [*_outcomes(material), *warnings_of(data.descriptions), *given, *edges(material)]


def caveats(material: Material) -> list[str]:
    """The warnings and all else that qualifies the answer, the gravest first."""
    data = material.data
    return [
        *_outcomes(material),
        *too_few(data, material.primary),
        *(given_warnings(data) if data.is_given else []),
        *(in_words(data, material.comparisons) if material.dependences else []),
        *edges(material),
        *_not_improved(data.history),
        *of_the_method(data, material.claims),
        *map(sentence, warnings_of(data.descriptions)),
    ]


def _outcomes(material: Material) -> list[str]:
    data = material.data
    lines = refusal_lines(item.reason for item in material.comparisons if item.verdict == "refused")
    planned = len(data.rows) + len(data.missing)
    if len(data.missing):
        lines.append(f"{len(data.missing)} of {planned} planned runs missing or failed.")
    diverged = int((data.rows["status"] == "diverged").sum())
    if diverged:
        lines.append(
            f"{diverged} of {planned} planned runs diverged; they count with the declared worst "
            "score."
        )
    mixed = data.provenance.get("mixed_processors", 0)
    if mixed:
        lines.append(
            f"{counted(mixed, 'group')} of paired runs mix models of processors or devices; last "
            "bits may differ within a pair."
        )
    return lines


def _not_improved(history: pd.DataFrame) -> list[str]:
    """Evolutions that show no gain: by their validation, or where there was none by their course.

    history: as in `reports.data.model.ReportData`.
    """
    if history.empty:
        return []
    unshown, flat = [], []
    for loss, course in history.groupby("loss", sort=False):
        validated = course["validation"].dropna() if "validation" in course else pd.Series()
        if len(validated):
            found = validated.iloc[0]
            if not found["improved"]:
                unshown.append(f"{loss} ({signed_minus(100 * found['gain'], 2)})")
        elif len(course) > 1 and course["median"].iloc[1:].max() <= course["median"].iloc[0]:
            flat.append(str(loss))
    lines = []
    if unshown:
        lines.append(
            f"Evolution not shown to improve on CE on its own validation tasks: {listed(unshown)}."
        )
    if flat:
        lines.append(
            f"Evolution never improved: no generation of {listed(flat)} had a median gain above "
            "the first one's."
        )
    return lines
