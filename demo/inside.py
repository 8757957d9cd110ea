"""How to look inside what `returnstreams demo --keep` leaves running: commands that can be pasted."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from rich.console import Console

from contracts.topics import REFUNDS, RETURN_UNITS
from demo.stack import INGRESS, Stack
from demo.story import Story


def tell_how(console: Console, stack: Stack, story: Story) -> None:
    """Print addresses, the environment as a file to source, and example commands."""
    environment = stack.directory / "environment"
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in stack.settings().items()]
    # `make demo` needs no activated environment, so neither do the commands below.
    path = f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH\n"
    environment.write_text("".join([path, *lines]), encoding="utf-8")
    environment.chmod(0o600)
    body = stack.directory / "omniparcel.json"
    post = story.senders.omniparcel("BW-P-1004", ("OP-10", story.now, "Hamburg, DE", "Picked up"))
    body.write_bytes(post.raw)
    headers = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in post.headers.items())
    prefix = stack.kafka.topic_prefix
    said = [
        "Everything is left running; Ctrl-C ends it.",
        f"  Kafka brokers   {stack.kafka.bootstrap_servers}" + (f" (topics begin with {prefix})" if prefix else ""),
        f"  ingress         {stack.ingress_url}",
        f"  logs            {stack.directory}",
        "In another shell:",
        f"  . {environment}",
        "  returnstreams orders show bergwerk BW-1010",
        "  returnstreams subscriptions audit",
        f"  returnstreams topics tail {REFUNDS.name}",
        f"  returnstreams topics tail {RETURN_UNITS.name}",
        f"  curl -s {stack.ingress_url}/metrics | grep ^returnstreams",
        *(f"  curl -s http://127.0.0.1:{port}/metrics   # {n}" for n, port in stack.ports.items() if n != INGRESS),
        "A scan of the parcel of BW-R4, which is only 'awaited' so far; its refund follows:",
        f"  curl -i {headers} --data-binary @{body} {stack.ingress_url}{post.path}",
    ]
    for line in said:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
