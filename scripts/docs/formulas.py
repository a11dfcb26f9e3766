r"""Formulas as MathML, which browsers draw without a script.

The source is the part of LaTeX that the pages use: names, numbers, `_`, `^`, `{...}`, `\frac{}{}`,
`\sqrt{}`, `\hat{}`, `\text{}`, and signs such as `\sigma`. A formula is written

    ```formula            a block, one formula a line
    $`h_t`$               within a line
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

SIGNS = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "eta": "η",
    "theta": "θ",
    "lambda": "λ",
    "mu": "μ",
    "phi": "φ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "odot": "⊙",
    "cdot": "·",
    "times": "×",
    "sum": "∑",
    "prod": "∏",
    "leq": "≤",
    "geq": "≥",
    "ge": "≥",
    "approx": "≈",
    "partial": "∂",
    "to": "→",
    "quad": "\u2003",
    "Delta": "Δ",
    "Gamma": "Γ",
    "in": "∈",
}
FUNCTIONS = ("tanh", "log", "cosh", "exp", "max", "min", "cos", "sign")
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|[A-Za-zα-ωΑ-Ω]|\S")


def block(source: str) -> str:
    """Formulas, one a line, each on a line of its own."""
    lines = [line for line in source.splitlines() if line.strip()]
    return "".join(f'<div class="formula">{mathml(line, display=True)}</div>' for line in lines)


def inline(text: str) -> str:
    """A text whose $`...`$ are formulas; a span, as a line that begins with math is a block."""
    return re.sub(r"\$`([^`]+)`\$", lambda found: f"<span>{mathml(found[1])}</span>", text)


def mathml(source: str, display: bool = False) -> str:
    """A formula as a `math` element."""
    mode = ' display="block"' if display else ""
    return f"<math{mode}>{_row(_Tokens(source))}</math>"


class _Tokens:
    """The words of a formula, with a look at the next one."""

    def __init__(self, source: str) -> None:
        texts: list[str] = []
        hidden = re.sub(r"\\text\{([^}]*)\}", lambda f: _kept(texts, f[1]), source)
        self.texts = texts
        self.rest: list[str] = TOKEN.findall(hidden)

    def next(self) -> str | None:
        return self.rest[0] if self.rest else None

    def take(self) -> str:
        return self.rest.pop(0)


def _kept(texts: list[str], text: str) -> str:
    texts.append(text.replace("\\_", "_"))
    return rf"\TEXT {len(texts) - 1} "


def _row(tokens: _Tokens, end: str | None = None) -> str:
    return "".join(_parts(tokens, end))


def _parts(tokens: _Tokens, end: str | None) -> Iterator[str]:
    while tokens.next() is not None:
        if tokens.next() == end:
            tokens.take()
            return
        yield _with_scripts(tokens)
    if end is not None:
        raise ValueError(f"a formula lacks {end}")


def _with_scripts(tokens: _Tokens) -> str:
    base = _atom(tokens)
    scripts = {}
    while (mark := tokens.next()) in ("_", "^"):
        tokens.take()
        scripts[mark] = _atom(tokens)
    if len(scripts) == 2:
        return f"<msubsup>{base}{scripts['_']}{scripts['^']}</msubsup>"
    if scripts:
        ((mark, script),) = scripts.items()
        tag = "msub" if mark == "_" else "msup"
        return f"<{tag}>{base}{script}</{tag}>"
    return base


def _group(tokens: _Tokens) -> str:
    if tokens.take() != "{":
        raise ValueError("a formula lacks {")
    return f"<mrow>{_row(tokens, '}')}</mrow>"


def _atom(tokens: _Tokens) -> str:
    word = tokens.take()
    if word == "{":
        tokens.rest.insert(0, "{")
        return _group(tokens)
    if word.startswith("\\"):
        return _command(word[1:], tokens)
    if word[0].isdigit():
        return f"<mn>{word}</mn>"
    if word.isalpha():
        return f"<mi>{word}</mi>"
    return f"<mo>{escape({'-': '−', '*': '·'}.get(word, word))}</mo>"


def _command(name: str, tokens: _Tokens) -> str:
    if name == "frac":
        return f"<mfrac>{_group(tokens)}{_group(tokens)}</mfrac>"
    if name == "sqrt":
        return f"<msqrt>{_group(tokens)}</msqrt>"
    if name in ("hat", "tilde", "bar"):
        mark = {"hat": "^", "tilde": "~", "bar": "¯"}[name]
        return f'<mover accent="true">{_group(tokens)}<mo>{mark}</mo></mover>'
    if name == "TEXT":
        return f"<mtext>{escape(tokens.texts[int(tokens.take())])}</mtext>"
    if name in FUNCTIONS:
        return f"<mi>{name}</mi><mo>&#8289;</mo>"
    if name in SIGNS:
        sign = SIGNS[name]
        return f"<mi>{sign}</mi>" if sign.isalpha() else f"<mo>{sign}</mo>"
    if name in ("{", "}"):
        return f"<mo>{name}</mo>"
    if name == "|":  # in a table a bare one would part two cells
        return "<mo>&#124;</mo>"
    raise ValueError(f"a formula has \\{name}, which is not known")
