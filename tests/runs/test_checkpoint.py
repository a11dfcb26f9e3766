"""Checkpoints: bit-equal round trips, one-line refusals of every bad file, and no code is run."""

import hashlib
import io
import json
import math
import os
import pickle
import struct

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecast.errors import DataError
from forecast.runs.checkpoint import FORMAT, load_checkpoint, save_checkpoint
from fuzz.sandbox import watched
from tests.helpers import refusal as outcome

DTYPES = (
    *("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "complex64", "bool"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"),
)
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
    message = outcome(load_checkpoint, path, kind, error=DataError)
    assert message.startswith(f"{path}: ")
    return message


def safetensors_file(header, body=b""):
    """The bytes of a safetensors file with a hand-written header."""
    return with_header(json.dumps(header).encode()) + body


def signed(header, body=b""):
    """A hand-written checkpoint whose digest is right, whatever else stands in it."""
    start = {"__metadata__": {"sha256": "0" * 64, **header.pop("__metadata__")}}
    text = json.dumps({**start, **header}, separators=(",", ":")).encode()
    data = struct.pack("<Q", len(text)) + text + body
    at = data.index(b"0" * 64)
    digest = hashlib.sha256(data[:at] + data[at + 64 :]).hexdigest()
    return data[:at] + digest.encode() + data[at + 64 :]


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_comes_back_bit_equal(tmp_path, name):
    dtype = getattr(torch, name)
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


NAMES = st.text(min_size=1).filter(lambda name: name != "__metadata__")


@given(names=st.sets(NAMES, max_size=4), content=JSON)
def test_names_and_content_come_back(tmp_path_factory, names, content):
    path = tmp_path_factory.getbasetemp() / "round_trip.safetensors"
    save_checkpoint(path, "model", {name: torch.tensor(len(name)) for name in names}, content)
    loaded, read = load_checkpoint(path, "model")
    assert written(read) == written(content)
    assert {name: int(tensor) for name, tensor in loaded.items()} == {n: len(n) for n in names}


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


def test_a_missing_file_and_a_folder(tmp_path):
    remedy = "give the folder of a finished run"
    for path, why in (
        (tmp_path / "none", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        message = outcome(load_checkpoint, path, "model", error=DataError)
        assert message == f"{path}: {why}; {remedy}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file(small, tmp_path):
    (tmp_path / "secret").write_bytes(small[0].read_bytes())
    (tmp_path / "secret").chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        load_checkpoint(tmp_path / "secret", "model")


class Bomb:
    """Unpickling it would leave a mark."""

    def __reduce__(self):
        return print, ("BOOM",)


def torch_file(zipped):
    buffer = io.BytesIO()
    torch.save({"bomb": Bomb()}, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def with_header(text):
    return struct.pack("<Q", len(text)) + text


def with_length(length):
    return lambda good: struct.pack("<Q", length) + good[8:]


def content_of(**metadata):
    return {"__metadata__": {"format": "1", "kind": "model", "content": "null", **metadata}}


ARRAY = {"x": np.ones(3, np.float32)}
DAMAGED = "truncated or damaged, it does not match its digest; copy it again"
FOREIGN = "not a checkpoint of this program, or truncated; copy it again, or give another run"
OTHER = "not a model checkpoint of this program"
BAD_FILES = [
    *((lambda good, size=size: good[:size], FOREIGN) for size in (0, 1, 7, 8, 9)),
    *((lambda good, n=n: good[: n * len(good) // 4], "") for n in (1, 2, 3)),
    *((lambda good, lost=lost: good[:-lost], DAMAGED) for lost in (1, 8, 20)),
    (lambda good: good + b"\0", DAMAGED),
    *((with_length(length), FOREIGN) for length in (0, 2**31, 2**63 - 1, 2**64 - 1)),
    *(
        (struct.pack("<Q", len(text)) + text, FOREIGN)
        for text in (b"\xff\xfe\xfd", b"{", b"\0" * 50)
    ),
    (struct.pack("<Q", 100_000) + b"[" * 100_000, FOREIGN),
    *((safetensors_file(each), FOREIGN) for each in ([], "text", 1)),
    *((safetensors_file({"__metadata__": each}), FOREIGN) for each in ([], None)),
    (safetensors.numpy.save(ARRAY), FOREIGN),
    (safetensors.numpy.save(ARRAY, {"format": "pt"}), OTHER),
    (signed(content_of(kind="resume")), OTHER),
    *(
        (
            safetensors_file(content_of(format=version, layout="unheard of")),
            f"format {version} is newer than this program reads (1); update forecast",
        )
        for version in ("2", "10", "9999")
    ),
    *(
        (signed(content_of(format=version)), OTHER)
        for version in ("0", "-1", "1.0", "²", "", "9" * 5000, "one")
    ),
    *((signed(content_of(content=text)), OTHER) for text in ("{", "[" * 100_000)),
    (signed({"__metadata__": {"format": "1", "kind": "model"}}), OTHER),
    *(
        (signed({**content_of(), "x": entry}, b"\0\0\0\0"), OTHER)
        for entry in (
            {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
            {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]},
            {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**62]},
            {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
            {"dtype": "F8_E8M0", "shape": [4], "data_offsets": [0, 4]},
            "nothing",
        )
    ),
    *((pickle.dumps(Bomb(), protocol), FOREIGN) for protocol in range(6)),
    *((torch_file(zipped), FOREIGN) for zipped in (True, False)),
]


@pytest.mark.parametrize("number", range(len(BAD_FILES)))
def test_a_bad_file_is_refused_and_runs_no_code(number, small, tmp_path, capsys):
    made, why = BAD_FILES[number]
    message = refusal(tmp_path / "file", made(small[0].read_bytes()) if callable(made) else made)
    assert message.endswith(why)
    assert capsys.readouterr().out == ""


@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
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


def test_hand_written_file_with_a_right_digest(tmp_path):
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    (tmp_path / "file").write_bytes(
        signed({**content_of(content="[1]"), "x": entry}, b"\0\0\xc0\x3f")
    )
    tensors, content = load_checkpoint(tmp_path / "file", "model")
    assert (tensors["x"].tolist(), content) == ([1.5], [1])


def test_loading_runs_no_code_and_unpickles_nothing(small, tmp_path, monkeypatch):
    for place in (torch, torch.serialization):
        monkeypatch.setattr(place, "load", lambda *_, **__: pytest.fail("a pickle is loaded"))
    with watched(tmp_path) as seen:  # raises as soon as it sees something, too
        tensors, _ = load_checkpoint(small[0], "model")
    assert tensors["weights"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert seen == []


def test_content_that_is_no_json_writes_nothing(tmp_path):
    with pytest.raises(TypeError):
        save_checkpoint(tmp_path / "file", "model", {}, {1j})
    assert os.listdir(tmp_path) == []


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(DataError, match=r"model\.safetensors: is no file; give the folder"):
        load_checkpoint(tmp_path / "model.safetensors", "model")
