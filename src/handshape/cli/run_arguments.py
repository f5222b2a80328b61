"""What the verbs that train take alike: photographs, settings, the run folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.cli.shared import given_path, quoted
from handshape.errors import DataError, SettingsError
from handshape.suggestions import did_you_mean_path

if TYPE_CHECKING:
    from handshape.config import Settings
    from handshape.console import Console
    from handshape.workflow.executor import Executor


def add_run_arguments(parser: argparse.ArgumentParser, external: bool = True) -> None:
    """DATA, the folder of runs, settings, photographs from elsewhere, and which run to go on with."""
    parser.add_argument(
        "--json-progress",
        action="store_true",
        help="with --json: progress as well, one object a line before the result",
    )
    parser.add_argument(
        "data", type=given_path, nargs="?", metavar="DATA", help="folder with one folder of images a class"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), metavar="FOLDER", help="where runs go (default: runs)"
    )
    parser.add_argument("--name", metavar="NAME", help="name of the run (default: date and time)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML")
    parser.add_argument("--profile", default="default", metavar="NAME", help="default or gtx1650 (4 GB of GPU memory)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="assignments",
        metavar="SECTION.KEY=VALUE",
        help="one setting, such as model.num_epochs=40; give it as often as needed",
    )
    if external:
        parser.add_argument(
            "--external",
            action="append",
            default=[],
            metavar="NAME=DATA",
            help="photographs of other people, to measure on; give it as often as needed",
        )
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with a run that was stopped; DATA only if it was moved"
    )


def add_executor_arguments(parser: argparse.ArgumentParser, tasks: str) -> None:
    """What independent tasks run on; the results are those of this process alone."""
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help=f"{tasks} on the machines of a Ray cluster: HOST:PORT, or auto, which starts one here if there is none",
    )
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help=f"{tasks} in N processes of this machine (default: 1)"
    )


def executor_for(options: argparse.Namespace, console: Console) -> Executor:
    """What :func:`add_executor_arguments` asks for, to be entered.

    Raises:
        SettingsError: both a cluster and processes.
        RuntimeUnavailableError: Ray is not installed.
    """
    from handshape.workflow.executor import executor_of

    return executor_of(options.cluster, options.processes, console)


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that are asked for; DATA on the command line wins.

    Raises:
        SettingsError: a setting is at fault.
        DataError: no photographs were named, and there are none where the settings say.
    """
    from handshape.config import load_settings, validate_settings

    settings = load_settings(options.profile, options.config, options.assignments)
    if options.data is None:
        if not Path(settings.data.original_data_dir).exists():
            raise DataError(
                f"No photographs were named, and there is no folder {settings.data.original_data_dir}.",
                "a folder with one folder of images a class",
                f"Name yours: handshape {options.verb} FOLDER. 'handshape sample practice' draws some to try.",
            )
        return settings
    values = settings.model_dump(exclude_unset=True)
    values.setdefault("data", {})["original_data_dir"] = str(options.data)
    return validate_settings(values)


def externals_of(options: argparse.Namespace) -> dict[str, Path]:
    """The folders of --external by name.

    Raises:
        SettingsError: not NAME=FOLDER, or a name twice.
        DataError: there is no such folder.
    """
    found: dict[str, Path] = {}
    for text in options.external:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder) or name in found:
            raise SettingsError(f"Cannot use --external {text}.", "NAME=FOLDER, each name once")
        if not Path(folder).is_dir():
            raise DataError(
                f"There is no folder {folder}, which --external {name} names.", fix=did_you_mean_path(Path(folder))
            )
        found[name] = Path(folder)
    return found


def require_nothing_new(options: argparse.Namespace) -> None:
    """A run that is resumed keeps its settings; its photographs may have been moved.

    Raises:
        SettingsError: the command line names others.
    """
    given = (
        getattr(options, "external", ()),
        getattr(options, "negatives", ()),
        getattr(options, "also", ()),
        getattr(options, "profile_steps", None),
        options.name,
        options.config,
        options.profile != "default",
        options.assignments,
    )
    if any(given):
        raise SettingsError(
            "--resume goes on with a run as it was begun; other settings cannot be given with it.",
            f"handshape {options.verb} --resume {quoted(options.resume)}, and DATA where the photographs were moved",
            "Leave --resume out to begin anew with other settings.",
        )
