"""``handshape serve``: a model over HTTP and WebSocket."""

from __future__ import annotations

import argparse
import math
import webbrowser
from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cli.shared import Verbs, add_verb, given_path
from handshape.errors import SettingsError
from handshape.suggestions import did_you_mean

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.serving.api.learning import Learning
    from handshape.serving.api.limits import Limits
    from handshape.serving.api.models import Loaded, Served
    from handshape.serving.watch.watch import Watch

ORDER = 80
RATE_FOR_STRANGERS = 30.0  # requests a second, on addresses that others can reach


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "serve",
        run,
        "a page that reads your hand, and a model over HTTP",
        "Serves a model until Ctrl-C. In a browser: a page that reads a hand in the camera, on the visitor's own "
        "device. For programs: POST /v1/recognize and /v1/explain (images as form field 'image'), WebSocket "
        "/v1/stream, GET /v1/models, /metrics, /healthz, /openapi.json. On this machine alone unless --host says "
        "otherwise. With --json one JSON object a request goes to stdout.\n\n"
        "Browsers give a camera to pages of this machine, or over https. For a phone in the same room make a "
        "certificate for this machine's address, as below with yours for 192.168.0.10, serve with it, open "
        "https://192.168.0.10:8000 on the phone, and accept the certificate there.",
        [
            "handshape serve --open",
            "handshape serve runs/first",
            "curl -F image=@photo.jpg http://127.0.0.1:8000/v1/recognize",
            "handshape serve asl@production --host 0.0.0.0 --token-file tokens",
            "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=handshape \\\n"
            "    -addext subjectAltName=IP:192.168.0.10 -keyout key.pem -out cert.pem",
            "handshape serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem",
            "handshape serve asl@production --watch --shadow asl@4 --keep-unsure to-label",
        ],
    )
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help="run, bundle or name (default: the newest in runs, else asl)"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where it listens (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="default: 8000; 0 takes any that is free")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate, for https")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key (default: in the same file)")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="tokens, one a line; each request needs one")
    parser.add_argument("--workers", type=int, metavar="N", help="images computed at a time (default: one a core)")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        dest="limits",
        metavar="NAME=N",
        help="bytes, frame, pixels, images, rate, requests, streams, connections, seconds or stop",
    )
    parser.add_argument(
        "--recordings",
        type=given_path,
        metavar="FOLDER",
        help="where the page keeps the signs that you record (default: recordings, beside your registered models)",
    )
    parser.add_argument(
        "--allow-training",
        action="store_true",
        help="the page may record and train for others than this machine; needs tokens",
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="count answers beside those when the model was tested: GET /v1/watch, /metrics, and the page /watch.html",
    )
    parser.add_argument(
        "--shadow", metavar="MODEL", help="another model answers too, heard by nobody; where it differs is counted"
    )
    parser.add_argument(
        "--keep-unsure",
        type=given_path,
        metavar="FOLDER",
        help="keep the images that it is least sure of, to be labelled; else no image is kept",
    )
    parser.add_argument("--keep", type=int, default=100, metavar="N", help="of them, the most (default: 100)")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="another name it answers to, behind a proxy"
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="web pages of it may use the server, e.g. https://signs.example.org",
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Answers until SIGINT or SIGTERM, which is how a server ends well: 0."""
    from handshape.cli.serve_log import log_to, problems_said
    from handshape.registry import announce
    from handshape.registry.ready import DEFAULT
    from handshape.serving.api.access import LOOPBACK, Access, read_origin, read_tokens
    from handshape.serving.api.app import make_app
    from handshape.serving.api.page import Page
    from handshape.serving.api.server import Certificate, address_of, make_server, open_socket
    from handshape.serving.site import Device

    if options.workers is not None and options.workers < 1:
        raise SettingsError(f"--workers cannot be {options.workers}.", "1 or more", "Leave it out for one a core.")
    if options.tls_key and not options.tls_cert:
        raise SettingsError("--tls-key needs --tls-cert.", "a certificate, and its key")
    tls = Certificate(options.tls_cert, options.tls_key) if options.tls_cert else None
    is_private = options.host in LOOPBACK
    tokens = read_tokens(options.token_file) if options.token_file else []
    origins = [read_origin(text) for text in options.allow_origin]
    limits = limits_from(options.limits, is_private)
    served = load(options.model or newest_run(Path("runs")) or DEFAULT, options.workers, console)
    served.watch = watch = watch_for(options, served, console)
    hosts = {*LOOPBACK, *options.allow_host} if is_private or options.allow_host else set()
    access = Access(tokens, hosts, origins)
    learning = learning_for(options, served, limits, console) if may_learn(options, is_private, tokens) else None
    routers = learning.routers() if learning else ()
    page = Page(served, Device(console), access, {"training": bool(learning)}, routers)
    app = make_app(served, explained, access, limits, log_to(console), page)
    with (
        open_socket(options.host, options.port, limits) as socket,
        problems_said(console),
        closing(learning) if learning else nullcontext(),
        closing(watch) if watch else nullcontext(),
    ):
        server = make_server(app, limits, tls)
        address = address_of(socket, options.host, bool(tls))
        console.status("done", f"Serving {served.name} on {address} (open it in a browser; Ctrl-C stops it)")
        if watch:
            console.hint("How it fares:", f"{address}/watch.html")
        announce(served.name, served.current.bundle, console)
        if not (is_private or tokens):
            console.warn("Whoever reaches this machine may use it: no --token-file was given.")
        if options.open:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):  # uvicorn has stopped gracefully, and says by which signal
            server.run([socket])
    console.status("done", "Stopped.")
    return 0


def may_learn(options: argparse.Namespace, is_private: bool, tokens: Sequence[str]) -> bool:
    """Whether the page may record and train: on this machine alone, else where it is allowed, and only with a token.

    Raises:
        SettingsError: it is allowed, but nobody would need a token.
    """
    if options.allow_training and not tokens:
        raise SettingsError(
            "--allow-training needs --token-file: whoever may train writes to this machine's disk.",
            "tokens in a file",
            "Make one: python -c 'import secrets; print(secrets.token_urlsafe())' > tokens",
        )
    return bool(options.allow_training) or (is_private and not options.allow_host and not options.allow_origin)


def learning_for(options: argparse.Namespace, served: Served, limits: Limits, console: Console) -> Learning:
    """What the view "Learn my signs" asks."""
    from handshape.registry import own_folder
    from handshape.serving.api.learning import Learning
    from handshape.serving.learn.recordings import Recordings

    return Learning(Recordings(options.recordings or own_folder("recordings")), served, limits, console)


def watch_for(options: argparse.Namespace, served: Served, console: Console) -> Watch | None:
    """What sees every answer, where it was asked for.

    Raises:
        SettingsError: no image may be kept.
        HandshapeError: there is no such shadow, or the folder cannot be made.
    """
    if not (options.watch or options.shadow or options.keep_unsure):
        return None
    from handshape.files import cannot_write
    from handshape.registry import resolve
    from handshape.serving.proof import prove_recognizer
    from handshape.serving.recognizer import recognizer_of
    from handshape.serving.watch.shadow import Shadow
    from handshape.serving.watch.unsure import UnsureImages
    from handshape.serving.watch.watch import Watch

    if options.keep < 1:
        raise SettingsError(f"--keep cannot be {options.keep}.", "1 or more", "Without --keep-unsure no image is kept.")
    unsure = shadow = None
    if options.keep_unsure:
        try:
            unsure = UnsureImages(options.keep_unsure, options.keep)
        except OSError as error:
            raise cannot_write(options.keep_unsure, error) from None
        console.warn(f"Images are kept: the {options.keep} that {served.name} is least sure of, in {unsure.folder}")
    if options.shadow:
        other = recognizer_of(resolve(options.shadow, console), console, 1)
        prove_recognizer(other)
        shadow = Shadow(options.shadow, lambda image: other.recognize(image).decision)
    return Watch(lambda: served.current.bundle, shadow, unsure)


def limits_from(assignments: list[str], is_private: bool) -> Limits:
    """The limits, some of them changed by ``name=value``.

    Raises:
        SettingsError: an unknown name, or a number out of its range.
    """
    from dataclasses import fields, replace

    from handshape.serving.api.limits import Limits

    limits = Limits(rate=0.0 if is_private else RATE_FOR_STRANGERS)
    names = [field.name for field in fields(limits)]
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        if name not in names:
            known = ", ".join(f"{name}={getattr(limits, name)}" for name in names)
            raise SettingsError(
                f"There is no limit '{assignment}'.", f"name=number, among {known}", did_you_mean(name, names)
            )
        change: dict[str, Any] = {name: _number(name, value)}
        limits = replace(limits, **change)
    return limits


def load(model: str, workers: int | None, console: Console) -> Served:
    """A model, ready to be served, with the hand models it needs, or said aloud without."""
    from handshape.cli.serve_log import log_to
    from handshape.serving.api.models import Served
    from handshape.serving.recognizer import recognizer_of

    return Served(model, lambda bundle: recognizer_of(bundle, console, workers), log_to(console))


def explained(loaded: Loaded, image: bytes) -> bytes:
    """An image, explained, as PNG."""
    from handshape.serving.explaining import explain_photograph

    return explain_photograph(image, loaded.recognizer)[1]


def newest_run(folder: Path) -> str:
    """The run that was finished last; "" where there is none."""
    finished = [manifest.parents[1] for manifest in folder.glob("*/bundle/bundle.json")]
    return str(max(finished, key=lambda run: (run / "bundle" / "bundle.json").stat().st_mtime, default=""))


def _number(name: str, value: str) -> float:
    """What a limit is set to: a whole number but for those that have a range."""
    from handshape.serving.api.limits import RANGES

    least, most = RANGES.get(name, (1, math.inf))
    kind = float if name in RANGES else int
    with suppress(ValueError, OverflowError):
        number = float(value)
        if least <= number <= most and kind(number) == number < math.inf:
            return kind(number)
    upper = "on" if most == math.inf else f"to {most:g}"
    raise SettingsError(
        f"The limit {name} cannot be '{value}'.", f"a {'whole ' * (kind is int)}number from {least:g} {upper}"
    )
