"""Checkpoints: bit-equal round trips, one-line refusals of every bad file, and no code is run."""

import errno
import hashlib
import io
import json
import math
import os
import pickle
import resource
import struct
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from forecast.errors import DataError
from forecast.runs.checkpoint import FORMAT, load_checkpoint, save_checkpoint

DTYPES = (
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.complex64,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.bool,
)
NUMPY_DTYPES = st.sampled_from(["<f8", "<f4", "<f2", "<i8", "<i4", "<i2", "|i1", "|u1", "|b1"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def bits(tensor):
    """Shape, dtype and bytes: equal for NaN with equal payloads, too."""
    return tensor.shape, tensor.dtype, tensor.flatten().view(torch.uint8).tolist()


def written(text):
    """What stands in JSON, with NaN and -0.0 told apart."""
    return repr(json.loads(json.dumps(text)))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small checkpoint, and what is in it."""
    path = tmp_path_factory.mktemp("small") / "model.safetensors"
    tensors = {"weights": torch.arange(6.0).view(2, 3), "états": torch.tensor([1, 2])}
    content = {"series": ["a", "ü"], "loss": math.nan}
    save_checkpoint(path, "model", tensors, content)
    return path, tensors, content


def refusal(path, data, kind="model"):
    """The one line with which a file of these bytes is refused."""
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        load_checkpoint(path, kind)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def safetensors_file(header, body=b""):
    """The bytes of a safetensors file with a hand-written header."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def signed(header, body=b""):
    """A hand-written checkpoint whose digest is right, whatever else stands in it."""
    start = {"__metadata__": {"sha256": "0" * 64, **header.pop("__metadata__")}}
    text = json.dumps({**start, **header}, separators=(",", ":")).encode()
    data = struct.pack("<Q", len(text)) + text + body
    at = data.index(b"0" * 64)
    digest = hashlib.sha256(data[:at] + data[at + 64 :]).hexdigest()
    return data[:at] + digest.encode() + data[at + 64 :]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_comes_back_bit_equal(tmp_path, dtype):
    random = torch.Generator().manual_seed(0)
    size = torch.empty(0, dtype=dtype).element_size()
    raw = torch.randint(0, 2 if dtype is torch.bool else 256, (24 * size,), generator=random)
    cube = raw.to(torch.uint8).view(dtype).view(2, 3, 4)
    tensors = {"cube": cube, "scalar": cube[0, 0, 0], "empty": cube[:, :0], "across": cube.mT[1]}
    save_checkpoint(tmp_path / "file", "model", tensors, None)
    loaded, content = load_checkpoint(tmp_path / "file", "model")
    assert content is None
    assert set(loaded) == set(tensors)
    for name, tensor in tensors.items():
        assert bits(loaded[name]) == bits(tensor.contiguous())


@given(
    tensors=st.dictionaries(
        st.text(min_size=1).filter(lambda name: name != "__metadata__"),
        NUMPY_DTYPES.flatmap(
            lambda dtype: arrays.arrays(
                dtype, arrays.array_shapes(min_dims=0, min_side=0, max_side=4)
            )
        ),
        max_size=4,
    ),
    content=JSON,
)
@settings(max_examples=60, deadline=None)
def test_round_trip(tmp_path_factory, tensors, content):
    path = tmp_path_factory.getbasetemp() / "round_trip.safetensors"
    save_checkpoint(path, "model", {n: torch.from_numpy(a) for n, a in tensors.items()}, content)
    loaded, read = load_checkpoint(path, "model")
    assert written(read) == written(content)
    assert {name: tensor.numpy().dtype.str for name, tensor in loaded.items()} == {
        name: array.dtype.str for name, array in tensors.items()
    }
    for name, array in tensors.items():
        assert loaded[name].numpy().shape == array.shape
        assert loaded[name].numpy().tobytes() == array.tobytes()


def test_content_keeps_nan_infinity_and_every_digit(tmp_path):
    content = {"nan": math.nan, "ends": [math.inf, -math.inf], "third": 1 / 3, "tiny": 5e-324}
    save_checkpoint(tmp_path / "file", "model", {}, content)
    _, read = load_checkpoint(tmp_path / "file", "model")
    assert math.isnan(read["nan"])
    assert read["ends"] == [math.inf, -math.inf]
    assert (read["third"], read["tiny"]) == (1 / 3, 5e-324)


def test_tensors_are_copies_that_may_be_written(tmp_path):
    base = torch.arange(6.0, requires_grad=True)
    save_checkpoint(tmp_path / "file", "model", {"one": base, "same": base, "head": base[:2]}, None)
    loaded, _ = load_checkpoint(tmp_path / "file", "model")
    loaded["one"][0] = 9.0
    assert not loaded["one"].requires_grad
    assert loaded["same"].tolist() == [0, 1, 2, 3, 4, 5]
    assert loaded["head"].tolist() == [0, 1]
    assert base.tolist() == [0, 1, 2, 3, 4, 5]


def test_is_a_safetensors_file_that_others_read(small):
    path, tensors, content = small
    arrays_read = safetensors.numpy.load_file(path)
    assert {name: array.tolist() for name, array in arrays_read.items()} == {
        name: tensor.tolist() for name, tensor in tensors.items()
    }
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    assert metadata["kind"] == "model"
    assert metadata["format"] == str(FORMAT)
    assert written(json.loads(metadata["content"])) == written(content)


def test_same_tensors_and_content_are_the_same_bytes(small, tmp_path):
    path, tensors, content = small
    save_checkpoint(tmp_path / "again", "model", tensors, content)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_missing_file(tmp_path):
    with pytest.raises(DataError) as caught:
        load_checkpoint(tmp_path / "none", "model")
    assert str(caught.value) == (
        f"{tmp_path / 'none'}: No such file or directory; give the folder of a finished run"
    )


def test_folder(tmp_path):
    with pytest.raises(DataError, match="Is a directory; give the folder of a finished run"):
        load_checkpoint(tmp_path, "model")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file(small, tmp_path):
    (tmp_path / "secret").write_bytes(small[0].read_bytes())
    (tmp_path / "secret").chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        load_checkpoint(tmp_path / "secret", "model")


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9])
def test_empty_and_nearly_empty(tmp_path, small, size):
    message = refusal(tmp_path / "file", small[0].read_bytes()[:size])
    assert "not a checkpoint of this program, or truncated" in message


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_truncated_at_every_quarter(tmp_path, small, quarter):
    data = small[0].read_bytes()
    assert "truncated" in refusal(tmp_path / "file", data[: quarter * len(data) // 4])


def test_truncated_in_the_tensors(tmp_path, small):
    data = small[0].read_bytes()
    for lost in (1, 8, 20):
        message = refusal(tmp_path / "file", data[:-lost])
        assert message.endswith("truncated or damaged, it does not match its digest; copy it again")


def test_something_behind_the_end(tmp_path, small):
    assert "does not match its digest" in refusal(tmp_path / "f", small[0].read_bytes() + b"\0")


@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_one_changed_byte_anywhere_is_refused(tmp_path_factory, small, place, mask):
    data = bytearray(small[0].read_bytes())
    data[int(place * len(data))] ^= mask
    refusal(tmp_path_factory.getbasetemp() / "changed.safetensors", bytes(data))


def test_a_changed_bit_of_every_byte_is_refused(tmp_path):
    path = tmp_path / "file"
    save_checkpoint(path, "k", {"é": torch.tensor(1.5)}, "é")
    data = path.read_bytes()
    assert data.count(b" ") > 0, "the header is padded, and padding counts too"
    random = np.random.default_rng(0)
    for number in range(len(data)):
        changed = bytearray(data)
        changed[number] ^= 1 << int(random.integers(8))
        refusal(path, bytes(changed), "k")


@pytest.mark.parametrize("length", [0, 2**31, 2**63 - 1, 2**64 - 1])
def test_impossible_header_length(tmp_path, small, length):
    data = struct.pack("<Q", length) + small[0].read_bytes()[8:]
    assert "not a checkpoint of this program" in refusal(tmp_path / "file", data)


def test_foreign_safetensors(tmp_path):
    array = {"x": np.ones(3, np.float32)}
    plain = refusal(tmp_path / "file", safetensors.numpy.save(array))
    assert plain.endswith("not a checkpoint of this program, or truncated")
    other = refusal(tmp_path / "file", safetensors.numpy.save(array, {"format": "pt"}))
    assert other.endswith("not a model checkpoint of this program")


def test_wrong_kind(tmp_path, small):
    message = refusal(tmp_path / "file", small[0].read_bytes(), "resume")
    assert message.endswith("not a resume checkpoint of this program")


@pytest.mark.parametrize("version", ["2", "10", "9999"])
def test_newer_format(tmp_path, version):
    metadata = {"kind": "model", "format": version, "layout": "unheard of"}
    message = refusal(tmp_path / "file", safetensors_file({"__metadata__": metadata}))
    assert message.endswith(
        f"format {version} is newer than this program reads (1); update forecast"
    )


@pytest.mark.parametrize("version", ["0", "-1", "1.0", "²", "", "9" * 5000, "one"])
def test_format_that_never_was(tmp_path, version):
    metadata = {"kind": "model", "format": version, "content": "null"}
    message = refusal(tmp_path / "file", signed({"__metadata__": metadata}))
    assert message.endswith("not a model checkpoint of this program")


def test_hand_written_file_with_a_right_digest(tmp_path):
    metadata = {"format": "1", "kind": "model", "content": "[1]"}
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    (tmp_path / "file").write_bytes(signed({"__metadata__": metadata, "x": entry}, b"\0\0\xc0\x3f"))
    tensors, content = load_checkpoint(tmp_path / "file", "model")
    assert (tensors["x"].tolist(), content) == ([1.5], [1])


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**62]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "F8_E8M0", "shape": [4], "data_offsets": [0, 4]},
        "nothing",
    ],
)
def test_impossible_tensor_with_a_right_digest(tmp_path, entry):
    metadata = {"format": "1", "kind": "model", "content": "null"}
    refusal(tmp_path / "file", signed({"__metadata__": metadata, "x": entry}, b"\0\0\0\0"))


@pytest.mark.parametrize("content", [None, "{", "[" * 100_000])
def test_impossible_content_with_a_right_digest(tmp_path, content):
    metadata = {"format": "1", "kind": "model"} | ({} if content is None else {"content": content})
    refusal(tmp_path / "file", signed({"__metadata__": metadata}))


@pytest.mark.parametrize("header", [[], "text", 1, {"__metadata__": []}, {"__metadata__": None}])
def test_header_of_another_shape(tmp_path, header):
    assert "not a checkpoint" in refusal(tmp_path / "file", safetensors_file(header))


@pytest.mark.parametrize("text", [b"\xff\xfe\xfd", b"{", b"[" * 100_000, b"\0" * 50])
def test_header_that_is_no_json(tmp_path, text):
    data = struct.pack("<Q", len(text)) + text
    assert "not a checkpoint" in refusal(tmp_path / "file", data)


class Bomb:
    """Unpickling it would leave a mark."""

    def __reduce__(self):
        return print, ("BOOM",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(tmp_path, capsys, protocol):
    assert "not a checkpoint" in refusal(tmp_path / "file", pickle.dumps(Bomb(), protocol))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("zipped", [True, False])
def test_torch_file(tmp_path, capsys, zipped):
    buffer = io.BytesIO()
    torch.save({"bomb": Bomb()}, buffer, _use_new_zipfile_serialization=zipped)
    assert "not a checkpoint" in refusal(tmp_path / "file", buffer.getvalue())
    assert capsys.readouterr().out == ""


def test_loading_runs_no_code_and_unpickles_nothing(small):
    script = f"""
        import builtins, sys
        from pathlib import Path
        import torch
        from forecast.runs.checkpoint import load_checkpoint

        def refuse(*_, **__):
            raise SystemExit("code or a pickle was loaded")

        seen = []
        forbidden = ("pickle.find_class", "exec", "compile", "os.system", "subprocess.Popen",
                     "ctypes.dlopen", "import", "marshal.loads", "socket.connect")
        sys.addaudithook(lambda event, arguments: seen.append(event))
        torch.load = torch.serialization.load = refuse
        builtins.eval = builtins.exec = refuse
        tensors, content = load_checkpoint(Path({str(small[0])!r}), "model")
        assert tensors["weights"].tolist() == [[0, 1, 2], [3, 4, 5]], tensors
        opened = [event for event in seen if event == "open"]
        assert opened, "the hook sees what happens"
        print(sorted(set(seen) & set(forbidden)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("call", ["replace", "fsync", "fdopen"])
def test_failed_writing_keeps_the_old_file(small, tmp_path, monkeypatch, call):
    path = tmp_path / "model.safetensors"
    path.write_bytes(small[0].read_bytes())

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space left"):
            save_checkpoint(path, "model", {"new": torch.ones(2)}, "new")
    assert path.read_bytes() == small[0].read_bytes()
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_content_that_is_no_json_writes_nothing(tmp_path):
    with pytest.raises(TypeError):
        save_checkpoint(tmp_path / "file", "model", {}, {1j})
    assert os.listdir(tmp_path) == []


def test_disk_that_is_full_midway_keeps_the_old_file(small, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(small[0].read_bytes())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_checkpoint(path, "model", {"big": torch.ones(9999)}, None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == small[0].read_bytes()
    assert os.listdir(tmp_path) == ["model.safetensors"]
