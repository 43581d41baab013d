"""The verb `new`: an experiment file for one's own tasks."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.commands import command_line
from bench.cli.options import DataRootOption
from bench.errors import InputError

SEEDS = 10


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="of the experiment, and of its file")],
    tasks: Annotated[
        list[str],
        typer.Option(
            "--task",
            metavar="TASK",
            help="table:PATH,label=COLUMN, folder:PATH,size=32 or a name from `list tasks`; "
            "repeat it",
        ),
    ],
    data_root: DataRootOption = None,
) -> None:
    """Write NAME.toml: a commented experiment that compares losses on your own tasks."""
    from bench.experiment.checks import load_checked
    from bench.files import write_atomically

    file = Path(f"{name.removesuffix('.toml')}.toml")
    if file.exists():
        raise InputError(f"{file}: exists already; choose another name, or delete it")
    content = experiment_text(file.stem, tasks, data_root)
    # Checked as a file of its own, in the folder that paths in it are relative to.
    checked = file.with_name(f".{file.stem}.new.toml")
    write_atomically(checked, content.encode())
    try:
        load_checked(str(checked), (), data_root)
    except InputError as error:
        raise InputError(str(error).replace(str(checked), str(file))) from None
    finally:
        checked.unlink()
    write_atomically(file, content.encode())
    typer.echo(f"Written:  {file}")
    for verb, purpose in (
        ("show", "what it says and costs"),
        ("run", "train every loss; what is stored is not trained again"),
        ("report", "the verdicts"),
    ):
        typer.echo(f"  {command_line(verb, str(file)):<40}  # {purpose}")


def experiment_text(name: str, tasks: list[str], data_root: Path | None) -> str:
    """The file's text. Raises InputError for a task that does not exist or cannot be read."""
    from bench.tasks.data_root import use_data_root
    from bench.tasks.resolve import resolve

    use_data_root(data_root)
    pictures = [task for task in tasks if resolve(task).image is not None]
    learner = "lenet" if pictures and len(pictures) == len(tasks) else "mlp_64_64"
    both = 'picture_learner = "lenet"\n' if pictures and learner != "lenet" else ""
    listed = "\n".join(f"    {quoted(task)}," for task in tasks)
    return TEMPLATE.format(
        name=name, tasks=listed, learner=learner, picture_learner=both, seeds=SEEDS
    )


def quoted(text: str) -> str:
    """A string as TOML writes it."""
    import json

    return json.dumps(text, ensure_ascii=False)


TEMPLATE = """\
# Which loss is best on these tasks?
# `mln-bench run {name}.toml`, then `mln-bench report {name}.toml`.
# `mln-bench show {name}.toml` lists every key with its default, and what a run costs.
name = "{name}"
seed = 1    # of all random numbers: the same file gives the same results

[benchmark]
# Add what happens to your labels or pictures: "...+noise=0.4", "+imbalance=20", "+few=100",
# "+label_drift=0.5" and others from `mln-bench list regimes`.
tasks = [
{tasks}
]
# `mln-bench list losses`; "pretrained:adaptive" was evolved, "file:my.safetensors" is your own.
losses = ["ce", "mse", "gce", "label_smoothing", "focal", "robust", "pretrained:adaptive"]
evolved = false
seeds = {seeds}    # paired: every loss starts from the same weights. 20 find smaller differences
learner = "{learner}"    # `mln-bench list learners`
{picture_learner}
[benchmark.training]
steps = 500    # minibatches
batch_size = 32

[tuning]
# Every loss gets as many configurations on every seed, and takes the best by validation.
rates = [0.0003, 0.001, 0.003, 0.01, 0.03]

[report]
metric = "accuracy"    # or balanced_accuracy, nll, ece ...
rope = 0.005    # a difference below this does not matter to you: declare it before you look
"""
