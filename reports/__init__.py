"""Numbers in, statistics out: figures, tables, one HTML page, LaTeX, CSV and JSON.

`reports.significance.report.write_report` is the front door. Nothing here imports torch.
"""
