"""The `seatrial` command. Its own help needs no library, so it answers at once."""

from __future__ import annotations

import gc
import os
import sys
import textwrap

from seatrial import __version__

VERBS = {
    "ship": "The whole loop: profile, plan, bundle, deploy here, measure, report.",
    "init": "Write a first seatrial.toml, with what the source tells filled in.",
    "profile": "What is this app? Read it from its source; --measure also boots it.",
    "price": "What does one design cost, line by line? Years, break-even, comparison.",
    "prices": "Which prices are in force, how old are they? `prices refresh`.",
    "simulate": "Would it hold? A design's latency, errors, scaling and availability.",
    "plan": "Where should it run, and for how much? Ranked designs and a report.",
    "bundle": "Write the Dockerfile and Terraform of the chosen design, and check them.",
    "deploy": "Run the app on this machine: replicas behind a proxy.",
    "status": "What runs, and is it healthy?",
    "logs": "Show what the replicas, the proxy and the engine wrote.",
    "stop": "Stop what runs and clean up what is left.",
    "trial": "Measure the promises: `trial load`.",
}
WIDTH = 80

YOUNG = 50_000
"""So many new values before cycles are looked for among them: modules, a catalogue and trees of
source are hundreds of thousands that stay, and Python's usual 700 would look again and again."""


def help_text() -> str:
    """What `seatrial --help` prints."""
    indent = " " * 11
    verbs = "\n".join(
        textwrap.fill(f"  {verb:9}{about}", WIDTH, subsequent_indent=indent)
        for verb, about in VERBS.items()
    )
    return f"""\
Usage: seatrial VERB [OPTIONS] [APP]

  Take a Python AI application to production, and prove it.

  APP is the folder of a Flask app (default: this folder). Start with

      seatrial ship APP

  which buys and changes nothing outside this machine. What each stage made
  lies under APP/.seatrial/, and each verb also works alone on it.

Verbs:
{verbs}

Options:
  --json               (after a verb) one JSON document on stdout, nothing else.
  --state-dir DIR      (after a verb) where to keep results.
  --install-completion Install completion for the current shell.
  --show-completion    Show it, to copy or customise.
  --version            Show the version and exit.
  -h, --help           Show this message; after a verb, the verb's own.

Exit codes: 0 done; 1 the answer is no; 2 the input is wrong; 75 try again.
"""


def main() -> None:
    """Run the command line; a closed pipe (`seatrial ... | head`) is not an error."""
    arguments = sys.argv[1:]
    try:
        if arguments in ([], ["-h"], ["--help"]) and "_SEATRIAL_COMPLETE" not in os.environ:
            print(help_text(), end="")
        elif arguments == ["--version"]:
            print(f"seatrial {__version__}")
        else:
            # Loads the libraries of the verbs; help and version do without them.
            gc.set_threshold(YOUNG)
            from seatrial.cli.verbs import app

            app(prog_name="seatrial")
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
