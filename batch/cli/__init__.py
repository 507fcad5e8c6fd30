"""The command line: flags → settings → pipeline → exit code. ``batch.start:begin`` is the console script.

Modules here import click and the standard library only; everything heavy waits for the command that needs it, so that
``--help`` is there at once. stdout carries data only; what is said to people goes to stderr (:mod:`batch.cli.people`).
"""

from batch.cli.entry import main, root

__all__ = ["main", "root"]
