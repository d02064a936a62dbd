"""The rooms of the report: one module for each kind of page."""
