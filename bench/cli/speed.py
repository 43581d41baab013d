"""The verb `speed`: how fast each design trains a population."""

from collections.abc import Collection
from math import isfinite
from typing import Annotated

import typer

from bench.cli.console import print_errors, print_json, print_rows
from bench.cli.options import JsonOption
from bench.errors import InputError, nearest

ALL_CASES = "a,b,c,d,state_b,state_b32,state_s"

CasesOption = Annotated[
    str,
    typer.Option(
        help="comma-separated: a, b, c, d, state_b, state_b32, state_s; or abcd; on a device a to "
        "d, where b is also under losses that follow the state of training"
    ),
]


def speed(
    cases: CasesOption = ALL_CASES,
    optimizers: Annotated[str, typer.Option(help="comma-separated: sgd, adam")] = "sgd,adam",
    designs: Annotated[
        str | None,
        typer.Option(
            help="comma-separated: naive, vmap, reference, analytic, fused, jax; on a device "
            "triton, analytic, reference, torch.func"
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="rounds; medians are shown")] = 5,
    seconds: Annotated[
        float, typer.Option(min=0.01, help="about how long one measurement takes")
    ] = 0.5,
    quick: Annotated[
        bool, typer.Option("--quick", help="SGD alone, 3 rounds: a first impression")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=2, help="instead: throughput of so many worker processes against one"),
    ] = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="instead: peak memory of large populations")
    ] = False,
    device: Annotated[
        str, typer.Option(help="cpu, or a CUDA device, beside one core: cuda, cuda:1")
    ] = "cpu",
    populations: Annotated[
        str, typer.Option(help="on a device: numbers of members, comma-separated")
    ] = "64,1024,16384",
    as_json: JsonOption = False,
) -> None:
    """Member-steps per second of each design, on one thread and in one run, beside its peers."""
    if device != "cpu":
        if workers is not None or memory:
            raise InputError(f"--device {device}: --workers and --memory are of processors alone")
        from bench.cli.speed_device import DEVICE_CASES, Wanted, speed_on_device

        if cases == ALL_CASES:
            cases = ",".join(DEVICE_CASES)
        rules = [_known(word, ("sgd", "adam"), "--optimizers") for word in _words(optimizers)]
        wanted = Wanted(
            device,
            [_known(name, DEVICE_CASES, "--cases") for name in _cases(cases, DEVICE_CASES)],
            rules[:1] if quick else rules,
            None if designs is None else _words(designs),
            _words(populations),
            seconds,
        )
        speed_on_device(wanted, as_json)
        return
    from bench.speed import compare as comparing
    from bench.speed.cases import CASES
    from bench.speed.resources import MEMORY_TARGET, memory_rows, worker_rows
    from bench.workers.progress import Live

    chosen = {name: CASES[_known(name, CASES, "--cases")] for name in _cases(cases, CASES)}
    rules = [_known(word, ("sgd", "adam"), "--optimizers") for word in _words(optimizers)]
    names = comparing.DESIGNS if designs is None else _words(designs)
    for name in names:
        _known(name, comparing.DESIGNS, "--designs")
    if not chosen or not rules or not names:
        raise InputError("--cases, --optimizers and --designs must each name something")
    if not isfinite(seconds):
        raise InputError(f"--seconds: must be a finite number, not {seconds}")
    if workers is not None and memory:
        raise InputError("--workers and --memory: give one of them")
    if quick:
        rules, repeats = rules[:1], min(repeats, 3)
    if memory:
        title = f"Peak memory above the imported libraries; target: at most {MEMORY_TARGET} MiB"
        print_rows(memory_rows(), as_json, title)
        return
    if workers is not None:
        title = "Throughput of worker processes of one thread, the same work"
        print_rows(worker_rows(chosen, workers, repeats, seconds), as_json, title)
        return
    settings = comparing.SpeedSettings(names, rules, repeats, seconds)
    with Live() as live:
        comparison = comparing.compare(chosen, settings, live)
    for line in comparison.missing:
        typer.echo(f"left out: {line}", err=True)
    if as_json:
        print_json(comparing.as_dicts(comparison.rows))
    else:
        peak = comparison.rows[0].sgemm_gflops if comparison.rows else 0.0
        title = f"One thread, medians of {repeats} rounds; torch.mm: {peak:.0f} GFLOP/s"
        print_rows(comparing.table(comparison.rows), False, title)
        for name, case in chosen.items():
            typer.echo(f"{name}: {case.description}; {case.members} members, {case.steps} steps")
    if comparison.load > comparison.processors:
        typer.echo(
            f"warning: the machine was busy (load {comparison.load:.0f} on {comparison.processors} "
            "processors): caches and memory were shared; measure again when it is idle",
            err=True,
        )
    print_errors(comparison.wrong)
    raise typer.Exit(1 if comparison.wrong else 0)


def _cases(text: str, known: Collection[str]) -> list[str]:
    """Names of cases; a word that cannot be one is letters: `abd` is a, b and d."""
    whole = [[word] if word in known or "_" in word else list(word) for word in _words(text)]
    return [name for names in whole for name in names]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _known(word: str, valid: Collection[str], option: str) -> str:
    if word not in valid:
        raise InputError(f"{option}: {word!r} is unknown{nearest(word, valid)}")
    return word
