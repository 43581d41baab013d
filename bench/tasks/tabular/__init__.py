"""Tables: read as text or as typed columns, their types decided column by column, encoded."""
