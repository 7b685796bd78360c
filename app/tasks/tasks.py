"""The door of the clock: Cloud Scheduler, or the local deliverer, calls it for each job."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Path, Request

from app.core.db import Database
from app.core.errors import NotFound
from app.core.task_doors import task_router
from app.tasks.jobs import SCHEDULE, Job, Run, run
from app.tasks.schemas import JobReport

router = task_router()

JobName = Annotated[str, Path(pattern=r"^[a-z-]{1,60}$")]


async def job_called(request: Request, name: JobName) -> tuple[Job, Run]:
    """The job of this name and what does it; 404 for another."""
    acts: Mapping[str, Run] = request.app.state.jobs
    for job in SCHEDULE:
        if job.name == name:
            return job, acts[name]
    raise NotFound("There is no such job.")


async def database_of(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


@router.post("/jobs/{name}")
async def run_job(
    called: Annotated[tuple[Job, Run], Depends(job_called)], database: Annotated[Database, Depends(database_of)]
) -> JobReport:
    """Run a job now, unless it did well a moment ago; 409 while it runs."""
    job, act = called
    report = await run(database, job, act)
    return JobReport(job=job.name, ran=report is not None, report=dict(report or {}))
