"""Promise 4: a checkpoint with a changed bit, or without its end, is refused."""

from __future__ import annotations

from pathlib import Path

from fuzz.calls import call
from fuzz.material import Material, copied, random_of
from fuzz.mutations import flipped, pick, truncated


def check(number: int, material: Material, scratch: Path) -> str | None:
    """Damage a checkpoint and let the program read it."""
    random = random_of(4, number)
    damage = flipped if random.random() < 0.7 else truncated
    if number % 2:
        run = copied(material.interrupted, scratch / "run")
        words: tuple[str, ...] = ("train", "--resume", str(run), "--quiet")
        path = run / "resume.safetensors"
    else:
        path = scratch / "model.safetensors"
        path.write_bytes((material.run(pick(random, ("co2", "macro"))) / path.name).read_bytes())
        words = ("predict", str(path))
    path.write_bytes(damage(random, path.read_bytes()))
    result = call(*words)
    if result.fault(3) is None and str(path) in result.line:
        return None
    return f"{damage.__name__}: {result.fault(3) or result.line}"
