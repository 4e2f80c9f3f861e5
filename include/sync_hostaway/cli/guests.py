"""`sync-hostaway guests`: removes personal data of guests."""

from __future__ import annotations

from typing import Annotated

import typer

from sync_hostaway.cli.options import AccountId, warehouse
from sync_hostaway.core.console import echo, pluralize, print_note, prompt
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.hostaway.values import LARGEST_ID
from sync_hostaway.privacy.erase import erase_guest
from sync_hostaway.transforms import run_transform

guests_app = typer.Typer(help="Personal data of guests.", no_args_is_help=True)


@guests_app.command("erase")
def guests_erase(
    account_id: AccountId,
    guest_id: Annotated[
        int, typer.Argument(help="guest_id, or the id of any reservation of the guest", min=1, max=LARGEST_ID)
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Confirm without a prompt")] = False,
) -> None:
    """Delete the personal data of a guest, and remove it from every later sync. This cannot be undone."""
    if not yes:
        question = f"The personal data of guest {guest_id} will be deleted permanently. Type the id to confirm"
        if prompt(question, None, "Confirm with --yes") != str(guest_id):
            raise InvalidValue("The ids differ; nothing was erased")
    with warehouse() as connection:
        erased = erase_guest(connection, account_id, guest_id)
        run_transform(connection, requested_by="guests erase")
    echo(
        f"Guest {guest_id} is erased: {pluralize(erased.reservations, 'reservation')}, "
        f"{pluralize(erased.conversations, 'conversation')}, {pluralize(erased.transcripts, 'transcript')}, "
        f"{pluralize(erased.rows, 'row')}. "
        "Hostaway still has its own copy."
    )
    for left in erased.left:
        print_note(f"Delete this yourself: {left}")
