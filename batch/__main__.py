"""``python -m batch`` is ``reassign``."""

from batch.cli import main

if __name__ == "__main__":
    main()
