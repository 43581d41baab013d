"""What was understood of a task: a description of it, and what is doubtful about its data."""
