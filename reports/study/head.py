"""The head of the study page: the answer in a sentence, the grid, what tuning gained and what
mattered."""

from collections import Counter
from collections.abc import Sequence

from reports.page.grid import LIMIT_NOTE, Grid, GridGroup, GridRow
from reports.page.model import Picture
from reports.page.wording import PLUS_MINUS, counted, listed, sentence, unit_of
from reports.study.data import StudyData
from reports.study.gains import Gain
from reports.study.sections import gains_picture, importances_picture, search_picture
from reports.verdicts.cells import grid_cell
from reports.verdicts.decision import Decision
from reports.verdicts.kinds import tone_of


def answer(data: StudyData, gains: Sequence[Gain]) -> str:
    """One sentence: did tuning gain anything?"""
    if gains:
        return _gained([(gain.task, gain.decision) for gain in gains])
    if data.confirmation is not None:
        return _confirmed(data)
    trials = counted(len(data.trials), "trial")
    if not data.best or data.best.get("value") is None:
        return f"Nothing was found: none of {trials} is both complete and feasible."
    unit = unit_of(data.experiment.report.metric)
    return (
        f"The best of {trials} gained {unit.gain(data.best['value'])} {unit.difference} over tuned "
        "CE on the study's own tasks; whether that holds on fresh seeds was not tested."
    )


def _gained(decided: Sequence[tuple[str, Decision]]) -> str:
    tones: dict[str, list[str]] = {}
    for task, decision in decided:
        tones.setdefault(tone_of(decision.verdict), []).append(task)
    verdicts = Counter(decision.verdict for _, decision in decided)
    if verdicts["refused"] == len(decided):
        return f"Nothing could be judged: {decided[0][1].reason}."
    better, worse = (tones.get(tone, []) for tone in ("favourable", "unfavourable"))
    tasks = counted(len(decided), "task")
    if not better and not worse:
        same = verdicts["equivalent"]
        rest = f"{same} equivalent, the rest inconclusive" if same else "all inconclusive"
        if same == len(decided):
            return f"Tuning gained nothing that matters: equivalent to the default on {tasks}."
        return (
            "Nothing was shown: the tuned settings are neither better nor worse than the default "
            f"ones on any of {tasks} ({rest})."
        )
    parts = [
        f"{word} on {listed(own) if len(own) <= 2 else f'{len(own)} of {tasks}'}"
        for word, own in (("better", better), ("worse", worse))
        if own
    ]
    rest = "; nothing was shown of the others" if len(better) + len(worse) < len(decided) else ""
    return f"The tuned settings are {' and '.join(parts)} than the default ones{rest}."


def _confirmed(data: StudyData) -> str:
    found = data.confirmation
    assert found is not None
    by_tone: dict[str, list[str]] = {}
    for other, decision in zip(found.others, found.decisions, strict=True):
        by_tone.setdefault(tone_of(decision.verdict), []).append(other.name)
    if all(decision.verdict == "refused" for decision in found.decisions):
        return f"Nothing could be judged: {found.decisions[0].reason}."
    words = {"favourable": "better than", "unfavourable": "worse than"}
    parts = [f"{word} {listed(by_tone[tone])}" for tone, word in words.items() if tone in by_tone]
    if not parts:
        others = listed([other.name for other in found.others])
        if all(decision.verdict == "equivalent" for decision in found.decisions):
            return (
                "Tuning gained nothing that matters: on fresh evolution seeds "
                f"{found.first.name} is equivalent to {others}."
            )
        return f"Nothing was shown: {found.first.name} is neither better nor worse than {others}."
    rest = by_tone.get("neutral", [])
    more = f"; not shown to differ from {listed(rest)}" if rest else ""
    return sentence(f"on fresh evolution seeds {found.first.name} is {' and '.join(parts)}{more}")


def grid(data: StudyData, gains: Sequence[Gain]) -> Grid | None:
    """Winner minus default by task, or of a confirmation the incumbent against the others."""
    report = data.experiment.report
    unit = unit_of(report.metric)
    if gains:
        runs, seeds = gains[0].differences.shape
        rows = [GridRow("winner", [grid_cell(gain.decision, unit) for gain in gains])]
        decisions = [gain.decision for gain in gains]
        columns = [gain.task for gain in gains]
        what = f"n = {runs} evolution runs x {seeds} test seeds"
        title, group = "Winner against default", "against the default settings"
    elif data.confirmation is not None:
        found = data.confirmation
        decisions = found.decisions
        rows = [
            GridRow(f"against {other.name}", [grid_cell(decision, unit)])
            for other, decision in zip(found.others, decisions, strict=True)
        ]
        columns = [f"{found.first.name}: difference"]
        what = f"n = {counted(found.seeds, 'evolution seed')}"
        title, group = "On fresh evolution seeds", ""
    else:
        return None
    note = (
        f"Mean difference in {unit.difference}, {what}; verdicts after Holm over "
        f"{counted(len(decisions), 'comparison')}; ROPE {PLUS_MINUS}{unit.value(report.rope)}."
    )
    if any(decision.verdict == "inconclusive" for decision in decisions):
        note += f" {LIMIT_NOTE}"
    return Grid(
        "verdicts", title, "settings", columns, [GridGroup(group, rows)], note,
        ("against", "settings"),
    )  # fmt: skip


def pictures(data: StudyData, gains: Sequence[Gain]) -> list[Picture]:
    """What tuning gained and what mattered; of a study that nothing was compared of, its search."""
    if data.confirmation is not None:
        return []
    every = [gains_picture(data, gains), importances_picture(data)]
    if not gains:
        every.insert(0, search_picture(data))
    return [picture for picture in every if picture is not None]
