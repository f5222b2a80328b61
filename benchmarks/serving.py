"""The API against the recogniser's own loop, in one run: how long a request takes alone, and how many go at once.

usage: python benchmarks/serving.py MODEL PHOTOGRAPHS [--requests 500] [--concurrency 8] [--memory | --frames]
The photographs are made JPEGs of 640 x 480. The server runs in a process of its own; the clients keep their
connections. The loop recognises the same bytes, one after the other on one thread, then on as many as the server has.
With --memory, what the server holds after each tenth of the requests instead: --memory --requests 10000.
With --frames, how long a frame of a stream takes where the hand is followed, and where there is none to be seen.
"""

import argparse
import functools
import http.client
import io
import itertools
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from handshape.console import Console
from handshape.data.samples import list_images
from handshape.images import read_image
from handshape.registry import resolve
from handshape.serving.recognizer import recognizer_of

SIZE = (640, 480)
BOUNDARY = "benchmark"
WARM_UP = 20  # requests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--concurrency", type=int, default=8)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--memory", action="store_true", help="measure the server's memory, not time")
    what.add_argument("--frames", action="store_true", help="measure frames with a hand and without, no server")
    options = parser.parse_args()
    images = [as_jpeg(path) for path in itertools.islice(list_images(options.photographs), 0, None, 7)][:100]
    work = list(itertools.islice(itertools.cycle(images), options.requests))
    if options.frames:
        measure_frames(options.model, work)
    else:
        (measure_memory if options.memory else measure_time)(options.model, work, options.concurrency)


def measure_time(model: str, work: Sequence[bytes], concurrency: int) -> None:
    alone, many = loops(model, work)
    with server(model) as started:
        print(f"start to ready           {started.seconds:7.2f} s")
        client(started.port, work[:1] * WARM_UP)
        times = client(started.port, work)
        start = time.perf_counter()
        clients(started.port, work, concurrency)
        rate = len(work) / (time.perf_counter() - start)
    print(f"one request at a time    p50 {percentile(times, 50):.1f} ms, p99 {percentile(times, 99):.1f} ms")
    print(f"the loop on one thread   p50 {percentile(alone, 50):.1f} ms, p99 {percentile(alone, 99):.1f} ms")
    print(f"{concurrency} requests at a time     {rate:7.1f} a second, {rate / many:.0%} of the loop")
    print(f"the loop on all threads  {many:7.1f} a second")


def measure_memory(model: str, work: Sequence[bytes], concurrency: int) -> None:
    with server(model) as started:
        print(f"{0:6} requests   {resident(started.process):6.1f} MB")
        for tenth in range(10):
            done, end = (len(work) * number // 10 for number in (tenth, tenth + 1))
            clients(started.port, work[done:end], concurrency)
            print(f"{end:6} requests   {resident(started.process):6.1f} MB", flush=True)


def measure_frames(model: str, work: Sequence[bytes]) -> None:
    """In turn, so that what else the machine does weighs on both alike."""
    recognizer = recognizer_of(resolve(model), Console())
    followed, empty = [], []
    for frame in work:
        hand, nobody = recognizer.recognize(frame).hand, without_hand(frame)
        if hand and not recognizer.follow(nobody, None).hand:
            followed.append(timed(functools.partial(recognizer.follow, frame, hand)))
            empty.append(timed(functools.partial(recognizer.follow, nobody, None)))
    with_hand, without = statistics.median(followed), statistics.median(empty)
    print(f"a frame with a hand      p50 {with_hand:.1f} ms, {len(followed)} frames")
    print(f"a frame without a hand   p50 {without:.1f} ms, {without / with_hand:.2f} times as long")


def without_hand(frame: bytes) -> bytes:
    """The room's light and colours, but nothing to be recognised."""
    with Image.open(io.BytesIO(frame)) as image:
        return jpeg(image.resize((8, 6)).resize(SIZE, Image.Resampling.BICUBIC))


def resident(process: int) -> float:
    """Megabytes of memory that a process holds."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True, check=True)
    return int(said.stdout) * 1024 / 1e6


def as_jpeg(path: Path) -> bytes:
    return jpeg(ImageOps.pad(read_image(path), SIZE, Image.Resampling.BILINEAR))


def jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def loops(model: str, work: Sequence[bytes]) -> tuple[list[float], float]:
    """Milliseconds of each image on one thread, and images a second on all."""
    bundle = resolve(model)
    recognizer = recognizer_of(bundle, Console())
    recognizer.recognize_all(work[:WARM_UP])
    alone = [timed(lambda image=image: recognizer.recognize(image)) for image in work]
    return alone, len(work) / (timed(lambda: recognizer.recognize_all(work)) / 1000)


@dataclass(frozen=True)
class Started:
    """A server's port, its process, and how many seconds it took to get ready."""

    port: int
    process: int
    seconds: float


@contextmanager
def server(model: str) -> Iterator[Started]:
    command = [sys.executable, "-m", "handshape", "serve", model, "--port", "0", "--json"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stderr is not None
            said = next(line for line in program.stderr if "http://" in line)
            port = int(re.findall(r":(\d+) ", said)[0])
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/readyz")
            assert connection.getresponse().status == 200
            seconds = time.perf_counter() - start
            connection.close()
            yield Started(port, program.pid, seconds)
        finally:
            program.terminate()


def clients(port: int, images: Sequence[bytes], concurrency: int) -> None:
    """Shares the images among so many connections, all at once."""
    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(lambda number: client(port, images[number::concurrency]), range(concurrency)))


def client(port: int, images: Sequence[bytes]) -> list[float]:
    """Milliseconds of each request on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    times = [timed(lambda image=image: ask(connection, image)) for image in images]
    connection.close()
    return times


def ask(connection: http.client.HTTPConnection, image: bytes) -> None:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n\r\n'
    body = head.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()
    connection.request("POST", "/v1/recognize", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    response = connection.getresponse()
    assert response.read().startswith(b'{"results"')
    assert response.status == 200


def timed(work) -> float:
    """Milliseconds it takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def percentile(times: Sequence[float], share: int) -> float:
    return statistics.quantiles(times, n=100)[share - 1]


if __name__ == "__main__":
    main()
