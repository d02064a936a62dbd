"""``python -m harness``: the command line where no script is installed, as in a snapshot of the code."""

from harness.cli import main

main(prog_name="harness")
