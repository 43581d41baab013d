"""Tasks by name: synthetic families, real data, and the regimes that can be put on either."""
