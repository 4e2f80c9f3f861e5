"""The command `sync-hostaway simulator`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from sync_hostaway.simulator.config import SimulatorConfig, Sizes, parse_accounts, parse_limit, today

T = TypeVar("T")


def _checked(parse: Callable[[str], T], text: str, option: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def simulator(
    host: Annotated[str, typer.Option(help="Address to listen on. The control interface has no password.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port to listen on, 0 for a free one.", min=0, max=65_535)] = 8_090,
    accounts: Annotated[str, typer.Option(help="Account ids with their API keys, id:secret,id:secret.")] = (
        "701:secret-701,702:secret-702"
    ),
    listings: Annotated[int, typer.Option(help="Listings per account.", min=1)] = 50,
    reservations: Annotated[int, typer.Option(help="Reservations per account.", min=0)] = 1_000,
    conversations: Annotated[
        int | None, typer.Option(help="Conversations per account.", show_default="96 % of reservations", min=0)
    ] = None,
    messages_per_conversation: Annotated[float, typer.Option(help="Average number of messages.", min=1.1)] = 4.0,
    orphan_share: Annotated[
        float, typer.Option(help="Share of reservations whose listing is not listed.", min=0, max=1)
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Equal seed, anchor and sizes give equal data.")] = 1,
    anchor: Annotated[
        datetime | None, typer.Option(help="The data's today.", formats=["%Y-%m-%d"], show_default="today, UTC")
    ] = None,
    ip_limit: Annotated[str, typer.Option(help="Calls per address, calls/seconds such as 15/10, or off.")] = "off",
    account_limit: Annotated[str, typer.Option(help="Calls per account, calls/seconds such as 20/10, or off.")] = "off",
    message_limit: Annotated[str, typer.Option(help="Sent messages per account, calls/seconds, or off.")] = "30/60",
    token_delay: Annotated[float, typer.Option(help="Seconds until a new token is accepted.", min=0)] = 1.0,
    token_lifetime: Annotated[int, typer.Option(help="Seconds until a token expires.", min=1)] = 63_158_400,
    webhook_time_scale: Annotated[
        float, typer.Option(help="Factor on the waits between webhook retries; 0.001 makes an hour 4 seconds.", min=0)
    ] = 1.0,
    lean: Annotated[
        bool, typer.Option("--lean/--full", help="What answers carry when a client does not send includeResources.")
    ] = True,
    ready_file: Annotated[Path | None, typer.Option(help="File that gets the URL once the simulator listens.")] = None,
) -> None:
    """Run a simulated Hostaway API with synthetic data until interrupted."""
    # Here, so that the other commands do not pay for the import of the server.
    from sync_hostaway.simulator.server import CannotListen, serve

    if ready_file is not None and not ready_file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {ready_file.parent}", param_hint="--ready-file")
    sizes = Sizes(
        listings=listings,
        reservations=reservations,
        conversations=conversations if reservations else 0,
        messages_per_conversation=messages_per_conversation,
        orphan_share=orphan_share,
    )
    config = SimulatorConfig(
        host=host,
        port=port,
        accounts=_checked(parse_accounts, accounts, "--accounts"),
        seed=seed,
        anchor=today() if anchor is None else anchor.date(),
        sizes=sizes,
        token_delay=token_delay,
        token_lifetime=token_lifetime,
        ip_limit=_checked(parse_limit, ip_limit, "--ip-limit"),
        account_limit=_checked(parse_limit, account_limit, "--account-limit"),
        message_limit=_checked(parse_limit, message_limit, "--message-limit"),
        lean_by_default=lean,
        webhook_time_scale=webhook_time_scale,
    )
    console = Console()

    def announce(url: str) -> None:
        console.print(
            f"Hostaway API simulator on {url} (accounts {', '.join(map(str, config.accounts))})", soft_wrap=True
        )

    try:
        serve(config, ready_file=ready_file, announce=announce)
    except CannotListen as error:
        raise typer.BadParameter(str(error), param_hint=error.option) from None
