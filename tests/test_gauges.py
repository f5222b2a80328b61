"""What the machine does while it trains, read from a card that is pretended and from this host."""

import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

keras = pytest.importorskip("keras")

from helpers import started_runtime

from handshape.machine import resident_memory_mib
from handshape.training import gauges as module
from handshape.training.callbacks import EpochLines, MachineGauges
from handshape.training.gauges import CardGauges, HostGauges, describe_gauges, find_card, gauges_of


class NoCardError(Exception):
    """What NVML raises."""


class Nvml:
    """Stands in for nvidia-ml-py on a machine with two cards."""

    NVMLError, NVML_TEMPERATURE_GPU = NoCardError, 0

    def __init__(self, has_driver: bool = True) -> None:
        self.has_driver, self.is_silent = has_driver, False
        self.asked: list[object] = []

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.has_driver:
            raise NoCardError("NVML Shared Library Not Found")

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:  # noqa: N802
        if number > 1:
            raise NoCardError("Invalid Argument")
        self.asked.append(number)
        return number

    def nvmlDeviceGetHandleByUUID(self, name: str) -> int:  # noqa: N802
        self.asked.append(name)
        return 1

    def nvmlDeviceGetUtilizationRates(self, card: int) -> SimpleNamespace:  # noqa: N802
        if self.is_silent:
            raise NoCardError("GPU is lost")
        return SimpleNamespace(gpu=80 + card)

    def nvmlDeviceGetMemoryInfo(self, card: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(used=3 * 2**30)

    def nvmlDeviceGetTemperature(self, card: int, kind: int) -> int:  # noqa: N802
        return 61


@pytest.fixture
def nvml(monkeypatch) -> Nvml:
    stand_in = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)
    monkeypatch.setattr(module, "is_installed", lambda name: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return stand_in


ON_A_CARD = {"accelerator": "NVIDIA Test"}


@pytest.mark.parametrize(
    ("visible", "asked", "load"),
    [("", 0, 80), ("1", 1, 81), ("1,0", 1, 81), ("GPU-8f1a", "GPU-8f1a", 81), ("none", 0, 80)],
)
def test_the_card_that_cuda_uses_is_read(visible, asked, load, nvml, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert find_card()() == (load, 3072, 61)
    assert nvml.asked == [asked]


def test_a_card_is_told_in_few_characters(nvml):
    gauges = gauges_of(replace(started_runtime(), **ON_A_CARD))
    gauges.start()
    values = gauges.take()
    gauges.stop()
    assert values == {"gpu/load_percent": 80, "gpu/memory_mib": 3072, "gpu/temperature_c": 61}
    assert gauges.words(values) == "GPU 80%, 3.0 GiB, 61 °C"


def test_an_epoch_is_told_by_its_mean_load_and_its_most_memory_and_heat(monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 0.001)
    readings = iter([(0, 100, 50), (100, 300, 70), (50, 200, 60)])
    gone = threading.Event()

    def read():
        try:
            return next(readings)
        except StopIteration:
            gone.set()
            raise OSError("GPU is lost") from None

    gauges = CardGauges(read)
    gauges.start()
    assert gone.wait(20)
    assert gauges.take() == {"gpu/load_percent": 50, "gpu/memory_mib": 300, "gpu/temperature_c": 70}
    assert gauges.take() == {}
    assert gauges.words({}) == ""
    threads = threading.active_count()
    gauges.stop()
    assert threading.active_count() == threads - 1


def test_a_card_that_falls_silent_stops_nothing(nvml):
    gauges = gauges_of(replace(started_runtime(), **ON_A_CARD))
    nvml.is_silent = True
    gauges.start()
    assert gauges.take() == {}
    gauges.stop()


@pytest.mark.parametrize(
    ("installed", "driver", "accelerator", "told"),
    [
        (True, True, "NVIDIA Test", "NVML answers"),
        (True, False, "NVIDIA Test", "does not answer"),
        (False, True, "NVIDIA Test", "pip install nvidia-ml-py"),
        (True, True, "", "there is no card"),
    ],
)
def test_what_can_be_read_is_said(installed, driver, accelerator, told, nvml, monkeypatch):
    nvml.has_driver = driver
    monkeypatch.setattr(module, "is_installed", lambda name: installed)
    runtime = replace(started_runtime(), accelerator=accelerator)
    assert told in describe_gauges(runtime)[1]
    assert isinstance(gauges_of(runtime), CardGauges) is (told == "NVML answers")


def test_a_host_tells_its_memory_and_the_share_of_time_that_batches_took():
    def slow(*args):
        time.sleep(0.05)
        return "a batch"

    batches = SimpleNamespace(inputs=slow, workers=1)
    gauges = HostGauges()
    gauges.watch(batches)
    gauges.start()
    assert batches.inputs(1, 2) == "a batch"
    busy = gauges.take()
    assert busy["host/resident_mib"] == pytest.approx(resident_memory_mib(), rel=0.2)
    assert 0 < busy["host/data_share"] <= 1
    time.sleep(0.01)
    assert gauges.take()["host/data_share"] == 0
    assert gauges.words({"host/resident_mib": 1536, "host/data_share": 0.25}) == "1.5 GiB, data 25%"


def test_threads_that_make_batches_share_the_time():
    gauges = HostGauges()
    gauges.watch(SimpleNamespace(inputs=lambda: time.sleep(0.01), workers=4))
    gauges._seconds, gauges._since = 8.0, time.perf_counter() - 4.0
    assert gauges.take()["host/data_share"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("with_gauges", [False, True])
def test_the_line_of_an_epoch_and_the_bar_show_it(with_gauges):
    said, notes = [], []
    bar = SimpleNamespace(advance=lambda note: notes.append(note))
    console = SimpleNamespace(epoch=said.append)
    machine = MachineGauges(CardGauges(lambda: (87.4, 5222, 64))) if with_gauges else None
    lines = EpochLines(bar, 1, console, machine=machine)
    if machine:
        machine.on_epoch_end(0)
    lines.on_epoch_end(0, {"accuracy": 0.9512, "loss": 0.2})
    assert said[0].endswith("; GPU 87%, 5.1 GiB, 64 °C") is with_gauges
    assert notes == ["accuracy 95.1%" + ", GPU 87%, 5.1 GiB, 64 °C" * with_gauges]
