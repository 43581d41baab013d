"""The database that results go to unless another one is named."""

DEFAULT_URL = "sqlite:///runs/mln.db"
