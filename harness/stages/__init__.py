"""The stages of a cell: one file each, pure functions; no registry, no CLI, no paths."""
