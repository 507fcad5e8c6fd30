"""A rollback job: give back what a run changed, wherever that run's value still stands."""

from batch import pipeline
from batch.run import Finished, Hooks
from batch.settings import Settings
from jobs.job import Job


async def run(job: Job, settings: Settings, hooks: Hooks) -> Finished:
    """Roll back the job's run."""
    return await pipeline.rollback(job.run, settings, hooks)
