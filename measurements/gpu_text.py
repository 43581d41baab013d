"""What measurements/gpu.py found, as Markdown."""

import json
from itertools import chain
from typing import Any


def markdown(found: dict[str, Any]) -> str:
    """The figures for reading."""
    sections = found["sections"]
    facts = sections.get("about", {})
    lines = [
        f"Measured on {facts.get('date')}: {facts.get('device model', facts.get('device'))}, "
        f"{facts.get('processor')}; torch {facts.get('torch')}, Triton {facts.get('triton')}.",
        "",
    ]
    if "ceilings" in found:
        most = found["ceilings"]
        lines.append(
            f"Ceilings of this run: {most['flops'] / 1e12:.1f} TFLOP/s in float32 (torch.mm, no "
            f"TF32), {most['bytes'] / 1e12:.2f} TB/s copied.\n"
        )
    lines.append(
        "| case | optimiser | loss | design | members | member-steps/s | x one core | of floor |"
    )
    lines.append("|---|---|---|---|---|---|---|---|")
    tables = [rows for name, rows in sections.items() if name.startswith("speeds")]
    tables.append(sections.get("pictures", {}).get("rows", []))
    for row in chain.from_iterable(tables):
        ratio, share = row["ratio_to_core"], row["share_of_floor"]
        lines.append(
            f"| {row['case']} | {row['optimizer']} | {row['loss']} | {row['design']} | "
            f"{row['population']:,} | {row['member_steps_per_s']:,.0f} | "
            f"{'' if ratio is None else f'{ratio:,.1f}'} | "
            f"{'' if share is None else f'{share:.1%}'} |"
        )
    checks = sections.get("checks")
    if checks:
        rows = checks["agreement"]
        lines.append(
            f"\nchecks: {sum(row['agrees'] for row in rows)} of {len(rows)} agree; the same bits "
            f"in another population, order and chunk: {json.dumps(checks['independence'])}"
        )
    pictures = sections.get("pictures")
    if pictures:
        lines += ["\n| convolving by | together | pictures | agrees | member-steps/s | GB |"]
        lines += ["|---|---|---|---|---|---|"]
        for row in pictures["ways"]:
            rate, memory = row["member_steps_per_s"], row.get("memory GB")
            lines.append(
                f"| {' | '.join(map(str, row['way']))} | {row['agrees']} | "
                f"{'-' if rate is None else f'{rate:,.0f}'} | "
                f"{'-' if memory is None else f'{memory:.1f}'} |"
            )
        profiled = pictures.get("where time goes") or []
        if profiled:
            lines += ["\n| where the time goes | count | share |", "|---|---|---|"]
        lines += [f"| {row['kernel']} | {row['count']} | {row['share']:.1%} |" for row in profiled]
    explored = sections.get("explore")
    if explored:
        lines += ["\n| variant | member-steps/s | of floor | registers | spills | right |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [
            f"| {row['variant']} | {row['member_steps_per_s']:,.0f} | {row['of floor']:.1%} | "
            f"{row['n_regs']} | {row['n_spills']} | {json.dumps(row['right'])} |"
            for row in explored
        ]
    if "captured" in sections:
        lines += ["\n| kernel | learner | loss | launched | replayed | captured |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [f"| {' | '.join(map(str, row.values()))} |" for row in sections["captured"]]
    lines += [
        f"\n{name}: `{json.dumps(sections[name], default=str)[:6000]}`"
        for name in ("jax", "evolution")
        if name in sections
    ]
    lines += [f"\nleft out: {text}" for text in found["skipped"]]
    lines += [f"\nfailed: {name}" for name in found["errors"]]
    return "\n".join(lines) + "\n"
