"""``python -m batch`` is ``reassign``."""

from batch.start import begin

if __name__ == "__main__":
    begin()
