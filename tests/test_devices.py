"""What a backend sees and how its memory is shared, on machines that are pretended."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from handshape import devices
from handshape.config import GpuSettings
from handshape.devices import Accelerator, describe_memory, find_accelerator, set_memory

RTX = Accelerator("NVIDIA RTX A4000", capability=8.6)


class Tensorflow:
    """Stands in for TensorFlow on a machine with two cards; notes what is asked of their memory."""

    def __init__(self, cards: int = 2, **details: object) -> None:
        self.limits: dict[str, int] = {}
        self.growing: list[str] = []
        self.cards = [f"GPU:{number}" for number in range(cards)]
        self.details = details
        self.config = self
        self.experimental = self

    def list_physical_devices(self, kind: str) -> list[str]:
        return self.cards if kind == "GPU" else ["CPU:0"]

    def get_device_details(self, card: str) -> dict[str, object]:
        return self.details

    def LogicalDeviceConfiguration(self, memory_limit: int) -> int:  # noqa: N802
        return memory_limit

    def set_logical_device_configuration(self, card: str, limits: list[int]) -> None:
        (self.limits[card],) = limits

    def set_memory_growth(self, card: str, grows: bool) -> None:
        self.growing += [card] * grows


class Torch:
    """Stands in for torch on a machine with one card of 8 GiB."""

    def __init__(self, available: bool = True, hip: str | None = None) -> None:
        self.version = SimpleNamespace(hip=hip)
        self.shares: list[tuple[float, int]] = []
        self.cuda = SimpleNamespace(
            is_available=lambda: available,
            get_device_name=lambda number: "NVIDIA L4",
            get_device_capability=lambda number: (8, 9),
            get_device_properties=lambda number: SimpleNamespace(total_memory=8 * 2**30),
            set_per_process_memory_fraction=lambda share, number: self.shares.append((share, number)),
        )


def jax_with(**device: object) -> SimpleNamespace:
    return SimpleNamespace(devices=lambda: [SimpleNamespace(**device)])


def driverless() -> SimpleNamespace:
    def devices_of():
        raise RuntimeError("Unable to initialize backend 'cuda'")

    return SimpleNamespace(devices=devices_of)


@pytest.fixture(autouse=True)
def no_memory_asked_for(monkeypatch):
    for name in (devices.JAX_FRACTION, devices.JAX_NEWER_FRACTION, devices.JAX_AT_ONCE):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(devices, "nvidia_memory_mib", lambda: 8192.0)


@pytest.mark.parametrize(
    ("backend", "module", "expected"),
    [
        ("tensorflow", Tensorflow(device_name="T4", compute_capability=(7, 5)), Accelerator("T4", False, 7.5)),
        ("tensorflow", Tensorflow(), Accelerator("GPU")),
        ("tensorflow", Tensorflow(cards=0), None),
        ("jax", jax_with(platform="gpu", device_kind="L4", compute_capability="8.9"), Accelerator("L4", False, 8.9)),
        ("jax", jax_with(platform="gpu", device_kind="MI300X", compute_capability="gfx942"), Accelerator("MI300X")),
        ("jax", jax_with(platform="tpu", device_kind="TPU v5e"), Accelerator("TPU v5e", True)),
        ("jax", jax_with(platform="cpu", device_kind="cpu"), None),
        ("jax", driverless(), None),
        ("torch", Torch(), Accelerator("NVIDIA L4", False, 8.9)),
        ("torch", Torch(hip="6.2"), Accelerator("NVIDIA L4")),
        ("torch", Torch(available=False), None),
    ],
)
def test_what_a_backend_sees(backend, module, expected, monkeypatch):
    monkeypatch.setitem(sys.modules, backend, module)
    assert find_accelerator(backend, GpuSettings()) == expected


def test_a_limit_of_memory_on_tensorflow(monkeypatch):
    module = Tensorflow()
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    set_memory("tensorflow", GpuSettings(memory_limit_mb=2048))
    assert (module.limits, module.growing) == ({"GPU:0": 2048, "GPU:1": 2048}, [])
    set_memory("tensorflow", GpuSettings())
    assert module.growing == ["GPU:0", "GPU:1"]


@pytest.mark.parametrize(("limit", "share"), [(2048, 0.25), (100_000, 1.0)])
def test_a_limit_of_memory_on_torch(limit, share, monkeypatch):
    module = Torch()
    monkeypatch.setitem(sys.modules, "torch", module)
    set_memory("torch", GpuSettings(memory_limit_mb=limit))
    assert module.shares == [(share, 0)]
    set_memory("torch", GpuSettings())
    assert len(module.shares) == 1


def test_a_limit_of_memory_on_jax_is_set_before_it_is_asked_for_its_devices(monkeypatch):
    seen = {}

    def devices_of():
        seen.update({name: os.environ.get(name) for name in (devices.JAX_FRACTION, devices.JAX_AT_ONCE)})
        return [SimpleNamespace(platform="gpu", device_kind="NVIDIA L4", compute_capability="8.9")]

    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(devices=devices_of))
    gpu = GpuSettings(memory_limit_mb=2048)
    find_accelerator("jax", gpu)
    assert seen == {devices.JAX_FRACTION: "0.250", devices.JAX_AT_ONCE: "false"}
    assert describe_memory(gpu, "jax", RTX)[1].endswith("XLA_PYTHON_CLIENT_MEM_FRACTION=0.250")


@pytest.mark.parametrize("name", [devices.JAX_FRACTION, devices.JAX_NEWER_FRACTION])
def test_what_the_environment_says_of_jax_stays(name, monkeypatch):
    monkeypatch.setenv(name, "0.5")
    set_memory("jax", GpuSettings(memory_limit_mb=2048))
    assert [os.environ.get(each) for each in (devices.JAX_FRACTION, devices.JAX_NEWER_FRACTION)].count("0.5") == 1
    assert None in (os.environ.get(devices.JAX_FRACTION), os.environ.get(devices.JAX_NEWER_FRACTION))


@pytest.mark.parametrize(
    ("backend", "settings", "total", "choice", "told"),
    [
        ("tensorflow", {}, 8192, "on", "other programs"),
        ("tensorflow", {"memory_growth": False}, 8192, "off", "at once"),
        ("tensorflow", {"memory_limit_mb": 2048}, 8192, "limited", "at most 2048 MB"),
        ("torch", {"memory_limit_mb": 2048}, 8192, "limited", "share"),
        ("jax", {"memory_limit_mb": 2048}, 8192, "limited", "MEM_FRACTION=0.250"),
        ("jax", {"memory_limit_mb": 2048}, 0, "not limited", "nvidia-smi does not say"),
    ],
)
def test_memory_is_described(backend, settings, total, choice, told, monkeypatch):
    monkeypatch.setattr(devices, "nvidia_memory_mib", lambda: float(total))
    gpu = GpuSettings(**settings)
    if backend == "jax":
        set_memory(backend, gpu)
    chosen, reason = describe_memory(gpu, backend, RTX)
    assert chosen == choice
    assert told in reason


def test_a_cpu_has_no_memory_to_share():
    assert describe_memory(GpuSettings(memory_limit_mb=100), "jax", None)[0] == "off"


@pytest.mark.parametrize("own", ["", "elsewhere"])
def test_what_jax_compiles_is_kept_unless_somebody_keeps_it_already(own: str, tmp_path: Path):
    pytest.importorskip("jax")
    code = "import sys, pathlib, jax, handshape.devices as d; d.keep_compiled(pathlib.Path(sys.argv[1])); "
    code += "print(jax.config.jax_compilation_cache_dir)"
    others = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    environment = others | {"JAX_PLATFORMS": "cpu"} | ({"JAX_COMPILATION_CACHE_DIR": own} if own else {})
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (own or str(tmp_path))
