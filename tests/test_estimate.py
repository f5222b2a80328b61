"""What a training will need, compared with what is free: the arithmetic, pretended machines, and real limits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Handshape, assignments
from helpers import new_pixel_stream

from handshape.config import ModelSettings, Settings, load_settings
from handshape.console import Console
from handshape.data.store import MEMORY_LIMIT
from handshape.errors import HandshapeError, RunError, RuntimeUnavailableError
from handshape.hands.cache import packed_hand
from handshape.hands.landmarks import FEATURES
from handshape.machine import address_limit, available_memory
from handshape.workflow import estimate
from handshape.workflow.estimate import needs_of, require_addresses, require_resources

PLENTY = 10**15
PROGRAM = [sys.executable, "-m", "handshape"]


def settings(*words: str) -> Settings:
    return load_settings(assignments=words)


def sizes(given: Settings, images: int, refits: bool = False) -> dict[str, tuple[int, int]]:
    return {need.what: (need.memory, need.disk) for need in needs_of(given, images, refits)}


@pytest.fixture
def machine(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Pretends what is free; memory and disk are plenty where nothing else is said."""

    def pretend(memory: int | None = PLENTY, disk: int = PLENTY, addresses: int | None = None) -> None:
        monkeypatch.setattr(estimate, "available_memory", lambda: memory)
        monkeypatch.setattr(estimate, "free_disk", lambda folder: disk)
        monkeypatch.setattr(estimate, "address_limit", lambda: addresses)
        monkeypatch.setattr(estimate, "resident_memory_mib", lambda: 0.0)
        monkeypatch.setattr(os, "cpu_count", lambda: 2)

    pretend()
    return pretend


WHOLE, HANDS, BOTH = ("hands.find=off",), (), ("model.streams=[landmarks,hand,pixels]",)


@pytest.mark.parametrize(
    ("words", "images", "what", "memory", "disk"),
    [
        (HANDS, 1000, "the pictures", 1000 * 128 * 128 * 3, 0),
        ((*HANDS, "model.img_size=512"), 1000, "the pictures", 0, 1000 * 512 * 512 * 3),  # above 500 MB in a file
        (HANDS, 1000, "what is seen of the hands", 18_816_000, 0),
        (HANDS, 87_000, "what is seen of the hands", 0, 87_000 * 18_816),
        (HANDS, 1000, "the hands, kept for the next time", 0, 19_400_000),
        (HANDS, 1000, "the training itself", 1_400_000_000, 0),
        (("model.streams=[landmarks]",), 1000, "the training itself", 1_000_000_000, 0),
        (HANDS, 1000, "image features", None, None),
        (WHOLE, 1000, "what is seen of the hands", None, None),
        (WHOLE, 1000, "image features", 0, 4 * 1000 * (1280 + 4 * 4 * 160) * 2),
        ((*WHOLE, "augmentation.views=0"), 1000, "image features", 0, 1000 * (1280 + 4 * 4 * 160) * 2),
        ((*WHOLE, "model.img_size=256"), 10, "image features", 0, 4 * 10 * (1280 + 8 * 8 * 160) * 2),
        ((*WHOLE, "model.fine_tune_layers=30"), 10, "image features", 0, 4 * 10 * (1280 + 8 * 8 * 96) * 2),
        (BOTH, 10, "image features", 0, 4 * 10 * (1280 + 4 * 4 * 160) * 2),
    ],
)
def test_what_things_need(
    words: tuple[str, ...], images: int, what: str, memory: int | None, disk: int | None, machine
) -> None:
    assert sizes(settings(*words), images).get(what, (None, None)) == (memory, disk)


def test_a_refit_looks_at_other_views(machine) -> None:
    (_, once), (_, twice) = (sizes(settings(*WHOLE), 10, refits)["image features"] for refits in (False, True))
    assert twice == 2 * once


def test_many_processes_that_find_hands_count(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert sizes(settings(), 1000)["the training itself"][0] == 64 * estimate.FINDER
    assert sizes(settings(), 50)["the training itself"][0] == estimate.TRAINING
    assert sizes(settings(*WHOLE), 1000)["the training itself"][0] == estimate.TRAINING


@pytest.mark.parametrize("layers", [1, 20, 60, 152])
def test_a_view_is_as_large_as_the_network_makes_it(layers: int, machine) -> None:
    given = settings(*WHOLE, f"model.fine_tune_layers={layers}", "model.img_size=96", "augmentation.views=1")
    stream = new_pixel_stream(3, ModelSettings(img_size=96, fine_tune_layers=layers))
    numbers = sum(product(output.shape[1:]) for output in stream.trunk.outputs)
    assert sizes(given, 1)["image features"] == (0, 2 * numbers)


def product(shape: tuple[int, ...]) -> int:
    whole = 1
    for length in shape:
        whole *= length
    return whole


def test_the_constants_are_those_of_the_parts() -> None:
    assert product(FEATURES) * 2 == estimate.HAND
    assert estimate.MEMORY_LIMIT == MEMORY_LIMIT
    numbers, features = packed_hand(None)
    assert numbers is features is None
    assert estimate.HAND < estimate.KEPT_HAND < 1.1 * estimate.HAND


NEEDED = 1_400_000_000 + 1000 * (128 * 128 * 3 + 18_816)  # bytes of memory, for 1,000 photographs


@pytest.mark.parametrize(
    ("free", "told"),
    [
        (NEEDED - 5_000_000, "5 MB too few"),
        (NEEDED - 1_000_000_000, "1,000 MB too few"),
        (0, "too few"),
        (NEEDED, "warn"),
        (round(NEEDED / 0.81), "warn"),
        (round(NEEDED / 0.79), ""),
        (None, ""),
    ],
)
def test_memory(free: int | None, told: str, machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine(memory=free)
    if "few" in told:
        with pytest.raises(RuntimeUnavailableError) as error:
            require_resources(settings(), 1000, Console())
        assert told in error.value.text
        assert "model.img_size" in error.value.fix
        assert "the pictures 49 MB" in error.value.expected
    else:
        require_resources(settings(), 1000, Console())
        assert ("of memory" in capsys.readouterr().err) == bool(told)


def test_memory_that_this_process_holds_is_not_asked_for_again(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(memory=NEEDED - 500_000_000)
    monkeypatch.setattr(estimate, "resident_memory_mib", lambda: 500.0)
    require_resources(settings(), 1000, Console(quiet=True))


DISK = (
    2 * 100_000 * (1280 + 4 * 4 * 160) * 2 + 100_000 * 128 * 128 * 3
)  # bytes, of 100,000 whole images, two views each


@pytest.mark.parametrize(("free", "told"), [(DISK - 7_000_000, "7 MB too few"), (DISK, "warn"), (2 * DISK, "")])
def test_disk(free: int, told: str, machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine(disk=free)
    if "few" in told:
        with pytest.raises(RunError) as error:
            require_resources(settings(*WHOLE), 100_000, Console())
        assert told in error.value.text
        for word in ("HANDSHAPE_HOME", "model.img_size", "augmentation.views"):
            assert word in error.value.fix
    else:
        require_resources(settings(*WHOLE), 100_000, Console())
        assert ("are free" in capsys.readouterr().err) == bool(told)


def test_features_that_are_kept_are_not_asked_for_again(machine, home: Path) -> None:
    machine(disk=1000)
    with pytest.raises(RunError):
        require_resources(settings(*WHOLE), 10, Console(quiet=True))
    (home / "features" / "key").mkdir(parents=True)
    with (home / "features" / "key" / "cut.npy").open("wb") as file:
        file.truncate(10_000_000)
    require_resources(settings(*WHOLE), 10, Console(quiet=True))


@pytest.mark.parametrize(
    ("limit", "refused"),
    [(None, False), (PLENTY, False), (estimate.ADDRESSES, False), (2_500_000_000, True), (0, True)],
)
def test_addresses(limit: int | None, refused: bool, machine) -> None:
    machine(addresses=limit)
    try:
        require_addresses()
    except HandshapeError as error:
        assert refused
        assert "ulimit -v" in error.fix
    else:
        assert not refused


@pytest.mark.parametrize(
    ("pretended", "told"),
    [({"memory": 10**8}, "too little memory"), ({"disk": 10**5}, "too little room"), ({"addresses": 10**9}, "ulimit")],
)
@pytest.mark.parametrize("verb", ["train", "crossval", "ensemble"])
def test_it_is_said_before_anything_is_read(
    verb: str, pretended: dict[str, int], told: str, machine, drawn: Path, handshape: Handshape, tmp_path: Path
) -> None:
    machine(**pretended)
    outcome = handshape(verb, drawn, "--out", tmp_path / "runs", *assignments())
    assert outcome.code == 1
    assert told in outcome.err
    assert "usable images" not in outcome.err
    assert not (tmp_path / "runs").exists()


MEMINFO = "MemTotal: 9000 kB\nMemFree: 100 kB\nMemAvailable:    4000 kB\nSwapFree: 1000 kB\nHugePages_Total:   0\n"


@pytest.mark.parametrize(
    ("own", "files", "free"),
    [
        ("0::/a/b\n", {}, 5000 * 1024),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/b/memory.current": "1"}, 5000 * 1024),
        ("0::/a/b\n", {"a/b/memory.max": "9000", "a/b/memory.current": "4000"}, 5000),
        ("0::/a/b\n", {"a/memory.max": "9000", "a/memory.current": "4000", "a/b/memory.max": "max"}, 5000),
        (
            "0::/\n",
            {"memory.max": "9000", "memory.current": "8000", "memory.stat": "anon 7\ninactive_file 500\n"},
            1500,
        ),
        ("0::/a/b\n", {"a/b/memory.max": "900", "a/b/memory.current": "4000"}, 0),
        (
            "9:name=systemd:/\n4:cpu,memory:/x\n0::/\n",
            {"memory/x/memory.limit_in_bytes": "7000", "memory/x/memory.usage_in_bytes": "1000"},
            6000,
        ),
        (
            "4:memory:/elsewhere\n",
            {"memory/memory.limit_in_bytes": "7000", "memory/memory.usage_in_bytes": "1000"},
            6000,
        ),
        ("4:cpu:/x\n", {"memory/x/memory.limit_in_bytes": "7", "memory/x/memory.usage_in_bytes": "0"}, 5000 * 1024),
        ("nonsense", {"memory.max": "nonsense"}, 5000 * 1024),
    ],
)
def test_memory_that_is_free(own: str, files: dict[str, str], free: int, tmp_path: Path) -> None:
    processes, groups = tmp_path / "proc", tmp_path / "groups"
    (processes / "self").mkdir(parents=True)
    (processes / "meminfo").write_text(MEMINFO)
    (processes / "self" / "cgroup").write_text(own)
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text)
    assert available_memory(processes, groups) == free


def test_systems_that_do_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", lambda name: 1000)
    assert available_memory(tmp_path, tmp_path) == 1_000_000
    monkeypatch.delattr(os, "sysconf")
    assert available_memory(tmp_path, tmp_path) is None


def test_this_machine_says(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/meminfo").exists():
        pytest.skip("no /proc here")
    assert (available_memory() or 0) > 0
    monkeypatch.setitem(sys.modules, "resource", None)
    assert address_limit() is None


@pytest.mark.parametrize("kilobytes", [600_000, 1_500_000, 2_000_000, 2_500_000, 3_900_000])
def test_under_a_limit_on_addresses(kilobytes: int, drawn: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (kilobytes * 1024, kilobytes * 1024))

    command = [*PROGRAM, "train", str(drawn), "--out", str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited, check=False)
    if "Cannot set" in done.stderr or sys.platform == "darwin":
        pytest.skip("this system keeps no such limit")
    assert done.returncode == 1
    assert "may address is limited" in done.stderr
    assert "ulimit -v unlimited" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("full", ["home", "runs"])
def test_on_a_small_disk(full: str, drawn: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here")
    try:
        places = {"home": tmp_path / "home", "runs": tmp_path / "runs", full: disk / full}
        environment = {**os.environ, "HANDSHAPE_HOME": str(places["home"])}
        command = [*PROGRAM, "train", str(drawn), "--out", str(places["runs"]), *assignments()]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 1
        assert "There is too little room" in done.stderr
        assert ("HANDSHAPE_HOME" if full == "home" else "--out") in done.stderr
        assert "usable images" not in done.stderr
        assert not places["runs"].exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
