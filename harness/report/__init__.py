"""The report: pages to look at results, made from the records and from what the store has kept; nothing is trained."""
