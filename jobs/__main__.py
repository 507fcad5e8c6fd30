"""``python -m jobs run FILE.toml``, as cron calls it."""

from batch.cli import main
from jobs.commands import job

if __name__ == "__main__":
    main(command=job, name="python -m jobs")
