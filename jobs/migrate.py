"""A migrate job: make reality what a sheet, or a saved plan, says."""

from batch import pipeline
from batch.run import Finished, Hooks
from batch.settings import Settings
from jobs.job import Job, needs_file


async def run(job: Job, settings: Settings, hooks: Hooks) -> Finished:
    """Apply the job's file."""
    return await pipeline.apply(needs_file(job), settings, hooks)
