"""The kinds of reports, by name."""

import subprocess
import sys
from typing import get_args

import pytest

from bench.cli.commands import ReportKind
from reports import KINDS, writer


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_function_that_writes_it(kind):
    function = writer(kind)
    assert callable(function)
    assert function.__module__.startswith("reports.")


def test_the_command_line_knows_no_other_kinds():
    assert set(get_args(ReportKind)) <= set(KINDS)


def test_the_names_cost_no_import():
    heavy = {"torch", "pandas", "numpy", "scipy", "matplotlib", "reports.stats"}
    code = f"import sys, reports; sys.exit(bool({heavy} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
