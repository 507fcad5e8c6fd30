"""``python -m batch.sandbox`` is ``reassign sandbox``."""

from batch.sandbox.command import sandbox

sandbox(prog_name="python -m batch.sandbox")
