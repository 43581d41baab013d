"""Factorial ablations: effects, an analysis of variance with blocks, and a mixed model.

`levels` maps each factor to its level per observation, a sequence of n values of any kind.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


class Term(NamedTuple):
    """A main effect or an interaction; `factors` is empty for blocks and residuals."""

    name: str
    factors: tuple[str, ...]
    df: float
    sum_of_squares: float
    f: float
    p: float
    partial_eta2: float


class WaldTerm(NamedTuple):
    """A term of the mixed model with its Wald test: chi-square, or F where tasks do not vary."""

    factors: tuple[str, ...]
    chi2: float
    df: int
    p: float


def blocked_anova(
    y: ArrayLike, levels: Mapping[str, Sequence[Any]], block: Sequence[Any]
) -> list[Term]:
    """Analysis of variance of y ~ block + all factors with all interactions, sums of type II.

    The first term is the block and the last the residual; between them interactions of the
    highest order come first. Raises ValueError where nothing is left to estimate the error with.
    """
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm
    from statsmodels.tools.sm_exceptions import ValueWarning

    frame, names = _frame(y, levels, block)
    product = " * ".join(f"C({column})" for column in names)
    model = ols(f"y ~ C(block) + {product}", frame).fit()
    if model.df_resid < 1:
        raise ValueError("no observations are left to estimate the error: more runs are needed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # F of a perfect fit is 0 / 0
        warnings.simplefilter("ignore", ValueWarning)  # and its covariance has no rank
        table = anova_lm(model, typ=2)
    rest = float(table.loc["Residual", "sum_sq"])
    terms = [_term(str(name), row, names, rest) for name, row in table.iterrows()]
    middle = [term for term in terms if term.factors]
    middle.sort(key=lambda term: -len(term.factors))
    return [
        next(term for term in terms if term.name == "block"),
        *middle,
        next(term for term in terms if term.name == "residual"),
    ]


def mixed_terms(
    y: ArrayLike,
    levels: Mapping[str, Sequence[Any]],
    block: Sequence[Any],
    task: Sequence[Any],
) -> list[WaldTerm]:
    """Wald tests of y ~ block + factors with interactions, with a random intercept per task.

    For designs with several tasks (Laird and Ware 1982).
    """
    from statsmodels.formula.api import mixedlm, ols

    frame, names = _frame(y, levels, block)
    frame["task"] = [str(name) for name in task]
    product = " * ".join(f"C({column})" for column in names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a variance at the boundary; the fit is still right
        try:
            model = mixedlm(f"y ~ C(block) + {product}", frame, groups=frame["task"]).fit()
            table = model.wald_test_terms(scalar=True).table
        except (np.linalg.LinAlgError, ValueError):
            # No variance is left, between tasks or at all (all values are one): the model is one
            # of ordinary least squares.
            model = ols(f"y ~ C(block) + {product}", frame).fit()
            table = model.wald_test_terms(scalar=True).table
    terms = []
    for name, row in table.iterrows():
        factors = _factors(str(name), names)
        if factors:
            df = int(row["df_constraint"])
            terms.append(WaldTerm(factors, float(row["statistic"]), df, float(row["pvalue"])))
    return sorted(terms, key=lambda term: -len(term.factors))


def _frame(
    y: ArrayLike, levels: Mapping[str, Sequence[Any]], block: Sequence[Any]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """A frame with columns that any formula can name, and the factor of each."""
    names = {f"f{place}": name for place, name in enumerate(levels)}
    frame = pd.DataFrame({"y": np.asarray(y, dtype=float)})
    frame["block"] = [str(name) for name in block]
    for column, name in names.items():
        frame[column] = [str(level) for level in levels[name]]
    return frame, names


def _factors(term: str, names: Mapping[str, str]) -> tuple[str, ...]:
    parts = [part.strip().removeprefix("C(").removesuffix(")") for part in term.split(":")]
    return tuple(names[part] for part in parts if part in names)


def _term(name: str, row: "pd.Series", names: Mapping[str, str], rest: float) -> Term:
    factors = _factors(name, names)
    label = " x ".join(factors) if factors else {"C(block)": "block"}.get(name, "residual")
    squares = float(row["sum_sq"])
    return Term(
        label,
        factors,
        float(row["df"]),
        squares,
        float(row["F"]),
        float(row["PR(>F)"]),
        squares / (squares + rest) if factors and squares + rest > 0 else float("nan"),
    )
