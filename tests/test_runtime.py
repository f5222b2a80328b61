import os
import subprocess
import sys

import pytest

from handshape.config import GpuSettings
from handshape.devices import Accelerator
from handshape.errors import RuntimeUnavailableError
from handshape.runtime import choose_runtime, is_out_of_memory


def test_a_cpu_says_why_each_gpu_setting_is_off(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    runtime = choose_runtime(GpuSettings())
    if not runtime.on_cpu:
        pytest.skip("this machine has an accelerator")
    chosen = {decision.topic: decision for decision in runtime.decisions}
    for topic in ("mixed precision", "XLA", "memory growth", "multiprocessing"):
        assert chosen[topic].choice == "off"
        assert len(chosen[topic].reason) > 10
    assert runtime.policy == "float32"
    assert chosen["backend"].reason == "KERAS_BACKEND says so"


def test_a_backend_that_is_not_there(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "abacus")
    with pytest.raises(RuntimeUnavailableError, match="abacus"):
        choose_runtime(GpuSettings())


def test_gpu_choices_follow_the_settings(monkeypatch):
    import handshape.runtime as runtime

    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setattr(runtime, "find_accelerator", lambda backend, gpu: Accelerator("NVIDIA Test", capability=7.5))
    on = choose_runtime(GpuSettings())
    assert (on.policy, on.xla, on.on_cpu) == ("mixed_float16", True, False)
    off = choose_runtime(GpuSettings(use_mixed_precision=False, use_xla=False, memory_growth=False))
    assert (off.policy, off.xla) == ("float32", False)
    reasons = {decision.topic: decision.reason for decision in off.decisions}
    assert "gpu.use_xla is off" in reasons["XLA"]
    assert "at once" in reasons["memory growth"]
    limited = choose_runtime(GpuSettings(memory_limit_mb=2048))
    assert any(decision.choice == "limited" for decision in limited.decisions)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 5 bytes"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (type("ResourceExhaustedError", (Exception,), {})("OOM when allocating"), True),
        (ValueError("shapes do not fit"), False),
    ],
)
def test_out_of_memory_is_recognised(error, expected):
    assert is_out_of_memory(error) is expected


@pytest.mark.parametrize(
    "code", ["import handshape", "import handshape.cli; handshape.cli.main(['check', '/nonexistent'])"]
)
def test_no_framework_is_loaded_for_light_work(code):
    probe = (
        f"{code}\nimport sys\nprint(sorted({{'tensorflow', 'keras', 'jax', 'torch', 'matplotlib'}} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, env=os.environ)
    assert output.stdout.strip().endswith("[]")
