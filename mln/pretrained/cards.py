"""Cards of shipped losses: what is known of one, read from its JSON and written as Markdown."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, Self

FAVOURABLE, UNFAVOURABLE = ("better", "better_unsized"), ("worse", "worse_unsized")
"""Verdicts of a report; the others show no difference."""


@dataclass(frozen=True)
class Evolution:
    """How a loss came about. command: what evolves it again; run: of that seed, from 1."""

    command: str
    seed: int
    run: int
    member_steps: int
    families: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """By what it was chosen among `among` evolved ones: the mean gain over tuned cross-entropy on
    tasks of the validation families, with its 95 % t interval, in `unit`."""

    gain: float
    low: float
    high: float
    tasks: int
    families: tuple[str, ...]
    among: int
    unit: str = "accuracy"


@dataclass(frozen=True)
class Protocol:
    """What a report trained: `rates` are those that cross-entropy was tuned over."""

    experiment: str
    metric: str
    direction: str
    rope: float
    seeds: int
    learners: tuple[str, ...]
    classes: tuple[int, ...]
    optimizer: str
    batch_size: int
    steps: int
    rates: tuple[float, ...]


@dataclass(frozen=True)
class Judged:
    """A comparison of a report: candidate minus baseline with its unadjusted 95 % interval, in the
    metric's own unit, and the verdict, which is corrected over the report's family."""

    task: str
    learner: str
    baseline: str
    n: int
    difference: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Rate:
    """The learning rate that tuning chose, as a multiple of cross-entropy's: the geometric mean
    over tasks, the least and the largest."""

    mean: float
    least: float
    most: float


@dataclass(frozen=True)
class Card:
    """What is known of a shipped loss.

    formula: its law, a line for each exponent, as `mln-bench explain` prints it; state: the
    features that the law follows; notes: what a user should know that no number says.
    """

    name: str
    what: str
    formula: tuple[str, ...]
    words: str
    state: tuple[str, ...]
    evolution: Evolution
    choice: Choice
    protocols: tuple[Protocol, ...]
    verdicts: tuple[Judged, ...]
    learning_rate: Rate
    notes: tuple[str, ...]
    licence: str

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError where a field is missing, unknown or not of its kind."""
        try:
            content = json.loads(text)
            parts = {
                "evolution": _made(Evolution, content["evolution"]),
                "choice": _made(Choice, content["choice"]),
                "protocols": tuple(_made(Protocol, each) for each in content["protocols"]),
                "verdicts": tuple(_made(Judged, each) for each in content["verdicts"]),
                "learning_rate": _made(Rate, content["learning_rate"]),
            }
            card: Self = _made(cls, content | parts)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a card of a loss: {error}") from error
        return card

    def to_json(self) -> str:
        """The card as its JSON file holds it."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @property
    def needs_total_steps(self) -> bool:
        """Whether a training must say how long it is going to be."""
        return "progress" in self.state

    def to_markdown(self) -> str:
        """The card for reading; nothing stands in it that the JSON has not."""
        evolution, choice = self.evolution, self.choice
        among = f"the best of {choice.among} evolved ones" if choice.among > 1 else "the only one"
        interval = _interval(choice.gain, choice.low, choice.high, choice.unit)
        parts = [
            f"# {self.name}",
            self.what,
            "\n".join(f"    {line}" for line in self.formula),
            f"In words: {self.words}",
            f"- **State:** {_state(self.state)}",
            f"- **Evolved** by `{evolution.command}` (seed {evolution.seed}, run {evolution.run}, "
            f"{evolution.member_steps:,} member-steps) on "
            f"{_families(evolution.families)}.",
            f"- **Chosen** by validation alone, {among}: {interval} over tuned Cross-Entropy on "
            f"{choice.tasks} tasks of {_families(choice.families)}"
            f"{'' if choice.low > 0 else ', which does not show it to be better'}.",
            *(f"- **Judged** {_protocol(each)}" for each in self.protocols),
            _table(self.verdicts, self.protocols[0].metric),
            f"- **Better** than {_counted(self.verdicts, FAVOURABLE)}.",
            f"- **Worse** than {_counted(self.verdicts, UNFAVOURABLE)}.",
            f"- **Behind**, the whole interval on the wrong side, whatever the verdict: "
            f"{_behind(self.verdicts, self.protocols[0])}.",
            "- **Learning rate:** tuning chose "
            f"{self.learning_rate.mean:.2g} times Cross-Entropy's (geometric mean over tasks; "
            f"{self.learning_rate.least:.2g} to {self.learning_rate.most:.2g}): tune it over the "
            "same rates.",
            *(f"- {note}" for note in self.notes),
            f"- **Licence:** {self.licence}",
        ]
        text = parts[0]
        for before, part in pairwise(parts):
            is_list = before.startswith("- ") and part.startswith("- ")
            text += ("\n" if is_list else "\n\n") + part
        return text + "\n"


def _made(kind: type[Any], content: Any) -> Any:
    """An instance from a mapping; lists become tuples. Raises TypeError as a constructor does."""
    known = {field.name for field in fields(kind)}
    if not isinstance(content, dict) or not set(content) <= known:
        raise TypeError(f"{kind.__name__.lower()} has the fields {', '.join(sorted(known))} alone")
    lists = {name: tuple(value) for name, value in content.items() if isinstance(value, list)}
    return kind(**content | lists)


def _state(state: Sequence[str]) -> str:
    if not state:
        return "none; it works without `total_steps`."
    needed = "give `total_steps`" if "progress" in state else "it works without `total_steps`"
    return f"{', '.join(state)}; {needed}."


def _families(names: Sequence[str]) -> str:
    """The families without what is done to them, which the JSON lists."""
    stems = dict.fromkeys(name.partition("+")[0] for name in names)
    regimes = len({name.partition("+")[2] for name in names})
    return f"{', '.join(f'`{stem}`' for stem in stems)} in {regimes} regime{'s' * (regimes > 1)}"


def _protocol(protocol: Protocol) -> str:
    return (
        f"by `{protocol.experiment}`: {protocol.metric}, {protocol.seeds} paired seeds, "
        f"{', '.join(protocol.learners)}, {protocol.optimizer}, {protocol.steps} steps of "
        f"{protocol.batch_size} examples, {', '.join(map(str, protocol.classes))} classes; every "
        f"loss tuned per seed over rates from {min(protocol.rates):g} to {max(protocol.rates):g}."
    )


def _table(verdicts: Sequence[Judged], metric: str) -> str:
    """A row for each task and learner, a column for each baseline."""
    baselines = list(dict.fromkeys(each.baseline for each in verdicts))
    found = {(each.task, each.learner, each.baseline): each for each in verdicts}
    places = dict.fromkeys((each.task, each.learner) for each in verdicts)
    several = len({learner for _, learner in places}) > 1
    rows = [f"| minus | {' | '.join(baselines)} |", "|---" * (len(baselines) + 1) + "|"]
    for task, learner in places:
        cells = [_cell(found.get((task, learner, baseline)), metric) for baseline in baselines]
        rows.append(f"| {task}{f', {learner}' if several else ''} | {' | '.join(cells)} |")
    unit = "points of accuracy" if metric == "accuracy" else metric
    caption = f"In {unit}, with 95 % intervals; bold: better, italic: worse, else not shown."
    return "\n".join([*rows, "", caption])


def _cell(judged: Judged | None, metric: str) -> str:
    if judged is None:
        return ""
    half = (judged.high - judged.low) / 2
    text = f"{_number(judged.difference, metric)}±{_number(half, metric, signed=False)}"
    if judged.verdict in FAVOURABLE:
        return f"**{text}**"
    return f"*{text}*" if judged.verdict in UNFAVOURABLE else text


def _counted(verdicts: Sequence[Judged], which: Sequence[str]) -> str:
    """On how many tasks each baseline has such a verdict."""
    parts = []
    for baseline in dict.fromkeys(each.baseline for each in verdicts):
        own = [each.verdict in which for each in verdicts if each.baseline == baseline]
        if any(own):
            parts.append(f"{baseline} on {sum(own)} of {len(own)}")
    return ", ".join(parts) or "none of them on any"


def _behind(verdicts: Sequence[Judged], protocol: Protocol) -> str:
    """Comparisons that are worse, or whose unadjusted interval says so, by baseline."""
    wrong = [x for x in verdicts if (x.high < 0 if protocol.direction == "maximise" else x.low > 0)]
    parts = []
    for baseline in dict.fromkeys(each.baseline for each in wrong):
        cells = [
            f"{x.task} ({_cell(x, protocol.metric).strip('*')})"
            for x in wrong
            if x.baseline == baseline
        ]
        parts.append(f"{baseline} on {', '.join(cells)}")
    return "; ".join(parts) or "nowhere"


def _interval(value: float, low: float, high: float, unit: str) -> str:
    ends = f"[{_number(low, unit, signed=False)}, {_number(high, unit, signed=False)}]"
    return f"{_number(value, unit)} {'points' if unit == 'accuracy' else unit} {ends}"


def _number(value: float, metric: str, *, signed: bool = True) -> str:
    """Points of accuracy with one decimal; other metrics in their own unit with three."""
    scaled, decimals = (100 * value, 1) if metric == "accuracy" else (value, 3)
    text = f"{scaled:{'+' if signed else ''}.{decimals}f}"
    return text.replace("-", "−")
