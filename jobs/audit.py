"""An audit job: is reality what a sheet says? Reads only; exit code 8 says that it is not."""

from batch import pipeline
from batch.run import Finished, Hooks
from batch.settings import Settings
from jobs.job import Job, needs_file


async def run(job: Job, settings: Settings, hooks: Hooks) -> Finished:
    """Compare the job's file with the live state."""
    return await pipeline.audit(needs_file(job), settings, hooks)
