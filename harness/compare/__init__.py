"""The gate: two sets of rows compared cell by cell and query by query, with a verdict for each."""
