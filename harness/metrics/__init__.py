"""Metrics of a finished cell: ranking, open set, intervals."""
