"""The head of the significance page: the answer in a sentence, and the grid of verdicts."""

from collections import Counter
from collections.abc import Sequence

from bench.catalogue.losses import UNEVOLVED
from reports.benchmark.comparisons import Comparison
from reports.benchmark.material import Material
from reports.page.grid import LIMIT_NOTE, Grid, GridCell, GridGroup, GridRow, limit_text
from reports.page.wording import PLUS_MINUS, counted, listed, sentence, unit_of
from reports.verdicts.kinds import tone_of

MAX_NAMED = 2
"""Candidates that the answer names; of more it says how many."""


def answer(material: Material) -> str:
    """One sentence: are the candidates better than the declared baselines?"""
    primary = material.primary
    if not primary:
        return "Nothing was compared: no candidate stands beside a declared baseline."
    judged = [item for item in primary if item.verdict != "refused"]
    if not judged:
        [(reason, _)] = Counter(item.reason for item in primary).most_common(1)
        count = counted(len(primary), "comparison")
        was = "was" if len(primary) == 1 else "were all"
        return f"Nothing could be judged: {count} {was} refused ({reason})."
    baselines = list(dict.fromkeys(item.baseline for item in judged))
    tones = Counter(tone_of(item.verdict) for item in judged)
    refused = len(primary) - len(judged)
    more = f"; {refused} of {len(primary)} were refused" if refused else ""
    if not tones["favourable"] and not tones["unfavourable"]:
        return f"{_nothing(material, judged, baselines)}{more}."
    text = f"{_who(material)} {_are(material)} {_against(material, judged, baselines)}"
    if not tones["favourable"]:
        return f"Nothing was shown to be better: {text}{more}."
    return sentence(f"{text}{more}") if _is_counted(material) else f"{text}{more}."


def _nothing(material: Material, judged: Sequence[Comparison], baselines: Sequence[str]) -> str:
    """That no candidate was shown to be better or worse, or that all are equivalent."""
    same, tasks = sum(item.verdict == "equivalent" for item in judged), {x.task for x in judged}
    where = f"on any of {len(tasks)} tasks" if len(tasks) > 1 else f"on {next(iter(tasks))}"
    if same == len(judged):
        everywhere = f"on all {len(tasks)} tasks" if len(tasks) > 1 else where
        return (
            f"No difference that matters: {_who(material)} {_are(material)} equivalent to "
            f"{listed(list(baselines))} {everywhere}"
        )
    candidates = material.data.candidates
    none = f"none of {_who(material)} is" if len(candidates) > 1 else f"{candidates[0]} is neither"
    or_ = "or" if len(candidates) > 1 else "nor"
    counts = (
        f"all {len(judged)} comparisons are inconclusive"
        if not same
        else f"{same} of {len(judged)} comparisons are equivalent, the others inconclusive"
    )
    if len(judged) == 1:
        counts = "the comparison is inconclusive"
    return (
        f"Nothing was shown: {none} better {or_} worse than {' or '.join(baselines)} {where} "
        f"({counts})"
    )


def _against(material: Material, judged: Sequence[Comparison], baselines: Sequence[str]) -> str:
    """`better than ce in 12 of 20 comparisons and worse in none`, for every baseline."""
    single = len(material.data.candidates) == 1
    parts = []
    for place, baseline in enumerate(baselines):
        own = Counter(tone_of(item.verdict) for item in judged if item.baseline == baseline)
        total = sum(own.values())
        noun = ("task" if single else "comparison") + ("" if total == 1 else "s")
        what = f" {noun}" if place == 0 else ""
        within = "on" if single else "in"
        won = f"{own['favourable'] or 'none'} of {total}"
        if own["favourable"] == total > 1:
            won = f"all {total}"
        parts.append(
            f"better than {baseline} {within} {won}{what} and worse {within} "
            f"{own['unfavourable'] or 'none'}"
        )
    return "; ".join(parts)


def _who(material: Material) -> str:
    """The candidates by name, or how many they are."""
    candidates = material.data.candidates
    if not _is_counted(material):
        return listed(list(candidates))
    evolved = set(candidates) <= set(material.data.evolved)
    return f"the {len(candidates)} {'evolved losses' if evolved else 'candidates'}"


def _is_counted(material: Material) -> bool:
    """Whether the candidates are too many to be named."""
    return len(material.data.candidates) > MAX_NAMED


def _are(material: Material) -> str:
    return "is" if len(material.data.candidates) == 1 else "are"


def grid(material: Material) -> Grid | None:
    """Verdicts of every candidate, of the control and of the best hand-made loss by task."""
    primary, data = material.primary, material.data
    if not primary:
        return None
    unit = unit_of(data.experiment.report.metric)
    tasks = list(dict.fromkeys(item.task for item in primary))
    rows = [(name, "") for name in dict.fromkeys(item.candidate for item in primary)]
    beside = {item.candidate for item in material.references}
    rows += [(UNEVOLVED, "not evolved")] if UNEVOLVED in beside else []
    best = material.best_hand_made
    rows += [(best, "best hand-made")] if best in beside and best else []
    every = {(x.baseline, x.candidate, x.task): x for x in (*primary, *material.references)}
    groups = [
        GridGroup(
            f"against {baseline}",
            [
                GridRow(name, [_cell(every.get((baseline, name, task))) for task in tasks], about)
                for name, about in rows
            ],
        )
        for baseline in dict.fromkeys(item.baseline for item in primary)
    ]
    return Grid("verdicts", "Verdicts", "loss", tasks, groups, _note(material, unit.difference))


def _cell(item: Comparison | None) -> GridCell | None:
    if item is None:
        return None
    unit = unit_of(item.metric)
    limit = limit_text(item.verdict, item.detectable_difference, unit)
    return GridCell(unit.gain(item.mean_difference), item.verdict, limit, item.sentence)


def _note(material: Material, points: str) -> str:
    """What the cells hold, and how they were corrected."""
    report, verdicts = material.data.experiment.report, {x.verdict for x in material.primary}
    text = (
        f"Mean paired difference in {report.metric.replace('_', ' ')} ({points}), "
        f"{material.policy}; verdicts after Holm over "
        f"{counted(len(material.primary), 'comparison')}; "
        f"ROPE {PLUS_MINUS}{unit_of(report.metric).value(report.rope)}."
    )
    if "inconclusive" in verdicts:
        text += f" {LIMIT_NOTE}"
    if material.references:
        text += (
            f" Control and hand-made losses: a family of their own"
            f"{', the best chosen after the fact' if material.best_hand_made else ''}."
        )
    return text
