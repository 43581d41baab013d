"""What a reader of the study finds: importances, a note, and figures in the dashboard."""

import warnings
from collections.abc import Sequence
from importlib.util import find_spec

import optuna
from optuna.trial import Trial
from optuna_dashboard import get_note, save_note, save_plotly_graph_object

from bench import store as tables
from bench.experiment import Experiment
from bench.store import Store
from studies.outcome import StudyTrial
from studies.space import MODE, PREFIX
from studies.storage import protocol, question, study_section

FEWEST_FOR_IMPORTANCE = 4

ENOUGH_FOR_IMPORTANCE = 50
"""PED-ANOVA looks at the best tenth of the trials and asks for five or more of them."""

BEST_SHOWN = 5


def publish(
    study: optuna.Study, experiment: Experiment, trials: Sequence[StudyTrial], store: Store
) -> None:
    """Write importances to the results store, and the note and figures to the study."""
    shares = importances(study, trials)
    store.put(tables.importances, [{"study": study.study_name, "values": shares}], replace=True)
    text = note(experiment, trials, shares)
    if text != get_note(study):  # each saving counts up a version
        save_note(study, text)
    if find_spec("plotly"):
        _save_figures(study, trials)


def importances(study: optuna.Study, trials: Sequence[StudyTrial]) -> dict[str, float]:
    """The share of each parameter in reaching the best trials; empty where that means nothing.

    PED-ANOVA (Watanabe et al. 2023), which handles conditional parameters. Trials that TPE
    proposed are not a random sample: where it has concentrated, a parameter looks unimportant.
    """
    values = [trial.value for trial in trials if trial.value is not None]
    if len(values) < FEWEST_FOR_IMPORTANCE or len(set(values)) == 1:
        return {}
    with warnings.catch_warnings():
        # The note says that few trials make the shares rough.
        warnings.filterwarnings("ignore", message="Some regimes for parameter")
        found = optuna.importance.get_param_importances(study)
    return {name: float(share) for name, share in found.items()}


def note(experiment: Experiment, trials: Sequence[StudyTrial], shares: dict[str, float]) -> str:
    """The study's note: question, protocol, best trials and what the values mean (Markdown)."""
    section = study_section(experiment)
    complete = [trial for trial in trials if trial.value is not None]
    best = sorted(complete, key=lambda trial: -(trial.value or 0.0))[:BEST_SHOWN]
    names = sorted({name for trial in best for name in trial.params})
    header = ["trial", "gain", *(f"`{name.removeprefix(PREFIX)}`" for name in names)]
    table = [
        _line(header),
        _line(["---"] * len(header)),
        *(
            _line([str(t.number), f"{t.value:+.4f}", *(_cell(t, name) for name in names)])
            for t in best
        ),
    ]
    failed = len(trials) - len(complete)
    counts = f"{len(complete)} complete trials" + (f", {failed} failed" if failed else "")
    parts = [
        f"**Question.** {question(section)}",
        f"**Protocol.** {protocol(experiment, section)}",
        f"**Best of {counts}**" if best else f"**No result: {counts}**",
        "\n".join(table) if best else "",
        "**The values.** The mean, over the judging tasks, of a learner's accuracy under the "
        "evolved loss minus that under cross-entropy, as a fraction: +0.01 is one percentage "
        "point. Intermediate values are those of the genome that the search would have delivered "
        "at that point of its budget. A dash is a parameter that the mode does not use.",
        f"Trials are compared on {section.tasks} tasks, each after a single evolution run; the "
        "best of many trials is an optimistic estimate. A claim needs the benchmark, which uses "
        "other seeds and the test split.",
    ]
    if shares:
        trust = (
            ""
            if len(complete) >= ENOUGH_FOR_IMPORTANCE
            else f" Below {ENOUGH_FOR_IMPORTANCE} complete trials they are not evidence: this "
            f"study has {len(complete)}."
        )
        parts.append(
            "**Importances** (PED-ANOVA) say which parameters set the best tenth of the trials "
            "apart; where TPE has concentrated, a parameter looks unimportant." + trust
        )
    return "\n\n".join(part for part in parts if part)


def save_failure(trial: Trial, reason: str) -> None:
    """Say on a failed trial why it failed."""
    save_note(trial, f"**Failed.** {reason}")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(trial: StudyTrial, name: str) -> str:
    value = trial.params.get(name, "–")
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _save_figures(study: optuna.Study, trials: Sequence[StudyTrial]) -> None:
    """Gain along the budget by mode. Optuna's own curves do not tell the modes apart."""
    import plotly.graph_objects as go

    palette = {"ga": "#0072B2", "es": "#D55E00", "hybrid": "#009E73"}
    shown: set[str] = set()
    figure = go.Figure()
    for trial in trials:
        if trial.value is None:
            continue
        mode = str(trial.params[MODE])
        figure.add_scatter(
            x=trial.steps,
            y=[100 * value for value in trial.values],
            mode="lines+markers",
            name=mode,
            legendgroup=mode,
            showlegend=mode not in shown,
            line={"color": palette[mode]},
            hovertemplate=f"trial {trial.number}: %{{y:+.2f}} points at %{{x}}<extra></extra>",
        )
        shown.add(mode)
    figure.update_layout(
        title="Gain along the budget, by mode",
        xaxis_title="member-steps",
        yaxis_title="gain over tuned CE (percentage points)",
        template="plotly_white",
    )
    save_plotly_graph_object(study, figure, graph_object_id="gain-by-mode")
