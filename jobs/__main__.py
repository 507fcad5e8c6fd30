"""``python -m jobs run FILE.toml``, as cron calls it."""

from batch.start import loading

if __name__ == "__main__":
    loading()
    from batch.cli import main
    from jobs.commands import job

    main(command=job, name="python -m jobs")
