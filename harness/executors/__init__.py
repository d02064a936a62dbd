"""Executors: where jobs run. They start commands and tell when these have ended; they know nothing of grids."""
