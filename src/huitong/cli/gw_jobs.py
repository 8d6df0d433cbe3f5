"""``huitong gw jobs`` and ``undelivered``: what goes on, and what is stuck."""

from __future__ import annotations

from typing import Any

import click

from huitong.cli.gw_connection import gw_command, limit_option, show_list, show_one
from huitong.cli.zones import show
from huitong.sdk import Gateway

job_argument = click.argument("job_id", metavar="JOB", type=click.IntRange(min=1))


@click.group()
def jobs() -> None:
    """Look at what was begun."""


@jobs.command("list")
@click.option("--state", "states", multiple=True, help="Any of these.")
@click.option("--subject", help="Only those of this exchange or record.")
@limit_option
@gw_command
def list_jobs(
    gateway: Gateway,
    states: tuple[Any, ...],
    subject: str | None,
    most: int,
    as_json: bool,
) -> None:
    """List jobs, oldest first."""
    found = gateway.list_jobs(state=states, subject=subject)
    show_list("jobs", found, most, as_json=as_json)


@jobs.command("show")
@job_argument
@click.option("--wait", type=click.IntRange(0, 60), help="Seconds to wait for its end.")
@gw_command
def show_job(gateway: Gateway, job_id: int, wait: int | None, as_json: bool) -> None:
    """Show a job; the exit code is 1 if it is stuck or failed."""
    show_one(gateway.get_job(job_id, wait=wait), as_json=as_json)


@click.group()
def undelivered() -> None:
    """Look after what is stuck; nothing else waits for it."""


@undelivered.command("list")
@click.option("--waiting", is_flag=True, help="Also what is tried again by itself.")
@limit_option
@gw_command
def list_undelivered(gateway: Gateway, waiting: bool, most: int, as_json: bool) -> None:
    """List what is stuck, and why."""
    found = gateway.list_undelivered(waiting=waiting)
    show_list("undelivered", found, most, as_json=as_json)


@undelivered.command()
@job_argument
@gw_command
def retry(gateway: Gateway, job_id: int, as_json: bool) -> None:
    """Try a job again now."""
    show(gateway.retry_job(job_id).model_dump(mode="json"), as_json=as_json)


@undelivered.command()
@job_argument
@gw_command
def skip(gateway: Gateway, job_id: int, as_json: bool) -> None:
    """Say that a job is done in another way."""
    show(gateway.skip_job(job_id).model_dump(mode="json"), as_json=as_json)


@undelivered.command()
@job_argument
@gw_command
def cancel(gateway: Gateway, job_id: int, as_json: bool) -> None:
    """Give a job up."""
    show(gateway.cancel_job(job_id).model_dump(mode="json"), as_json=as_json)
