"""The plugins that ship with the harness; found by folder, one file each."""
