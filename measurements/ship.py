"""Choose among evolved losses by validation alone, and ship the best one with its card.

    mln-bench evolve EXPERIMENT.toml --json > evolved.json
    mln-bench run EXPERIMENT.toml
    mln-bench report EXPERIMENT.toml --out report
    python -m measurements.ship NAME --experiment EXPERIMENT.toml --evolved evolved.json \
        --report report/report.json --what "..." --words "..." [--note "..."]

It writes NAME.safetensors, NAME.json and NAME.md into mln/pretrained, from where
`MetaLoss.from_pretrained("NAME")`, `pretrained:NAME` and `mln-bench list losses` find them. What no
file tells (--what, --words, --note) is taken from the card that is there, if one is, so that a card
is made anew by the same command. --report may be given several times; --candidate says what the
reports call the loss, by default as evolved.json does (mln_2).
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from bench.cli.commands import command_line
from bench.errors import InputError
from bench.experiment.checks import load_checked
from bench.experiment.model import Experiment
from bench.tasks.resolve import resolve
from mln import pretrained
from mln.files import load_loss
from mln.law import law
from mln.pretrained.cards import Card, Choice, Evolution, Judged, Protocol, Rate

MEASURED = ("validation_gain", "validation_low", "validation_high")
REFERENCE = "ce"


def best(evolved: list[dict[str, Any]]) -> dict[str, Any]:
    """The evolved loss that gained most on its validation tasks, the first of equals.

    Raises ValueError where one has no validation.
    """
    for each in evolved:
        if any(name not in each for name in MEASURED):
            raise ValueError(f"{each.get('loss', each)}: has no validation to choose it by")
    return max(evolved, key=lambda each: float(each["validation_gain"]))


def choice(chosen: dict[str, Any], among: int, experiment: Experiment) -> Choice:
    """What the choice was made by, of an experiment whose evolutions were validated."""
    section = experiment.evolution
    if section is None:
        raise ValueError(f"{experiment.name}: has no [evolution] section")
    settings = section.settings
    unit = "nll" if settings.fitness.metric == "nll" else "accuracy"
    gain, low, high = (float(chosen[name]) for name in MEASURED)
    return Choice(gain, low, high, settings.validation.tasks, section.validation, among, unit)


def protocol(report: dict[str, Any]) -> Protocol:
    """How a report's learners were trained."""
    configuration = report["provenance"]["configuration"]
    benchmark, training = configuration["benchmark"], configuration["benchmark"]["training"]
    return Protocol(
        report["experiment"],
        report["metric"],
        report["direction"],
        report["rope"],
        report["seeds"],
        tuple(dict.fromkeys(each["learner"] for each in report["tuning"])),
        tuple(sorted({resolve(task).shape[1] for task in benchmark["tasks"]})),
        training["optimizer"],
        training["batch_size"],
        training["steps"],
        tuple(configuration["tuning"]["rates"]),
    )


def verdicts(report: dict[str, Any], candidate: str) -> list[Judged]:
    """All comparisons of a loss in the declared metric under the primary policy.

    Raises ValueError where the report has none of this loss.
    """
    found = [
        Judged(
            item["task"], item["learner"], item["baseline"], item["n"], item["mean_difference"],
            item["ci_low"], item["ci_high"], item["verdict"],
        )
        for item in report["comparisons"]
        if item["candidate"] == candidate
        and item["metric"] == report["metric"]
        and item["policy"] == report["policies"][0]
        and item["unit"] == "seed"
        and item["verdict"] != "refused"
    ]  # fmt: skip
    if not found:
        known = ", ".join(report["candidates"])
        raise ValueError(f"{report['experiment']}: judges no loss {candidate!r}, but {known}")
    return found


def rate(reports: list[dict[str, Any]], candidate: str) -> Rate:
    """The learning rates chosen for a loss, as multiples of those chosen for cross-entropy."""
    ratios = []
    for report in reports:
        chosen = {(x["task"], x["learner"], x["loss"]): x["lr"] for x in report["tuning"]}
        ratios += [
            lr / chosen[task, learner, REFERENCE]
            for (task, learner, loss), lr in chosen.items()
            if loss == candidate and (task, learner, REFERENCE) in chosen
        ]
    if not ratios:
        raise ValueError(f"no report tuned {candidate!r} beside {REFERENCE!r}")
    return Rate(float(np.exp(np.log(ratios).mean())), min(ratios), max(ratios))


def made(options: argparse.Namespace) -> tuple[Path, Card]:
    """The file of the chosen loss, and its card. Raises ValueError where something is missing."""
    experiment = load_checked(options.experiment, options.overrides, read_data=False)
    evolved = [x for path in options.evolved for x in json.loads(path.read_text(encoding="utf-8"))]
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in options.report]
    chosen = best(evolved)
    picked = choice(chosen, len(evolved), experiment)
    saved = load_loss(Path(chosen["file"]))
    candidate = options.candidate or chosen["loss"]
    before = options.into / f"{options.name}.json"
    old = Card.from_json(before.read_text(encoding="utf-8")) if before.exists() else None
    what = options.what or (old.what if old else "")
    words = options.words or (old.words if old else "")
    if not what or not words:
        raise ValueError("a new loss needs --what and --words")
    card = Card(
        name=options.name,
        what=what,
        formula=tuple(each.formula for each in law(saved.spec, saved.genome)),
        words=words,
        state=saved.spec.state,
        evolution=Evolution(
            command_line("evolve", options.experiment, overrides=options.overrides),
            experiment.seed,
            int(saved.provenance["run"]) + 1,
            int(chosen["member_steps"]),
            tuple(dict.fromkeys(experiment.evolution.families if experiment.evolution else ())),
        ),
        choice=picked,
        protocols=tuple(map(protocol, reports)),
        verdicts=tuple(each for report in reports for each in verdicts(report, candidate)),
        learning_rate=rate(reports, candidate),
        notes=tuple(options.note or (old.notes if old else ())),
        licence="MIT",
    )
    return Path(chosen["file"]), card


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name")
    parser.add_argument("--experiment", required=True, help="that the losses were evolved by")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    parser.add_argument("--evolved", type=Path, action="append", required=True)
    parser.add_argument("--report", type=Path, action="append", required=True)
    parser.add_argument("--candidate", help="what the reports call the loss")
    parser.add_argument("--what", help="one or two sentences: what kind of loss it is")
    parser.add_argument("--words", help="its law in a sentence")
    parser.add_argument("--note", action="append", help="what a user should know besides")
    parser.add_argument("--into", type=Path, default=pretrained.HOME, help="folder of the files")
    options = parser.parse_args()
    try:
        path, card = made(options)
    except (InputError, OSError, KeyError, ValueError) as error:
        parser.error(str(error))
    target = options.into / f"{options.name}.safetensors"
    if path.resolve() != target.resolve():
        shutil.copyfile(path, target)
    target.with_suffix(".json").write_text(card.to_json(), encoding="utf-8")
    target.with_suffix(".md").write_text(card.to_markdown(), encoding="utf-8")
    found = card.choice
    print(f"{target}: {path.name}, gain on validation {found.gain:+.4f} of {found.among} losses")


if __name__ == "__main__":
    main()
